package io.tunebook.ollama;

import com.fasterxml.jackson.core.JacksonException;
import io.tunebook.files.Json;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * An answer, or a piece of one while it streams. Ollama may leave out any figure; it is then zero.
 *
 * @param model the model that answered
 * @param message what it said; in a piece, only what is new
 * @param done whether this is the end
 * @param doneReason {@code stop}, {@code length}, {@code load}, {@code unload}; empty before the end
 * @param total the whole time
 * @param load how much of it went into loading the model
 * @param promptTokens how many tokens the prompt had, all of them: those too that the server still knew from the
 *     request before
 * @param promptTime how long the ones that it did not know took
 * @param tokens how many tokens were answered
 * @param time how long they took
 */
public record ChatResponse(
        String model,
        ChatMessage message,
        boolean done,
        String doneReason,
        Duration total,
        Duration load,
        int promptTokens,
        Duration promptTime,
        int tokens,
        Duration time) {

    /** The text. */
    public String text() {
        return message.content() == null ? "" : message.content();
    }

    /** What the model thought before; empty where it did not. */
    public String thinking() {
        return message.thinking() == null ? "" : message.thinking();
    }

    /** The tools that the model wants called. */
    public List<ChatMessage.ToolCall> toolCalls() {
        return message.toolCalls() == null ? List.of() : message.toolCalls();
    }

    /** How fast the answer came; 0 where the server did not say. */
    public double tokensPerSecond() {
        return time.isZero() ? 0 : tokens * 1e9 / time.toNanos();
    }

    /**
     * The text as a value of the record that was asked for by {@link ChatRequest#format}.
     *
     * @throws OllamaException if the text is not such JSON
     */
    public <T extends Record> T as(Class<T> record) throws OllamaException {
        try {
            return Json.wire().readValue(text(), record);
        } catch (JacksonException broken) {
            throw new OllamaException(
                    "expected JSON for " + record.getSimpleName() + ", the model answered: " + text(), 200, broken);
        }
    }

    /** The figures in one line. */
    public String statistics() {
        return String.format(
                Locale.ROOT,
                "%s: %d tokens, %.1f tokens/s, %.1f s in all",
                model,
                tokens,
                tokensPerSecond(),
                total.toNanos() / 1e9);
    }

    @Override
    public String toString() {
        return text();
    }
}
