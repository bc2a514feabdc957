package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.tensors.GgufType;
import io.tunebook.train.Reference;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mixtures of experts: blocks, files, and LoRA on experts. {@code ReferenceTest} holds logits, losses and adapters against Transformers and PEFT. */
final class ExpertsTest {
    /** llama.cpp rounds the places of YaRN, which gpt-oss's configuration leaves as they are: a file of it is another model by as much. */
    private static final String ROUNDED =
            "{\"rope_parameters\": {\"rope_type\": \"yarn\", \"rope_theta\": 150000.0, \"factor\": 4.0,"
                    + " \"original_max_position_embeddings\": 64, \"truncate\": true}}";

    private static final LoadOptions WIDE = LoadOptions.in(Precision.FLOAT32);

    @TempDir
    Path temp;

    /** Each expert is expanded by itself where it stays in its file's blocks: the same logits, losses and gradients as expanded once for all. */
    @Test
    void expertsStayInTheirBlocks() throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, "qwen3_moe", "{}"), Quantization.Q8_0, file, done -> {});
        Path factors = Reference.path("cases/qwen3_moe/final");
        TokenBatch batch = Reference.padded().get(0);

        try (CausalLM expanded = CausalLM.load(file, WIDE);
                CausalLM stored = CausalLM.load(file, WIDE.quantized());
                LoraAdapter there = LoraAdapter.load(factors, expanded);
                LoraAdapter here = LoraAdapter.load(factors, stored)) {
            assertThat(stored.quantized()).isTrue();
            assertThat(stored.weightBytes()).isLessThan(expanded.weightBytes());
            float[][] expected = expanded.logits(Reference.ids());
            float[][] found = stored.logits(Reference.ids());
            for (int i = 0; i < expected.length; i++) {
                assertThat(found[i]).usingComparatorWithPrecision(1e-4f).containsExactly(expected[i]);
            }
            there.addGradient(batch, 1, 1, false);
            float[] exact = there.gradient().toFloatArray();
            for (boolean checkpointing : new boolean[] {false, true}) {
                here.gradient().muli(0);
                here.addGradient(batch, 1, 1, checkpointing);
                assertThat(here.gradient().toFloatArray())
                        .usingComparatorWithPrecision(1e-3f)
                        .containsExactly(exact);
            }
            float largest = 0;
            for (float x : exact) {
                largest = Math.max(largest, Math.abs(x));
            }
            assertThat(largest).as("a gradient that can differ").isGreaterThan(0.1f);
        }
    }

    /** llama.cpp always divides the weights of the chosen experts by their sum. */
    @Test
    void refusesExpertsThatGgufCannotSay() throws Exception {
        Path file = temp.resolve("model.gguf");
        Path folder = TinyModels.withWords(temp, "qwen3_moe", "{\"norm_topk_prob\": false}");

        assertThatThrownBy(() -> MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("norm_topk_prob")
                .hasMessageContaining("llama.cpp");
        assertThat(file).doesNotExist();
    }

    /** gpt-oss in MXFP4: what is written of it has the blocks' values to the last bit, and where they stay as they are stored the same is computed. */
    @Test
    void blocksOfFourBitsStay() throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(
                TinyModels.withWords(temp, "gpt_oss_mxfp4", ROUNDED), Quantization.AS_BASE, file, done -> {});
        try (Weights folder = Weights.open(temp);
                Weights written = Weights.open(file)) {
            for (Weights.Tensor tensor : folder.tensors().values()) {
                Weights.Tensor again = written.tensor(tensor.name());
                boolean expert =
                        tensor.name().contains(".experts.") && tensor.name().endsWith(".weight");
                assertThat(again.type() == GgufType.MXFP4).as(tensor.name()).isEqualTo(expert);
                float[] values = new float[Math.toIntExact(tensor.values())];
                float[] found = new float[values.length];
                folder.readRows(tensor, 0, (int) tensor.rows(), values, 0);
                written.readRows(again, 0, (int) again.rows(), found, 0);
                assertThat(found).as(tensor.name()).isEqualTo(values);
            }
        }
        try (CausalLM expanded = CausalLM.load(temp, WIDE)) {
            float[][] expected = expanded.logits(Reference.ids());
            for (Path from : List.of(temp, file)) {
                try (CausalLM stored = CausalLM.load(from, WIDE.quantized())) {
                    assertThat(stored.weightBytes()).isLessThan(expanded.weightBytes());
                    float[][] found = stored.logits(Reference.ids());
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(found[i]).usingComparatorWithPrecision(1e-4f).containsExactly(expected[i]);
                    }
                }
            }
        }
    }
}
