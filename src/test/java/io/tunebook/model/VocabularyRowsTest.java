package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models whose embedding has more rows, or fewer, than the tokenizer has ids. */
final class VocabularyRowsTest {
    private static final int ROWS = 96;
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    /** The tiny Llama with a tokenizer of so many words. */
    private CausalLM model(int words) throws IOException {
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(Reference.path("llama/" + file), folder.resolve(file));
        }
        ObjectNode tokenizer = (ObjectNode) Reference.json("llama/tokenizer.json");
        ObjectNode vocabulary = (ObjectNode) tokenizer.path("model").path("vocab");
        for (int id = words; id < ROWS; id++) {
            vocabulary.remove("w" + id);
        }
        for (int id = ROWS; id < words; id++) {
            vocabulary.put("w" + id, id);
        }
        JSON.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer);
        return CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32));
    }

    private static void assertReferenceLogits(CausalLM model) throws IOException {
        float[] expected = Reference.floats("llama/logits.safetensors", "logits");
        float[][] found = model.logits(Reference.ids());
        assertThat(found[0]).hasSize(ROWS);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) found[i / ROWS][i % ROWS]).isCloseTo(expected[i], within(1e-4));
        }
    }

    @Test
    void moreRowsThanIdsAreComputedAndMeanNothing() throws IOException {
        try (CausalLM model = model(80)) {
            assertThat(model.tokenizer().vocabularySize()).isEqualTo(80);
            assertReferenceLogits(model);
            assertThat(model.tokenizer().decode(3, 90, 4))
                    .isEqualTo(model.tokenizer().decode(3, 4));
        }
    }

    @Test
    void idsBeyondTheRowsAreRefusedWhenATextHasOne() throws IOException {
        try (CausalLM model = model(100)) {
            assertReferenceLogits(model);
            assertThat(model.logits(model.tokenizer().ids("w5 w95", false))).hasNumberOfRows(2);
            int[] beyond = model.tokenizer().ids("w5 w97", false);
            assertThatThrownBy(() -> model.logits(beyond)).hasMessageContaining("expected an id below 96, found 97");
            assertThatThrownBy(() -> model.loss(beyond)).hasMessageContaining("expected an id below 96, found 97");
        }
    }

    /** As DeepSeek Coder and LLM have it. */
    @Test
    void aModelOf102400RowsAnd100015IdsLoads() throws IOException {
        ObjectNode config = (ObjectNode) Reference.json("llama/config.json");
        config.put("vocab_size", 102_400).put("hidden_size", 16).put("intermediate_size", 16);
        config.put("num_hidden_layers", 1).put("num_attention_heads", 2).put("num_key_value_heads", 1);
        config.put("tie_word_embeddings", true).remove("head_dim");
        JSON.writeValue(folder.resolve("config.json").toFile(), config);
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        ModelConfig.read(folder.resolve("config.json")).tensors().forEach((name, shape) -> {
            float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
            Arrays.fill(values, 0.01f);
            tensors.put(name, new Safetensors.Values(shape, values));
        });
        Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
        ObjectNode tokenizer = (ObjectNode) Reference.json("llama/tokenizer.json");
        ObjectNode vocabulary = (ObjectNode) tokenizer.path("model").path("vocab");
        for (int id = ROWS; id < 100_015; id++) {
            vocabulary.put("w" + id, id);
        }
        JSON.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer);
        try (CausalLM model = CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32))) {
            assertThat(model.tokenizer().vocabularySize()).isEqualTo(100_015);
            assertThat(model.logits(model.tokenizer().ids("w3 w100014", false))[1])
                    .hasSize(102_400);
        }
    }

    @Test
    void aTokenizerOfAnotherModelIsRefused() throws IOException {
        ObjectNode config = (ObjectNode) Reference.json("llama/config.json");
        try (CausalLM model = model(80)) {
            assertThatThrownBy(() -> model.tokenizer().requireFits("a model", 80 + 1025))
                    .hasMessageContaining("its embedding has 1105 rows, 1025 more than ids");
            model.tokenizer().requireFits("a model", 80 + 1024);
        }
        assertThat(config.path("vocab_size").asInt()).isEqualTo(ROWS);
    }
}
