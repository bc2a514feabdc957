package io.tunebook.data;

import java.io.IOException;
import java.nio.file.Path;
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
     * <p>A conversation must have known roles, texts that are not blank, a system message only at its start and an
     * answer of the assistant at its end.
     *
     * @throws CorpusException if records are broken or incomplete; it says which, with the index of the example
     *     (counted from 0) and of the message, and lists the first ten
     * @throws IOException if the file cannot be read
     */
    public static List<ChatExample> read(Path file) throws IOException {
        return ChatReader.read(file);
    }
}
