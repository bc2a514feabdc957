package io.tunebook.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonSerializable;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.jsontype.TypeSerializer;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Makes a {@code tokenizer.json} of what a GGUF file keeps of a tokenizer: byte-level BPE ({@code gpt2}) with the
 * splitting pattern that its {@code pre} kind names, and SentencePiece BPE ({@code llama}) whose merges follow from the
 * scores.
 *
 * <p>GGUF does not keep everything: normalisation and the pattern are known by the {@code pre} kind's name only. Where
 * llama.cpp leaves Unicode normalisation out (the {@code qwen2} kind) the original tokenizer's NFC is put back, so ids
 * are those of Transformers.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer">GGUF: tokenizer</a>
 * @see <a href="https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp">llama.cpp: the pre kinds</a>
 */
final class GgufVocabulary {
    /** Token types of {@code tokenizer.ggml.token_type}. */
    private static final int UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5, BYTE = 6;

    private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    /** GPT-2's own pattern, which is also what the tokenizers library's {@code ByteLevel} splits with. */
    static final String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String NO_WORD = "[^\\r\\n\\p{L}\\p{N}]?";
    private static final String SPACES = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /**
     * How a {@code pre} kind splits text before merging.
     *
     * @param patterns applied one after the other, each to the pieces the one before left
     * @param wholeWords whether a piece that is a token is taken as it is, without merging
     * @param nfc whether text is normalised to NFC first
     * @param bos whether the beginning-of-sequence token is added where the file does not say
     */
    private record Pre(List<String> patterns, boolean wholeWords, boolean nfc, boolean bos) {}

    private static final Map<String, Pre> KINDS = kinds();

    private final GgufFile gguf;
    private final List<String> tokens;
    private final int[] types;
    private final Map<String, Integer> ids = new HashMap<>();

    private GgufVocabulary(GgufFile gguf) throws IOException {
        this.gguf = gguf;
        this.tokens = gguf.strings("tokenizer.ggml.tokens");
        if (tokens.isEmpty()) {
            throw new ModelFormatException(
                    gguf.path(),
                    "expected a vocabulary at tokenizer.ggml.tokens, found none; a file that holds only an adapter or a"
                            + " projector has no tokenizer, use the base model's");
        }
        int[] given = gguf.integers("tokenizer.ggml.token_type");
        if (given.length != 0 && given.length != tokens.size()) {
            throw new ModelFormatException(
                    gguf.path(),
                    "tokenizer.ggml.token_type: expected " + tokens.size() + " elements as there are tokens, found "
                            + given.length);
        }
        this.types = given.length == 0 ? new int[tokens.size()] : given;
        for (int id = 0; id < tokens.size(); id++) {
            ids.putIfAbsent(tokens.get(id), id);
        }
    }

    /**
     * Reads the tokenizer of an open file.
     *
     * @throws ModelFormatException if the file has no tokenizer, or one of a kind that is not known here
     */
    static Vocabulary read(GgufFile gguf) throws IOException {
        return new GgufVocabulary(gguf).read();
    }

