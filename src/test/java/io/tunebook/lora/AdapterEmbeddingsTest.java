package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Adapters that change the embedding or the output, as PEFT saves them, beside PEFT's logits ({@code
 * bench/reference/adapter_embeddings.py} made both).
 */
final class AdapterEmbeddingsTest {
    private static final Path GOLDEN = Reference.path("../lora/embeddings").normalize();
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path temp;

    static List<String> all() throws IOException {
        try (Stream<Path> folders = Files.list(GOLDEN)) {
            return folders.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    static List<String> resized() throws IOException {
        return all().stream().filter(name -> name.startsWith("resized")).toList();
    }

    /** Those that keep the size of the vocabulary and can be merged in place. */
    static List<String> kept() throws IOException {
        return all().stream().filter(name -> !name.startsWith("resized")).toList();
    }

    private static CausalLM base(String name) throws IOException {
        String base = JSON.readTree(
                        GOLDEN.resolve(name).resolve("adapter_config.json").toFile())
                .path("base_model_name_or_path")
                .asText();
        return Reference.model(base);
    }

    private static float[] golden(String name, String tensor) throws IOException {
        try (Safetensors file = Safetensors.open(GOLDEN.resolve(name).resolve("logits.safetensors"))) {
            return file.read(file.tensors().get(tensor));
        }
    }

    private static int[] ids(String name) throws IOException {
        float[] ids = golden(name, "ids");
        int[] whole = new int[ids.length];
        Arrays.setAll(whole, i -> (int) ids[i]);
        return whole;
    }

    private static void assertLogits(CausalLM model, String name, double tolerance) throws IOException {
        assertClose(model.logits(ids(name)), golden(name, "logits"), tolerance);
    }

    private static void assertClose(float[][] found, float[] expected, double tolerance) {
        assertThat(found.length * found[0].length).isEqualTo(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) found[i / found[0].length][i % found[0].length])
                    .as("logit " + i)
                    .isCloseTo(expected[i], within(tolerance));
        }
    }

    @Test
    void allCasesAreThere() throws IOException {
        assertThat(all()).hasSize(35).contains("save-both", "tokens-tied", "factors-both", "resized-tied");
    }

