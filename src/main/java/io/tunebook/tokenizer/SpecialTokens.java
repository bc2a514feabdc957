package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Special tokens that {@code tokenizer_config.json} or {@code special_tokens_map.json} names and {@code tokenizer.json}
 * does not: Transformers adds them when it loads a tokenizer, so they are found in texts and left out by decoding.
 */
final class SpecialTokens {
    /** Tokens by names beside those whose field ends in {@code _token}. */
    private static final List<String> OBJECTS = List.of("extra_special_tokens", "model_specific_special_tokens");

    private static final List<String> LISTS =
            List.of("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens");

    private SpecialTokens() {}

    /**
     * The ids that a configuration makes special.
     *
     * @param tokens the vocabulary by ids
     * @param added the ids of {@code added_tokens}: what these are is changed by {@code added_tokens_decoder} only
     */
    static IntStream madeSpecial(JsonNode config, List<String> tokens, BitSet added) {
        List<Integer> ids = new ArrayList<>();
        for (var entry : config.path("added_tokens_decoder").properties()) {
            int id = entry.getKey().matches("\\d{1,8}") ? Integer.parseInt(entry.getKey()) : -1;
            String content = entry.getValue().path("content").asText();
            if (entry.getValue().path("special").asBoolean()
                    && id >= 0
                    && id < tokens.size()
                    && content.equals(tokens.get(id))) {
                ids.add(id);
            }
        }
        for (JsonNode token : all(config)) {
            int id = tokens.lastIndexOf(content(token));
            if (id >= 0 && !added.get(id)) {
                ids.add(id);
            }
        }
        return ids.stream().mapToInt(Integer::intValue);
    }

    /**
     * What a folder says of its tokenizer: {@code tokenizer_config.json}, and over it {@code special_tokens_map.json},
     * which Transformers reads only where there is no {@code added_tokens_decoder}.
     */
    static ObjectNode settings(JsonNode config, JsonNode map) {
        ObjectNode all = Json.files().createObjectNode();
        config.properties().forEach(e -> all.set(e.getKey(), e.getValue()));
        if (!config.has("added_tokens_decoder")) {
            map.properties().forEach(e -> all.set(e.getKey(), e.getValue()));
        }
        return all;
    }

    /**
     * The tokens that have names, such as {@code bos_token} or a model's own {@code image_token}: the variables of
     * templates.
     */
    static Map<String, String> named(JsonNode settings) {
        Map<String, String> named = new LinkedHashMap<>();
        for (var field : settings.properties()) {
            if (field.getKey().endsWith("_token")) {
                named.put(field.getKey(), content(field.getValue()));
            }
        }
        for (String object : OBJECTS) {
            if (settings.path(object).isObject()) {
                settings.path(object).properties().forEach(e -> named.put(e.getKey(), content(e.getValue())));
            }
        }
        named.values().removeIf(String::isEmpty);
        return named;
    }

    /** All that are special, with and without names. */
    private static List<JsonNode> all(JsonNode settings) {
        List<JsonNode> all = new ArrayList<>();
        for (var field : settings.properties()) {
            if (field.getKey().endsWith("_token")) {
                all.add(field.getValue());
            } else if (LISTS.contains(field.getKey())) {
                field.getValue().forEach(all::add); // of a list, or of an object by names
            }
        }
        return all;
    }

    /** A token's text; empty for what is none, such as the flag {@code add_bos_token}. */
    private static String content(JsonNode token) {
        return token.isObject() ? token.path("content").asText() : token.isTextual() ? token.asText() : "";
    }

    /** A {@code tokenizer.json} in which these ids are special tokens. */
    static byte[] withSpecial(byte[] json, BitSet ids, List<String> tokens) throws IOException {
        JsonNode root = Json.files().readTree(json);
        ArrayNode added = root.path("added_tokens") instanceof ArrayNode array
                ? array
                : ((ObjectNode) root).putArray("added_tokens");
        BitSet left = (BitSet) ids.clone();
        for (JsonNode token : added) {
            int id = token.path("id").asInt(-1);
            if (id >= 0 && left.get(id)) {
                ((ObjectNode) token).put("special", true);
                left.clear(id);
            }
        }
        left.stream().forEach(id -> added.addObject()
                .put("id", id)
                .put("content", tokens.get(id))
                .put("single_word", false)
                .put("lstrip", false)
                .put("rstrip", false)
                .put("normalized", false)
                .put("special", true));
        return Json.files().writeValueAsBytes(root);
    }
}
