package io.tunebook.tokenizer;

import io.tunebook.data.Message;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One of the {@code messages} that a template renders, with what is to be found of it in the text.
 *
 * @param element the message as the template gets it
 * @param learned whether it counts in the loss
 * @param calls the names of the functions it calls
 */
record ChatTurn(
        Map<?, ?> element,
        boolean assistant,
        boolean learned,
        String answer,
        Optional<String> thought,
        List<String> calls) {

    static ChatTurn of(Map<?, ?> element) {
        Map<String, Object> more = new LinkedHashMap<>();
        element.forEach((key, value) -> more.put(String.valueOf(key), value));
        Message message = new Message(String.valueOf(element.get("role")), text(element.get("content")), more);
        List<String> calls = new ArrayList<>();
        if (element.get("tool_calls") instanceof Iterable<?> several) {
            for (Object call : several) {
                if (call instanceof Map<?, ?> map) {
                    Object function =
                            map.get("function") instanceof Map<?, ?> inner ? inner.get("name") : map.get("name");
                    if (function instanceof String name) {
                        calls.add(name);
                    }
                }
            }
        }
        return new ChatTurn(
                element,
                message.role().equals("assistant"),
                message.learned(),
                message.answer(),
                message.thought(),
                calls);
    }

    ChatTurn learnedIf(boolean wanted) {
        return new ChatTurn(element, assistant, wanted, answer, thought, calls);
    }

    /** A text, or the texts of OpenAI's list of parts. */
    private static String text(Object content) {
        if (content instanceof Iterable<?> parts) {
            StringBuilder all = new StringBuilder();
            for (Object part : parts) {
                all.append(part instanceof Map<?, ?> map && map.get("text") instanceof String text ? text : "");
            }
            return all.toString();
        }
        return content == null ? "" : content.toString();
    }

    /** The same turn with other words: what differs in its rendering is what the assistant says. */
    Map<String, Object> saying(String words) {
        Map<String, Object> other = copy();
        ThoughtForm.FIELDS.forEach(other::remove);
        other.remove("tool_calls");
        other.put("content", words);
        return other;
    }

    /** The same turn with calls of another function. */
    Map<String, Object> calling(String name) {
        Map<String, Object> other = copy();
        List<Object> renamed = new ArrayList<>();
        for (Object call : (Iterable<?>) element.get("tool_calls")) {
            renamed.add(renamed(call, name));
        }
        other.put("tool_calls", renamed);
        return other;
    }

    private static Object renamed(Object call, String name) {
        if (!(call instanceof Map<?, ?> map)) {
            return call;
        }
        Map<Object, Object> other = new LinkedHashMap<>(map);
        other.replaceAll(
                (key, value) -> key.equals("name") ? name : key.equals("function") ? renamed(value, name) : value);
        return other;
    }

    private Map<String, Object> copy() {
        Map<String, Object> other = new LinkedHashMap<>();
        element.forEach((key, value) -> other.put(String.valueOf(key), value));
        return other;
    }
}
