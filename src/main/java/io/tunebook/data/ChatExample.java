package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One conversation to learn from.
 *
 * @param messages the turns in their order, never empty
 * @param tools the functions that the assistant may call, as JSON schema in OpenAI's form; often none
 */
public record ChatExample(List<Message> messages, List<Map<String, Object>> tools) {
    private static final int LISTED = 10;
    /** What a turn may hold beside role and text, by the names that chat templates know. */
    private static final List<String> MORE = List.of("tool_calls", "tool_call_id", "name", "reasoning_content");

    private static final Map<String, String> ROLES = Map.ofEntries(
            Map.entry("system", "system"),
            Map.entry("developer", "system"),
            Map.entry("user", "user"),
            Map.entry("human", "user"),
            Map.entry("assistant", "assistant"),
            Map.entry("gpt", "assistant"),
            Map.entry("chatgpt", "assistant"),
            Map.entry("bing", "assistant"),
            Map.entry("bard", "assistant"),
            Map.entry("model", "assistant"),
            Map.entry("function_call", "assistant"),
            Map.entry("tool", "tool"),
            Map.entry("function", "tool"),
            Map.entry("observation", "tool"));

    /** Says where in a record something is wrong and what. */
    private static final class WrongExample extends Exception {
        WrongExample(String where, String what) {
            super(where + ": " + what);
        }
    }

