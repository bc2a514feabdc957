package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.CacheType;
import io.tunebook.lora.AdapterFile;
import io.tunebook.model.ModelConfig;
import io.tunebook.model.Weights;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** llama.cpp, through its Java bindings (b4916, which does not know Qwen3 yet), opens what is exported and answers as it should. */
class LlamaCppTest {
    private static final String PROMPT = "the house of the old man is";

    @TempDir
    Path temp;

    private Path model;

    @BeforeEach
    void model() {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set: no tokenizer for the models of this test");
        model = Path.of(path);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void mergedModelAndAdapterAnswerAlike(String architecture) throws Exception {
        Path base = temp.resolve("base.gguf");
        RandomModels.write(architecture, model, base);
        ModelConfig config;
        try (Weights weights = Weights.open(base)) {
            config = weights.config();
        }
        AdapterFile adapter = RandomModels.adapter(config, 0.05f);
        Path merged = temp.resolve("merged.gguf");
        Path lora = temp.resolve("adapter.gguf");
        MergedGguf.write(base, adapter, Quantization.AS_BASE, merged);
        AdapterGguf.write(config, adapter, lora);
        String plain = answer(base, null);
        String withMerged = answer(merged, null);
        assertThat(withMerged).isNotEqualTo(plain);
        assertThat(answer(base, lora)).isEqualTo(withMerged);
    }

    /** A folder of safetensors with its own tokenizer; the expected answer is that of Transformers with PEFT. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void mergedFolderAnswersAsInTransformers(String architecture) throws Exception {
        Path folder = MergedGgufTest.golden(architecture + "/hub");
        JsonNode expected =
                new ObjectMapper().readTree(folder.resolve("expected.json").toFile());
        Path merged = temp.resolve("merged.gguf");
        MergedGguf.write(folder, AdapterFile.read(folder.resolve("adapter")), Quantization.AS_BASE, merged);
        try (LlamaModel llama = open(merged, null)) {
            int[] ids = new int[expected.get("ids").size()];
            Arrays.setAll(ids, i -> expected.get("ids").get(i).asInt());
            assertThat(llama.encode(expected.get("text").asText())).isEqualTo(ids);
            assertThat(answer(llama, expected.get("prompt").asText()))
                    .isEqualTo(expected.get("answer").asText());
        }
    }

    private static String answer(Path model, Path adapter) {
        try (LlamaModel llama = open(model, adapter)) {
            return answer(llama, PROMPT);
        }
    }

    /** The first 32 tokens that llama.cpp finds most likely. */
    private static String answer(LlamaModel llama, String prompt) {
        return llama.complete(new InferenceParameters(prompt)
                .setNPredict(32)
                .setTemperature(0)
                .setCachePrompt(false));
    }

    private static LlamaModel open(Path model, Path adapter) {
        ModelParameters parameters = new ModelParameters()
                .setModel(model.toString())
                .setCtxSize(256)
                .setThreads(2)
                .setCacheTypeK(CacheType.F32)
                .setCacheTypeV(CacheType.F32)
                .disableLog();
        if (adapter != null) {
            parameters.addLoraAdapter(adapter.toString());
        }
        return new LlamaModel(parameters);
    }
}
