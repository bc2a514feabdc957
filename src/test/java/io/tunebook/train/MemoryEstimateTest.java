package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.LoraConfig;
import io.tunebook.model.Precision;
import io.tunebook.model.Sizes;
import io.tunebook.model.family.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds {@link MemoryEstimate} against what a driver said during training on an H200: rows of bench/results.json. */
final class MemoryEstimateTest {
    /** What CUDA and its libraries take beside weights and step, in bytes. */
    private static final double CUDA = 0.6e9;

    /** What {@code families()} of {@code bench/training.py} has of all; JSON takes the last of two values. */
    private static final String SMALL = """
            , "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 12, "num_attention_heads": 16,
            "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 64000, "max_position_embeddings": 8192,
            "tie_word_embeddings": false, "num_experts_per_tok": 4, "norm_topk_prob": true, "linear_conv_kernel_dim": 4,
            "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
            "linear_num_value_heads": 16, "full_attention_interval": 4, "partial_rotary_factor": 1.0""";

    @TempDir
    Path temp;

    /**
     * @param taken of the card in GiB, all included
     * @param percent how far the estimate of the step without the weights may be off
     */
    @ParameterizedTest(name = "{0}, {1} tokens, {2} layers computed again, blocks {3}: {4} GiB")
    @CsvSource({
        "QWEN2_1_5B, 4096, 0, false, 10.83, 10",
        "QWEN2_1_5B, 8192, 28, false, 5.62, 10",
        "QWEN2_1_5B, 8192, 0, false, 17.0, 10",
        "QWEN2_1_5B, 32768, 0, false, 54.0, 10",
        "LLAMA_8B, 8192, 0, false, 44.7, 10",
        "LLAMA_8B, 8192, 32, false, 20.3, 10",
        "LLAMA_8B, 8192, 23, false, 26.6, 10",
        "GEMMA3_1B, 4096, 0, false, 8.566, 10",
        "LLAMA_70B, 2048, 29, true, 69.7, 10",
        // missed: what is left out there was not found
        "LLAMA_70B, 2048, 80, true, 50.2, 13",
    })
    void theStepTakesWhatWasMeasured(
            Shapes model, long tokens, int checkpointed, boolean blocks, double taken, double percent)
            throws Exception {
        ModelConfig c = model.read(temp);
        double measured = taken * (1L << 30) - MemoryEstimate.weights(c, blocks) - CUDA;
        assertClose(c, tokens, checkpointed, blocks, measured, percent);
    }

    /**
     * One small model of each family, 4 texts of 1,024 tokens, by {@code bench/train_gpu.py --only memory}.
     *
     * @param own what differs from {@link #SMALL}, which all have
     * @param taken of the card in GiB beyond the loaded model
     */
    @ParameterizedTest(name = "{0}, {2} layers computed again: {3} GiB")
    @CsvSource(
            delimiter = '|',
            value = {
                "llama | '' | 0  | 2.98",
                "llama | '' | 12 | 0.91",
                "mistral | '' | 0  | 2.98",
                "smollm3 | '' | 0  | 2.98",
                "phi3 | '' | 0  | 2.98",
                "qwen3 | '' | 0  | 3.27",
                "olmo3 | , \"sliding_window\": 512 | 0 | 3.24",
                "gemma3_text | , \"sliding_window\": 512 | 0 | 3.61",
                "qwen3_5_text | , \"num_experts\": 0 | 0 | 3.90",
                "qwen3_moe | , \"num_hidden_layers\": 4, \"moe_intermediate_size\": 768, \"num_experts\": 32 | 0 | 1.24",
                "gpt_oss | , \"num_hidden_layers\": 4, \"intermediate_size\": 2048, \"num_local_experts\": 16, \"sliding_window\": 128 | 0 | 1.92",
            })
    void theStepOfEachFamilyTakesWhatWasMeasured(String family, String own, int checkpointed, double taken)
            throws Exception {
        ModelConfig c = read(temp, "\"model_type\": \"" + family + "\"" + SMALL + own);
        assertClose(c, 4096, checkpointed, false, taken * (1L << 30), 10);
    }

