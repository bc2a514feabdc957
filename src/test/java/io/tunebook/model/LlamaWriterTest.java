package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.ollama.llamacpp.LlamaCpp;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * llama.cpp in place of PyTorch: the same tokens, each the likeliest by PyTorch in float32 as well, up to the
 * difference that the rounding named here makes between two logits.
 */
final class LlamaWriterTest {
    /** Files in float32: llama.cpp keeps keys and values in float16. */
    private static final float KEYS_IN_FLOAT16 = 0.02f;

    /** Gemma's activation is looked up in a table of float16. */
    private static final float TABLE_IN_FLOAT16 = 0.1f;

    /**
     * Blocks of four bits are multiplied by activations of eight: of 49,152 logits of up to 20 the furthest moves by
     * about 1.
     */
    private static final float ACTIVATIONS_IN_EIGHT_BITS = 2;

    /** Families whose passes differ most; those that are left come at night. */
    private static final List<String> DIFFERENT = List.of("llama", "qwen2", "gemma3", "olmo2", "granite", "gpt_oss");

    private static Path llama;

    @TempDir
    Path temp;

    @BeforeAll
    static void library() {
        String folder = System.getenv("TUNEBOOK_LLAMA_CPP_TESTS");
        assumeTrue(folder != null, "TUNEBOOK_LLAMA_CPP_TESTS names no folder of llama.cpp");
        llama = Path.of(folder);
    }

    private static JsonNode goldens() throws IOException {
        return new ObjectMapper().readTree(Files.readAllBytes(Reference.path("llama_cpp.json")));
    }

    private Path gguf(String family) throws Exception {
        Path file = temp.resolve("model.gguf");
        String changes = goldens().path(family).path("changes").toString();
        MergedGguf.quantize(TinyModels.withWords(temp, family, changes), Quantization.AS_BASE, file, done -> {});
        return file;
    }

    private static CausalLM fast(Path file) throws IOException {
        CausalLM model = CausalLM.load(file);
        model.writer.use(llama);
        return model;
    }

    @ParameterizedTest
    @FieldSource("DIFFERENT")
    void writesTheTokensOfPyTorch(String family) throws Exception {
        Path file = gguf(family);
        float rounding = family.startsWith("gemma") ? TABLE_IN_FLOAT16 : KEYS_IN_FLOAT16;
        Path trained = Reference.path("cases/" + (family.equals("llama") ? "plain" : family) + "/final");
        try (CausalLM exact = CausalLM.load(file, LoadOptions.in(Precision.FLOAT32));
                CausalLM fast = fast(file)) {
            assertThat(exact.writer()).isEqualTo("PyTorch: the model was loaded in a type that was asked for");
            assertThat(fast.writer()).isEqualTo("llama.cpp " + LlamaCpp.VERSION);
            int[] prompt = Arrays.copyOf(Reference.ids(), 12);
            Found before = same(exact, fast, prompt, rounding);
            LoraAdapter.load(trained, exact).use();
            LoraAdapter.load(trained, fast).use();
            Found with = same(exact, fast, prompt, rounding);
            assertThat(furthest(before.logits, with.logits))
                    .as("what the adapter does")
                    .isGreaterThan(3 * with.off);
            assertThat(fast.writer.opened()).isEqualTo(2);
        }
    }

    /**
     * All families that llama.cpp reads, but Phi-3, which rotates long texts otherwise, Qwen3, whose adapter here is
     * DoRA's, and GLM-4, whose adapters llama.cpp fails with.
     */
    static Stream<String> others() throws IOException {
        return goldens()
                .propertyStream()
                .map(Map.Entry::getKey)
                .filter(f -> !DIFFERENT.contains(f)
                        && !List.of("phi3", "qwen3", "glm4").contains(f));
    }

    @Tag("nightly")
    @ParameterizedTest
    @MethodSource("others")
    void soDoTheOthers(String family) throws Exception {
        writesTheTokensOfPyTorch(family);
    }

    /** The first logits of the faster one, and how far from those of the exact one. */
    private record Found(float[] logits, float off) {}

    private static Found same(CausalLM exact, CausalLM fast, int[] prompt, float rounding) {
        float[] first;
        try (Continuation text = fast.continuation(prompt.length)) {
            first = text.next(prompt);
        }
        float off = furthest(first, exact.logits(prompt)[prompt.length - 1]);
        assertThat(off).as("the furthest logit").isLessThan(rounding);
        int[] found = fast.generator().maxTokens(24).tokens(prompt);
        assertThat(found).isNotEmpty();
        int[] text =
                IntStream.concat(Arrays.stream(prompt), Arrays.stream(found)).toArray();
        float[][] logits = exact.logits(text);
        for (int i = prompt.length; i < text.length; i++) {
            float[] last = logits[i - 1];
            assertThat(last[likeliest(last)] - last[text[i]]).as("token " + i).isLessThan(rounding);
        }
        assertThat(fast.writer()).isEqualTo("llama.cpp " + LlamaCpp.VERSION);
        return new Found(first, off);
    }

    private static int likeliest(float[] logits) {
        return IntStream.range(0, logits.length)
                .reduce((a, b) -> logits[b] > logits[a] ? b : a)
                .orElseThrow();
    }

    private static float furthest(float[] a, float[] b) {
        return (float) IntStream.range(0, a.length)
                .mapToDouble(i -> Math.abs(a[i] - b[i]))
                .max()
                .orElseThrow();
    }

