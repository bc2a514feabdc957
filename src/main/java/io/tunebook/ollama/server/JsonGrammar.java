package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A JSON schema as a grammar in llama.cpp's notation, GBNF. llama.cpp's own conversion ends the whole process at a
 * schema that it does not know; this one refuses it. Properties that may be absent come after those that must be there.
 *
 * @see <a href="https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md">GBNF</a>
 */
final class JsonGrammar {
    /** A longer repetition makes a grammar too large: it then has no limit. */
    private static final int LONGEST = 500;

    private static final String BASE = String.join(
            "\n",
            "value ::= object | array | string | number | boolean | null",
            "object ::= \"{\" space (string \":\" space value (\",\" space string \":\" space value)*)? \"}\" space",
            "array ::= \"[\" space (value (\",\" space value)*)? \"]\" space",
            "string ::= \"\\\"\" char* \"\\\"\" space",
            "char ::= [^\"\\\\\\x7F\\x00-\\x1F] | [\\\\] ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4})",
            "digits ::= [0-9] | [1-9] [0-9]{1,15}",
            "number ::= \"-\"? digits (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? space",
            "integer ::= \"-\"? digits space",
            "boolean ::= (\"true\" | \"false\") space",
            "null ::= \"null\" space",
            "space ::= | \" \" | \"\\n\"{1,2} [ \\t]{0,20}",
            "");

    private final JsonNode root;
    private final Map<String, String> references = new LinkedHashMap<>();
    private final Map<String, String> rules = new LinkedHashMap<>();

    private JsonGrammar(JsonNode root) {
        this.root = root;
    }

    /** The grammar of any JSON object. */
    static String object() {
        return "root ::= object\n" + BASE;
    }

    /**
     * The grammar of what fits a schema.
     *
     * @throws IllegalArgumentException if the schema uses what is not known here, with the words
     */
    static String of(JsonNode schema) {
        JsonGrammar grammar = new JsonGrammar(schema);
        String top = grammar.expression(schema);
        StringBuilder out = new StringBuilder("root ::= " + top + "\n");
        grammar.rules.forEach((name, rule) -> out.append(name + " ::= " + rule + "\n"));
        return out + BASE;
    }

    private String expression(JsonNode schema) {
        if (schema.isBoolean() && schema.asBoolean() || schema.isObject() && schema.isEmpty()) {
            return "value";
        }
        if (!schema.isObject()
                || schema.has("pattern")
                || schema.has("not")
                || schema.path("allOf").size() > 1) {
            throw unknown(schema);
        }
        if (schema.has("$ref")) {
            return reference(schema.get("$ref").asText());
        }
        if (schema.has("const")) {
            return literal(schema.get("const").toString()) + " space";
        }
        for (String choice : List.of("anyOf", "oneOf", "allOf")) {
            if (schema.has(choice)) {
                return either(schema.get(choice), this::expression);
            }
        }
        if (schema.has("enum")) {
            return either(schema.get("enum"), v -> literal(v.toString())) + " space";
        }
        JsonNode type = schema.path("type");
        return type.isArray() ? either(type, t -> typed(t.asText(), schema)) : typed(type.asText(), schema);
    }

    /**
     * A schema's expression as a rule of its own where it stands more than once, so that what is nested is not written
     * again at each level.
     */
    private String rule(JsonNode schema) {
        String expression = expression(schema);
        if (expression.matches("[a-z]+[-a-z0-9]*")) {
            return expression;
        }
        String name = "item-" + rules.size();
        rules.put(name, expression);
        return name;
    }

    private String typed(String type, JsonNode schema) {
        switch (type) {
            case "object":
                return object(schema);
            case "array":
                return array(schema);
            case "string":
                return schema.has("minLength") || schema.has("maxLength")
                        ? "\"\\\"\" char" + times(schema, "minLength", "maxLength") + " \"\\\"\" space"
                        : "string";
            case "integer":
                return schema.path("minimum").asDouble(-1) >= 0 ? "digits space" : "integer";
            case "number", "boolean", "null":
                return type;
            case "":
                if (schema.has("properties")) {
                    return object(schema);
                }
                return schema.has("items") ? array(schema) : "value";
            default:
                throw unknown(schema);
        }
    }

