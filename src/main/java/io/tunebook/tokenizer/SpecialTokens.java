package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Special tokens that {@code tokenizer_config.json} or {@code special_tokens_map.json} names and {@code tokenizer.json}
 * does not: Transformers adds them when it loads a tokenizer, so they are found in texts and left out by decoding.
 */
final class SpecialTokens {
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
        for (var field : config.properties()) {
            if (field.getKey().endsWith("_token")) {
                add(field.getValue(), tokens, added, ids);
            } else if (field.getKey().equals("additional_special_tokens")) {
                field.getValue().forEach(token -> add(token, tokens, added, ids));
            }
        }
        return ids.stream().mapToInt(Integer::intValue);
    }

    private static void add(JsonNode token, List<String> tokens, BitSet added, List<Integer> ids) {
        String content = token.isObject() ? token.path("content").asText() : token.isTextual() ? token.asText() : "";
        int id = content.isEmpty() ? -1 : tokens.lastIndexOf(content);
        if (id >= 0 && !added.get(id)) {
            ids.add(id);
        }
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