    /** A real model in blocks of four bits, and an adapter that changes what it says. */
    @Test
    void aQuantisedFileWithAnAdapter() throws Exception {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        JsonNode golden = Reference.json("smollm2-greedy.json");
        int[] prompt = new ObjectMapper().treeToValue(golden.path("ids"), int[].class);
        try (CausalLM exact = CausalLM.load(Path.of(path), LoadOptions.in(Precision.FLOAT32));
                CausalLM fast = fast(Path.of(path))) {
            Found before = same(exact, fast, prompt, ACTIVATIONS_IN_EIGHT_BITS);
            for (CausalLM model : new CausalLM[] {exact, fast}) {
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(4), 1);
                Random random = new Random(7);
                float[] values = adapter.floats();
                for (int i = 0; i < values.length; i++) {
                    values[i] = 0.02f * (float) random.nextGaussian();
                }
                adapter.set(values);
                adapter.use();
                adapter.set(new float[values.length]); // what is in use stays as it was
            }
            Found with = same(exact, fast, prompt, ACTIVATIONS_IN_EIGHT_BITS);
            assertThat(with.logits).isNotEqualTo(before.logits);
            fast.generator().maxTokens(4).chat("Why is the sky blue?");
            assertThat(fast.writer.opened()).as("a conversation opens it once").isEqualTo(2);
        }
    }

    @Test
    void anotherTextInBetweenChangesNothing() throws Exception {
        try (CausalLM fast = fast(gguf("llama"))) {
            int[] ids = Reference.ids();
            float[] expected;
            try (Continuation one = fast.continuation(20)) {
                one.next(ids[0], ids[1], ids[2]);
                expected = one.next(ids[3]);
            }
            try (Continuation one = fast.continuation(20);
                    Continuation other = fast.continuation(20)) {
                one.next(ids[0], ids[1], ids[2]);
                other.next(ids[5], ids[6]);
                assertThat(one.next(ids[3])).containsExactly(expected, within(1e-3f));
            }
            assertThat(fast.writer.opened()).isEqualTo(1);
        }
    }

    /** DoRA, a merged adapter, a training, a folder: PyTorch writes, with its own tokens. */
    @Test
    void whatItCannotDoIsPyTorchs() throws Exception {
        Path file = gguf("llama");
        int[] prompt = Arrays.copyOf(Reference.ids(), 12);
        try (CausalLM model = fast(file);
                CausalLM folder = CausalLM.load(temp);
                LoraAdapter plain = LoraAdapter.load(Reference.path("cases/plain/final"), model);
                LoraAdapter dora = LoraAdapter.load(Reference.path("cases/dora/final"), model)) {
            assertThat(folder.writer()).isEqualTo("PyTorch: the model is not one GGUF file");
            dora.use();
            int[] byDora = model.generator().maxTokens(24).tokens(prompt);
            assertThat(model.writer()).startsWith("PyTorch: ").contains("DoRA");
            assertThat(model.writer.opened()).isZero();
            assertThat(byDora).isEqualTo(byPyTorch(model, prompt, byDora.length));

            model.detach();
            assertThat(model.writer()).isEqualTo("llama.cpp " + LlamaCpp.VERSION);
            plain.merge();
            assertThat(model.writer()).isEqualTo("PyTorch: an adapter is merged into the weights");
            int[] merged = model.generator().maxTokens(24).tokens(prompt);
            assertThat(merged).isEqualTo(byPyTorch(model, prompt, merged.length));
            plain.unmerge();
            model.generator().maxTokens(24).tokens(prompt);
            assertThat(model.writer.opened()).isEqualTo(1);

            plain.gradient(Reference.padded().get(0), 1, 1, false);
            assertThat(model.writer.isOpen())
                    .as("PyTorch trains, and has the memory")
                    .isFalse();
        }
    }

    @Test
    void anInterruptEndsTheAnswerAndNotLlamaCpp() throws Exception {
        try (CausalLM model = fast(gguf("llama"))) {
            int[] prompt = Arrays.copyOf(Reference.ids(), 12);
            Thread.currentThread().interrupt();
            int[] found = model.generator().maxTokens(24).tokens(prompt);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(found).hasSize(1);
            assertThat(model.generator().maxTokens(1).tokens(prompt)).isEqualTo(found);
            assertThat(model.writer()).isEqualTo("llama.cpp " + LlamaCpp.VERSION);
            assertThat(model.writer.opened()).isEqualTo(1);
        }
    }

    private static int[] byPyTorch(CausalLM model, int[] prompt, int count) {
        int[] found = new int[count];
        try (KvCache cache = model.cache(prompt.length + count)) {
            float[] logits = cache.next(prompt);
            for (int i = 0; i < count; i++) {
                found[i] = likeliest(logits);
                logits = cache.next(found[i]);
            }
        }
        return found;
    }

    /**
     * llama.cpp asserts that GLM-4's attention ends in a product, which it does not with an adapter: its process ends,
     * and PyTorch answers.
     */
    @Test
    void whatEndsLlamaCppEndsNothingElse() throws Exception {
        int[] prompt = Arrays.copyOf(Reference.ids(), 12);
        try (CausalLM model = fast(gguf("glm4"))) {
            LoraAdapter.load(Reference.path("cases/glm4/final"), model).use();
            int[] found = model.generator().maxTokens(24).tokens(prompt);
            assertThat(model.writer()).matches("PyTorch: llama.cpp's process ended with status \\d+");
            assertThat(found).isEqualTo(byPyTorch(model, prompt, found.length));
            model.detach();
            assertThat(model.writer()).isEqualTo("llama.cpp " + LlamaCpp.VERSION);
        }
    }
}
