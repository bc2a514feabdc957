package io.tunebook.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a model's files say of its tokenizer: the {@code tokenizer.json} as the tokenizers library reads it, the
 * vocabulary, the roles of special tokens and the chat templates.
 *
 * @param source where it comes from
 * @param json the contents of a {@code tokenizer.json}, in UTF-8
 * @param tokens the tokens by their ids; null where an id has none
 * @param special the ids of special tokens, those that {@code decode} leaves out
 * @param roles ids by role: {@code bos_token}, {@code eos_token}, {@code pad_token}, {@code unk_token} and others
 * @param templates Jinja sources by name, {@code default} first where there is one
 */
record Vocabulary(
        Path source,
        byte[] json,
        String[] tokens,
        BitSet special,
        Map<String, Integer> roles,
        Map<String, String> templates) {
    /** No model has a hundredth of so many tokens; a larger id would need a table up to it. */
    private static final int LARGEST_ID = 1 << 24;

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
        List<String> tokens = new ArrayList<>();
        BitSet special = new BitSet();
        BitSet added = readTokens(file, json, tokens, special);
        Path folder = file.toAbsolutePath().getParent();
        Map<String, Integer> roles = new LinkedHashMap<>();
        Map<String, String> templates = new LinkedHashMap<>();
        BitSet made = new BitSet();
        for (String name : new String[] {"special_tokens_map.json", "tokenizer_config.json"}) {
            Path side = folder.resolve(name);
            if (!Files.exists(side)) {
                continue;
            }
            JsonNode config = parse(side, Files.readAllBytes(side));
            SpecialTokens.madeSpecial(config, tokens, added).forEach(made::set);
            for (var field : config.properties()) {
                String key = field.getKey();
                JsonNode value = field.getValue();
                if (key.endsWith("_token")) {
                    String token = value.isObject() ? value.path("content").asText() : value.asText();
                    int id = value.isNull() ? -1 : tokens.lastIndexOf(token);
                    if (id >= 0) {
                        roles.put(key, id);
                    }
                } else if (key.equals("chat_template") && value.isTextual()) {
                    templates.put("default", value.asText());
                } else if (key.equals("chat_template")) {
                    value.forEach(t -> templates.put(
                            t.path("name").asText(), t.path("template").asText()));
                }
            }
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
        return new Vocabulary(file, whole, tokens.toArray(String[]::new), special, roles, templates);
    }

    /** Finds the tokens in a {@code tokenizer.json} as it streams by: a tree of it would be many times as large, and mostly merges. */
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
