package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.model.Weights;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A GGUF in three parts that the gguf package wrote (bench/reference/gguf_split.py), beside the whole one. */
final class GgufSplitTest {
    private static final List<String> PARTS =
            List.of("base-00001-of-00003.gguf", "base-00002-of-00003.gguf", "base-00003-of-00003.gguf");

    @TempDir
    Path temp;

    @BeforeEach
    void copy() throws Exception {
        for (String part : PARTS) {
            Files.copy(golden("/io/tunebook/tensors/split/" + part), temp.resolve(part));
        }
    }

    private static Path golden(String name) throws Exception {
        return Path.of(GgufSplitTest.class.getResource(name).toURI());
    }

    private static Path whole() throws Exception {
        return golden("/io/tunebook/export/llama/base.gguf");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void isOpenedWholeByAnyPart(int part) throws Exception {
        try (GgufFile split = GgufFile.open(temp.resolve(PARTS.get(part)));
                GgufFile whole = GgufFile.open(whole())) {
            assertThat(split.files())
                    .containsExactlyElementsOf(PARTS.stream().map(temp::resolve).toList());
            assertThat(split.tensors())
                    .extracting(GgufTensor::name)
                    .containsExactlyElementsOf(
                            whole.tensors().stream().map(GgufTensor::name).toList());
            for (GgufTensor tensor : whole.tensors()) {
                GgufTensor there = split.tensor(tensor.name()).orElseThrow();
                assertThat(there.type()).isEqualTo(tensor.type());
                assertThat(there.shape()).isEqualTo(tensor.shape());
                assertThat(bytes(split, there)).isEqualTo(bytes(whole, tensor));
                assertThat(split.read(there)).isEqualTo(whole.read(tensor));
            }
            TreeMap<String, Object> metadata = new TreeMap<>(split.metadata());
            metadata.keySet().removeIf(key -> key.startsWith("split."));
            assertThat(metadata.keySet()).isEqualTo(new TreeMap<>(whole.metadata()).keySet());
            assertThat(metadata).usingRecursiveComparison().isEqualTo(new TreeMap<>(whole.metadata()));
        }
    }

    @Test
    void givesTheWeightsOfTheWhole() throws Exception {
        try (Weights split = Weights.open(temp.resolve(PARTS.get(1)));
                Weights whole = Weights.open(whole())) {
            assertThat(split.config()).isEqualTo(whole.config());
            assertThat(split.tensors().keySet()).isEqualTo(whole.tensors().keySet());
            for (Weights.Tensor tensor : whole.tensors().values()) {
                assertThat(values(split, tensor.name())).as(tensor.name()).isEqualTo(values(whole, tensor.name()));
            }
        }
    }

    @Test
    void isWrittenAsOneFile() throws Exception {
        Path one = temp.resolve("one.gguf");
        MergedGguf.quantize(temp.resolve(PARTS.get(2)), Quantization.AS_BASE, one, done -> {});
        try (GgufFile written = GgufFile.open(one);
                GgufFile whole = GgufFile.open(whole())) {
            assertThat(written.files()).containsExactly(one);
            assertThat(written.metadata()).doesNotContainKeys("split.no", "split.count", "split.tensors.count");
            for (GgufTensor tensor : whole.tensors()) {
                assertThat(bytes(written, written.tensor(tensor.name()).orElseThrow()))
                        .isEqualTo(bytes(whole, tensor));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void namesAPartThatIsMissing(int missing) throws Exception {
        Files.delete(temp.resolve(PARTS.get(missing)));
        assertThatThrownBy(() -> GgufFile.open(temp.resolve(PARTS.get((missing + 1) % 3))))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining(temp.resolve(PARTS.get(missing)).toString())
                .hasMessageContaining("part " + (missing + 1) + " of the 3 parts of a split GGUF is missing");
    }

    @Test
    void refusesPartsThatDoNotBelongTogether() throws Exception {
        Files.copy(temp.resolve(PARTS.get(0)), temp.resolve(PARTS.get(1)), StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> GgufFile.open(temp.resolve(PARTS.get(0))))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(
                        PARTS.get(1) + ": expected part 2 of 3 as the file's name says, found split.no 0");
        Path renamed = Files.move(temp.resolve(PARTS.get(2)), temp.resolve("model.gguf"));
        assertThatThrownBy(() -> GgufFile.open(renamed))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(
                        "model.gguf: is one of the 3 parts of a split GGUF, whose names end in -00001-of-00003.gguf");
        Path beyond = Files.move(renamed, temp.resolve("base-00007-of-00003.gguf"));
        assertThatThrownBy(() -> GgufFile.open(beyond)).isInstanceOf(java.io.IOException.class);
    }

    private static byte[] bytes(GgufFile file, GgufTensor tensor) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
        file.read(tensor.file(), tensor.offset(), bytes);
        return bytes.array();
    }

    private static float[] values(Weights weights, String name) throws Exception {
        float[] values = new float[(int) weights.tensor(name).values()];
        weights.read(weights.tensor(name), FloatBuffer.wrap(values));
        return values;
    }
}
