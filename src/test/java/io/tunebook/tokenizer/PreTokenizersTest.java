package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.tensors.GgufWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A kind is named only where its whole rule is the tokenizer's. */
final class PreTokenizersTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private static ObjectNode tokenizer(List<String> patterns, boolean nfc, boolean wholeWords) {
        ObjectNode root = JSON.createObjectNode();
        if (nfc) {
            root.putObject("normalizer").put("type", "NFC");
        }
        ArrayNode steps =
                root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        for (String pattern : patterns) {
            ObjectNode split = steps.addObject()
                    .put("type", "Split")
                    .put("behavior", "Isolated")
                    .put("invert", false);
            split.putObject("pattern").put("Regex", pattern);
        }
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("use_regex", false);
        root.putObject("model").put("type", "BPE").put("ignore_merges", wholeWords);
        return root;
    }

    @Test
    void everyKindIsFoundByItsRule() {
        for (String name : PreTokenizers.names()) {
            PreTokenizers.Pre pre = PreTokenizers.kind(name).orElseThrow();
            String found = PreTokenizers.kindOf(tokenizer(pre.patterns(), pre.nfc(), pre.wholeWords()))
                    .orElseThrow();
            PreTokenizers.Pre same = PreTokenizers.kind(found).orElseThrow();
            assertThat(same.patterns()).as(name).isEqualTo(pre.patterns());
            assertThat(same.wholeWords()).as(name).isEqualTo(pre.wholeWords());
            assertThat(same.nfc()).as(name).isEqualTo(pre.nfc());
        }
        assertThat(PreTokenizers.names())
                .contains(
                        "deepseek-llm",
                        "midm-2.0",
                        "pixtral",
                        "seed-coder",
                        "qwen35",
                        "glm5",
                        "hunyuan",
                        "kanana2",
                        "granite-embed-multi-97m");
        // As in llama.cpp's table.
        assertThat(PreTokenizers.kind("pixtral")).isEqualTo(PreTokenizers.kind("llama-bpe"));
        assertThat(PreTokenizers.kind("midm-2.0")).isEqualTo(PreTokenizers.kind("llama-bpe"));
    }

    /** What was once told by a part of the pattern's text. */
    @Test
    void aRuleThatIsOnlyLikeAKindsIsNone() {
        List<String> tekken = PreTokenizers.kind("tekken").orElseThrow().patterns();
        List<String> gpt4o = PreTokenizers.kind("gpt-4o").orElseThrow().patterns();
        List<String> coder = PreTokenizers.kind("deepseek-coder").orElseThrow().patterns();
        assertThat(PreTokenizers.kindOf(tokenizer(gpt4o, false, false))).contains("gpt-4o");
        assertThat(PreTokenizers.kindOf(tokenizer(tekken, false, true))).contains("tekken");
        assertThat(PreTokenizers.kindOf(tokenizer(coder, false, false))).contains("deepseek-coder");
        assertThat(PreTokenizers.kindOf(tokenizer(List.of(tekken.get(0) + "|x"), false, true)))
                .isEmpty();
        assertThat(PreTokenizers.kindOf(tokenizer(List.of("[\\r\\n]", "\\p{N}", PreTokenizers.GPT2), false, false)))
                .isEmpty();
        assertThat(PreTokenizers.kindOf(tokenizer(tekken, true, true))).isEmpty();
        ObjectNode lower = tokenizer(gpt4o, false, false);
        lower.putObject("normalizer").put("type", "Lowercase");
        assertThat(PreTokenizers.kindOf(lower)).isEmpty();
        ObjectNode digits = JSON.createObjectNode();
        ArrayNode steps =
                digits.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        steps.addObject().put("type", "Digits").put("individual_digits", true);
        steps.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("use_regex", true);
        assertThat(PreTokenizers.kindOf(digits)).contains("smollm");
        ((ObjectNode) steps.get(1)).put("add_prefix_space", true);
        assertThat(PreTokenizers.kindOf(digits)).isEmpty();
    }

    /**
     * The ids are those of llama.cpp v0.5.0 (September 2026), asked by its C library (bench/reference/pre_kinds.py),
     * for every kind of its table. A text counts as other where it is for the reason that {@link #other} has: there the
     * model's own tokenizer.json decides.
     */
    @Test
    void everyKindCutsAsInLlamaCpp() throws IOException {
        JsonNode golden;
        try (InputStream in = new GZIPInputStream(PreTokenizersTest.class.getResourceAsStream("pre_kinds.json.gz"))) {
            golden = JSON.readTree(in);
        }
        List<String> all = TokenizerGoldenTest.strings();
        List<String> texts = IntStream.range(0, (all.size() + 7) / 8)
                .mapToObj(i -> all.get(8 * i))
                .toList();
        GgufWriter vocabulary = vocabulary(golden.get("tokens").asInt());
        Map<PreTokenizers.Pre, int[]> rows = new HashMap<>();
        Map<String, Integer> others = new TreeMap<>();
        List<String> wrong = new ArrayList<>();
        List<String> unknown = new ArrayList<>();
        for (String name : PreTokenizers.names()) {
            PreTokenizers.Pre pre = PreTokenizers.kind(name).orElseThrow();
            if (!rows.containsKey(pre)) {
                rows.put(pre, ids(vocabulary, name, texts));
            }
            if (!golden.get("kinds").has(name)) {
                unknown.add(name);
                continue;
            }
            int[] expected = row(golden, name);
            int[] found = rows.get(pre);
            assertThat(found).hasSameSizeAs(expected);
            for (int i = 0; i < found.length; i++) {
                if (found[i] != expected[i]) {
                    others.merge(name, 1, Integer::sum);
                    if (!other(name, texts.get(i))) {
                        wrong.add(name + ": " + texts.get(i));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(others)
                .isEqualTo(
                        Map.of("deepseek-llm", 228, "deepseek-r1-qwen", 14, "megrez", 14, "qwen2", 14, "qwen35", 14));
        assertThat(unknown).as("of a version after that one").containsExactly("glm5");
        golden.get("kinds").properties().forEach(kind -> {
            if (!PreTokenizers.names().contains(kind.getKey())) {
                assertThat(rows.values())
                        .as(kind.getKey() + " cuts as a rule that is here")
                        .noneMatch(row -> Arrays.equals(row, row(golden, kind.getKey())));
            }
        });
    }

    /**
     * Where llama.cpp does otherwise than the tokenizer.json of the kind's model: it normalises nothing, and leaves
     * DeepSeek LLM's digits together.
     */
    private static boolean other(String kind, String text) {
        return kind.equals("deepseek-llm")
                ? text.matches("(?s).*\\p{N}\\p{N}.*")
                : !Normalizer.isNormalized(text, Normalizer.Form.NFC);
    }

    private static int[] row(JsonNode golden, String kind) {
        String row =
                golden.get("rows").get(golden.get("kinds").get(kind).asInt()).asText();
        IntBuffer sums = ByteBuffer.wrap(Base64.getDecoder().decode(row))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asIntBuffer();
        int[] all = new int[sums.remaining()];
        sums.get(all);
        return all;
    }

    /** The first tokens of Llama 3.2 and the merges that make them. */
    private static GgufWriter vocabulary(int count) throws IOException {
        JsonNode model = JSON.readTree(Files.readAllBytes(
                        TokenizerGoldenTest.models("llama3_2").resolve("tokenizer.json")))
                .get("model");
        String[] tokens = new String[count];
        model.get("vocab").properties().forEach(token -> {
            if (token.getValue().asInt() < count) {
                tokens[token.getValue().asInt()] = token.getKey();
            }
        });
        Set<String> known = Set.of(tokens);
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : model.get("merges")) {
            String text =
                    merge.isArray() ? merge.get(0).asText() + " " + merge.get(1).asText() : merge.asText();
            if (known.containsAll(List.of(text.split(" "))) && known.contains(text.replace(" ", ""))) {
                merges.add(text);
            }
        }
        int[] types = new int[count];
        Arrays.fill(types, 1);
        return new GgufWriter()
                .string("tokenizer.ggml.model", "gpt2")
                .strings("tokenizer.ggml.tokens", List.of(tokens))
                .int32s("tokenizer.ggml.token_type", types)
                .strings("tokenizer.ggml.merges", merges);
    }

    /** The CRC-32 of the ids of each text. */
    private int[] ids(GgufWriter vocabulary, String kind, List<String> texts) throws IOException {
        Path file = folder.resolve("kind.gguf");
        vocabulary.string("tokenizer.ggml.pre", kind).write(file, done -> {});
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            return Arrays.stream(tokenizer.ids(texts, false))
                    .mapToInt(ids -> {
                        ByteBuffer bytes = ByteBuffer.allocate(4 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
                        bytes.asIntBuffer().put(ids);
                        CRC32 crc = new CRC32();
                        crc.update(bytes.array());
                        return (int) crc.getValue();
                    })
                    .toArray();
        }
    }
}
