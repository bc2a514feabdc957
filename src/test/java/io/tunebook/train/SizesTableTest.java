package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.LoraConfig;
import io.tunebook.model.family.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Makes the table of sizes that README.md has, from {@link MemoryEstimate} and the models' published dimensions. */
final class SizesTableTest {
    private static final int RANK = 16;
    private static final long TOKENS = 2 * 1024;
    private static final int[] CARDS = {8, 16, 24, 80};

    /** What CUDA, its libraries and PyTorch's allocator take beside what is counted, in bytes. */
    private static final long BESIDE = 1_000_000_000;

    /**
     * Name, billions of parameters, model_type, hidden, inner, layers, heads, key heads, head, vocabulary, whether the
     * output is the embedding, value heads.
     */
    private static final String MODELS = """
            Llama 3 | 1.24 | llama | 2048 | 8192 | 16 | 32 | 8 | 64 | 128256 | true
            Llama 3 | 3.21 | llama | 3072 | 8192 | 28 | 24 | 8 | 128 | 128256 | true
            Llama 3 | 8.03 | llama | 4096 | 14336 | 32 | 32 | 8 | 128 | 128256 | false
            Llama 3 | 70.6 | llama | 8192 | 28672 | 80 | 64 | 8 | 128 | 128256 | false
            Qwen3 | 0.6 | qwen3 | 1024 | 3072 | 28 | 16 | 8 | 128 | 151936 | true
            Qwen3 | 1.72 | qwen3 | 2048 | 6144 | 28 | 16 | 8 | 128 | 151936 | true
            Qwen3 | 4.02 | qwen3 | 2560 | 9728 | 36 | 32 | 8 | 128 | 151936 | true
            Qwen3 | 8.19 | qwen3 | 4096 | 12288 | 36 | 32 | 8 | 128 | 151936 | false
            Qwen3 | 14.8 | qwen3 | 5120 | 17408 | 40 | 40 | 8 | 128 | 151936 | false
            Qwen3 | 32.8 | qwen3 | 5120 | 25600 | 64 | 64 | 8 | 128 | 151936 | false
            Qwen3.5 | 0.75 | qwen3_5_text | 1024 | 3584 | 24 | 8 | 2 | 256 | 248320 | true | 16
            Qwen3.5 | 1.88 | qwen3_5_text | 2048 | 6144 | 24 | 8 | 2 | 256 | 248320 | true | 16
            Qwen3.5 | 4.2 | qwen3_5_text | 2560 | 9216 | 32 | 16 | 4 | 256 | 248320 | true | 32
            Qwen3.5 | 8.95 | qwen3_5_text | 4096 | 12288 | 32 | 16 | 4 | 256 | 248320 | false | 32
            Qwen3.5 | 26.9 | qwen3_5_text | 5120 | 17408 | 64 | 24 | 4 | 256 | 248320 | false | 48
            Qwen3.5-MoE | 34.7 | qwen3_5_moe_text | 2048 | 512 | 40 | 16 | 2 | 256 | 248320 | false | 32
            Qwen3-MoE | 30.5 | qwen3_moe | 2048 | 6144 | 48 | 32 | 4 | 128 | 151936 | false
            gpt-oss | 20.9 | gpt_oss | 2880 | 2880 | 24 | 64 | 8 | 64 | 201088 | false
            Gemma 3 | 0.27 | gemma3_text | 640 | 2048 | 18 | 4 | 1 | 256 | 262144 | true
            Gemma 3 | 1.0 | gemma3_text | 1152 | 6912 | 26 | 4 | 1 | 256 | 262144 | true
            Gemma 3 | 3.88 | gemma3_text | 2560 | 10240 | 34 | 8 | 4 | 256 | 262208 | true
            Gemma 3 | 11.8 | gemma3_text | 3840 | 15360 | 48 | 16 | 8 | 256 | 262208 | true
            Gemma 3 | 27.0 | gemma3_text | 5376 | 21504 | 62 | 32 | 16 | 128 | 262208 | true
            Phi-4 | 3.84 | phi3 | 3072 | 8192 | 32 | 24 | 8 | 128 | 200064 | true
            Phi-4 | 14.7 | phi3 | 5120 | 17920 | 40 | 40 | 10 | 128 | 100352 | false
            Mistral | 7.25 | mistral | 4096 | 14336 | 32 | 32 | 8 | 128 | 32768 | false
            Mistral | 12.2 | mistral | 5120 | 14336 | 40 | 32 | 8 | 128 | 131072 | false
            Mistral | 23.6 | mistral | 5120 | 32768 | 40 | 32 | 8 | 128 | 131072 | false
            SmolLM3 | 3.08 | smollm3 | 2048 | 11008 | 36 | 16 | 4 | 128 | 128256 | true
            OLMo 2 | 7.3 | olmo2 | 4096 | 11008 | 32 | 32 | 32 | 128 | 100352 | false
            OLMo 2 | 13.7 | olmo2 | 5120 | 13824 | 40 | 40 | 40 | 128 | 100352 | false
            OLMo 2 | 32.2 | olmo2 | 5120 | 27648 | 64 | 40 | 8 | 128 | 100352 | false
            GLM-4 | 9.4 | glm4 | 4096 | 13696 | 40 | 32 | 2 | 128 | 151552 | false
            """;

