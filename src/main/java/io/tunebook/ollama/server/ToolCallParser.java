package io.tunebook.ollama.server;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Reads calls of tools out of an answer as it comes, as Ollama does ({@code tools.Parser} of 0.34.1): after the tag, or
 * from the first brace where the template has no tag, a known tool's name with a JSON object is a call. What cannot be
 * one is text.
 */
final class ToolCallParser {
    private static final ObjectMapper JSON = Json.wire();

    private final String tag;
    private final List<String> names;
    private String held = "";
    private boolean calling;
    private boolean done;
    private int count;

    /**
     * What a piece of the answer came to.
     *
     * @param calls calls of tools, as {@code tool_calls} has them
     * @param content text
     */
    record Parsed(List<ObjectNode> calls, String content) {}

    ToolCallParser(String tag, JsonNode tools) {
        this.tag = tag;
        List<String> all = new ArrayList<>();
        tools.forEach(tool -> all.add(tool.at("/function/name").asText()));
        all.removeIf(String::isEmpty);
        this.names = all;
    }

    private boolean anyJson() {
        return tag.equals("{") || tag.equals("[");
    }

    Parsed add(String piece) {
        if (done) {
            return new Parsed(List.of(), piece);
        }
        held += piece;
        String content = "";
        if (!calling) {
            int at = held.indexOf(tag);
            int cut = at >= 0 ? at : held.length() - overlap();
            content = held.substring(0, cut);
            held = held.substring(cut);
            if (anyJson() && !content.isBlank()) {
                // Braces are calls only where the answer begins with them.
                done = true;
                String all = content + held;
                held = "";
                return new Parsed(List.of(), all);
            }
            if (at < 0) {
                return new Parsed(List.of(), content);
            }
            calling = true;
        }
        List<ObjectNode> calls = new ArrayList<>();
        for (ObjectNode call = next(); call != null; call = next()) {
            calls.add(call);
        }
        if (anyJson() && closed()) {
            done = true;
            content += held;
            held = "";
        }
        return new Parsed(calls, content);
    }

    /** What is left of an answer that called nothing after all. */
    String rest() {
        return count == 0 && anyJson() ? held : "";
    }

    /** How many of the last characters may be the beginning of the tag. */
    private int overlap() {
        for (int n = Math.min(held.length(), tag.length()); n > 0; n--) {
            if (held.endsWith(tag.substring(0, n))) {
                return n;
            }
        }
        return 0;
    }

    /** Takes the next whole call out of what is held; null where there is none yet. */
    private ObjectNode next() {
        String name = null;
        int start = -1;
        for (String each : names) {
            for (int n = 1; n < each.length() && n <= held.length(); n++) {
                if (held.endsWith(each.substring(0, n))) {
                    return null; // the name may go on: get, get_weather
                }
            }
            int at = held.indexOf(each);
            if (at >= 0 && (name == null || at < start || at == start && each.length() > name.length())) {
                name = each;
                start = at;
            }
        }
        if (name == null) {
            return null;
        }
        Found arguments = arguments(name);
        if (arguments == null) {
            return null;
        }
        held = held.substring(Math.max(start + name.length(), arguments.end));
        ObjectNode call = JSON.createObjectNode().put("id", id());
        call.putObject("function").put("index", count++).put("name", name).set("arguments", arguments.value);
        return call;
    }

    /** Where a call's arguments end, and what they are. */
    private record Found(JsonNode value, int end) {}

    private Found arguments(String name) {
        int depth = 0;
        int start = -1;
        boolean quoted = false;
        for (int i = 0; i < held.length(); i++) {
            char c = held.charAt(i);
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (!quoted && c == '{') {
                start = depth++ == 0 ? i : start;
            } else if (!quoted && c == '}') {
                depth = Math.max(0, depth - 1);
                if (depth == 0 && start >= 0) {
                    JsonNode object = object(held.substring(start, i + 1));
                    if (object != null) {
                        Search search = search(object, name);
                        JsonNode value = search == null ? object : search.value;
                        // An object with a name and without arguments is none.
                        return value == null ? null : new Found(value, i);
                    }
                    start = -1;
                }
            }
        }
        return null;
    }

    /** What a search came to: the arguments, or null where an object names a tool and has none. */
    private record Search(JsonNode value) {}

    private static Search search(JsonNode object, String tool) {
        if (object.has("name")) {
            JsonNode arguments = named(object, "arguments");
            return new Search(arguments == null ? named(object, "parameters") : arguments);
        }
        JsonNode own = named(object, tool);
        if (own != null) {
            return new Search(own);
        }
        for (JsonNode child : object) {
            Iterable<JsonNode> inner = child.isArray() ? child : List.of(child);
            for (JsonNode each : inner) {
                Search found = each.isObject() ? search(each, tool) : null;
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    /** A field that is an object, or one written as a text. */
    private static JsonNode named(JsonNode object, String field) {
        JsonNode value = object.path(field);
        return value.isObject() ? value : value.isTextual() ? object(value.asText()) : null;
    }

    private static JsonNode object(String text) {
        try {
            JsonNode value = JSON.readTree(text);
            return value != null && value.isObject() ? value : null;
        } catch (JacksonException none) {
            return null;
        }
    }

    /** Whether what is held closes all that it opens. */
    private boolean closed() {
        char open = tag.charAt(0);
        char close = open == '{' ? '}' : ']';
        int depth = 0;
        boolean quoted = false;
        for (int i = 0; i < held.length(); i++) {
            char c = held.charAt(i);
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (!quoted && c == open) {
                depth++;
            } else if (!quoted && c == close && --depth == 0) {
                return true;
            }
        }
        return false;
    }

    private static String id() {
        String letters = "abcdefghijklmnopqrstuvwxyz0123456789";
        StringBuilder out = new StringBuilder("call_");
        ThreadLocalRandom.current().ints(8, 0, letters.length()).forEach(i -> out.append(letters.charAt(i)));
        return out.toString();
    }
}
