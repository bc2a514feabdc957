package io.tunebook.ollama.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * llama.cpp itself reads the grammars, and a hot model writes by them: what comes must be JSON of the kind asked for.
 */
class JsonGrammarTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Test
    void llamaWritesWhatFits() throws Exception {
        String path = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(path != null, "TUNEBOOK_DEFAULT_MODEL is not set");
        JsonNode schema = JSON.readTree("""
                {"type": "object", "required": ["kind", "tree", "n", "pair"], "properties": {
                  "maybe": {"type": ["string", "null"], "maxLength": 5},
                  "kind": {"enum": ["a \\"quoted\\"\\n\\\\ word", 7, null]},
                  "tree": {"$ref": "#/$defs/node"},
                  "n": {"type": "integer", "minimum": 0},
                  "pair": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"anyOf": [{"type": "boolean"}, {"const": 1.5}]}}},
                 "$defs": {"node": {"type": "object", "properties": {
                   "left": {"type": "string", "maxLength": 3}, "right": {"type": "object", "properties": {"x": {"type": "number"}}}}}}}
                """);
        try (Runner runner = new Runner(Path.of(path), List.of(), 1024, false)) {
            for (int seed = 0; seed < 8; seed++) {
                StringBuilder text = new StringBuilder();
                JsonNode options = JSON.createObjectNode()
                        .put("seed", seed)
                        .put("temperature", 1.5)
                        .put("num_predict", 400);
                runner.complete("A tree as JSON:", options, JsonGrammar.of(schema), -1, (piece, logprobs) -> {
                    text.append(piece);
                    return true;
                });
                JsonNode written = JSON.readTree(text.toString());
                assertThat(written.at("/kind")).isIn(schema.at("/properties/kind/enum"));
                assertThat(written.at("/n").asText()).matches("\\d+");
                assertThat(written.at("/pair")).hasSize(2).allMatch(v -> v.isBoolean() || v.asDouble() == 1.5);
                assertThat(written.at("/tree/left").asText("").length()).isLessThanOrEqualTo(3);
                assertThat(written.at("/maybe").asText("").length()).isLessThanOrEqualTo(5);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"type\": \"date\"}",
                "{\"$ref\": \"https://example.org/schema\"}",
                "{\"$ref\": \"#/$defs/absent\"}",
                "{\"type\": \"string\", \"pattern\": \"(?<!a)b\"}",
                "{\"enum\": []}",
                "{\"type\": \"object\", \"properties\": {\"a\": 3}}"
            })
    void refusesWhatItDoesNotKnow(String schema) throws Exception {
        JsonNode json = JSON.readTree(schema);
        assertThatThrownBy(() -> JsonGrammar.of(json))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("invalid JSON schema in format");
    }

    /** What is nested stands once: the grammar grows with the schema and not with two to the power of its depth. */
    @Test
    void nestedArraysAndOptionalPropertiesGrowWithTheSchema() throws Exception {
        ObjectMapper json = new ObjectMapper();
        String arrays = "{\"type\":\"integer\"}";
        String objects = arrays;
        String maps = arrays;
        for (int i = 0; i < 60; i++) {
            arrays = "{\"type\":\"array\",\"items\":" + arrays + "}";
            objects = "{\"type\":\"object\",\"properties\":{\"a\":" + objects + ",\"b\":{\"type\":\"null\"}}}";
            maps = "{\"type\":\"object\",\"additionalProperties\":" + maps + "}";
        }
        for (String schema : new String[] {arrays, objects, maps}) {
            assertThat(JsonGrammar.of(json.readTree(schema)).length()).isLessThan(20_000);
        }
    }
}
