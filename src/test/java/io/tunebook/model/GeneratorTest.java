package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beside Transformers' {@code generate} and its logits processors, which made {@code generation.json}. */
final class GeneratorTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private CausalLM model;
    private JsonNode expected;
    private int[] prompt;

    @BeforeEach
    void load() throws IOException {
        model = Reference.model("llama");
        expected = Reference.json("generation.json");
        prompt = tokens("ids");
    }

    @AfterEach
    void close() {
        model.close();
    }

    private int[] tokens(String name) throws IOException {
        return JSON.treeToValue(expected.path(name), int[].class);
    }

    /** The tiny models' tokenizer names no token that ends a turn, as Transformers was told. */
    private Generator generator() {
        return model.generator().maxTokens(40);
    }

    @Test
    void greedyTokensAreThoseOfTransformers() throws IOException {
        assertThat(generator().tokens(prompt)).isEqualTo(tokens("greedy"));
        assertThat(generator().repetitionPenalty(1.3).tokens(prompt)).isEqualTo(tokens("penalized"));
    }

    @Test
    void adaptersAreOnOrOff() throws IOException {
        try (LoraAdapter plain = LoraAdapter.load(Reference.path("cases/plain/final"), model);
                LoraAdapter dora = LoraAdapter.load(Reference.path("cases/dora/final"), model)) {
            plain.use();
            assertThat(generator().tokens(prompt)).isEqualTo(tokens("plain"));
            dora.use();
            assertThat(generator().tokens(prompt)).isEqualTo(tokens("dora"));
            model.detach();
            assertThat(generator().tokens(prompt)).isEqualTo(tokens("greedy"));
        }
    }

    /** A token at a time through the cache gives the logits of all tokens at once, in each architecture. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "mistral"})
    void theCacheChangesNothing(String architecture) throws IOException {
        int[] ids = Reference.ids();
        try (CausalLM other = Reference.model(architecture)) {
            float[][] whole = other.logits(ids);
            try (KvCache cache = other.cache(ids.length)) {
                close(cache.next(ids[0], ids[1], ids[2]), whole[2], 1e-4);
                close(cache.next(ids[3], ids[4]), whole[4], 1e-4);
                for (int i = 5; i < ids.length; i++) {
                    close(cache.next(ids[i]), whole[i], 1e-4);
                }
            }
        }
    }

    /**
     * A file in bfloat16 that stays so in memory has the logits of its values in float32; token by token, x is rounded
     * to bfloat16 as well.
     */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "mistral"})
    void weightsThatStayInBfloat16(String architecture, @TempDir Path folder) throws IOException {
        int[] ids = Reference.ids();
        inBfloat16(Reference.path(architecture), folder);
        try (CausalLM exact = CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32));
                CausalLM narrow =
                        CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32).storage(Storage.NARROW))) {
            assertThat(narrow.toString()).contains("float32 from bfloat16");
            assertThat(narrow.weightBytes()).isLessThan((long) (0.6 * exact.weightBytes()));
            float[][] whole = exact.logits(ids);
            float[][] found = narrow.logits(ids);
            for (int i = 0; i < ids.length; i++) {
                close(found[i], whole[i], 1e-5);
            }
            try (KvCache cache = narrow.cache(ids.length)) {
                close(cache.next(ids[0], ids[1], ids[2]), whole[2], 0.25);
                for (int i = 3; i < ids.length; i++) {
                    close(cache.next(ids[i]), whole[i], 0.25);
                }
            }
        }
    }

    private static void inBfloat16(Path from, Path to) throws IOException {
        for (String file : List.of("config.json", "tokenizer.json")) {
            Files.copy(from.resolve(file), to.resolve(file));
        }
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        ObjectNode header = JSON.createObjectNode();
        try (Safetensors whole = Safetensors.open(from.resolve("model.safetensors"))) {
            for (var t : whole.tensors().values()) {
                ObjectNode entry = header.putObject(t.name()).put("dtype", "BF16");
                entry.set("shape", JSON.valueToTree(t.shape()));
                int begin = data.size();
                for (float x : whole.read(t)) {
                    int bits = Float.floatToIntBits(x) >>> 16;
                    data.write(bits);
                    data.write(bits >> 8);
                }
                entry.putArray("data_offsets").add(begin).add(data.size());
            }
        }
        byte[] text = JSON.writeValueAsBytes(header);
        byte[] head = Arrays.copyOf(text, (text.length + 7) / 8 * 8);
        Arrays.fill(head, text.length, head.length, (byte) ' ');
        try (OutputStream out = Files.newOutputStream(to.resolve("model.safetensors"))) {
            out.write(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(head.length)
                    .array());
            out.write(head);
            data.writeTo(out);
        }
    }

    private static void close(float[] found, float[] expected, double tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i]).as("token " + i).isCloseTo(expected[i], within(tolerance));
        }
    }

    @Test
    void whatIsDrawnFromIsWhatTransformersLeaves() throws IOException {
        for (JsonNode draw : expected.path("draws")) {
            JsonNode s = draw.path("settings");
            Generator.Settings settings = new Generator.Settings(
                    1,
                    s.path("temperature").asDouble(),
                    s.path("top_k").asInt(0),
                    s.path("top_p").asDouble(1),
                    s.path("min_p").asDouble(0),
                    s.path("repetition_penalty").asDouble(1),
                    1,
                    List.of());
            float[] logits = JSON.treeToValue(draw.path("logits"), float[].class);
            double[] theirs = JSON.treeToValue(draw.path("probabilities"), double[].class);

            Generator.penalize(logits, prompt, settings.repetitionPenalty());
            Generator.Candidates left = Generator.candidates(logits, settings);

            double[] ours = new double[theirs.length];
            for (int i = 0; i < left.ids().length; i++) {
                ours[left.ids()[i]] = left.probabilities()[i];
            }
            for (int i = 0; i < ours.length; i++) {
                assertThat(ours[i]).as(s + ", token " + i).isCloseTo(theirs[i], within(1e-5));
                assertThat(ours[i] > 0).as(s + ", token " + i + " may come").isEqualTo(theirs[i] > 0);
            }
        }
    }

    @Test
    void aSeedDecidesTheDraws() {
        Generator warm = generator().temperature(1.5);
        assertThat(warm.seed(1).tokens(prompt)).isEqualTo(warm.seed(1).tokens(prompt));
        assertThat(warm.seed(1).tokens(prompt)).isNotEqualTo(warm.seed(2).tokens(prompt));
        assertThat(warm.topK(1).tokens(prompt)).isEqualTo(generator().tokens(prompt));
    }

    @Test
    void aStopTextEndsTheAnswerAndIsNeverHandedOver() {
        String text = model.tokenizer().decode(prompt);
        String whole = generator().generate(text);
        // From the middle of one word to the middle of the next but one: three tokens, and none of them is the whole
        // stop text.
        int from = whole.indexOf(' ', whole.length() / 2) - 1;
        String stop = whole.substring(from, whole.indexOf(' ', from + 3) + 2);
        List<String> pieces = new ArrayList<>();

        String answer = generator().stop(stop).onText(pieces::add).generate(text);

        assertThat(answer).isEqualTo(whole.substring(0, whole.indexOf(stop)));
        assertThat(String.join("", pieces)).isEqualTo(answer);
        assertThat(pieces).hasSizeGreaterThan(3);
        List<String> all = new ArrayList<>();
        assertThat(generator().onText(all::add).generate(text)).isEqualTo(whole).isEqualTo(String.join("", all));
    }

    @Test
    void settingsOutOfTheirRangeAreRefused() {
        assertThatThrownBy(() -> model.generator().topP(0))
                .hasMessage("topP: expected a share above 0, at most 1, found 0.0");
        assertThatThrownBy(() -> model.generator().minP(2)).hasMessageContaining("minP");
        assertThatThrownBy(() -> model.generator().repetitionPenalty(0)).hasMessageContaining("repetitionPenalty");
        assertThatThrownBy(() -> model.generator().tokens()).hasMessageContaining("expected at least one token");
        assertThatThrownBy(() -> model.generator().tokens(new int[257])).hasMessageContaining("at most 256 tokens");
    }
}
