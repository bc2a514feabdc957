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

    /** No model has longer ones, and to find the merges of one takes time by the square of its length. */
    private static final int LONGEST_TOKEN = 4096;

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
            if (tokens.get(id).length() > LONGEST_TOKEN) {
                throw new ModelFormatException(
                        gguf.path(),
                        "tokenizer.ggml.tokens: expected tokens of at most " + LONGEST_TOKEN
                                + " characters, found one of " + tokens.get(id).length() + " at " + id);
            }
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
        Map<String, String> named = new LinkedHashMap<>();
        roles.forEach((role, id) -> named.put(role, tokens.get(id)));
        int size = types.length;
        while (size > 0 && types[size - 1] == UNUSED) {
            size--; // what converters append to reach the embedding's rows
        }
        return new Vocabulary(
                gguf.path(),
                Json.files().writeValueAsBytes(root),
                tokens.subList(0, size).toArray(String[]::new),
                special,
                named,
                templates);
    }

    private boolean byteLevel(ObjectNode root) throws IOException {
        // Ollama's own converter of gpt-oss names the rule of GPT-2
        boolean gptOss = gguf.string("general.architecture").orElse("").equals("gptoss");
        String name = gptOss ? "gpt-4o" : gguf.string("tokenizer.ggml.pre").orElse("default");
        PreTokenizers.Pre pre = PreTokenizers.kind(name)
                .orElseThrow(() -> new ModelFormatException(
                        gguf.path(),
                        "tokenizer.ggml.pre: expected one of " + PreTokenizers.names() + ", found " + name
                                + "; load the folder with the model's tokenizer.json instead"));
        if (pre.nfc()) {
            root.putObject("normalizer").put("type", "NFC");
        }
        ArrayNode steps =
                root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        for (String pattern : pre.patterns()) {
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
        ObjectNode model = model(root).put("byte_fallback", false).put("ignore_merges", pre.wholeWords());
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
        return pre.bos();
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
        Integer unknown = roles().get("unk_token");
        if (unknown != null) {
            model.put("unk_token", tokens.get(unknown));
        }
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
            if (id.isPresent() && id.getAsLong() >= 0 && id.getAsLong() < tokens.size()) {
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
}
