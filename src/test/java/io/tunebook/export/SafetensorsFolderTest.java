package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.model.Weights;
import io.tunebook.tensors.GgufType;
import io.tunebook.tokenizer.Tokenizer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
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

    private static float[] values(Weights weights, Weights.Tensor tensor) throws Exception {
        float[] values = new float[(int) tensor.values()];
        weights.read(tensor, FloatBuffer.wrap(values));
        return values;
    }
}
