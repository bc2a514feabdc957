package io.tunebook.data;

import io.tunebook.data.ChatRow.WrongRow;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The turns of a conversation, in OpenAI's form, in ShareGPT's, or as pairs of question and answer. */
final class Turns {
    /** What a turn may hold beside role, text and thought, by the names that chat templates know. */
    private static final List<String> MORE = List.of("tool_calls", "tool_call_id", "name");

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
            Map.entry("tool_call", "assistant"),
            Map.entry("tool", "tool"),
            Map.entry("function", "tool"),
            Map.entry("ipython", "tool"),
            Map.entry("function_response", "tool"),
            Map.entry("tool_response", "tool"),
            Map.entry("observation", "tool"));

    private static final List<String> USERS = List.of("human", "user");
    private static final List<String> ASSISTANTS = List.of("assistant", "gpt");

    private Turns() {}

    static void read(List<?> turns, String field, List<Message> messages) throws WrongRow {
        for (int i = 0; i < turns.size(); i++) {
            String where = field + "[" + i + "]";
            if (!(turns.get(i) instanceof Map<?, ?> turn)) {
                throw new WrongRow(where, "expected an object, found " + turns.get(i));
            }
            if (!turn.containsKey("role") && !turn.containsKey("from") && isPair(turn)) {
                pair(turn, where, messages);
            } else {
                messages.add(turn(turn, where));
            }
        }
    }

    private static boolean isPair(Map<?, ?> turn) {
        return USERS.stream().anyMatch(turn::containsKey) && ASSISTANTS.stream().anyMatch(turn::containsKey);
    }

    private static void pair(Map<?, ?> turn, String where, List<Message> messages) throws WrongRow {
        String user = USERS.stream().filter(turn::containsKey).findFirst().orElseThrow();
        String assistant =
                ASSISTANTS.stream().filter(turn::containsKey).findFirst().orElseThrow();
        messages.add(Message.user(text(turn.get(user), where + "." + user)));
        messages.add(new Message("assistant", text(turn.get(assistant), where + "." + assistant), more(turn, where)));
    }

    private static Message turn(Map<?, ?> turn, String where) throws WrongRow {
        String roleField = turn.containsKey("role") ? "role" : "from";
        Object role = turn.get(roleField);
        String known = role == null ? null : ROLES.get(role.toString());
        if (known == null) {
            throw new WrongRow(
                    where + "." + roleField,
                    "expected system, user (human), assistant (gpt) or tool, found "
                            + (role == null ? "none" : "\"" + role + "\""));
        }
        String textField = turn.containsKey("content") || roleField.equals("role") ? "content" : "value";
        String at = where + "." + textField;
        Object said = turn.get(textField);
        Map<String, Object> more = more(turn, where);
        if (role.equals("function_call") || role.equals("tool_call")) {
            ToolCalls.Turn call = ToolCalls.turn(text(said, at), at);
            more.put("tool_calls", call.calls());
            said = call.said();
        } else if (turn.get("function_call") != null) {
            // OpenAI's form from before there were tools
            Object call = turn.get("function_call");
            more.put("tool_calls", ToolCalls.calls(List.of(Map.of("function", call)), where + ".function_call"));
        } else if (more.get("tool_calls") != null) {
            List<Object> calls = ToolCalls.calls(more.remove("tool_calls"), where + ".tool_calls");
            if (!calls.isEmpty()) {
                more.put("tool_calls", calls);
            }
        }
        if (said == null && (more.containsKey("tool_calls") || known.equals("tool"))) {
            said = "";
        }
        return new Message(known, text(said, at), more);
    }

    /** The other fields of a turn: a thought under one name, a weight only where the turn is not to be learned. */
    private static Map<String, Object> more(Map<?, ?> turn, String where) throws WrongRow {
        Map<String, Object> more = new LinkedHashMap<>();
        for (String key : MORE) {
            if (turn.get(key) != null) {
                more.put(key, turn.get(key));
            }
        }
        for (String name : Message.THOUGHTS) {
            Object thought = turn.get(name);
            if (thought != null && !more.containsKey(Message.THOUGHTS.get(0))) {
                more.put(Message.THOUGHTS.get(0), text(thought, where + "." + name));
            }
        }
        if (TurnWeight.of(turn, where) == 0) {
            more.put("weight", 0);
        }
        return more;
    }

    /** A text, or the texts of OpenAI's list of parts. */
    static String text(Object value, String where) throws WrongRow {
        if (value instanceof String text) {
            return text;
        }
        if (value instanceof List<?> parts) {
            StringBuilder all = new StringBuilder();
            for (int i = 0; i < parts.size(); i++) {
                if (!(parts.get(i) instanceof Map<?, ?> part) || !(part.get("text") instanceof String text)) {
                    throw new WrongRow(where + "[" + i + "]", "expected a part of type text, found " + parts.get(i));
                }
                all.append(text);
            }
            return all.toString();
        }
        throw new WrongRow(where, "expected a text, found " + (value == null ? "none" : value));
    }

    /** What makes a conversation one to learn from. */
    static void check(List<Message> messages) throws WrongRow {
        if (messages.isEmpty()) {
            throw new WrongRow("messages", "expected at least a question and an answer, found none");
        }
        boolean any = false;
        for (int i = 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            String where = "message " + i + " (" + message.role() + ")";
            boolean spoken = message.role().equals("user") || message.role().equals("assistant");
            boolean calls = message.more().containsKey("tool_calls");
            if (spoken && message.answer().isBlank() && !calls) {
                throw new WrongRow(where, "expected a text, found a blank one");
            }
            if (message.role().equals("system") && i > 0) {
                throw new WrongRow(where, "expected the system message at the start");
            }
            any |= message.role().equals("assistant") && message.learned();
        }
        Message last = messages.get(messages.size() - 1);
        if (!last.role().equals("assistant")) {
            throw new WrongRow(
                    "message " + (messages.size() - 1) + " (" + last.role() + ")",
                    "expected the assistant's answer at the end; without one there is nothing to learn");
        }
        if (!any) {
            throw new WrongRow(
                    "messages", "expected an answer to learn, found that the weight of each is 0 (or train false)");
        }
    }

    /** Whether a turn counts in the loss, under the names that files use. */
    static final class TurnWeight {
        static final List<String> NAMES = List.of("weight", "loss_weight", "loss_mask", "train");

        private TurnWeight() {}

        /**
         * 1 for a turn to learn, 0 for one that is only context; the lowest where several names say something.
         *
         * @throws WrongRow if it is anything else: no loss here is weighted by turns
         */
        static int of(Map<?, ?> turn, String where) throws WrongRow {
            int lowest = 1;
            for (String name : NAMES) {
                Object value = turn.get(name);
                if (value == null) {
                    continue;
                }
                String text = value.toString().strip().toLowerCase(java.util.Locale.ROOT);
                double weight;
                try {
                    weight = text.equals("true") ? 1 : text.equals("false") ? 0 : Double.parseDouble(text);
                } catch (NumberFormatException e) {
                    weight = Double.NaN;
                }
                if (weight != 0 && weight != 1) {
                    throw new WrongRow(
                            where + "." + name,
                            "expected 0 (not learned) or 1 (learned), found " + value
                                    + ": a turn cannot count for a part. Round it, or leave the row out");
                }
                lowest = Math.min(lowest, (int) weight);
            }
            return lowest;
        }
    }
}
