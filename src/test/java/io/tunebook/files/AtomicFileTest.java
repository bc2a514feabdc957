package io.tunebook.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AtomicFileTest {
    @TempDir
    Path folder;

    @Test
    void whatWasThereStaysWhenWritingFails() throws IOException {
        Path file = folder.resolve("settings.json");
        AtomicFile.write(file, "old".getBytes(StandardCharsets.UTF_8));
        assertThatThrownBy(() -> AtomicFile.write(file, part -> {
                    Files.writeString(part, "half");
                    throw new IOException("no space left");
                }))
                .hasMessage("no space left");
        assertThat(file).hasContent("old");
        assertThat(names()).containsExactly("settings.json");
        AtomicFile.write(file, "new".getBytes(StandardCharsets.UTF_8));
        assertThat(file).hasContent("new");
        assertThat(names()).containsExactly("settings.json");
    }

    @Test
    void writersOfOneFileDoNotMix() throws IOException {
        Path file = folder.resolve("file");
        IntStream.range(0, 64).parallel().forEach(i -> {
            try {
                AtomicFile.write(file, Integer.toString(i).repeat(20_000).getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        String text = Files.readString(file);
        String number = text.substring(0, text.length() / 20_000);
        assertThat(text).isEqualTo(number.repeat(20_000));
        assertThat(names()).containsExactly("file");
    }

    @Test
    void anInterruptDoesNotKeepAFileFromTheDisk() throws IOException {
        Thread.currentThread().interrupt();
        try {
            AtomicFile.write(folder.resolve("file"), part -> Files.writeString(part, "whole"));
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(folder.resolve("file")).hasContent("whole");
    }

    /** The values are those of FIPS 180-4's examples. */
    @Test
    void sha256() throws IOException {
        String abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assertThat(Sha256.hex("abc")).isEqualTo(abc);
        assertThat(Sha256.hex(Files.writeString(folder.resolve("abc"), "abc"))).isEqualTo(abc);
        assertThat(Sha256.hex("")).isEqualTo("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    @Test
    void aFileHoldsOneValueAndAWireMayHoldMore() throws IOException {
        assertThat(Json.wire().readTree("{\"a\": 1} more").path("a").asInt()).isEqualTo(1);
        assertThatThrownBy(() -> Json.files().readTree("{\"a\": 1} more")).isInstanceOf(JsonProcessingException.class);
        assertThat(Json.files().readTree("{\"a\": 1}  \n").path("a").asInt()).isEqualTo(1);
    }

    private Stream<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).toList().stream();
        }
    }
}
