package io.tunebook.ollama;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The lines of an answer of JSON lines, as they come; a silence that lasts too long is an error. */
final class JsonLines implements HttpResponse.BodySubscriber<Optional<InputStream>>, AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private record Event(List<ByteBuffer> bytes, Throwable failure) {}

    private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final Queue<byte[]> lines = new ArrayDeque<>();
    private final ByteArrayOutputStream rest = new ByteArrayOutputStream();
    private final String url;
    private final Duration silence;
    private volatile Flow.Subscription subscription;
    private volatile boolean closed;
    private boolean ended;

    JsonLines(String url, Duration silence) {
        this.url = url;
        this.silence = silence;
    }

    /** There at once and empty: the lines are taken from here as they come. */
    @Override
    public CompletionStage<Optional<InputStream>> getBody() {
        return CompletableFuture.completedFuture(Optional.empty());
    }

    @Override
    public void onSubscribe(Flow.Subscription to) {
        subscription = to;
        if (closed) {
            to.cancel();
        } else {
            to.request(16);
        }
    }

    @Override
    public void onNext(List<ByteBuffer> bytes) {
        events.add(new Event(bytes, null));
    }

    @Override
    public void onError(Throwable failure) {
        events.add(new Event(List.of(), failure));
    }

    @Override
    public void onComplete() {
        events.add(new Event(null, null));
    }

    /**
     * The next line; null at the end.
     *
     * @throws OllamaException if a line is an error or no JSON, the connection breaks, or nothing comes for too long
     */
    JsonNode next() throws IOException {
        while (lines.isEmpty() && !ended) {
            receive();
        }
        byte[] line = lines.poll();
        if (line == null) {
            return null;
        }
        JsonNode json;
        try {
            json = JSON.readTree(line);
        } catch (JacksonException broken) {
            throw new OllamaException.NotOllama(url, 200, new String(line, StandardCharsets.UTF_8), broken);
        }
        if (json.hasNonNull("error")) {
            close();
            throw OllamaException.of(200, json.get("error").asText(), "");
        }
        return json;
    }

    private void receive() throws IOException {
        Event event;
        try {
            event = events.poll(silence.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            close();
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for " + url);
        }
        if (event == null) {
            close();
            throw new OllamaException.BrokenStream(
                    "nothing came from " + url + " for " + silence.toSeconds() + " seconds", null);
        }
        if (event.failure() != null) {
            close();
            throw new OllamaException.BrokenStream(
                    "the connection to " + url + " broke (" + event.failure().getMessage() + ")", event.failure());
        }
        if (event.bytes() == null) {
            ended = true;
            cut();
            return;
        }
        subscription.request(1);
        for (ByteBuffer buffer : event.bytes()) {
            while (buffer.hasRemaining()) {
                byte b = buffer.get();
                if (b == '\n') {
                    cut();
                } else {
                    rest.write(b);
                }
            }
        }
    }

    private void cut() {
        byte[] line = rest.toByteArray();
        rest.reset();
        for (byte b : line) {
            if (b > ' ' || b < 0) {
                lines.add(line);
                return;
            }
        }
    }

    /** Ends the connection, which makes the server stop. */
    @Override
    public void close() {
        closed = true;
        Flow.Subscription s = subscription;
        if (s != null) {
            s.cancel();
        }
    }
}