    private String object(JsonNode schema) {
        if (schema.path("properties").isEmpty()) {
            if (!schema.path("additionalProperties").isObject()) {
                return "object";
            }
            String pair = "string \":\" space " + rule(schema.get("additionalProperties"));
            return "\"{\" space (" + pair + " (\",\" space " + pair + ")*)? \"}\" space";
        }
        List<String> required = new ArrayList<>();
        schema.path("required").forEach(r -> required.add(r.asText()));
        List<String> always = new ArrayList<>();
        List<String> sometimes = new ArrayList<>();
        for (var property : schema.get("properties").properties()) {
            boolean once = required.contains(property.getKey());
            String value = once ? expression(property.getValue()) : rule(property.getValue());
            String pair = literal(quoted(property.getKey())) + " space \":\" space " + value;
            (required.contains(property.getKey()) ? always : sometimes).add(pair);
        }
        String inside;
        if (always.isEmpty()) {
            List<String> starts = new ArrayList<>();
            for (int i = 0; i < sometimes.size(); i++) {
                starts.add(sometimes.get(i) + optional(sometimes.subList(i + 1, sometimes.size())));
            }
            inside = "(" + String.join(" | ", starts) + ")?";
        } else {
            inside = String.join(" \",\" space ", always) + optional(sometimes);
        }
        return "\"{\" space " + inside + " \"}\" space";
    }

    private static String optional(List<String> pairs) {
        return pairs.stream().map(p -> " (\",\" space " + p + ")?").collect(Collectors.joining());
    }

    private String array(JsonNode schema) {
        if (schema.has("prefixItems")) {
            List<String> items = new ArrayList<>();
            schema.get("prefixItems").forEach(i -> items.add(expression(i)));
            return "\"[\" space " + String.join(" \",\" space ", items) + " \"]\" space";
        }
        String item = schema.has("items") ? rule(schema.get("items")) : "value";
        int least = schema.path("minItems").asInt(0);
        int most = schema.path("maxItems").asInt(Integer.MAX_VALUE);
        if (most == 0) {
            return "\"[\" space \"]\" space";
        }
        String more = " (\",\" space " + item + ")"
                + times(Math.max(0, least - 1), most == Integer.MAX_VALUE ? most : most - 1);
        return "\"[\" space " + (least > 0 ? item + more : "(" + item + more + ")?") + " \"]\" space";
    }

    private static String times(JsonNode schema, String least, String most) {
        return times(schema.path(least).asInt(0), schema.path(most).asInt(Integer.MAX_VALUE));
    }

    private static String times(int least, int most) {
        int from = Math.min(Math.max(0, least), LONGEST);
        return "{" + from + "," + (most > LONGEST ? "" : Math.max(from, most)) + "}";
    }

    /** A rule of its own, so that a schema may refer to itself. */
    private String reference(String pointer) {
        if (!pointer.startsWith("#")) {
            throw new IllegalArgumentException(
                    "invalid JSON schema in format: expected a $ref inside it, found " + pointer);
        }
        String name = references.get(pointer);
        if (name == null) {
            name = "ref-" + references.size();
            references.put(pointer, name);
            JsonNode target = root.at(pointer.substring(1));
            if (target.isMissingNode()) {
                throw new IllegalArgumentException("invalid JSON schema in format: nothing at " + pointer);
            }
            rules.put(name, expression(target));
        }
        return name;
    }

    private static String either(JsonNode choices, Function<JsonNode, String> expression) {
        List<String> all = new ArrayList<>();
        choices.forEach(c -> all.add(expression.apply(c)));
        if (all.isEmpty()) {
            throw unknown(choices);
        }
        return "(" + String.join(" | ", all) + ")";
    }

    private static String quoted(String text) {
        return TextNode.valueOf(text).toString();
    }

    private static String literal(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
    }

    private static IllegalArgumentException unknown(JsonNode schema) {
        return new IllegalArgumentException("invalid JSON schema in format: not known here: " + schema);
    }
}
