package io.tunebook.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Consumer;

/** An answer as it comes, a piece at a time. Closing it before the end makes the server stop. */
public final class ChatStream implements Iterable<ChatResponse>, AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JsonLines lines;

    ChatStream(JsonLines lines) {
        this.lines = lines;
    }

    /** The pieces; the last one is {@link ChatResponse#done} and has the figures. Failures come as {@link UncheckedIOException}. */
    @Override
    public Iterator<ChatResponse> iterator() {
        return new Iterator<>() {
            private ChatResponse next;
            private boolean ended;

            @Override
            public boolean hasNext() {
                if (next == null && !ended) {
                    try {
                        next = piece();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                    ended = next.done();
                }
                return next != null;
            }

            @Override
            public ChatResponse next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                ChatResponse piece = next;
                next = null;
                return piece;
            }
        };
    }

    /** Reads to the end and puts the pieces together. */
    ChatResponse join(Consumer<ChatResponse> each) throws IOException {
        StringBuilder text = new StringBuilder();
        StringBuilder thinking = new StringBuilder();
        List<ChatMessage.ToolCall> calls = new ArrayList<>();
        while (true) {
            ChatResponse piece = piece();
            text.append(piece.text());
            thinking.append(piece.thinking());
            calls.addAll(piece.toolCalls());
            each.accept(piece);
            if (piece.done()) {
                ChatMessage whole = new ChatMessage(
                        "assistant",
                        text.toString(),
                        thinking.isEmpty() ? null : thinking.toString(),
                        null,
                        calls.isEmpty() ? null : calls,
                        null);
                return new ChatResponse(
                        piece.model(),
                        whole,
                        true,
                        piece.doneReason(),
                        piece.total(),
                        piece.load(),
                        piece.promptTokens(),
                        piece.promptTime(),
                        piece.tokens(),
                        piece.time());
            }
        }
    }

    /** The next line; one that says done is the last. */
    private ChatResponse piece() throws IOException {
        JsonNode json = lines.next();
        if (json == null) {
            throw new OllamaException.BrokenStream("the answer ended without a last line that says done", null);
        }
        // /api/generate has the text beside, /api/chat in a message.
        ChatMessage message = json.hasNonNull("message")
                ? JSON.convertValue(json.get("message"), ChatMessage.class)
                : new ChatMessage(
                        "assistant",
                        json.path("response").asText(),
                        json.path("thinking").asText(),
                        null,
                        null,
                        null);
        return new ChatResponse(
                json.path("model").asText(),
                message,
                json.path("done").asBoolean(),
                json.path("done_reason").asText(),
                Duration.ofNanos(json.path("total_duration").asLong()),
                Duration.ofNanos(json.path("load_duration").asLong()),
                json.path("prompt_eval_count").asInt(),
                Duration.ofNanos(json.path("prompt_eval_duration").asLong()),
                json.path("eval_count").asInt(),
                Duration.ofNanos(json.path("eval_duration").asLong()));
    }

    @Override
    public void close() {
        lines.close();
    }
}
