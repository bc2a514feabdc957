package io.tunebook.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

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

    @Override
    public String toString() {
        return role + ": " + content + (more.isEmpty() ? "" : " " + more);
    }
}
