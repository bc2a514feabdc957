package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights that stay in their blocks compute what the same weights compute when they are expanded at once. */
class QuantizedTest {
    @TempDir
    Path temp;

    /** AS_BASE: Q4_1 and Q8_0; the others bring Q4_0, Q6_K, Q4_K and, for rows that no super-block fits, Q5_0. */
    @ParameterizedTest
    @EnumSource(names = {"AS_BASE", "Q4_0", "Q4_K_M", "BF16"})
    void computesAsTheExpandedModel(Quantization quantization) throws Exception {
        String model = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(model != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        Path file = Path.of(model);
        if (quantization != Quantization.AS_BASE) {
            file = temp.resolve("model.gguf");
            MergedGguf.quantize(Path.of(model), quantization, file, done -> {});
        }
        try (CausalLM expanded = CausalLM.load(file, LoadOptions.in(Precision.FLOAT32));
                CausalLM blocks =
                        CausalLM.load(file, LoadOptions.in(Precision.FLOAT32).quantized())) {
            int[] ids = expanded.tokenizer().ids("The capital of France is Paris, and that of Italy is", true);
            float[][] expected = expanded.logits(ids);
            float[][] found = blocks.logits(ids);
            float highest = 0;
            float furthest = 0;
            for (int i = 0; i < expected.length; i++) {
                for (int t = 0; t < expected[i].length; t++) {
                    highest = Math.max(highest, Math.abs(expected[i][t]));
                    furthest = Math.max(furthest, Math.abs(expected[i][t] - found[i][t]));
                }
            }
            assertThat(furthest).isLessThan(1e-4f * highest);
            assertThat(blocks.loss(ids).mean()).isCloseTo(expanded.loss(ids).mean(), within(1e-4));
            assertThat(blocks.generator().maxTokens(3).tokens(ids))
                    .isEqualTo(expanded.generator().maxTokens(3).tokens(ids));
            if (quantization == Quantization.AS_BASE) {
                assertThat(blocks.weightBytes()).isLessThan(expanded.weightBytes() / 4);
            }
        }
    }
}
