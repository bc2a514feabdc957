package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.export.SafetensorsFolder;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.AdapterGguf;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import io.tunebook.train.TrainingReport;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a family has of its own holds in generation and in GGUF too; {@code ReferenceTest} holds it against Transformers
 * and PEFT.
 */
final class FamilyTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> OWN = List.of(
            "gemma3",
            "smollm3",
            "granite",
            "olmo2",
            "olmo3",
            "exaone4",
            "seed_oss",
            "phi3",
            "glm",
            "glm4",
            "ernie4_5",
            "hunyuan_v1_dense",
            "ministral3",
            "gemma3_vision",
            "qwen2_moe",
            "qwen3_moe",
            "qwen3_5",
            "qwen3_5_vision",
            "qwen3_5_moe",
            "qwen3_5_moe_vision");

    @TempDir
    Path temp;

    static Stream<String> generatesTheLikeliestTokens() {
        return Stream.concat(Stream.of("mistral_window", "exaone4_window", "gpt_oss", "gpt_oss_mxfp4"), OWN.stream());
    }

    static Stream<String> keepsItsLogitsInGguf() {
        return Stream.concat(Stream.of("llama", "qwen2", "qwen3", "mistral3", "qwen2_5_vl", "qwen3_vl"), OWN.stream());
    }

    /** Windows, norms and scales of the pass that keeps keys and values are those of the whole pass. */
    @ParameterizedTest
    @MethodSource
    void generatesTheLikeliestTokens(String family) throws Exception {
        try (CausalLM model = Reference.model(family)) {
            int[] prompt = Arrays.copyOf(Reference.ids(), 12);
            int[] found = model.generator().maxTokens(24).tokens(prompt);

            int[] text = prompt;
            for (int token : found) {
                float[] last = model.logits(text)[text.length - 1];
                assertThat(token).as("after " + text.length + " tokens").isEqualTo(likeliest(last));
                text = Arrays.copyOf(text, text.length + 1);
                text[text.length - 1] = token;
            }
            assertThat(found).isNotEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource
    void keepsItsLogitsInGguf(String family) throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, family, "{}"), Quantization.AS_BASE, file, done -> {});

        float[] expected = Reference.floats(family + "/logits.safetensors", "logits");
        try (CausalLM model = CausalLM.load(file, LoadOptions.in(Precision.FLOAT32))) {
            int at = 0;
            for (float[] row : model.logits(Reference.ids())) {
                for (float logit : row) {
                    assertThat(logit).isCloseTo(expected[at++], within(1e-4f));
                }
            }
            assertThat(at).isEqualTo(expected.length);
        }
    }

    /** Where GGUF has rows in another order, blocks stay blocks; columns in another order are expanded. */
    @Test
    void qwensDeltaStaysInBlocks() throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, "qwen3_5", "{}"), Quantization.Q8_0, file, done -> {});

        LoadOptions options = LoadOptions.in(Precision.FLOAT32);
        try (CausalLM expanded = CausalLM.load(file, options);
                CausalLM blocks = CausalLM.load(file, options.quantized())) {
            float[][] expected = expanded.logits(Reference.ids());
            float[][] found = blocks.logits(Reference.ids());
            for (int i = 0; i < expected.length; i++) {
                for (int t = 0; t < expected[i].length; t++) {
                    assertThat(found[i][t]).isCloseTo(expected[i][t], within(1e-3f));
                }
            }
            long matrices = blocks.config().tensors().values().stream()
                    .filter(s -> s.length == 2)
                    .mapToLong(s -> s[0] * s[1])
                    .sum();
            long columns = 2L * 32 * 128; // out_proj of two layers
            assertThat(blocks.weightBytes())
                    .as("34 bytes a block of 32")
                    .isLessThan((matrices - columns) * 34 / 32 + 4 * columns + 20_000);
            List<Double> losses = losses(expanded, false);
            for (boolean checkpointing : new boolean[] {false, true}) {
                List<Double> same = losses(blocks, checkpointing);
                for (int step = 0; step < losses.size(); step++) {
                    assertThat(same.get(step)).as("step " + step).isCloseTo(losses.get(step), within(1e-3));
                }
            }
        }
    }

    private static List<Double> losses(CausalLM model, boolean checkpointing) throws Exception {
        LoraConfig lora = LoraConfig.rank(4);
        List<TokenBatch> batches = Reference.packed();
        try (LoraAdapter adapter = LoraAdapter.create(model, lora, 1)) {
            Trainer trainer = Trainer.of(model, lora)
                    .with(TrainingArguments.defaults()
                            .maxSteps(4)
                            .learningRate(1e-3)
                            .gradientCheckpointing(checkpointing));
            trainer.train(epoch -> batches, List.of(), adapter);
            return trainer.report().steps().stream()
                    .map(TrainingReport.Step::loss)
                    .toList();
        }
    }

    /**
     * What llama.cpp has in another order, the merged file and the adapter's own file have alike: the difference of two
     * files is B A.
     */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3_5", "qwen3_5_moe"})
    void qwensAdapterInGgufHasTheOrderOfItsBase(String family) throws Exception {
        Path base = temp.resolve("base.gguf");
        Path merged = temp.resolve("merged.gguf");
        Path lora = temp.resolve("lora.gguf");
        AdapterFile adapter = AdapterFile.read(Reference.path("cases/" + family + "/final"));
        Path folder = TinyModels.withWords(temp, family, "{}");
        MergedGguf.quantize(folder, Quantization.AS_BASE, base, done -> {});
        MergedGguf.write(base, adapter, Quantization.AS_BASE, merged);
        AdapterGguf.write(ModelConfig.read(folder.resolve("config.json")), adapter, lora);

        try (GgufFile before = GgufFile.open(base);
                GgufFile after = GgufFile.open(merged);
                GgufFile factors = GgufFile.open(lora)) {
            assertThat(factors.tensors()).hasSize(2 * adapter.factors().size());
            double scale = factors.number("adapter.lora.alpha").orElseThrow() / 4;
            for (GgufTensor t : before.tensors()) {
                float[] was = before.read(t);
                float[] is = after.read(after.tensor(t.name()).orElseThrow());
                GgufTensor b = factors.tensor(t.name() + ".lora_b").orElse(null);
                float[] left = b == null ? null : factors.read(b);
                float[] right = b == null
                        ? null
                        : factors.read(factors.tensor(t.name() + ".lora_a").orElseThrow());
                int columns = (int) t.shape()[t.shape().length - 1];
                for (int i = 0; i < was.length; i++) {
                    double more = 0;
                    for (int k = 0; k < 4 && b != null; k++) {
                        more += scale * left[i / columns * 4 + k] * right[k * columns + i % columns];
                    }
                    assertThat(is[i]).as(t.name()).isCloseTo((float) (was[i] + more), within(1e-5f));
                }
            }
        }
    }

    static Stream<String> aFolderOfItsGgufSaysTheSame() {
        return Stream.of("qwen2_moe", "qwen3_moe", "qwen3_5", "qwen3_5_moe", "gpt_oss");
    }

    /** {@code config.json} of a GGUF file has what the family has of its own; values are in bfloat16. */
    @ParameterizedTest
    @MethodSource
    void aFolderOfItsGgufSaysTheSame(String family) throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, family, "{}"), Quantization.BF16, file, done -> {});
        SafetensorsFolder.write(file, temp.resolve("folder"));

        try (Weights gguf = Weights.open(file);
                Weights folder = Weights.open(temp.resolve("folder"))) {
            assertThat(folder.config()).isEqualTo(gguf.config());
            assertThat(folder.tensors().keySet()).isEqualTo(gguf.tensors().keySet());
            for (Weights.Tensor t : gguf.tensors().values()) {
                FloatBuffer expected = FloatBuffer.allocate((int) t.values());
                FloatBuffer found = FloatBuffer.allocate((int) t.values());
                gguf.read(t, expected);
                folder.read(folder.tensor(t.name()), found);
                for (int i = 0; i < t.values(); i++) {
                    float value = expected.get(i);
                    assertThat(found.get(i)).as(t.name()).isCloseTo(value, within(Math.abs(value) / 128 + 0.004f));
                }
            }
        }
    }

    /** A state has no share of each position. */
    @Test
    void refusesAttentionWhereThereIsNone() throws Exception {
        try (CausalLM model = Reference.model("qwen3_5")) {
            assertThat(AttentionWeights.of(model, 1, Reference.ids()).heads().length)
                    .isEqualTo(4);
            assertThatThrownBy(() -> AttentionWeights.of(model, 0, Reference.ids()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("Gated DeltaNet");
        }
    }

    /** As Qwen publishes it: the text part of a model that sees, without a list of layers. */
    @Test
    void qwensLayersAreThereWithoutAList() throws Exception {
        Files.writeString(temp.resolve("config.json"), """
                {"model_type": "qwen3_5", "vision_config": {}, "tie_word_embeddings": true, "text_config": {"model_type": "qwen3_5_text",
                 "hidden_size": 1024, "intermediate_size": 3584, "num_hidden_layers": 24, "num_attention_heads": 8, "num_key_value_heads": 2,
                 "head_dim": 256, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
                 "linear_num_value_heads": 16, "linear_value_head_dim": 128, "full_attention_interval": 4, "vocab_size": 248320,
                 "max_position_embeddings": 262144, "rope_parameters": {"rope_type": "default", "rope_theta": 10000000,
                 "partial_rotary_factor": 0.25, "mrope_section": [11, 11, 10], "mrope_interleaved": true}}}
                """);

        ModelConfig config = ModelConfig.read(temp.resolve("config.json"));

        assertThat(config.layer(0).delta()).isTrue();
        assertThat(config.layer(3).delta()).isFalse();
        assertThat(config.rotaryWidth()).isEqualTo(64);
        assertThat(config.textName("model.language_model.layers.0.linear_attn.A_log"))
                .isEqualTo("model.layers.0.linear_attn.A_log");
        assertThat(config.parameters()).as("the text part of the 0.8B model").isBetween(740_000_000L, 760_000_000L);
    }

    /**
     * Qwen3.5-35B-A3B: the width of the shared expert's MLP is a field of its own, and none says that of a dense one.
     */
    @Test
    void qwensMixtureIsReadAsPublished() throws Exception {
        Files.writeString(temp.resolve("config.json"), """
                {"model_type": "qwen3_5_moe", "vision_config": {}, "tie_word_embeddings": false, "text_config": {"model_type": "qwen3_5_moe_text",
                 "hidden_size": 2048, "num_hidden_layers": 40, "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
                 "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
                 "linear_value_head_dim": 128, "full_attention_interval": 4, "vocab_size": 248320, "max_position_embeddings": 262144,
                 "mlp_only_layers": [], "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_experts": 256,
                 "num_experts_per_tok": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 10000000,
                 "partial_rotary_factor": 0.25, "mrope_section": [11, 11, 10], "mrope_interleaved": true}}}
                """);

        ModelConfig config = ModelConfig.read(temp.resolve("config.json"));

        assertThat(config.layer(3).delta()).isFalse();
        assertThat(config.experts().orElseThrow().shared()).isTrue();
        assertThat(config.parameters()).as("the text part").isBetween(34_500_000_000L, 35_000_000_000L);
        assertThat(LoraConfig.rank(16).layout(config).slices().keySet())
                .contains(
                        "model.layers.0.linear_attn.in_proj_qkv",
                        "model.layers.3.self_attn.q_proj",
                        "model.layers.3.mlp.shared_expert.down_proj")
                .noneMatch(module -> module.contains("mlp.experts") || module.endsWith("_gate"));
    }

    static Stream<String> goesOnAsLlamaCpp() throws Exception {
        return golden("llama_cpp.json").propertyStream().map(Map.Entry::getKey);
    }

    /**
     * llama.cpp reads the file that is written here and goes on with the same tokens ({@code
     * bench/reference/llama_cpp.py}).
     */
    @ParameterizedTest
    @MethodSource
    void goesOnAsLlamaCpp(String family) throws Exception {
        JsonNode theirs = golden("llama_cpp.json").path(family);
        assertThat(theirs.path("greedy")).hasSize(32);
        Path file = temp.resolve("model.gguf");
        Path folder = TinyModels.withWords(temp, family, theirs.path("changes").toString());
        MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {});

        try (GgufFile written = GgufFile.open(file)) {
            assertThat(namesOf(written.string("general.architecture").orElseThrow()))
                    .as("the names that llama.cpp's converter has")
                    .containsAll(written.tensors().stream()
                            .map(t -> t.name()
                                    .replaceFirst("\\.(weight|bias)$", "")
                                    .replaceFirst("\\.\\d+\\.", ".%d."))
                            .toList());
        }
        try (CausalLM model = CausalLM.load(file, LoadOptions.in(Precision.FLOAT32))) {
            int[] text = Arrays.copyOf(Reference.ids(), theirs.path("prompt").intValue());
            float[] first = model.logits(text)[text.length - 1];
            assertThat(theirs.path("logits")).hasSize(first.length);
            for (int i = 0; i < first.length; i++) {
                float expected = theirs.path("logits").path(i).floatValue();
                assertThat(first[i])
                        .isCloseTo(expected, within(theirs.path("within").floatValue()));
            }
            for (JsonNode token : theirs.path("greedy")) {
                float[] last = model.logits(text)[text.length - 1];
                assertThat(likeliest(last))
                        .as("after " + text.length + " tokens")
                        .isEqualTo(token.intValue());
                text = Arrays.copyOf(text, text.length + 1);
                text[text.length - 1] = token.intValue();
            }
        }
    }

    private static List<String> namesOf(String architecture) throws Exception {
        return golden("gguf_names.json")
                .path(architecture)
                .valueStream()
                .map(JsonNode::asText)
                .toList();
    }

    private static JsonNode golden(String name) throws Exception {
        return JSON.readTree(Files.readAllBytes(Reference.path(name)));
    }

    private static int likeliest(float[] logits) {
        int likeliest = 0;
        for (int i = 1; i < logits.length; i++) {
            likeliest = logits[i] > logits[likeliest] ? i : likeliest;
        }
        return likeliest;
    }

    /** Published files of Gemma 3 name neither the layers' kinds nor what Transformers has by default. */
    @Test
    void gemmasWindowsAreThereWithoutAList() throws Exception {
        Files.writeString(temp.resolve("config.json"), """
                {"model_type": "gemma3", "vision_config": {}, "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
                 "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}
                """);

        ModelConfig config = ModelConfig.read(temp.resolve("config.json"));

        assertThat(config.layer(4)).isEqualTo(new ModelConfig.LayerKind(1, 1024));
        assertThat(config.layer(5)).isEqualTo(new ModelConfig.LayerKind(0, 0));
        assertThat(config.layer(33).window()).isEqualTo(1024);
        assertThat(config.vocabularySize()).isEqualTo(262208);
        assertThat(config.heads()).isEqualTo(8);
        assertThat(config.kvHeads()).isEqualTo(4);
        assertThat(config.headDim()).isEqualTo(256);
        assertThat(config.ropeTheta()).isEqualTo(1e6);
        assertThat(config.ropes().get(1).theta()).isEqualTo(1e4);
        assertThat(config.parameters()).as("the text part of the 4B model").isBetween(3_800_000_000L, 3_950_000_000L);
    }

    /** PEFT finds the text model as a part of the whole one, so the adapter's names say so. */
    @Test
    void anAdapterOfATextPartHasTheNamesOfTheWholeModel() throws Exception {
        try (CausalLM model = Reference.model("gemma3_vision")) {
            LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/gemma3_vision/final"), model);
            adapter.save(temp);

            try (Safetensors ours = Safetensors.open(temp.resolve("adapter_model.safetensors"));
                    Safetensors theirs =
                            Safetensors.open(Reference.path("cases/gemma3_vision/final/adapter_model.safetensors"))) {
                assertThat(ours.tensors().keySet())
                        .containsExactlyInAnyOrderElementsOf(theirs.tensors().keySet());
            }
            assertThat(LoraAdapter.load(temp, model).floats()).isEqualTo(adapter.floats());
            try (LoraAdapter fresh = LoraAdapter.create(model, LoraConfig.rank(2), 1)) {
                assertThat(fresh.settings().targetModules()).contains("model.layers.0.self_attn.q_proj");
            }
        }
    }

    /** llama.cpp assumes the order of windows and rotations, so another order cannot be written. */
    @Test
    void refusesAnOrderOfLayersThatGgufCannotSay() throws Exception {
        Path file = temp.resolve("model.gguf");
        Path folder = TinyModels.withWords(temp, "olmo3", "{\"layer_types\": [\"full_attention\"]}");

        assertThatThrownBy(() -> MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("olmo3")
                .hasMessageContaining("llama.cpp");
        assertThat(file).doesNotExist();
    }
}
