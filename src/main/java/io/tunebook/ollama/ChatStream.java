package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tunebook.files.Json;
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
    private static final ObjectReader READER = Json.wire().readerFor(Line.class);

    /**
     * A line as {@code /api/chat} sends it, or with the text beside as {@code /api/generate} does; figures may be
     * absent.
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    private record Line(
            String model,
            ChatMessage message,
            String response,
            String thinking,
            boolean done,
            @JsonProperty("done_reason") String doneReason,
            @JsonProperty("total_duration") long total,
            @JsonProperty("load_duration") long load,
            @JsonProperty("prompt_eval_count") int promptTokens,
            @JsonProperty("prompt_eval_duration") long promptTime,
            @JsonProperty("eval_count") int tokens,
            @JsonProperty("eval_duration") long time,
            JsonNode error)
            implements JsonLines.Line {}

    private final JsonLines lines;

    ChatStream(JsonLines lines) {
        this.lines = lines;
    }

    /**
     * The pieces; the last one is {@link ChatResponse#done} and has the figures. Failures come as
     * {@link UncheckedIOException}.
     */
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
                        null,
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
        Line line = lines.next(READER);
        if (line == null) {
            throw new OllamaException.BrokenStream("the answer ended without a last line that says done", null);
        }
        ChatMessage message = line.message() != null
                ? line.message()
                : new ChatMessage("assistant", line.response(), line.thinking(), null, null, null, null);
        return new ChatResponse(
                line.model() == null ? "" : line.model(),
                message,
                line.done(),
                line.doneReason() == null ? "" : line.doneReason(),
                Duration.ofNanos(line.total()),
                Duration.ofNanos(line.load()),
                line.promptTokens(),
                Duration.ofNanos(line.promptTime()),
                line.tokens(),
                Duration.ofNanos(line.time()));
    }

    @Override
    public void close() {
        lines.close();
    }
}