    private Vocabulary read() throws IOException {
        ObjectNode root = Json.files().createObjectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        BitSet special = new BitSet();
        ArrayNode added = root.putArray("added_tokens");
        for (int id = 0; id < types.length; id++) {
            boolean control = types[id] == CONTROL || types[id] == UNKNOWN;
            if (control || types[id] == USER_DEFINED) {
                special.set(id, control);
                added.addObject()
                        .put("id", id)
                        .put("content", tokens.get(id))
                        .put("single_word", false)
                        .put("lstrip", false)
                        .put("rstrip", false)
                        .put("normalized", false)
                        .put("special", control);
            }
        }
        String kind = gguf.string("tokenizer.ggml.model").orElse("none");
        boolean bos;
        switch (kind) {
            case "gpt2" -> bos = byteLevel(root);
            case "llama" -> bos = sentencePiece(root);
            default ->
                throw new ModelFormatException(
                        gguf.path(),
                        "tokenizer.ggml.model: expected gpt2 or llama, found " + kind
                                + "; load the folder with the model's tokenizer.json instead");
        }
        Map<String, Integer> roles = roles();
        addSpecialTokens(root, roles, gguf.bool("tokenizer.ggml.add_bos_token").orElse(bos));
        Map<String, String> templates = new LinkedHashMap<>();
        gguf.string("tokenizer.chat_template").ifPresent(t -> templates.put("default", t));
        for (String name : gguf.strings("tokenizer.chat_templates")) {
            gguf.string("tokenizer.chat_template." + name).ifPresent(t -> templates.put(name, t));
        }
        int size = types.length;
        while (size > 0 && types[size - 1] == UNUSED) {
            size--; // what converters append to reach the embedding's rows
        }
        return new Vocabulary(
                gguf.path(),
                Json.files().writeValueAsBytes(root),
                tokens.subList(0, size).toArray(String[]::new),
                special,
                roles,
                templates);
    }

    /** Whether a pattern is one of those that some {@code pre} kind splits with. */
    static boolean knows(String pattern) {
        return KINDS.values().stream().anyMatch(pre -> pre.patterns.contains(pattern));
    }

    private boolean byteLevel(ObjectNode root) throws IOException {
        String name = gguf.string("tokenizer.ggml.pre").orElse("default");
        Pre pre = KINDS.get(name);
        if (pre == null) {
            throw new ModelFormatException(
                    gguf.path(),
                    "tokenizer.ggml.pre: expected one of " + KINDS.keySet() + ", found " + name
                            + "; load the folder with the model's tokenizer.json instead");
        }
        if (pre.nfc) {
            root.putObject("normalizer").put("type", "NFC");
        }
        ArrayNode steps =
                root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        for (String pattern : pre.patterns) {
            ObjectNode split = steps.addObject()
                    .put("type", "Split")
                    .put("behavior", "Isolated")
                    .put("invert", false);
            split.putObject("pattern").put("Regex", pattern);
        }
        for (ObjectNode level : List.of(steps.addObject(), root.putObject("decoder"))) {
            level.put("type", "ByteLevel")
                    .put("add_prefix_space", false)
                    .put("trim_offsets", true)
                    .put("use_regex", false);
        }
        ObjectNode model = model(root).put("byte_fallback", false).put("ignore_merges", pre.wholeWords);
        model.putNull("unk_token").put("fuse_unk", false);
        List<String> merges = gguf.strings("tokenizer.ggml.merges");
        for (String merge : merges) {
            if (merge.indexOf(' ', 1) < 0) {
                throw new ModelFormatException(
                        gguf.path(),
                        "tokenizer.ggml.merges: expected two pieces parted by a space, found \"" + merge + "\"");
            }
        }
        model.putPOJO("merges", streamed(out -> {
            out.writeStartArray();
            for (String merge : merges) {
                int space = merge.indexOf(' ', 1);
                pair(out, merge.substring(0, space), merge.substring(space + 1));
            }
            out.writeEndArray();
        }));
        return pre.bos;
    }

