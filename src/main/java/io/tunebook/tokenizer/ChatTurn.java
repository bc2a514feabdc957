package io.tunebook.tokenizer;

import io.tunebook.data.Message;
import io.tunebook.jinja.TemplateException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

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

    /**
     * How a template takes the thought before an answer: in a field of the message, or within its text. Files have it
     * in either form, and templates know one or both; a template that knows neither drops it.
     */
    static final class ThoughtForm {
        /** The fields that templates know. */
        static final List<String> FIELDS = List.of("reasoning_content", "thinking", "reasoning");

        /** For messages without a thought. */
        static final ThoughtForm UNKNOWN = new ThoughtForm(List.of());

        private static final String WITHIN = "content";
        private static final String PROBE = "Qzthought";

        private final List<String> kept;

        private ThoughtForm(List<String> kept) {
            this.kept = kept;
        }

        /**
         * Tries the forms out.
         *
         * @param render the template, given its messages
         */
        static ThoughtForm of(Function<List<Map<String, Object>>, String> render) {
            List<String> kept = new ArrayList<>();
            for (String form : List.of(FIELDS.get(0), FIELDS.get(1), FIELDS.get(2), WITHIN)) {
                try {
                    Map<String, Object> answer = message("assistant", "Qzanswer");
                    write(answer, form, PROBE, "Qzanswer");
                    if (render.apply(List.of(message("user", "Qzquestion"), answer))
                            .contains(PROBE)) {
                        kept.add(form);
                    }
                } catch (TemplateException e) {
                    // a template that refuses the form does not keep it
                }
            }
            return new ThoughtForm(kept);
        }

        /**
         * A message as the template takes it: with its thought in a field if the template knows one, else within its
         * text.
         */
        Map<String, Object> map(Message message) {
            Map<String, Object> map = message(message.role(), message.content());
            map.putAll(message.more());
            for (String weight : new String[] {"weight", "loss_weight", "loss_mask", "train"}) {
                map.remove(weight);
            }
            // Marks within the text are another model's where the template has a field, which it writes in its own
            // form.
            String own = kept.isEmpty() ? FIELDS.get(0) : kept.get(0);
            if (message.thought().isEmpty()) {
                if (!own.equals(WITHIN)) {
                    map.put("content", message.answer());
                }
                return map;
            }
            String form = FIELDS.stream()
                    .filter(f -> message.more().get(f) instanceof String text && !text.isBlank())
                    .findFirst()
                    .orElse(WITHIN);
            if (!kept.contains(form) || form.equals(WITHIN) && !own.equals(WITHIN)) {
                FIELDS.forEach(map::remove);
                write(map, own, message.thought().get(), message.answer());
            }
            return map;
        }

        /** A message whose thought stands under all the names that templates read, as Transformers gives it to them. */
        static Object aliased(Object message) {
            if (!(message instanceof Map<?, ?> map) || !"assistant".equals(map.get("role"))) {
                return message;
            }
            Object thought = FIELDS.stream()
                    .map(map::get)
                    .filter(Objects::nonNull)
                    .findFirst()
                    .orElse(null);
            if (thought == null) {
                return message;
            }
            Map<Object, Object> aliased = new LinkedHashMap<>(map);
            aliased.putIfAbsent("thinking", thought);
            aliased.put("reasoning_content", thought);
            return aliased;
        }

        private static void write(Map<String, Object> message, String form, String thought, String answer) {
            if (form.equals(WITHIN)) {
                message.put("content", "<think>\n" + thought + "\n</think>\n\n" + answer);
            } else {
                message.put("content", answer);
                message.put(form, thought);
            }
        }

        static Map<String, Object> message(String role, String content) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("role", role);
            map.put("content", content);
            return map;
        }
    }
}
