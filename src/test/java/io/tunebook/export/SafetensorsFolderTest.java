package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.model.Weights;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tokenizer.Tokenizer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A folder made of a GGUF file says the same as the file. */
class SafetensorsFolderTest {
    @TempDir
    Path temp;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void theFolderHasTheFilesConfigurationWeightsAndTokenizer(String architecture) throws Exception {
        Path gguf = temp.resolve("model.gguf");
        MergedGguf.quantize(MergedGgufTest.golden(architecture + "/hub"), Quantization.F16, gguf, written -> {});
        Path folder = temp.resolve("folder");
        SafetensorsFolder.write(gguf, folder);
        try (Weights file = Weights.open(gguf);
                Weights written = Weights.open(folder)) {
            assertThat(written.config()).isEqualTo(file.config());
            assertThat(written.tensors().keySet()).isEqualTo(file.tensors().keySet());
            for (Weights.Tensor tensor : file.tensors().values()) {
                assertThat(written.tensor(tensor.name()).type()).isEqualTo(GgufType.BF16);
                assertThat(written.tensor(tensor.name()).shape()).isEqualTo(tensor.shape());
                float[] expected = values(file, tensor);
                float[] found = values(written, written.tensor(tensor.name()));
                for (int i = 0; i < expected.length; i++) { // bfloat16 has eight bits of mantissa
                    assertThat(found[i])
                            .as("%s[%d]", tensor.name(), i)
                            .isCloseTo(expected[i], within(Math.abs(expected[i]) / 256));
                }
            }
        }
        try (Tokenizer file = Tokenizer.load(gguf);
                Tokenizer written = Tokenizer.load(folder)) {
            String text = "Hello, 你好! 12345 <|im_end|>";
            assertThat(written.ids(text, true)).isEqualTo(file.ids(text, true));
            assertThat(written.endOfTurnIds()).isEqualTo(file.endOfTurnIds());
            assertThat(written.hasChatTemplate()).isEqualTo(file.hasChatTemplate());
        }
    }

    /**
     * Names and shapes are those that the loader asks for, the spread is that of a model before its training, and the
     * seed decides all.
     */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3"})
    void randomWeightsHaveTheShapesOfAModel(String architecture) throws Exception {
        ModelConfig shapes = config(architecture);
        Path folder = temp.resolve("random");
        SafetensorsFolder.random(shapes, folder, 7);
        try (Weights written = Weights.open(folder)) {
            assertThat(written.config()).isEqualTo(shapes);
            assertThat(written.tensors().keySet()).isEqualTo(shapes.tensors().keySet());
            for (Weights.Tensor tensor : written.tensors().values()) {
                float[] found = values(written, tensor);
                if (tensor.name().endsWith("norm.weight")) {
                    assertThat(found)
                            .as(tensor.name())
                            .containsOnly(1 - shapes.family().added(tensor.name()));
                } else if (tensor.shape().length == 1) {
                    assertThat(found).as(tensor.name()).containsOnly(0);
                } else {
                    double mean = IntStream.range(0, found.length)
                            .mapToDouble(i -> found[i])
                            .average()
                            .orElseThrow();
                    double square = IntStream.range(0, found.length)
                            .mapToDouble(i -> found[i] * found[i])
                            .average()
                            .orElseThrow();
                    assertThat(mean).as(tensor.name()).isCloseTo(0, within(0.002));
                    assertThat(Math.sqrt(square)).as(tensor.name()).isCloseTo(0.02, within(0.002));
                }
            }
        }
        SafetensorsFolder.random(shapes, temp.resolve("again"), 7);
        SafetensorsFolder.random(shapes, temp.resolve("other"), 8);
        Path file = folder.resolve("model.safetensors");
        assertThat(temp.resolve("again/model.safetensors")).hasSameBinaryContentAs(file);
        assertThat(Files.mismatch(file, temp.resolve("other/model.safetensors")))
                .isNotEqualTo(-1);
    }

    private ModelConfig config(String architecture) throws Exception {
        Path file = temp.resolve("config.json");
        Files.writeString(file, """
                {"model_type": "%s", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 160, "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
                 "rope_theta": 10000, "hidden_act": "silu", "tie_word_embeddings": false}
                """.formatted(architecture));
        return ModelConfig.read(file);
    }

    private static float[] values(Weights weights, Weights.Tensor tensor) throws Exception {
        float[] values = new float[(int) tensor.values()];
        weights.read(tensor, FloatBuffer.wrap(values));
        return values;
    }
}
