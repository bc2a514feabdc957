package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.data.Message;
import io.tunebook.dataset.Dataset;
import io.tunebook.export.OllamaExport;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.ollama.Ollama;
import io.tunebook.tokenizer.Tokenizer;
import io.tunebook.train.Reference;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An adapter with added tokens and the tokenizer that knows them, as PEFT and Transformers save both ({@code
 * bench/reference/adapter_tokenizer.py}).
 */
final class AdapterTokenizerTest {
    private static final Path GOLDEN = Reference.path("../lora/tokenizer").normalize();

    @TempDir
    Path temp;

    private static JsonNode expected() throws IOException {
        return new ObjectMapper().readTree(GOLDEN.resolve("expected.json").toFile());
    }

    private static int[] row(JsonNode numbers) {
        return numbers.valueStream().mapToInt(JsonNode::asInt).toArray();
    }

    private Path copy(Path from) throws IOException {
        Path folder = Files.createDirectories(temp.resolve("copy"));
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        return folder;
    }

    private static void assertTransformers(CausalLM model) throws IOException {
        JsonNode golden = expected();
        for (int i = 0; i < golden.get("texts").size(); i++) {
            int[] ids = row(golden.get("ids").get(i));
            assertThat(model.tokenizer().ids(golden.get("texts").get(i).asText(), true))
                    .isEqualTo(ids);
            assertThat(model.tokenizer().decode(ids))
                    .isEqualTo(golden.get("decoded").get(i).asText());
        }
        assertThat(model.tokenizer().chatTemplate().render(List.of(Message.user("w5")), true))
                .isEqualTo(golden.get("rendered").asText());
        float[][] logits = model.logits(row(golden.get("ids").get(0)));
        float[] last = logits[logits.length - 1];
        assertThat(last).hasSize(golden.get("rows").asInt());
        for (int i = 0; i < last.length; i++) {
            assertThat((double) last[i])
                    .isCloseTo(golden.get("last_logits").get(i).asDouble(), within(2e-4));
        }
    }

    @Test
    void itsTokensAreKnownWhileItIsInUse() throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(GOLDEN, model)) {
            Tokenizer own = model.tokenizer();
            assertThat(adapter.tokenizer()).isPresent();
            assertThat(own.id("<tool>")).isEmpty();
            adapter.use();
            assertThat(model.tokenizer()).isSameAs(adapter.tokenizer().get());
            assertThat(model.ownTokenizer()).isSameAs(own);
            assertTransformers(model);
            model.detach();
            assertThat(model.tokenizer()).isSameAs(own);
            adapter.merge();
            assertTransformers(model);
            adapter.unmerge();
            assertThat(model.tokenizer()).isSameAs(own);
        }
    }

    @Test
    void itOutlivesTheAdapterThatTheModelComputesWith() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            try (LoraAdapter adapter = LoraAdapter.load(GOLDEN, model)) {
                adapter.use();
            }
            assertThat(model.tokenizer().ids("<tool>", false)).containsExactly(97);
        }
    }

    @Test
    void itIsSavedWithTheAdapter() throws IOException {
        Path saved = temp.resolve("saved");
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(GOLDEN, model)) {
            adapter.save(saved);
        }
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(saved, model)) {
            adapter.use();
            assertTransformers(model);
            adapter.save(saved);
        }
    }

    @Test
    void oneThatIsLikeTheModelsIsTheModels() throws IOException {
        Path folder = copy(GOLDEN);
        Files.delete(folder.resolve("chat_template.jinja"));
        Files.delete(folder.resolve("tokenizer_config.json"));
        Files.write(folder.resolve("tokenizer.json"), Files.readAllBytes(Reference.path("llama/tokenizer.json")));
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(folder, model)) {
            assertThat(adapter.tokenizer()).isEmpty();
            adapter.use();
            assertThat(model.tokenizer()).isSameAs(model.ownTokenizer());
        }
        Files.writeString(folder.resolve("chat_template.jinja"), "trained with this one");
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(folder, model)) {
            adapter.use();
            assertThat(model.tokenizer().chatTemplate().source()).isEqualTo("trained with this one");
        }
    }

    /** The merged file would have the base's tokens, and none of the new ones' texts. */
    @Test
    void anAdapterWithTokensOfItsOwnIsNotSentWithoutThem() throws IOException {
        Path folder = copy(Reference.path("llama"));
        ObjectMapper json = new ObjectMapper();
        ObjectNode tokenizer = (ObjectNode) Reference.json("llama/tokenizer.json");
        ((ObjectNode) tokenizer.path("model").path("vocab")).remove("w95");
        json.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer);
        Path adapted = temp.resolve("adapted");
        try (CausalLM model = CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32))) {
            try (LoraAdapter fresh = LoraAdapter.create(model, LoraConfig.rank(2), 1)) {
                fresh.save(adapted);
            }
            // the row was there for a token that training added
            Files.copy(Reference.path("llama/tokenizer.json"), adapted.resolve("tokenizer.json"));
            try (LoraAdapter adapter = LoraAdapter.load(adapted, model)) {
                assertThat(adapter.tokenizer()).isPresent();
                assertThatThrownBy(() -> OllamaExport.create(Ollama.connect("http://127.0.0.1:9"), "x", model, adapter))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("the adapter was trained with the tokens of " + adapted)
                        .hasMessageContaining("merge_and_unload");
            }
        }
    }

    @Test
    void oneThatADownloadLeftIsNamed() throws IOException {
        Path folder = copy(GOLDEN);
        Files.writeString(
                folder.resolve("tokenizer.json"),
                "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 12345\n");
        try (CausalLM model = Reference.model("llama")) {
            assertThatThrownBy(() -> LoraAdapter.load(folder, model))
                    .hasMessageContaining("tokenizer.json: expected a tokenizer, found a Git LFS pointer");
        }
    }

    /** A fresh adapter has the model's own tokens, whichever is in use when training begins. */
    @Test
    void aFreshAdapterIsTrainedOnTheModelsOwnTokens() throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(GOLDEN, model)) {
            Dataset own = Dataset.text(List.of("w3 w5 w7", "w5 w3"), withEnd());
            adapter.use();
            try (LoraAdapter fresh = Trainer.of(model, LoraConfig.rank(2))
                    .with(TrainingArguments.defaults().batchSize(1).maxSteps(1))
                    .train(own)) {
                assertThat(fresh.tokenizer()).isEmpty();
                assertThat(model.tokenizer()).isSameAs(model.ownTokenizer());
            }
        }
    }

    /** The model's own tokenizer, which names no end, with one. */
    private Tokenizer withEnd() throws IOException {
        Path folder = Files.createDirectories(temp.resolve("end"));
        Files.write(folder.resolve("tokenizer.json"), Files.readAllBytes(Reference.path("llama/tokenizer.json")));
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        return Tokenizer.load(folder);
    }
}
