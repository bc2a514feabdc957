package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import io.tunebook.tensors.Safetensors.Values;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightsTest {
    private static final String CONFIG = "{\"model_type\": \"llama\", \"hidden_size\": 8, \"intermediate_size\": 16,"
            + " \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 10,"
            + " \"max_position_embeddings\": 32, \"rms_norm_eps\": 1e-5, \"rope_theta\": 500000.0,"
            + " \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
            + " \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 8}}";

    @TempDir
    Path folder;

    /** Every value of a tensor is its place in it. */
    private Map<String, Values> values() throws Exception {
        Map<String, Values> out = new LinkedHashMap<>();
        ModelConfig.read(Files.writeString(folder.resolve("config.json"), CONFIG))
                .tensors()
                .forEach((name, shape) -> {
                    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
                    for (int i = 0; i < values.length; i++) {
                        values[i] = i;
                    }
                    out.put(name, new Values(shape, values));
                });
        return out;
    }

    @Test
    void readsOneFileAndShards() throws Exception {
        Map<String, Values> all = values();
        Map<String, String> places = new LinkedHashMap<>();
        for (int shard = 0; shard < 2; shard++) {
            String file = "model-0000" + (shard + 1) + "-of-00002.safetensors";
            Map<String, Values> part = new LinkedHashMap<>();
            int i = 0;
            for (var entry : all.entrySet()) {
                if (i++ % 2 == shard) {
                    part.put(entry.getKey(), entry.getValue());
                    places.put(entry.getKey(), file);
                }
            }
            Safetensors.write(folder.resolve(file), part, Map.of());
        }
        Files.write(
                folder.resolve("model.safetensors.index.json"),
                new ObjectMapper().writeValueAsBytes(Map.of("weight_map", places)));
        try (Weights weights = Weights.open(folder)) {
            assertThat(weights.tensors().keySet()).isEqualTo(all.keySet());
            Weights.Tensor down = weights.tensor("model.layers.0.mlp.down_proj.weight");
            assertThat(down.type()).isEqualTo(GgufType.F32);
            FloatBuffer out = FloatBuffer.allocate(8 * 16);
            weights.read(down, out);
            assertThat(out.array()).isEqualTo(all.get(down.name()).values());
            float[] row = new float[16];
            weights.readRows(down, 3, 1, row, 0);
            assertThat(row).startsWith(48, 49, 50);
        }
        Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
        assertThatThrownBy(() -> Weights.open(folder)).hasMessageContaining("model-00002-of-00002.safetensors");
    }

    @Test
    void namesTheTensorThatIsMissingOrMisshaped() throws Exception {
        Map<String, Values> all = values();
        String name = "model.layers.0.self_attn.k_proj.weight";
        all.put(name, new Values(new long[] {8, 8}, new float[64]));
        Safetensors.write(folder.resolve("model.safetensors"), all, Map.of());
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("tensor " + name + ": expected the shape [4, 8], found [8, 8]");
        all.remove(name);
        Safetensors.write(folder.resolve("model.safetensors"), all, Map.of());
        assertThatThrownBy(() -> Weights.open(folder))
                .hasMessageContaining("tensor " + name + ": expected [4, 8], found nothing of that name");
    }

    @Test
    void namesTheTensorThatIsCutShortOrOfAnUnknownType() throws Exception {
        Safetensors.write(folder.resolve("whole.safetensors"), values(), Map.of());
        byte[] whole = Files.readAllBytes(folder.resolve("whole.safetensors"));
        Path model = folder.resolve("model.safetensors");
        // 4 bytes short: the last tensor, the output
        Files.write(model, Arrays.copyOf(whole, whole.length - 4));
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(model.toString())
                .hasMessageContaining("tensor lm_head.weight")
                .hasMessageContaining("expected")
                .hasMessageContaining("found");
        String text = new String(whole, java.nio.charset.StandardCharsets.ISO_8859_1);
        Files.write(
                model, text.replaceFirst("\"F32\"", "\"F64\"").getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("tensor model.embed_tokens.weight: expected dtype F32, F16 or BF16, found F64");
    }

    @Test
    void refusesWhatItDoesNotCompute() throws Exception {
        Path config = folder.resolve("config.json");
        Files.writeString(config, CONFIG.replace("llama\"", "gemma2\""));
        assertThatThrownBy(() -> ModelConfig.read(config))
                .hasMessageContaining(
                        "expected an architecture of [llama, mistral, qwen2, qwen3, qwen2_moe, qwen3_moe, qwen3_5_text, qwen3_5_moe_text, gpt_oss, gemma3_text, smollm3, granite, olmo2, olmo3, seed_oss, phi3, glm4, glm, ernie4_5, hunyuan_v1_dense, ministral3, exaone4], found gemma2; near it is gemma3_text");
        Files.writeString(config, CONFIG.replace("\"rope_type\": \"llama3\"", "\"rope_type\": \"longrope\""));
        assertThatThrownBy(() -> ModelConfig.read(config))
                .hasMessageContaining("LongRoPE: expected 2 factors, found 0");
        Files.writeString(config, CONFIG.replace("\"rope_type\": \"llama3\"", "\"rope_type\": \"ntk\""));
        assertThatThrownBy(() -> ModelConfig.read(config))
                .hasMessageContaining("rope scaling: expected default, linear, llama3, yarn or longrope, found ntk");
        Files.writeString(config, CONFIG.replace("\"llama\"", "\"mistral\", \"sliding_window\": 16"));
        ModelConfig mistral = ModelConfig.read(config);
        assertThat(mistral.slidingWindow()).isEqualTo(16);
        assertThat(mistral.layer(0).window()).isEqualTo(16);
    }

    @Test
    void refusesPickles() throws Exception {
        Files.createFile(folder.resolve("pytorch_model.bin"));
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("pytorch_model.bin: expected GGUF or safetensors, found a PyTorch pickle");
    }

    @Test
    void saysWhatElseAFolderIs() throws Exception {
        Path trained = Files.createDirectories(folder.resolve("checkpoint-20"));
        Files.createDirectories(folder.resolve("checkpoint-9"));
        Files.writeString(
                trained.resolve("adapter_config.json"),
                "{\"base_model_name_or_path\": \"HuggingFaceTB/SmolLM2-135M\"}");
        assertThatThrownBy(() -> Weights.open(trained))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("expected a model, found a LoRA adapter: load HuggingFaceTB/SmolLM2-135M");
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("its newest checkpoint is checkpoint-20, a LoRA adapter");
    }

    @Test
    void saysWhatADownloadLeft() throws Exception {
        Files.writeString(folder.resolve("config.json"), CONFIG);
        Path data = folder.resolve("model.safetensors");
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 12345\n";
        Files.writeString(data, pointer);
        assertThatThrownBy(() -> Weights.open(folder))
                .hasMessageContaining("model.safetensors: expected a model's data, found a Git LFS pointer");
        Files.writeString(data, "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Sign in</title></head></html>");
        assertThatThrownBy(() -> Weights.open(folder)).hasMessageContaining("found a page of the web");
        Path gguf = Files.writeString(folder.resolve("model.gguf"), pointer);
        assertThatThrownBy(() -> Weights.open(gguf))
                .hasMessageContaining("model.gguf: expected a model's data, found a Git LFS pointer");
        Files.writeString(folder.resolve("config.json"), pointer);
        assertThatThrownBy(() -> Weights.open(folder))
                .hasMessageContaining("config.json: expected a model's data, found a Git LFS pointer");
    }

    @Test
    void passesOverTensorsThatNoModelComputesWith() throws Exception {
        Map<String, Values> all = values();
        all.put("model.position_ids", new Values(new long[] {2}, new float[2]));
        all.put("model.nothing", new Values(new long[] {0, 8}, new float[0]));
        Path data = folder.resolve("model.safetensors");
        Safetensors.write(data, all, Map.of());
        String text = Files.readString(data, java.nio.charset.StandardCharsets.ISO_8859_1);
        String integers =
                text.replace("\"model.position_ids\":{\"dtype\":\"F32\"", "\"model.position_ids\":{\"dtype\":\"I32\"");
        assertThat(integers).isNotEqualTo(text);
        Files.writeString(data, integers, java.nio.charset.StandardCharsets.ISO_8859_1);
        try (Weights weights = Weights.open(folder)) {
            assertThat(weights.tensors())
                    .doesNotContainKey("model.position_ids")
                    .doesNotContainKey("model.nothing")
                    .hasSize(all.size() - 2);
        }
    }

    /** As bitsandbytes writes LLM.int8: bytes, and a scale for each row. */
    @Test
    void saysThatWeightsAreBitsandbytesInt8() throws Exception {
        Map<String, Values> all = values();
        String name = "model.layers.0.self_attn.k_proj";
        all.put(name + ".SCB", new Values(new long[] {4}, new float[4]));
        Files.writeString(
                folder.resolve("config.json"),
                CONFIG.replaceFirst(
                        "\\{",
                        "{\"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_8bit\": true}, "));
        Safetensors.write(folder.resolve("model.safetensors"), all, Map.of());
        assertThatThrownBy(() -> Weights.open(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("expected NF4 of bitsandbytes, found its int8 or FP4 (tensor " + name);
    }

    /** The expected values are Transformers' {@code LlamaRotaryEmbedding(config).inv_freq} for this configuration. */
    @Test
    void scalesFrequenciesAsTransformersDoes() throws Exception {
        String wider = CONFIG.replace("\"vocab_size\"", "\"head_dim\": 16, \"vocab_size\"")
                .replace("embeddings\": 8}", "embeddings\": 64}");
        ModelConfig config = ModelConfig.read(Files.writeString(folder.resolve("config.json"), wider));
        float[] expected = {
            1.0f,
            0.07940301299095154f,
            0.004700753837823868f,
            0.0009115831344388425f,
            0.00017677668074611574f,
            3.428102354519069e-05f,
            6.647869668086059e-06f,
            1.289173155782919e-06f
        };
        float[] found = config.ropes().get(0).inverseFrequencies();
        assertThat(found).hasSize(8);
        for (int i = 0; i < 8; i++) {
            assertThat(found[i]).isCloseTo(expected[i], within(2e-6f * expected[i]));
        }
    }

    @Test
    void readsARealModel() throws Exception {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        try (Weights weights = Weights.open(Path.of(path))) {
            assertThat(weights.config().architecture()).isEqualTo("llama");
            assertThat(weights.config().tiedEmbeddings()).isTrue();
            Weights.Tensor k = weights.tensor("model.layers.3.self_attn.k_proj.weight");
            assertThat(k.form().rows().outer()).isEqualTo(weights.config().kvHeads());
            assertThat(k.form().rows().asIs()).isFalse();
            FloatBuffer whole = FloatBuffer.allocate((int) k.values());
            weights.read(k, whole);
            float[] row = new float[(int) k.columns()];
            weights.readRows(k, 33, 1, row, 0);
            assertThat(Arrays.copyOfRange(whole.array(), 33 * row.length, 34 * row.length))
                    .isEqualTo(row);
        }
    }
}
