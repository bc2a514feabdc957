package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import io.tunebook.data.ChatRow.WrongRow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Calls of tools, and the tools themselves, in the form that chat templates know: OpenAI's, with arguments as a map.
 */
final class ToolCalls {
    private ToolCalls() {}

    /** A turn that is a call: what is said before it, and the calls. */
    record Turn(String said, List<Object> calls) {}

    /**
     * ShareGPT's turn {@code function_call}: the JSON of a call or of a list of calls, perhaps after a thought or other
     * words.
     */
    static Turn turn(String text, String where) throws WrongRow {
        String thought = "";
        String rest = text;
        int thoughtEnd = text.stripLeading().startsWith(Message.THINK) ? text.indexOf(Message.THOUGHT_END) : -1;
        if (thoughtEnd >= 0) {
            thought = text.substring(0, thoughtEnd + Message.THOUGHT_END.length());
            rest = text.substring(thought.length());
        }
        for (int at = start(rest, 0); at >= 0; at = start(rest, at + 1)) {
            Object json = read(rest.substring(at));
            if (json != null) {
                List<Object> wrapped = new ArrayList<>();
                for (Object call : json instanceof List<?> several ? several : List.of(json)) {
                    wrapped.add(
                            call instanceof Map<?, ?> map && map.containsKey("function")
                                    ? call
                                    : Map.of("function", call == null ? "null" : call));
                }
                String before = rest.substring(0, at).strip();
                boolean both = !before.isEmpty() && !thought.isEmpty();
                return new Turn(both ? thought + "\n\n" + before : thought + before, calls(wrapped, where));
            }
        }
        throw new WrongRow(where, "expected a list or an object of JSON, found " + text);
    }

    private static int start(String text, int from) {
        int brace = text.indexOf('{', from);
        int bracket = text.indexOf('[', from);
        return brace < 0 ? bracket : bracket < 0 ? brace : Math.min(brace, bracket);
    }

    /** Calls as chat templates want them: with their arguments as a map. */
    static List<Object> calls(Object value, String where) throws WrongRow {
        List<Object> calls = new ArrayList<>();
        for (Object call : list(value, where)) {
            String at = where + "[" + calls.size() + "].function";
            if (!(call instanceof Map<?, ?> fields
                    && fields.get("function") instanceof Map<?, ?> function
                    && function.get("name") instanceof String name)) {
                throw new WrongRow(at, "expected an object with name and arguments, found " + call);
            }
            Map<String, Object> whole = map(fields);
            whole.putIfAbsent("type", "function");
            Map<String, Object> named = new LinkedHashMap<>();
            named.put("name", name);
            named.put("arguments", arguments(function, at));
            whole.put("function", named);
            calls.add(whole);
        }
        return calls;
    }

    /** A map; none and an empty text stand for no arguments. Some files call them parameters. */
    private static Object arguments(Map<?, ?> function, String at) throws WrongRow {
        Object given = function.containsKey("arguments") ? function.get("arguments") : function.get("parameters");
        if (given == null || given instanceof String text && text.isBlank()) {
            return Map.of();
        }
        return json(given, at + ".arguments");
    }

    static List<Map<String, Object>> tools(Object value) throws WrongRow {
        List<Map<String, Object>> tools = new ArrayList<>();
        if (value == null || value instanceof String text && text.isBlank()) {
            return tools;
        }
        for (Object tool : list(value, "tools")) {
            Object described = tool instanceof String ? json(tool, "tools[" + tools.size() + "]") : tool;
            if (!(described instanceof Map<?, ?> fields)) {
                throw new WrongRow("tools[" + tools.size() + "]", "expected a function, found " + tool);
            }
            Map<String, Object> whole = map(fields);
            tools.add(whole.containsKey("function") ? whole : Map.of("type", "function", "function", whole));
        }
        return tools;
    }

    static List<?> list(Object value, String where) throws WrongRow {
        if (json(value, where) instanceof List<?> list) {
            return list;
        }
        throw new WrongRow(where, "expected a list, found " + value);
    }

    /** What stands there, or what its text says if it is JSON written as a text. */
    private static Object json(Object value, String where) throws WrongRow {
        if (!(value instanceof String text)) {
            return value;
        }
        Object read = read(text);
        if (read == null) {
            boolean begun =
                    start(text, 0) == text.length() - text.stripLeading().length();
            throw new WrongRow(where, "expected " + (begun ? "" : "a list or an object of ") + "JSON, found " + text);
        }
        return read;
    }

    /** The list or object of JSON that a text is; null if it is none. */
    static Object read(String text) {
        try (JsonParser parser = JsonRecords.JSON.createParser(text)) {
            Object read = parser.nextToken() == null ? null : DocumentReader.value(parser);
            return parser.nextToken() == null && (read instanceof Map || read instanceof List) ? read : null;
        } catch (IOException e) {
            return null;
        }
    }

    static Map<String, Object> map(Map<?, ?> fields) {
        Map<String, Object> map = new LinkedHashMap<>();
        fields.forEach((key, field) -> map.put(String.valueOf(key), field));
        return map;
    }
}
