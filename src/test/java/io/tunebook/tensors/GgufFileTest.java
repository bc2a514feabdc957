package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GGUF files with tensors that are not read, and with alignments of their own. */
final class GgufFileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"16, IQ2_XXS", "29, IQ1_M", "40, NVFP4", "26, I32", "34, TQ1_0", "99, number 99"})
    void tensorsOfOtherTypesAreNamedAndTheRestIsRead(int id, String name) throws IOException {
        Path file = folder.resolve("m.gguf");
        ByteBuffer out = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        out.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3).putLong(2).putLong(1);
        text(out, "tokenizer.chat_template").putInt(GgufPart.STRING);
        text(out, "{{ messages }}");
        text(out, "odd").putInt(1).putLong(256).putInt(id).putLong(0);
        text(out, "plain").putInt(1).putLong(2).putInt(0).putLong(32);
        out.position((out.position() + 31) / 32 * 32);
        out.position(out.position() + 32).putFloat(1.5f).putFloat(-2f);
        Files.write(file, java.util.Arrays.copyOf(out.array(), out.position()));
        try (GgufFile gguf = GgufFile.open(file)) {
            assertThat(gguf.string("tokenizer.chat_template")).contains("{{ messages }}");
            assertThat(gguf.unread()).containsExactly(java.util.Map.entry("odd", name));
            assertThat(gguf.tensor("odd")).isEmpty();
            assertThat(gguf.read(gguf.tensor("plain").orElseThrow())).containsExactly(1.5f, -2f);
        }
    }

    private static ByteBuffer text(ByteBuffer out, String s) {
        return out.putLong(s.length()).put(s.getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void anAlignmentThatIsSetIsKept() throws IOException {
        Path file = folder.resolve("aligned.gguf");
        new GgufWriter()
                .uint32("general.alignment", 256)
                .tensor("a", GgufType.F32, new long[] {1}, out -> out.write(floats(1)))
                .tensor("b", GgufType.F32, new long[] {1}, out -> out.write(floats(2)))
                .write(file, bytes -> {});
        try (GgufFile gguf = GgufFile.open(file)) {
            assertThat(gguf.tensor("b").orElseThrow().offset() % 256).isZero();
            assertThat(gguf.read(gguf.tensor("b").orElseThrow())).containsExactly(2f);
        }
        assertThatThrownBy(() -> new GgufWriter().uint32("general.alignment", 24))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static ByteBuffer floats(float value) {
        return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, value);
    }
}