    private static void assertClose(
            ModelConfig c, long tokens, int checkpointed, boolean blocks, double measured, double percent) {
        MemoryEstimate estimate = MemoryEstimate.of(
                c,
                Precision.BFLOAT16.bytes(),
                blocks ? Sizes.expandedBytes(c, Precision.BFLOAT16) : 0,
                Sizes.lossTokens(c, true),
                LoraConfig.rank(16).layout(c).parameters(),
                tokens,
                checkpointed,
                true,
                0);
        assertThat(100 * (estimate.needed() / measured - 1))
                .as("percent off: " + estimate + " beside " + measured / 1e9 + " GB")
                .isCloseTo(0, within(percent));
    }

    @Test
    @DisplayName("what a layer keeps: norms on both sides, norms of heads and rotated parts of heads add their copies")
    void whatALayerKeeps() throws Exception {
        int h = 64;
        int q = 128;
        int kv = 32;
        int inner = 256;
        long plain = 4 * h + q + 2 * kv + q + 2 * inner;
        long copied = q + kv;
        assertThat(kept("llama", "", true)).isEqualTo(plain);
        assertThat(kept("llama", "", false))
                .as("on a CPU q, k and v are copied")
                .isEqualTo(plain + copied + kv);
        assertThat(kept("olmo2", "", true)).as("norms behind").isEqualTo(plain + copied);
        assertThat(kept("qwen3", "", true)).isEqualTo(plain + copied);
        assertThat(kept("gemma3_text", "", true)).as("norms around").isEqualTo(plain + copied + 2 * h);
        assertThat(kept("phi3", ", \"partial_rotary_factor\": 0.5", true)).isEqualTo(plain + copied);
        assertThat(kept("granite", ", \"residual_multiplier\": 0.22", true))
                .as("a branch's output is scaled as it is added")
                .isEqualTo(plain);
        assertThat(kept("ernie4_5", "", true)).as("neighbours are rotated").isEqualTo(plain + copied);
        String experts = ", \"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 32,"
                + " \"shared_expert_intermediate_size\": 48";
        assertThat(kept("qwen2_moe", experts, true))
                .as("gate and up of two experts and of the shared one, and the latter's output")
                .isEqualTo(plain - 2 * inner + 2 * 2 * 32 + 2 * 48 + h);
    }

    /** The values a token of one layer. */
    private long kept(String family, String more, boolean gpu) throws Exception {
        ModelConfig c = read(
                temp,
                "\"model_type\": \"" + family + "\", \"hidden_size\": 64, \"intermediate_size\": 256,"
                        + " \"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"num_key_value_heads\": 1,"
                        + " \"head_dim\": 32, \"vocab_size\": 96, \"max_position_embeddings\": 64" + more);
        long tokens = 100_000;
        long bytes = new ActivationMemory(c, 2, tokens, gpu).kept(0);
        long ends = 2L * c.hiddenSize(); // the last layer's output and its gradient
        return gpu ? Math.round((bytes / 2.0 / tokens - ends) / 1.03) : bytes / 2 / tokens;
    }

    private static ModelConfig read(Path folder, String fields) throws Exception {
        return ModelConfig.read(Files.writeString(folder.resolve("config.json"), "{" + fields + "}"));
    }

    /** As {@code bench/training.py} has them. */
    enum Shapes {
        QWEN2_1_5B("qwen2", 1536, 8960, 28, 12, 2, 128, 151936, true),
        LLAMA_8B("llama", 4096, 14336, 32, 32, 8, 128, 128256, false),
        LLAMA_70B("llama", 8192, 28672, 80, 64, 8, 128, 128256, false),
        GEMMA3_1B("gemma3_text", 1152, 6912, 26, 4, 1, 256, 262144, true);

        private final String fields;

        Shapes(
                String family,
                int hidden,
                int inner,
                int layers,
                int heads,
                int keyHeads,
                int width,
                int vocabulary,
                boolean tied) {
            fields = "\"model_type\": \"" + family + "\", \"hidden_size\": " + hidden + ", \"intermediate_size\": "
                    + inner
                    + ", \"num_hidden_layers\": " + layers + ", \"num_attention_heads\": " + heads
                    + ", \"num_key_value_heads\": " + keyHeads + ", \"head_dim\": " + width + ", \"vocab_size\": "
                    + vocabulary + ", \"tie_word_embeddings\": " + tied + ", \"max_position_embeddings\": 32768";
        }

        ModelConfig read(Path folder) throws Exception {
            return MemoryEstimateTest.read(folder, fields);
        }
    }
}