    private boolean sentencePiece(ObjectNode root) throws IOException {
        float[] scores = gguf.floats("tokenizer.ggml.scores");
        if (scores.length != tokens.size()) {
            throw new ModelFormatException(
                    gguf.path(),
                    "tokenizer.ggml.scores: expected " + tokens.size() + " elements as there are tokens, found "
                            + scores.length);
        }
        boolean prefix = gguf.bool("tokenizer.ggml.add_space_prefix").orElse(true);
        ArrayNode normalizers =
                root.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        if (prefix) {
            normalizers.addObject().put("type", "Prepend").put("prepend", "\u2581");
        }
        normalizers
                .addObject()
                .put("type", "Replace")
                .put("content", "\u2581")
                .putObject("pattern")
                .put("String", " ");
        ArrayNode decoders = root.putObject("decoder").put("type", "Sequence").putArray("decoders");
        decoders.addObject()
                .put("type", "Replace")
                .put("content", " ")
                .putObject("pattern")
                .put("String", "\u2581");
        decoders.addObject().put("type", "ByteFallback");
        decoders.addObject().put("type", "Fuse");
        if (prefix) {
            decoders.addObject()
                    .put("type", "Strip")
                    .put("content", " ")
                    .put("start", 1)
                    .put("stop", 0);
        }
        ObjectNode model = model(root).put("byte_fallback", true).put("fuse_unk", true);
        gguf.integer("tokenizer.ggml.unknown_token_id")
                .ifPresent(id -> model.put("unk_token", tokens.get(Math.toIntExact(id))));
        List<Merge> merges = merges(scores);
        model.putPOJO("merges", streamed(out -> {
            out.writeStartArray();
            for (Merge merge : merges) {
                pair(out, merge.left, merge.right);
            }
            out.writeEndArray();
        }));
        return true;
    }

    private record Merge(String left, String right, float score, int leftId, int rightId) {}

    /** Every way to make a token of two tokens, best score first, as SentencePiece would take them. */
    private List<Merge> merges(float[] scores) {
        List<Merge> merges = new ArrayList<>();
        for (int id = 0; id < scores.length; id++) {
            if (types[id] == CONTROL || types[id] == UNKNOWN || types[id] == BYTE || types[id] == UNUSED) {
                continue;
            }
            String token = tokens.get(id);
            for (int cut = token.offsetByCodePoints(0, token.isEmpty() ? 0 : 1);
                    cut < token.length();
                    cut = token.offsetByCodePoints(cut, 1)) {
                Integer left = ids.get(token.substring(0, cut));
                Integer right = ids.get(token.substring(cut));
                if (left != null && right != null) {
                    merges.add(new Merge(tokens.get(left), tokens.get(right), scores[id], left, right));
                }
            }
        }
        merges.sort(Comparator.comparingDouble((Merge m) -> -m.score)
                .thenComparingInt(Merge::leftId)
                .thenComparingInt(Merge::rightId));
        return merges;
    }

    private ObjectNode model(ObjectNode root) {
        ObjectNode model = root.putObject("model").put("type", "BPE").putNull("dropout");
        model.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
        model.putPOJO("vocab", streamed(out -> {
            out.writeStartObject();
            for (int id = 0; id < types.length; id++) {
                // A second token of the same text is unreachable; the last id counts, as it does to a JSON reader.
                if (types[id] != UNUSED) {
                    out.writeNumberField(tokens.get(id), id);
                }
            }
            out.writeEndObject();
        }));
        return model;
    }

    private static void pair(JsonGenerator out, String left, String right) throws IOException {
        out.writeStartArray();
        out.writeString(left);
        out.writeString(right);
        out.writeEndArray();
    }

    private interface Writing {
        void to(JsonGenerator out) throws IOException;
    }

    /** Parts with hundreds of thousands of elements are written as they are, without a tree of them in memory. */
    private static JsonSerializable streamed(Writing writing) {
        return new JsonSerializable.Base() {
            @Override
            public void serialize(JsonGenerator out, SerializerProvider provider) throws IOException {
                writing.to(out);
            }

            @Override
            public void serializeWithType(JsonGenerator out, SerializerProvider provider, TypeSerializer type)
                    throws IOException {
                writing.to(out);
            }
        };
    }

