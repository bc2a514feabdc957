package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.LoraAdapter;
import io.tunebook.train.Reference;
import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GradientTest {
    /** The formulas that GPUs have kernels for, in PyTorch's operators, beside the general ones, which {@code ReferenceTest} holds against PEFT. */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "mistral", "qwen2"})
    void productsAroundSwigluGiveTheSameGradient(String name) throws IOException {
        String architecture = name.equals("plain") ? "llama" : name;
        TokenBatch batch = Reference.padded().get(0);
        try (CausalLM model = Reference.model(architecture);
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model)) {
            double loss = adapter.gradient(batch, 1, 1, false);
            float[] general = adapter.gradient().toFloatArray();
            model.steps().aroundSwiglu();
            for (boolean checkpointing : new boolean[] {false, true}) {
                adapter.gradient().muli(0);
                assertThat(adapter.gradient(batch, 1, 1, checkpointing)).isCloseTo(loss, within(1e-5 * loss));
                float[] found = adapter.gradient().toFloatArray();
                double most = 0;
                double difference = 0;
                for (int i = 0; i < general.length; i++) {
                    most = Math.max(most, Math.abs(general[i]));
                    difference = Math.max(difference, Math.abs(found[i] - general[i]));
                }
                assertThat(difference).isLessThan(1e-5 * most);
            }
        }
    }
}
