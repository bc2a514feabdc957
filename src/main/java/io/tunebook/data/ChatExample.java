package io.tunebook.data;

import java.util.List;

/**
 * One conversation to learn from.
 *
 * @param messages the turns in their order, never empty
 */
public record ChatExample(List<Message> messages) {

    public ChatExample {
        messages = List.copyOf(messages);
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("expected at least one message, found none");
        }
    }

    public static ChatExample of(Message... messages) {
        return new ChatExample(List.of(messages));
    }
}
