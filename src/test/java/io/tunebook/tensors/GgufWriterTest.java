package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/** What is written is read back, and a failure leaves the earlier file as it was. */
class GgufWriterTest {
    private Path folder;

    @BeforeProperty
    void folder() throws IOException {
        folder = Files.createTempDirectory("writer");
    }

    @AfterProperty
    void delete() throws IOException {
        try (var files = Files.list(folder)) {
            files.forEach(f -> assertThat(f.toFile().delete()).isTrue());
        }
        Files.delete(folder);
    }

    @Property(tries = 200)
    void roundTrip(
            @ForAll String text,
            @ForAll @Size(max = 20) List<String> texts,
            @ForAll int[] numbers,
            @ForAll float number,
            @ForAll @IntRange(min = 1, max = 70) int rows,
            @ForAll long seed)
            throws IOException {
        // A lone surrogate has no UTF-8.
        String sound = text.replaceAll("\\p{Cs}", "");
        List<String> allSound =
                texts.stream().map(t -> t.replaceAll("\\p{Cs}", "")).toList();
        byte[] odd = new byte[rows * 2];
        byte[] blocks = new byte[rows * 34];
        new Random(seed).nextBytes(odd);
        new Random(seed + 1).nextBytes(blocks);
        GgufWriter writer = new GgufWriter()
                .string("a.text", sound)
                .strings("a.texts", allSound)
                .int32s("a.numbers", numbers)
                .float32("a.number", number)
                .float32s("a.floats", new float[] {number, 1})
                .uint32("a.large", 0xfffffff0L)
                .bool("a.truth", true)
                .tensor("odd", GgufType.F16, new long[] {rows, 1}, o -> o.write(ByteBuffer.wrap(odd)))
                .tensor("blocks", GgufType.Q8_0, new long[] {rows, 32}, o -> o.write(ByteBuffer.wrap(blocks)));
        Path first = folder.resolve("first.gguf");
        writer.write(first, done -> {});
        try (GgufFile file = GgufFile.open(first)) {
            assertThat(file.string("a.text")).contains(sound);
            assertThat(file.strings("a.texts")).isEqualTo(allSound);
            assertThat(file.integers("a.numbers")).isEqualTo(numbers);
            assertThat(file.metadata()).containsEntry("a.number", number).containsEntry("a.large", 0xfffffff0L);
            assertThat(file.floats("a.floats")).containsExactly(number, 1);
            assertThat(file.bool("a.truth")).contains(true);
            assertThat(bytes(file, "odd")).isEqualTo(odd);
            assertThat(bytes(file, "blocks")).isEqualTo(blocks);
            GgufWriter copy = new GgufWriter();
            for (String key : file.metadata().keySet()) {
                copy.copy(file, key);
            }
            file.tensors().forEach(t -> copy.tensor(file, t));
            copy.write(folder.resolve("second.gguf"), done -> {});
        }
        assertThat(folder.resolve("second.gguf")).hasSameBinaryContentAs(first);
    }

    @Property(tries = 1)
    void aFailureLeavesTheEarlierFile() throws IOException {
        Path file = Files.writeString(folder.resolve("model.gguf"), "earlier");
        GgufWriter writer =
                new GgufWriter().tensor("short", GgufType.F32, new long[] {4}, o -> o.write(ByteBuffer.allocate(12)));
        assertThatThrownBy(() -> writer.write(file, done -> {}))
                .isInstanceOf(IOException.class)
                .hasMessage("tensor short: expected 16 bytes to write, got 12");
        assertThat(file).hasContent("earlier");
        assertThat(folder.resolve("model.gguf.part")).doesNotExist();
    }

    private static byte[] bytes(GgufFile file, String name) throws IOException {
        GgufTensor tensor = file.tensor(name).orElseThrow();
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
        file.read(tensor.file(), tensor.offset(), bytes);
        return bytes.array();
    }
}
