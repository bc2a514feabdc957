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
import io.tunebook.lora.AdapterGguf;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * llama.cpp, through its Java bindings (b4916, which does not know Qwen3 yet), opens what is exported and answers as it
 * should.
 */
class LlamaCppTest {
    private static final int TOKENS = 32;
    private static final String PROMPT = "the house of the old man is";
    private static final String QUESTION = "The first thing to know about the sea is that";
    private static final String TEXT =
            "Water is one of the most common substances on Earth. It falls from the sky as rain, runs down the mountains in rivers,"
                    + " and gathers in lakes and in the sea. When the sun warms it, some of it rises into the air again, and the clouds that it makes are"
                    + " carried by the wind over the land. Plants drink it through their roots, and animals cannot live without it for more than a few days.";

    @TempDir
    Path temp;

    private Path model;

    @BeforeEach
    void model() {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set: no tokenizer for the models of this test");
        model = Path.of(path);
    }

    /** Merged or beside its base, the adapter does in llama.cpp what it does in the generator that trained it. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void mergedModelAndAdapterAnswerAsTheGenerator(String architecture) throws Exception {
        Path base = temp.resolve("base.gguf");
        RandomModels.write(architecture, model, base);
        Path merged = temp.resolve("merged.gguf");
        Path lora = temp.resolve("adapter.gguf");
        try (CausalLM trained = CausalLM.load(base, LoadOptions.in(Precision.FLOAT32))) {
            AdapterFile adapter = RandomModels.adapter(trained.config(), 0.05f);
            MergedGguf.write(base, adapter, Quantization.AS_BASE, merged);
            AdapterGguf.write(trained.config(), adapter, lora);
            assertThat(answer(base, null)).isEqualTo(text(trained, greedy(trained, PROMPT)));
            use(trained, adapter);
            int[] tokens = greedy(trained, PROMPT);
            assertThat(tokens).hasSize(TOKENS);
            assertThat(answer(base, null)).isNotEqualTo(text(trained, tokens));
            assertThat(answer(merged, null)).isEqualTo(text(trained, tokens));
            assertThat(answer(base, lora)).isEqualTo(text(trained, tokens));
        }
    }

    /** A folder of safetensors with its own tokenizer; the expected answer is that of Transformers with PEFT. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2"})
    void mergedFolderAnswersAsInTransformers(String architecture) throws Exception {
        Path folder = MergedGgufTest.golden(architecture + "/hub");
        JsonNode expected =
                new ObjectMapper().readTree(folder.resolve("expected.json").toFile());
        AdapterFile adapter = AdapterFile.read(folder.resolve("adapter"));
        Path merged = temp.resolve("merged.gguf");
        MergedGguf.write(folder, adapter, Quantization.AS_BASE, merged);
        try (LlamaModel llama = open(merged, null);
                CausalLM trained = CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32))) {
            int[] ids = new int[expected.get("ids").size()];
            Arrays.setAll(ids, i -> expected.get("ids").get(i).asInt());
            assertThat(llama.encode(expected.get("text").asText())).isEqualTo(ids);
            String prompt = expected.get("prompt").asText();
            String answer = expected.get("answer").asText();
            assertThat(answer(llama, prompt)).isEqualTo(answer);
            use(trained, adapter);
            assertThat(text(trained, greedy(trained, prompt))).isEqualTo(answer);
        }
    }

    /**
     * What quantising the merged tensors costs, on a real model. A text's perplexity by the written file is at most so
     * many times that of the base with the adapter on; and what llama.cpp answers from the file is, to the base with
     * the adapter on, hardly less likely than its own answer.
     */
    @ParameterizedTest
    @CsvSource({"AS_BASE, 1.06", "Q4_K_M, 1.06"})
    void quantisingCostsLittlePerplexity(Quantization quantization, double most) throws Exception {
        assertCost(quantization, most);
    }

