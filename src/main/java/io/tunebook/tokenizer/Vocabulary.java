package io.tunebook.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Placeholder;
import io.tunebook.files.Sha256;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a model's files say of its tokenizer: the {@code tokenizer.json} as the tokenizers library reads it, the
 * vocabulary, the roles of special tokens and the chat templates.
 *
 * @param source where it comes from
 * @param json the contents of a {@code tokenizer.json}, in UTF-8
 * @param tokens the tokens by their ids; null where an id has none
 * @param special the ids of special tokens, those that {@code decode} leaves out
 * @param named special tokens by role: {@code bos_token}, {@code eos_token}, {@code pad_token}, {@code unk_token} and a
 *     model's own; some may be none of the vocabulary
 * @param templates Jinja sources by name, {@code default} first where there is one
 */
record Vocabulary(
        Path source,
        byte[] json,
        String[] tokens,
        BitSet special,
        Map<String, String> named,
        Map<String, String> templates) {
    /** Tokens that end a turn or a text in models at large; they count where the vocabulary calls them special. */
    static final Set<String> ENDS = Set.of(
            "<|eot_id|>",
            "<|eom_id|>",
            "<|im_end|>",
            "<|end|>",
            "<|endoftext|>",
            "<|END_OF_TURN_TOKEN|>",
            "<end_of_turn>",
            "<\uff5cend\u2581of\u2581sentence\uff5c>");

    /** No model has a hundredth of so many tokens; a larger id would need a table up to it. */
    private static final int LARGEST_ID = 1 << 24;

    /** By so many rows at least, or by a sixteenth, an embedding may be longer than the vocabulary: models round up. */
    private static final int MOST_PADDING = 1024;

    /** A vocabulary's field names come once each: to keep them for the next time would take as long as to read them. */
    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build());

    /** Whether the native library splits texts by regular expressions before it merges. */
    boolean splits() {
        try {
            String steps = JSON.readTree(json).path("pre_tokenizer").toString();
            return steps.contains("\"Split\"") || steps.contains("\"ByteLevel\"");
        } catch (IOException e) {
            throw new UncheckedIOException(e); // it was read once already
        }
    }

    /**
     * Reads a folder, a {@code tokenizer.json} or a GGUF file.
     *
     * @throws ModelFormatException if the file is none of these or holds what it must not
     */
    static Vocabulary read(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            Path file = path.resolve("tokenizer.json");
            if (Files.exists(file)) {
                return ofTokenizerJson(file);
            }
            throw new ModelFormatException(
                    path,
                    "expected a tokenizer.json in the folder, found none"
                            + (Files.exists(path.resolve("tokenizer.model"))
                                    ? "; tokenizer.model alone (SentencePiece) is not read: convert it with"
                                            + " transformers' save_pretrained, or use the model's GGUF"
                                    : ""));
        }
        byte[] magic = new byte[4];
        try (var in = Files.newInputStream(path)) {
            in.readNBytes(magic, 0, 4);
        }
        if (new String(magic, StandardCharsets.ISO_8859_1).equals("GGUF")) {
            try (GgufFile gguf = GgufFile.open(path)) {
                return GgufVocabulary.read(gguf);
            }
        }
        return ofTokenizerJson(path);
    }

    private static Vocabulary ofTokenizerJson(Path file) throws IOException {
        byte[] json = Files.readAllBytes(file);
        Optional<Placeholder> placeholder = Placeholder.in(json);
        if (placeholder.isPresent()) {
            throw new ModelFormatException(file, "expected a tokenizer, found " + placeholder.get());
        }
        List<String> tokens = new ArrayList<>();
        BitSet special = new BitSet();
        BitSet added = readTokens(file, json, tokens, special);
        Path folder = file.toAbsolutePath().getParent();
        JsonNode config = beside(folder, "tokenizer_config.json");
        JsonNode settings = SpecialTokens.settings(config, beside(folder, "special_tokens_map.json"));
        BitSet made = new BitSet();
        SpecialTokens.madeSpecial(settings, tokens, added).forEach(made::set);
        Map<String, String> templates = new LinkedHashMap<>();
        JsonNode given = config.path("chat_template");
        if (given.isTextual()) {
            templates.put("default", given.asText());
        } else {
            given.forEach(t ->
                    templates.put(t.path("name").asText(), t.path("template").asText()));
        }
        Path jinja = folder.resolve("chat_template.jinja");
        if (Files.exists(jinja)) {
            templates.put("default", Files.readString(jinja));
        }
        Path additional = folder.resolve("additional_chat_templates");
        if (Files.isDirectory(additional)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(additional, "*.jinja")) {
                for (Path one : files) {
                    String name = one.getFileName().toString();
                    templates.put(name.substring(0, name.length() - ".jinja".length()), Files.readString(one));
                }
            }
        }
        made.andNot(special);
        special.or(made);
        byte[] whole = made.isEmpty() ? json : SpecialTokens.withSpecial(json, made, tokens);
        return new Vocabulary(
                file, whole, tokens.toArray(String[]::new), special, SpecialTokens.named(settings), templates);
    }

    private static JsonNode beside(Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        return Files.exists(file) ? parse(file, Files.readAllBytes(file)) : JSON.createObjectNode();
    }

    /** SHA-256 of every id with its token, in hexadecimal. */
    String checksum() {
        MessageDigest digest = Sha256.digest();
        for (int id = 0; id < tokens.length; id++) {
            if (tokens[id] != null) {
                byte[] bytes = tokens[id].getBytes(StandardCharsets.UTF_8);
                digest.update(
                        ByteBuffer.allocate(8).putInt(id).putInt(bytes.length).flip());
                digest.update(bytes);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** @see Tokenizer#requireFits */
    void requireFits(String model, int rows, int... meant) {
        List<String> faults = faults(rows, meant);
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(
                    "the tokenizer of " + source + " (" + tokens.length + " ids, checksum "
                            + checksum().substring(0, 12) + ") does not fit the model " + model + ": "
                            + String.join("; ", faults)
                            + ". Load the tokenizer from where the model itself comes from: Tokenizer.load(its folder or GGUF)");
        }
    }

    /** What speaks against a model of so many rows whose configuration gives these ids a meaning. */
    private List<String> faults(int rows, int... meant) {
        List<String> faults = new ArrayList<>();
        int size = tokens.length;
        if (rows > size + Math.max(MOST_PADDING, size / 16)) {
            faults.add("its embedding has " + rows + " rows, " + (rows - size) + " more than ids");
        }
        for (int id : special.isEmpty() ? new int[0] : meant) {
            if (id >= size || id >= 0 && !special.get(id)) {
                faults.add("its special id " + id + " is "
                        + (id >= size ? "none" : "the ordinary token \"" + tokens[id] + "\"") + " here");
            }
        }
        return faults;
    }

    /**
     * Finds the tokens in a {@code tokenizer.json} as it streams by: a tree of it would be many times as large, and
     * mostly merges.
     */
    private static BitSet readTokens(Path file, byte[] json, List<String> tokens, BitSet special) throws IOException {
        ObjectNode rest = JSON.createObjectNode();
        ObjectNode model = rest.putObject("model");
        JsonNode added = MissingNode.getInstance();
        String vocab = "nothing";
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() == null) {
                throw new ModelFormatException(file, "expected JSON, found an empty file");
            }
            for (String field; (field = parser.nextFieldName()) != null; ) {
                JsonToken value = parser.nextToken();
                if (field.equals("added_tokens")) {
                    added = JSON.readTree(parser);
                } else if (field.equals("model") && value == JsonToken.START_OBJECT) {
                    for (String part; (part = parser.nextFieldName()) != null; ) {
                        parser.nextToken();
                        if (part.equals("vocab")) {
                            vocab = readVocab(file, parser, tokens);
                        } else if (part.equals("merges")) {
                            model.putArray("merges");
                            parser.skipChildren();
                        } else {
                            model.set(part, JSON.readTree(parser));
                        }
                    }
                } else {
                    rest.set(field, JSON.readTree(parser));
                }
            }
            parser.nextToken(); // what is no JSON behind the object
        } catch (JsonProcessingException e) {
            throw unreadable(file, e);
        }
        if (!vocab.equals("object") && !vocab.equals("array")) {
            throw new ModelFormatException(file, "expected an object or array at /model/vocab, found " + vocab);
        }
        BitSet addedIds = new BitSet();
        for (JsonNode token : added) {
            int id = token.path("id").asInt(-1);
            if (id < 0) {
                throw new ModelFormatException(file, "expected an id in each of /added_tokens, found " + token);
            }
            set(file, tokens, id, token.path("content").asText());
            special.set(id, token.path("special").asBoolean());
            addedIds.set(id);
        }
        if (!model.path("continuing_subword_prefix").asText("").isEmpty()) {
            model.set("merges", JSON.readTree(json).at("/model/merges"));
        }
        TokenizerCheck.require(file, rest, tokens);
        return addedIds;
    }

    /** What the parser stands on, in a word; of an object {token: id} or an array [[token, score]] the tokens too. */
    private static String readVocab(Path file, JsonParser parser, List<String> tokens) throws IOException {
        if (parser.currentToken() == JsonToken.START_OBJECT) {
            for (String token; (token = parser.nextFieldName()) != null; ) {
                set(file, tokens, parser.nextIntValue(-1), token);
            }
            return "object";
        }
        if (parser.currentToken() == JsonToken.START_ARRAY) {
            for (int id = 0; parser.nextToken() != JsonToken.END_ARRAY; id++) {
                set(file, tokens, id, ((JsonNode) JSON.readTree(parser)).path(0).asText());
            }
            return "array";
        }
        return kind(JSON.readTree(parser));
    }

    private static void set(Path file, List<String> tokens, int id, String token) throws ModelFormatException {
        if (id > LARGEST_ID) {
            throw new ModelFormatException(
                    file, "token \"" + token + "\": expected an id of at most " + LARGEST_ID + ", found " + id);
        }
        while (tokens.size() <= id) {
            tokens.add(null);
        }
        if (id >= 0) {
            tokens.set(id, token);
        }
    }

    private static JsonNode parse(Path file, byte[] json) throws IOException {
        try {
            return Optional.ofNullable(JSON.readTree(json))
                    .orElseThrow(() -> new ModelFormatException(file, "expected JSON, found an empty file"));
        } catch (JsonProcessingException e) {
            throw unreadable(file, e);
        }
    }

    private static ModelFormatException unreadable(Path file, JsonProcessingException e) {
        return new ModelFormatException(
                file,
                "expected GGUF or JSON, found at line " + e.getLocation().getLineNr() + ", column "
                        + e.getLocation().getColumnNr() + ": " + e.getOriginalMessage(),
                e);
    }

    private static String kind(JsonNode node) {
        return node.isMissingNode() ? "nothing" : node.getNodeType().name().toLowerCase(java.util.Locale.ROOT);
    }
}
