package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
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

/** What a family has of its own holds in generation and in GGUF too; {@code ReferenceTest} holds it against Transformers and PEFT. */
final class FamilyTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> OWN = List.of(
            "gemma3",
            "smollm3",
            "granite",
            "olmo2",
            "olmo3",
            "seed_oss",
            "phi3",
            "glm",
            "glm4",
            "ernie4_5",
            "hunyuan_v1_dense",
            "ministral3",
            "gemma3_vision",
            "qwen3_moe");

    @TempDir
    Path temp;

    static Stream<String> generatesTheLikeliestTokens() {
        return Stream.concat(Stream.of("mistral_window"), OWN.stream());
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
        MergedGguf.quantize(withWords(family, "{}"), Quantization.AS_BASE, file, done -> {});

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

    static Stream<String> goesOnAsLlamaCpp() throws Exception {
        return golden("llama_cpp.json").propertyStream().map(Map.Entry::getKey);
    }

    /** llama.cpp reads the file that is written here and goes on with the same tokens ({@code bench/reference/llama_cpp.py}). */
    @ParameterizedTest
    @MethodSource
    void goesOnAsLlamaCpp(String family) throws Exception {
        JsonNode theirs = golden("llama_cpp.json").path(family);
        assertThat(theirs.path("greedy")).hasSize(32);
        Path file = temp.resolve("model.gguf");
        Path folder = withWords(family, theirs.path("changes").toString());
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

    /** Each expert is expanded by itself where it stays in its file's blocks: the same logits, losses and gradients as expanded once for all. */
    @Test
    void expertsStayInTheirBlocks() throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(withWords("qwen3_moe", "{}"), Quantization.Q8_0, file, done -> {});
        LoadOptions wide = LoadOptions.in(Precision.FLOAT32);
        Path factors = Reference.path("cases/qwen3_moe/final");
        TokenBatch batch = Reference.padded().get(0);

        try (CausalLM expanded = CausalLM.load(file, wide);
                CausalLM stored = CausalLM.load(file, wide.quantized());
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
        Path folder = withWords("qwen3_moe", "{\"norm_topk_prob\": false}");

        assertThatThrownBy(() -> MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("norm_topk_prob")
                .hasMessageContaining("llama.cpp");
        assertThat(file).doesNotExist();
    }

    /** llama.cpp assumes the order of windows and rotations, so another order cannot be written. */
    @Test
    void refusesAnOrderOfLayersThatGgufCannotSay() throws Exception {
        Path file = temp.resolve("model.gguf");
        Path folder = withWords("olmo3", "{\"layer_types\": [\"full_attention\"]}");

        assertThatThrownBy(() -> MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("olmo3")
                .hasMessageContaining("llama.cpp");
        assertThat(file).doesNotExist();
    }

    /** A reference's folder with a tokenizer that GGUF has a name for: a real one, cut to the model's vocabulary. */
    private Path withWords(String family, String changes) throws Exception {
        Path from = Reference.path(family);
        Path words = Path.of(FamilyTest.class
                .getResource("/io/tunebook/export/llama/hub/tokenizer.json")
                .toURI());
        Files.copy(from.resolve("model.safetensors"), temp.resolve("model.safetensors"));
        ObjectNode config = (ObjectNode) JSON.readTree(Files.readAllBytes(from.resolve("config.json")));
        Files.write(temp.resolve("config.json"), JSON.writeValueAsBytes(config.setAll((ObjectNode)
                JSON.readTree(changes))));
        int rows = config.path("vocab_size").intValue();
        ObjectNode tokenizer = (ObjectNode) JSON.readTree(Files.readAllBytes(words));
        ObjectNode model = (ObjectNode) tokenizer.get("model");
        ObjectNode vocabulary = (ObjectNode) model.get("vocab");
        vocabulary.properties().removeIf(e -> e.getValue().intValue() >= rows);
        model.set("merges", JSON.createArrayNode());
        ArrayNode added = JSON.createArrayNode();
        for (var token : tokenizer.path("added_tokens")) {
            if (token.path("id").intValue() < rows) {
                added.add(token);
            }
        }
        tokenizer.set("added_tokens", added);
        Files.write(temp.resolve("tokenizer.json"), JSON.writeValueAsBytes(tokenizer));
        return temp;
    }
}
