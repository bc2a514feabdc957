package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Quantised models of safetensors beside the values that their libraries make of them; {@code
 * bench/reference/packed_weights.py} made them.
 */
final class PackedWeightsTest {
    @TempDir
    Path temp;

    private static Path golden(String method) throws Exception {
        return Path.of(PackedWeightsTest.class
                .getResource("/io/tunebook/packed/" + method)
                .toURI());
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "fp8", "awq", "gptq"})
    void matricesAreThoseOfTheLibrary(String method) throws Exception {
        // bitsandbytes rounds to bfloat16, which has eight bits
        double rounding = method.equals("nf4") ? 1.0 / 256 : 1e-6;
        int matrices = 0;
        try (Weights weights = Weights.open(golden(method));
                Safetensors expected = Safetensors.open(golden(method).resolve("expected.safetensors"))) {
            for (Weights.Tensor t : weights.tensors().values()) {
                float[] theirs = expected.read(expected.tensors().get(t.name()));
                FloatBuffer ours = FloatBuffer.allocate(theirs.length);
                weights.read(t, ours);
                matrices += t.packed().isPresent() ? 1 : 0;
                for (int i = 0; i < theirs.length; i++) {
                    assertThat(ours.get(i)).as(t.name() + " at " + i).isCloseTo(theirs[i], within((float)
                            (rounding * Math.abs(theirs[i]) + 1e-7)));
                }
                // some rows, which begin within a group and a word
                float[] some = new float[(int) (3 * t.columns())];
                if (t.rows() >= 8) {
                    weights.readRows(t, 5, 3, some, 0);
                    for (int i = 0; i < some.length; i++) {
                        assertThat(some[i]).isEqualTo(ours.get((int) (5 * t.columns()) + i));
                    }
                }
            }
        }
        assertThat(matrices).isEqualTo(7);
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "fp8", "awq", "gptq"})
    void computesAsWithPlainWeights(String method) throws Exception {
        Files.copy(golden(method).resolve("expected.safetensors"), temp.resolve("model.safetensors"));
        Files.writeString(
                temp.resolve("config.json"),
                Files.readString(golden(method).resolve("config.json")).replace("quantization_config", "unquantized"));
        Path words = Reference.path("llama").resolve("tokenizer.json");
        Files.copy(words, temp.resolve("tokenizer.json"));
        Path packed = Files.createDirectory(temp.resolve("packed"));
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(golden(method).resolve(file), packed.resolve(file));
        }
        Files.copy(words, packed.resolve("tokenizer.json"));

        try (CausalLM plain = CausalLM.load(temp, LoadOptions.in(Precision.FLOAT32));
                CausalLM model = CausalLM.load(packed, LoadOptions.in(Precision.FLOAT32))) {
            float[] expected = plain.logits(5, 9, 30, 12)[3];
            float[] found = model.logits(5, 9, 30, 12)[3];
            for (int i = 0; i < expected.length; i++) {
                assertThat(found[i]).isCloseTo(expected[i], within(method.equals("nf4") ? 0.1f : 1e-4f));
            }
        }
    }

    @Test
    void refusesOtherMethodsByName() throws Exception {
        Files.copy(golden("fp8").resolve("model.safetensors"), temp.resolve("model.safetensors"));
        Files.writeString(
                temp.resolve("config.json"),
                Files.readString(golden("gptq").resolve("config.json")).replace("\"gptq\"", "\"hqq\""));
        assertThatThrownBy(() -> Weights.open(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("quantised by hqq")
                .hasMessageContaining("awq");
    }

    @Test
    void saysWhichTensorIsMissing() throws Exception {
        Files.copy(golden("awq").resolve("config.json"), temp.resolve("config.json"));
        Map<String, Safetensors.Values> alone =
                Map.of("model.norm.weight", new Safetensors.Values(new long[] {32}, new float[32]));
        Safetensors.write(temp.resolve("model.safetensors"), alone, Map.of());
        assertThatThrownBy(() -> Weights.open(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("found nothing of that name");
    }
}
