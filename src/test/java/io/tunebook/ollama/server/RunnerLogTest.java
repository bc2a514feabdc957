package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.tensors.GgufWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What llama.cpp writes when it ends may be any bytes: it repeats names of a file as they stand there. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class RunnerLogTest {
    @TempDir
    Path temp;

    @Test
    void bytesThatAreNoUtf8ComeToTheCallerAsText() throws Exception {
        Path gguf = temp.resolve("bytes.gguf");
        GgufWriter writer = new GgufWriter();
        writer.string("general.architecture", "llama");
        writer.string("general.cafe", "x");
        writer.write(gguf, n -> {});
        byte[] bytes = Files.readAllBytes(gguf);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int at = text.indexOf("general.cafe");
        bytes[at + 11] = (byte) 0xE9; // é in Latin-1
        bytes[at + 12] = 99; // no type of GGUF
        Files.write(gguf, bytes);
        try (Runner runner = new Runner(gguf, List.of(), 256, false)) {
            assertThatThrownBy(() -> runner.ready(Duration.ofMinutes(4)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("llama runner process has terminated with exit status ")
                    .hasMessageContaining("general.caf\uFFFD")
                    .hasMessageNotContaining(temp.toString());
        }
    }
}