    private Map<String, Integer> roles() throws IOException {
        Map<String, String> keys = new LinkedHashMap<>();
        for (String role : List.of("bos", "eos", "eot", "eom")) {
            keys.put(role + "_token", role);
        }
        keys.put("unk_token", "unknown");
        keys.put("pad_token", "padding");
        keys.put("sep_token", "seperator"); // spelt so in the format
        Map<String, Integer> roles = new LinkedHashMap<>();
        for (var key : keys.entrySet()) {
            var id = gguf.integer("tokenizer.ggml." + key.getValue() + "_token_id");
            if (id.isPresent() && id.getAsLong() < tokens.size()) {
                roles.put(key.getKey(), (int) id.getAsLong());
            } else if (id.isPresent() && id.getAsLong() != 0xFFFFFFFFL) {
                throw new ModelFormatException(
                        gguf.path(),
                        "tokenizer.ggml." + key.getValue() + "_token_id: expected an id below " + tokens.size()
                                + ", found " + id.getAsLong());
            }
        }
        return roles;
    }

    private void addSpecialTokens(ObjectNode root, Map<String, Integer> roles, boolean bos) {
        boolean eos = gguf.bool("tokenizer.ggml.add_eos_token").orElse(false);
        Set<String> added = new LinkedHashSet<>();
        ObjectNode template = root.putObject("post_processor").put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        if (bos && roles.containsKey("bos_token")) {
            added.add(special(single, tokens.get(roles.get("bos_token"))));
        }
        single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
        if (eos && roles.containsKey("eos_token")) {
            added.add(special(single, tokens.get(roles.get("eos_token"))));
        }
        ArrayNode pair = template.putArray("pair").addAll(single);
        pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 1);
        ObjectNode table = template.putObject("special_tokens");
        for (String token : added) {
            ObjectNode entry = table.putObject(token).put("id", token);
            entry.putArray("ids").add(ids.get(token));
            entry.putArray("tokens").add(token);
        }
    }

    private static String special(ArrayNode into, String token) {
        into.addObject().putObject("SpecialToken").put("id", token).put("type_id", 0);
        return token;
    }

    private static Map<String, Pre> kinds() {
        Map<String, Pre> kinds = new TreeMap<>();
        String perDigit = "\\p{N}";
        String threeDigits = "\\p{N}{1,3}";
        String symbols = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*";
        String path = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*";

        Pre llama3 = plain(CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|" + threeDigits + symbols + SPACES);
        put(kinds, new Pre(llama3.patterns, true, false, true), "llama3", "llama-v3", "llama-bpe", "falcon3");
        put(kinds, llama3, "dbrx", "smaug-bpe", "glm4", "chatglm-bpe");
        Pre qwen2 = plain(CONTRACTIONS + "|" + NO_WORD + "\\p{L}+|" + perDigit + symbols + SPACES);
        put(kinds, new Pre(qwen2.patterns, false, true, false), "qwen2", "deepseek-r1-qwen", "megrez");
        put(kinds, qwen2, "stablelm2");
        String words = NO_WORD + UPPER + "*" + LOWER + "+";
        String capitals = NO_WORD + UPPER + "+" + LOWER + "*";
        put(
                kinds,
                new Pre(List.of(words + "|" + capitals + "|" + perDigit + path + SPACES), true, false, true),
                "tekken");
        String optional = CONTRACTIONS + "?";
        put(
                kinds,
                plain(words + optional + "|" + capitals + optional + "|" + threeDigits + path + SPACES),
                "gpt-4o",
                "llama4");
        put(
                kinds,
                plain(
                        threeDigits,
                        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                                + "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
                "deepseek-v3");
        put(
                kinds,
                plain("[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", perDigit),
                "deepseek-coder");
        put(
                kinds,
                plain(perDigit, GPT2),
                "smollm",
                "starcoder",
                "refact",
                "command-r",
                "codeshell",
                "exaone",
                "minerva-7b");
        put(kinds, plain(GPT2), "gpt-2", "mpt", "olmo", "jais", "phi-2");
        put(kinds, plain("[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"), "falcon");
        put(kinds, plain("[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"), "default");
        return kinds;
    }

    private static Pre plain(String... patterns) {
        return new Pre(List.of(patterns), false, false, false);
    }

    private static void put(Map<String, Pre> kinds, Pre pre, String... names) {
        for (String name : names) {
            kinds.put(name, pre);
        }
    }
}