    @TempDir
    Path temp;

    private record Size(String family, double billions, ModelConfig config) {
        /** The bytes that a step takes, weights and all. */
        long bytes(boolean blocks) {
            MemoryEstimate step = MemoryEstimate.planned(config, LoraConfig.rank(RANK), TOKENS, true, blocks);
            return MemoryEstimate.weights(config, blocks) + step.needed() + BESIDE;
        }

        String name() {
            return billions < 1
                    ? String.format(Locale.ROOT, "%.0fM", billions * 1000)
                    : String.format(Locale.ROOT, "%.0fB", billions);
        }
    }

    private List<Size> sizes() throws Exception {
        List<Size> all = new ArrayList<>();
        for (String line : MODELS.lines().toList()) {
            String[] f = line.split(" *\\| *");
            Path file = Files.writeString(
                    temp.resolve("config.json"),
                    String.format(
                            """
                            {"model_type": "%s", "hidden_size": %s, "intermediate_size": %s, "num_hidden_layers": %s, "num_attention_heads": %s,
                             "num_key_value_heads": %s, "head_dim": %s, "vocab_size": %s, "tie_word_embeddings": %s, "max_position_embeddings": 8192,
                             "num_experts": %s, "num_local_experts": 32, "num_experts_per_tok": %s, "moe_intermediate_size": %s, "norm_topk_prob": true,
                             "shared_expert_intermediate_size": 512,
                             "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
                             "linear_num_value_heads": %s}
                            """,
                            f[2],
                            f[3],
                            f[4],
                            f[5],
                            f[6],
                            f[7],
                            f[8],
                            f[9],
                            f[10],
                            f[2].equals("qwen3_5_moe_text") ? 256 : 128,
                            f[2].equals("gpt_oss") ? 4 : 8,
                            f[2].equals("qwen3_5_moe_text") ? 512 : 768,
                            f.length > 11 ? f[11] : 16));
            all.add(new Size(f[0], Double.parseDouble(f[1]), ModelConfig.read(file)));
        }
        return all;
    }

    /** The largest size that a card takes, in all weights' type and in blocks of four bits. */
    static String largest(List<Size> sizes, int gigabytes, boolean blocks) {
        String found = "–";
        for (Size size : sizes) {
            found = size.bytes(blocks) <= 0.95 * gigabytes * (1L << 30) ? size.name() : found;
        }
        return found;
    }

    @Test
    void theDimensionsGiveTheParametersThatTheModelsHave() throws Exception {
        for (Size size : sizes()) {
            assertThat(size.config().parameters() / 1e9)
                    .as(size.family() + " " + size.name())
                    .isCloseTo(size.billions(), within(0.02 * size.billions()));
        }
    }

    @Test
    void readmeHasTheTable() throws Exception {
        Map<String, List<Size>> families =
                sizes().stream().collect(Collectors.groupingBy(Size::family, LinkedHashMap::new, Collectors.toList()));
        StringBuilder table =
                new StringBuilder("| | 8 GB | 16 GB | 24 GB | 80 GB |\n| --- | --- | --- | --- | --- |\n");
        families.forEach((family, sizes) -> {
            table.append("| ").append(family);
            for (int card : CARDS) {
                table.append(" | ")
                        .append(largest(sizes, card, false))
                        .append(" / ")
                        .append(largest(sizes, card, true));
            }
            table.append(" |\n");
        });
        String text = Files.readString(Path.of("../README.md"));
        assertThat(text).as("the table, which is now:\n" + table).contains(table);
    }
}