    @ParameterizedTest
    @MethodSource("all")
    void logitsAreThoseOfPeft(String name) throws IOException {
        try (CausalLM model = base(name);
                LoraAdapter adapter = LoraAdapter.load(GOLDEN.resolve(name), model)) {
            int own = model.config().vocabularySize();
            float[][] before = model.logits(3, 5, 7);
            adapter.use();
            assertLogits(model, name, 2e-4);
            assertThat(model.adapters().vocabulary()).isEqualTo(golden(name, "logits").length / ids(name).length);
            model.detach();
            assertThat(model.logits(3, 5, 7)).isDeepEqualTo(before);
            assertThat(model.adapters().vocabulary()).isEqualTo(own);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void whatIsSavedAgainIsWhatPeftSaved(String name) throws IOException {
        AdapterFile read = AdapterFile.read(GOLDEN.resolve(name));
        read.write(temp);
        AdapterFile again = AdapterFile.read(temp);
        assertThat(again).isEqualTo(read);
        try (Safetensors peft = Safetensors.open(GOLDEN.resolve(name).resolve("adapter_model.safetensors"));
                Safetensors ours = Safetensors.open(temp.resolve("adapter_model.safetensors"))) {
            assertThat(ours.tensors().keySet()).isEqualTo(peft.tensors().keySet());
            for (String tensor : peft.tensors().keySet()) {
                assertThat(ours.read(ours.tensors().get(tensor)))
                        .as(tensor)
                        .containsExactly(peft.read(peft.tensors().get(tensor)));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void mergedIntoTheWeightsAndTakenOutAgain(String name) throws IOException {
        try (CausalLM model = base(name);
                LoraAdapter adapter = LoraAdapter.load(GOLDEN.resolve(name), model)) {
            float[][] before = model.logits(3, 5, 7);
            if (adapter.settings().dora()) {
                assertThatThrownBy(adapter::merge).hasMessageContaining("magnitudes");
                return;
            }
            adapter.merge();
            assertLogits(model, name, 2e-4);
            try (LoraAdapter other = LoraAdapter.load(GOLDEN.resolve(name), model)) {
                assertThatThrownBy(other::use).hasMessageContaining("unmerge()");
            }
            adapter.unmerge();
            float[][] after = model.logits(3, 5, 7);
            for (int i = 0; i < before.length; i++) {
                assertThat(after[i]).containsExactly(before[i], within(1e-4f));
            }
        }
    }

    /** The gradient is that of the adapter's own embedding, whichever adapter is in use. */
    @ParameterizedTest
    @MethodSource("all")
    void aStepOfTrainingComputesWithThem(String name) throws IOException {
        try (CausalLM model = base(name);
                LoraAdapter adapter = LoraAdapter.load(GOLDEN.resolve(name), model)) {
            int[] ids = ids(name);
            int[] positions = new int[ids.length];
            Arrays.setAll(positions, i -> i);
            TokenBatch batch = new TokenBatch(1, ids.length, ids, ids, positions, new int[ids.length]);
            adapter.use();
            double expected = model.loss(batch).sum();
            model.detach();
            assertThat(adapter.gradient(batch, 1, 1, false)).isCloseTo(expected, within(1e-3));
            assertThat(model.loss(3, 5, 7).sum()).isNotCloseTo(expected, within(1e-3));
        }
    }

    /** A merged GGUF computes what PEFT computes, with an output of its own where the adapter has untied it. */
    @ParameterizedTest
    @MethodSource("kept")
    void aMergedGgufHasTheLogitsOfPeft(String name) throws IOException {
        AdapterFile adapter = AdapterFile.read(GOLDEN.resolve(name));
        Path base = withByteLevelTokenizer(name);
        Path first = temp.resolve("base.gguf");
        MergedGguf.quantize(base, Quantization.F16, first, done -> {});
        for (Path from : List.of(base, first)) {
            Path out = temp.resolve("merged.gguf");
            MergedGguf.write(from, adapter, Quantization.F16, out);
            try (CausalLM merged = CausalLM.load(out, LoadOptions.in(Precision.FLOAT32))) {
                assertLogits(merged, name, 0.06); // half precision's rounding
            }
            Files.delete(out);
        }
    }

    /** The base with a tokenizer that GGUF has a name for: 96 characters. */
    private Path withByteLevelTokenizer(String name) throws IOException {
        Path base = Files.createDirectories(temp.resolve("base"));
        try (CausalLM model = base(name)) {
            for (String file : List.of("config.json", "model.safetensors")) {
                Files.copy(model.path().resolve(file), base.resolve(file));
            }
        }
        ObjectNode json = JSON.createObjectNode();
        json.putArray("added_tokens");
        ObjectNode level = JSON.createObjectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", true);
        json.set("pre_tokenizer", level);
        json.set("decoder", level);
        ObjectNode model = json.putObject("model").put("type", "BPE");
        model.putArray("merges");
        ObjectNode vocabulary = model.putObject("vocab");
        for (char c = '!'; c <= '~'; c++) {
            vocabulary.put(String.valueOf(c), c - '!');
        }
        vocabulary.put("Ġ", 94).put("Ċ", 95);
        JSON.writeValue(base.resolve("tokenizer.json").toFile(), json);
        return base;
    }

    @ParameterizedTest
    @MethodSource("resized")
    void aResizedVocabularyIsNotExportedWithoutItsTokens(String name) throws IOException {
        try (CausalLM model = base(name)) {
            AdapterFile adapter = AdapterFile.read(GOLDEN.resolve(name));
            assertThatThrownBy(() ->
                            MergedGguf.write(model.path(), adapter, Quantization.F16, temp.resolve("merged.gguf")))
                    .hasMessageContaining("resized the vocabulary from 96 to ")
                    .hasMessageContaining("merge_and_unload");
            assertThatThrownBy(() -> AdapterGguf.write(model.config(), adapter, temp.resolve("adapter.gguf")))
                    .hasMessageContaining("changes the embedding or the output");
        }
    }

    @Test
    void aTokenBeyondTheVocabularyIsNamed() throws IOException {
        try (CausalLM model = base("resized");
                LoraAdapter adapter = LoraAdapter.load(GOLDEN.resolve("resized"), model)) {
            assertThatThrownBy(() -> model.logits(99)).hasMessageContaining("expected an id below 96, found 99");
            adapter.use();
            assertThat(model.logits(99)[0]).hasSize(100);
            assertThatThrownBy(() -> model.logits(100)).hasMessageContaining("expected an id below 100, found 100");
        }
    }

    private interface Change {
        void to(ObjectNode config, Map<String, Safetensors.Values> tensors);
    }

    private Path changed(String name, Change change) throws IOException {
        Path folder = Files.createDirectories(temp.resolve("changed"));
        ObjectNode config = (ObjectNode) JSON.readTree(
                GOLDEN.resolve(name).resolve("adapter_config.json").toFile());
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        try (Safetensors file = Safetensors.open(GOLDEN.resolve(name).resolve("adapter_model.safetensors"))) {
            for (var t : file.tensors().values()) {
                tensors.put(t.name(), new Safetensors.Values(t.shape(), file.read(t)));
            }
        }
        change.to(config, tensors);
        JSON.writeValue(folder.resolve("adapter_config.json").toFile(), config);
        Safetensors.write(folder.resolve("adapter_model.safetensors"), tensors, Map.of());
        return folder;
    }

    private void assertRefused(String name, Change change, String message) throws IOException {
        Path folder = changed(name, change);
        try (CausalLM model = base(name)) {
            assertThatThrownBy(() -> LoraAdapter.load(folder, model)).hasMessageContaining(message);
        }
    }

    @Test
    void whatIsNotComputedOrNotThereIsRefusedInWords() throws IOException {
        String embedding = "base_model.model.model.embed_tokens.";
        String output = "base_model.model.lm_head.";
        assertRefused(
                "save-both",
                (c, t) -> c.withArray("modules_to_save").add("norm"),
                "modules_to_save: expected [embed_tokens, lm_head], found \"norm\"");
        assertRefused(
                "save-both",
                (c, t) -> t.remove(output + "weight"),
                "expected the weights of lm_head, which adapter_config");
        assertRefused(
                "tokens",
                (c, t) -> t.remove(embedding + "token_adapter.trainable_tokens_delta"),
                "expected the weights of embed_tokens");
        assertRefused(
                "tokens",
                (c, t) -> c.putArray("trainable_token_indices").add(5).add(7),
                "expected a row for each id of trainable_token_indices [5, 7], found [3, 32]");
        assertRefused(
                "tokens",
                (c, t) -> c.putArray("trainable_token_indices").add(5).add(5).add(7),
                "expected ids that differ");
        assertRefused(
                "tokens",
                (c, t) -> c.putArray("trainable_token_indices").add(5).add(96).add(7),
                "trained the token 96, and the embedding has 96 rows");
        assertRefused(
                "factors-both",
                (c, t) -> t.remove(output + "lora_B.weight"),
                "lm_head: expected A [r, in], B [out, r]");
        assertRefused("factors-both", (c, t) -> c.put("r", 3), "expected rank 3");
        assertRefused(
                "factors-both",
                (c, t) -> t.put(output + "bias", new Safetensors.Values(new long[] {96}, new float[96])),
                "tensor base_model.model.lm_head.bias");
        assertRefused("resized", (c, t) -> t.remove(output + "weight"), "an embedding of 100 rows and an output of 96");
        assertRefused(
                "save-embedding",
                (c, t) -> t.put(embedding + "weight", new Safetensors.Values(new long[] {96, 16}, new float[96 * 16])),
                "rows of 16 values there, in the base of 32");
        assertRefused(
                "factors-both",
                (c, t) -> t.put(
                        embedding + "lora_embedding_A", new Safetensors.Values(new long[] {2, 90}, new float[180])),
                "the factors of model.embed_tokens are for [90, 32], in the base it is [96, 32]");
    }
}