    @ParameterizedTest
    @Tag("nightly")
    @CsvSource({"F16, 1.001", "BF16, 1.005", "Q8_0, 1.005", "Q4_0, 1.45"})
    void quantisingToOtherTypesCostsLittlePerplexity(Quantization quantization, double most) throws Exception {
        assertCost(quantization, most);
    }

    private void assertCost(Quantization quantization, double most) throws Exception {
        Path merged = temp.resolve("merged.gguf");
        try (CausalLM trained = CausalLM.load(model, LoadOptions.in(Precision.FLOAT32))) {
            AdapterFile adapter = RandomModels.adapter(trained.config(), 0.002f);
            MergedGguf.write(model, adapter, quantization, merged);
            double before = perplexity(trained, trained.tokenizer().ids(TEXT, true));
            use(trained, adapter);
            double with = perplexity(trained, trained.tokenizer().ids(TEXT, true));
            assertThat(Math.abs(with - before)).as("what the adapter does").isGreaterThan(0.01 * before);
            try (CausalLM written = CausalLM.load(merged, LoadOptions.in(Precision.FLOAT32))) {
                assertThat(perplexity(written, written.tokenizer().ids(TEXT, true)))
                        .isLessThan(most * with);
            }
            int[] own = greedy(trained, QUESTION);
            int[] theirs = trained.tokenizer().ids(answer(merged, null, QUESTION), false);
            int[] question = trained.tokenizer().ids(QUESTION, true);
            assertThat(perplexity(trained, question, theirs)).isLessThan(1.5 * perplexity(trained, question, own));
        }
    }

    /**
     * Every matrix in every type that can be asked for, K-quants with their fallbacks: SmolLM2's rows of 576 fill no
     * super-block, those of 1536 do. What llama.cpp answers from the file is as likely as what is read from it here.
     */
    @ParameterizedTest
    @EnumSource(Quantization.class)
    void opensEveryType(Quantization quantization) throws Exception {
        Path merged = temp.resolve("merged.gguf");
        MergedGguf.quantize(model, quantization, merged, done -> {});
        try (CausalLM written = CausalLM.load(merged, LoadOptions.in(Precision.FLOAT32))) {
            int[] theirs = written.tokenizer().ids(answer(merged, null, QUESTION), false);
            int[] question = written.tokenizer().ids(QUESTION, true);
            assertThat(theirs.length).isGreaterThan(TOKENS / 2);
            assertThat(perplexity(written, question, theirs))
                    .isLessThan(1.3 * perplexity(written, question, greedy(written, QUESTION)));
        }
    }

    private void use(CausalLM trained, AdapterFile adapter) throws Exception {
        Path folder = temp.resolve("adapter");
        adapter.write(folder);
        LoraAdapter.load(folder, trained).use(); // closed with the model
    }

    private static int[] greedy(CausalLM trained, String prompt) {
        return trained.generator().maxTokens(TOKENS).tokens(trained.tokenizer().ids(prompt, true));
    }

    private static String text(CausalLM trained, int[] tokens) {
        return trained.tokenizer().decode(tokens);
    }

    private static double perplexity(CausalLM trained, int[] ids) {
        return Math.exp(trained.loss(ids).mean());
    }

    /** That of an answer alone. */
    private static double perplexity(CausalLM trained, int[] question, int[] answer) {
        int[] all = Arrays.copyOf(question, question.length + answer.length);
        System.arraycopy(answer, 0, all, question.length, answer.length);
        double sum = trained.loss(all).sum() - trained.loss(question).sum();
        return Math.exp(sum / answer.length);
    }

    private static String answer(Path model, Path adapter) {
        return answer(model, adapter, PROMPT);
    }

    private static String answer(Path model, Path adapter, String prompt) {
        try (LlamaModel llama = open(model, adapter)) {
            return answer(llama, prompt);
        }
    }

    /** The first 32 tokens that llama.cpp finds most likely. */
    private static String answer(LlamaModel llama, String prompt) {
        return llama.complete(new InferenceParameters(prompt)
                .setNPredict(TOKENS)
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
