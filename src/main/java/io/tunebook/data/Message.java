package io.tunebook.data;

import io.tunebook.data.ChatRow.WrongRow;
import io.tunebook.data.Turns.TurnWeight;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One turn of a conversation.
 *
 * @param role who speaks, in the words of OpenAI's {@code messages} and of chat templates: {@code system},
 *     {@code user}, {@code assistant} or {@code tool}
 * @param content what is said; never null, possibly empty
 * @param more the turn's other fields as chat templates know them, such as {@code tool_calls}, {@code tool_call_id} and
 *     {@code name}; values as JSON has them
 */
public record Message(String role, String content, Map<String, Object> more) {
    static final String THINK = "<think>";
    static final String THOUGHT_END = "</think>";
    /** The names under which files keep what was thought before an answer. */
    static final List<String> THOUGHTS = List.of("reasoning_content", "thinking", "reasoning");

    public Message {
        Objects.requireNonNull(role, "role");
        Objects.requireNonNull(content, "content");
        more = more.isEmpty() ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(more));
    }

    public Message(String role, String content) {
        this(role, content, Map.of());
    }

    public static Message system(String content) {
        return new Message("system", content);
    }

    public static Message user(String content) {
        return new Message("user", content);
    }

    public static Message assistant(String content) {
        return new Message("assistant", content);
    }

    /**
     * What was thought before the answer: a field {@code reasoning_content}, {@code thinking} or {@code reasoning}, or
     * {@code <think>…</think>} at the head of the text, without the line breaks around it.
     *
     * @return empty if nothing but white space was thought
     */
    public Optional<String> thought() {
        for (String name : THOUGHTS) {
            if (more.get(name) instanceof String text && !text.isBlank()) {
                return Optional.of(withoutLineBreaks(text));
            }
        }
        int end = thoughtEnd();
        String text = end < 0 ? "" : content.substring(content.indexOf(THINK) + THINK.length(), end);
        return text.isBlank() ? Optional.empty() : Optional.of(withoutLineBreaks(text));
    }

    /** The text without the thought at its head. */
    public String answer() {
        int end = thoughtEnd();
        return end < 0 ? content : content.substring(end + THOUGHT_END.length()).replaceFirst("^\\n+", "");
    }

    /**
     * Whether the model is to learn this turn: not where {@code weight}, {@code loss_weight} or {@code loss_mask} is 0
     * or {@code train} is false.
     *
     * @throws IllegalArgumentException if the weight is neither 0 nor 1
     */
    public boolean learned() {
        try {
            return TurnWeight.of(more, "message") != 0;
        } catch (WrongRow e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private int thoughtEnd() {
        return content.stripLeading().startsWith(THINK) ? content.indexOf(THOUGHT_END) : -1;
    }

    private static String withoutLineBreaks(String text) {
        return text.replaceAll("^\\n+|\\n+$", "");
    }

    @Override
    public String toString() {
        return role + ": " + content + (more.isEmpty() ? "" : " " + more);
    }
}
