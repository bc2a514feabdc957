package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.gguf.GgufFile;
import io.tunebook.gguf.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
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
    private static final ObjectMapper JSON = new ObjectMapper();

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
        JsonNode root = parse(file, json);
        JsonNode model = root.path("model");
        JsonNode vocab = model.path("vocab");
        Map<Integer, String> byId = new HashMap<>();
        if (vocab.isObject()) {
            vocab.properties().forEach(e -> byId.put(e.getValue().asInt(), e.getKey()));
        } else if (vocab.isArray()) {
            for (int id = 0; id < vocab.size(); id++) {
                byId.put(id, vocab.get(id).path(0).asText());
            }
        } else {
            throw new ModelFormatException(file, "expected an object or array at /model/vocab, found " + kind(vocab));
        }
        BitSet special = new BitSet();
        for (JsonNode token : root.path("added_tokens")) {
            int id = token.path("id").asInt(-1);
            if (id < 0) {
                throw new ModelFormatException(file, "expected an id in each of /added_tokens, found " + token);
            }
            byId.put(id, token.path("content").asText());
            special.set(id, token.path("special").asBoolean());
        }
        int size = byId.keySet().stream().mapToInt(id -> id + 1).max().orElse(0);
        String[] tokens = new String[size];
        byId.forEach((id, token) -> tokens[id] = token);

        Map<String, Integer> ids = new HashMap<>();
        byId.forEach((id, token) -> ids.put(token, id));
        Path folder = file.toAbsolutePath().getParent();
        Map<String, Integer> roles = new LinkedHashMap<>();
        Map<String, String> templates = new LinkedHashMap<>();
        for (String name : new String[] {"special_tokens_map.json", "tokenizer_config.json"}) {
            Path side = folder.resolve(name);
            if (!Files.exists(side)) {
                continue;
            }
            JsonNode config = parse(side, Files.readAllBytes(side));
            for (var field : config.properties()) {
                String key = field.getKey();
                JsonNode value = field.getValue();
                if (key.endsWith("_token")) {
                    String token = value.isObject() ? value.path("content").asText() : value.asText();
                    Integer id = value.isNull() ? null : ids.get(token);
                    if (id != null) {
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
        return new Vocabulary(file, json, tokens, special, roles, templates);
    }

    private static JsonNode parse(Path file, byte[] json) throws IOException {
        try {
            return Optional.ofNullable(JSON.readTree(json))
                    .orElseThrow(() -> new ModelFormatException(file, "expected JSON, found an empty file"));
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new ModelFormatException(
                    file,
                    "expected GGUF or JSON, found at line " + e.getLocation().getLineNr() + ", column "
                            + e.getLocation().getColumnNr() + ": " + e.getOriginalMessage(),
                    e);
        }
    }

    private static String kind(JsonNode node) {
        return node.isMissingNode() ? "nothing" : node.getNodeType().name().toLowerCase(java.util.Locale.ROOT);
    }
}