    public ChatExample {
        messages = List.copyOf(messages);
        tools = List.copyOf(tools);
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("expected at least one message, found none");
        }
    }

    public ChatExample(List<Message> messages) {
        this(messages, List.of());
    }

    public static ChatExample of(Message... messages) {
        return new ChatExample(List.of(messages));
    }

    /**
     * The conversations of a file: JSON lines, a JSON array, CSV or Parquet, compressed or not. Each record tells by
     * its fields which form it has:
     *
     * <ul>
     *   <li>OpenAI: {@code messages} with {@code role} and {@code content}
     *   <li>ShareGPT: {@code conversations} with {@code from} and {@code value}, perhaps {@code system}
     *   <li>Alpaca: {@code instruction}, {@code output}, perhaps {@code input}, {@code system} and {@code history};
     *       instruction and input are joined by a line break
     *   <li>{@code prompt} and {@code completion}, as texts or as lists of messages
     * </ul>
     *
     * <p>Beside them may stand {@code tools}, a list or its JSON as a text. Calls are {@code tool_calls} of a message,
     * whose arguments may be JSON as a text, or ShareGPT's turns {@code function_call} and {@code observation}.
     *
     * <p>A conversation must have known roles, texts that are not blank (beside a call they may be), a system message only at its start and an
     * answer of the assistant at its end.
     *
     * @throws CorpusException if records are broken or incomplete; it says which, with the index of the example
     *     (counted from 0) and of the message, and lists the first ten
     * @throws IOException if the file cannot be read
     */
    public static List<ChatExample> read(Path file) throws IOException {
        List<ChatExample> examples = new ArrayList<>();
        List<CorpusException> wrong = new ArrayList<>();
        long count = 0;
        try (Records records = SourceFile.open(file, null, read -> {})) {
            for (long index = 0; ; index++) {
                try {
                    JsonParser parser = records.next();
                    if (parser == null) {
                        break;
                    }
                    examples.add(example(parser, records, index));
                } catch (CorpusException e) {
                    count++;
                    if (wrong.size() < LISTED) {
                        wrong.add(e);
                    }
                }
            }
        }
        if (count == 1) {
            throw wrong.get(0);
        }
        if (count > 0) {
            StringBuilder all = new StringBuilder(count + " examples are wrong:");
            wrong.forEach(e -> all.append("\n  ").append(e.getMessage()));
            CorpusException first = wrong.get(0);
            throw new CorpusException(file, first.line(), first.byteOffset(), all.toString(), first);
        }
        return examples;
    }

    private static ChatExample example(JsonParser parser, Records records, long index) throws IOException {
        String name = "example " + index;
        try {
            parser.nextToken();
            Map<?, ?> fields = (Map<?, ?>) DocumentReader.value(parser);
            List<Message> messages = messages(fields);
            check(messages);
            return new ChatExample(messages, tools(fields.get("tools")));
        } catch (WrongExample e) {
            throw records.broken(0, name + ", " + e.getMessage(), null);
        } catch (JsonProcessingException e) {
            long offset = e.getLocation() == null ? 0 : e.getLocation().getByteOffset();
            throw records.broken(offset, name + ": expected JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static List<Message> messages(Map<?, ?> fields) throws WrongExample {
        List<Message> messages = new ArrayList<>();
        if (fields.get("messages") instanceof List<?> turns) {
            turns(turns, "messages", messages);
        } else if (fields.get("conversations") instanceof List<?> turns) {
            system(fields, messages);
            turns(turns, "conversations", messages);
        } else if (fields.containsKey("instruction")) {
            alpaca(fields, messages);
        } else if (fields.containsKey("prompt") && fields.containsKey("completion")) {
            part(fields, "prompt", "user", messages);
            part(fields, "completion", "assistant", messages);
        } else {
            throw new WrongExample(
                    "fields " + fields.keySet(),
                    "expected messages (OpenAI), conversations (ShareGPT), instruction and output (Alpaca), or prompt and completion");
        }
        return messages;
    }

    private static void turns(List<?> turns, String field, List<Message> messages) throws WrongExample {
        for (int i = 0; i < turns.size(); i++) {
            String where = field + "[" + i + "]";
            if (!(turns.get(i) instanceof Map<?, ?> turn)) {
                throw new WrongExample(where, "expected an object, found " + turns.get(i));
            }
            String roleField = turn.containsKey("role") ? "role" : "from";
            Object role = turn.get(roleField);
            String known = role == null ? null : ROLES.get(role.toString());
            if (known == null) {
                throw new WrongExample(
                        where + "." + roleField,
                        "expected system, user (human), assistant (gpt) or tool, found "
                                + (role == null ? "none" : "\"" + role + "\""));
            }
            String textField = turn.containsKey("content") || roleField.equals("role") ? "content" : "value";
            Object said = turn.get(textField);
            Map<String, Object> more = new LinkedHashMap<>();
            for (String key : MORE) {
                if (turn.get(key) != null) {
                    more.put(key, turn.get(key));
                }
            }
            if (role.equals("function_call")) {
                more.put(
                        "tool_calls",
                        List.of(Map.of(
                                "function", json(text(said, where + "." + textField), where + "." + textField))));
                said = null;
            }
            if (more.containsKey("tool_calls")) {
                more.put("tool_calls", calls(more.get("tool_calls"), where + ".tool_calls"));
                said = said == null ? "" : said;
            }
            messages.add(new Message(known, text(said, where + "." + textField), more));
        }
    }

    /** Calls as chat templates want them: with their arguments as a map. */
    private static List<Object> calls(Object value, String where) throws WrongExample {
        List<Object> calls = new ArrayList<>();
        for (Object call : list(value, where)) {
            String at = where + "[" + calls.size() + "].function";
            if (!(call instanceof Map<?, ?> fields
                    && fields.get("function") instanceof Map<?, ?> function
                    && function.get("name") instanceof String name)) {
                throw new WrongExample(at, "expected an object with name and arguments, found " + call);
            }
            Object arguments = function.get("arguments");
            Map<String, Object> whole = new LinkedHashMap<>();
            fields.forEach((key, field) -> whole.put(key.toString(), field));
            whole.putIfAbsent("type", "function");
            Map<String, Object> named = new LinkedHashMap<>();
            named.put("name", name);
            named.put("arguments", arguments == null ? Map.of() : json(arguments, at + ".arguments"));
            whole.put("function", named);
            calls.add(whole);
        }
        return calls;
    }

    private static List<Map<String, Object>> tools(Object value) throws WrongExample {
        List<Map<String, Object>> tools = new ArrayList<>();
        if (value == null || value instanceof String text && text.isBlank()) {
            return tools;
        }
        for (Object tool : list(value, "tools")) {
            if (!(tool instanceof Map<?, ?> fields)) {
                throw new WrongExample("tools[" + tools.size() + "]", "expected a function, found " + tool);
            }
            Map<String, Object> whole = new LinkedHashMap<>();
            fields.forEach((key, field) -> whole.put(key.toString(), field));
            tools.add(whole.containsKey("function") ? whole : Map.of("type", "function", "function", whole));
        }
        return tools;
    }

    private static List<?> list(Object value, String where) throws WrongExample {
        if (json(value, where) instanceof List<?> list) {
            return list;
        }
        throw new WrongExample(where, "expected a list, found " + value);
    }

    /** What stands there, or what its text says if it is JSON written as a text. */
    private static Object json(Object value, String where) throws WrongExample {
        if (!(value instanceof String text)) {
            return value;
        }
        try (JsonParser parser = JsonRecords.JSON.createParser(text)) {
            Object read = parser.nextToken() == null ? null : DocumentReader.value(parser);
            if (parser.nextToken() == null && (read instanceof Map || read instanceof List)) {
                return read;
            }
        } catch (IOException e) {
            throw new WrongExample(where, "expected JSON, found " + text);
        }
        throw new WrongExample(where, "expected a list or an object of JSON, found " + text);
    }

    private static void alpaca(Map<?, ?> fields, List<Message> messages) throws WrongExample {
        system(fields, messages);
        if (fields.get("history") instanceof List<?> history) {
            for (int i = 0; i < history.size(); i++) {
                String where = "history[" + i + "]";
                if (!(history.get(i) instanceof List<?> pair) || pair.size() != 2) {
                    throw new WrongExample(where, "expected a pair of question and answer, found " + history.get(i));
                }
                messages.add(Message.user(text(pair.get(0), where + "[0]")));
                messages.add(Message.assistant(text(pair.get(1), where + "[1]")));
            }
        }
        String instruction = text(fields.get("instruction"), "instruction");
        String input = fields.get("input") == null ? "" : text(fields.get("input"), "input");
        messages.add(Message.user(input.isBlank() ? instruction : instruction + "\n" + input));
        messages.add(Message.assistant(text(fields.get("output"), "output")));
    }

    private static void part(Map<?, ?> fields, String field, String role, List<Message> messages) throws WrongExample {
        if (fields.get(field) instanceof List<?> turns) {
            turns(turns, field, messages);
        } else {
            messages.add(new Message(role, text(fields.get(field), field)));
        }
    }

    private static void system(Map<?, ?> fields, List<Message> messages) throws WrongExample {
        if (fields.get("system") != null && !fields.get("system").toString().isBlank()) {
            messages.add(Message.system(text(fields.get("system"), "system")));
        }
    }

    /** A text, or the texts of OpenAI's list of parts. */
    private static String text(Object value, String where) throws WrongExample {
        if (value instanceof String text) {
            return text;
        }
        if (value instanceof List<?> parts) {
            StringBuilder all = new StringBuilder();
            for (int i = 0; i < parts.size(); i++) {
                if (!(parts.get(i) instanceof Map<?, ?> part) || !(part.get("text") instanceof String text)) {
                    throw new WrongExample(
                            where + "[" + i + "]", "expected a part of type text, found " + parts.get(i));
                }
                all.append(text);
            }
            return all.toString();
        }
        throw new WrongExample(where, "expected a text, found " + (value == null ? "none" : value));
    }

    private static void check(List<Message> messages) throws WrongExample {
        if (messages.isEmpty()) {
            throw new WrongExample("messages", "expected at least a question and an answer, found none");
        }
        for (int i = 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            String where = "message " + i + " (" + message.role() + ")";
            if (message.content().isBlank() && !message.more().containsKey("tool_calls")) {
                throw new WrongExample(where, "expected a text, found a blank one");
            }
            if (message.role().equals("system") && i > 0) {
                throw new WrongExample(where, "expected the system message at the start");
            }
        }
        Message last = messages.get(messages.size() - 1);
        if (!last.role().equals("assistant")) {
            throw new WrongExample(
                    "message " + (messages.size() - 1) + " (" + last.role() + ")",
                    "expected the assistant's answer at the end; without one there is nothing to learn");
        }
    }
}
