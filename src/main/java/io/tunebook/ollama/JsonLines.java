package io.tunebook.ollama;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
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
    /** A line's value; any line may be an error instead. */
    interface Line {
        /** The error, a text or an object; null where there is none. */
        JsonNode error();
    }

    private record Event(List<ByteBuffer> bytes, Throwable failure) {}

    private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final Queue<byte[]> lines = new ArrayDeque<>();
    private final String url;
    private final String model;
    private final Duration silence;
    private Duration patience;
    private byte[] rest = new byte[1024];
    private int restLength;
    private volatile Flow.Subscription subscription;
    private volatile boolean closed;
    private boolean ended;

    /**
     * Lines of an answer.
     *
     * @param url where they come from
     * @param model which model they are about, for error messages
     * @param first the longest time until the first line
     * @param silence the longest time between lines
     */
    JsonLines(String url, String model, Duration first, Duration silence) {
        this.url = url;
        this.model = model;
        this.patience = first;
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

    /** Whether the answer's body has begun, so that lines may have come. */
    boolean begun() {
        return subscription != null;
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
    <T extends Line> T next(ObjectReader reader) throws IOException {
        while (lines.isEmpty() && !ended) {
            receive();
        }
        byte[] bytes = lines.poll();
        if (bytes == null) {
            return null;
        }
        patience = silence;
        T line;
        try {
            line = reader.readValue(bytes);
        } catch (JacksonException broken) {
            close();
            throw new OllamaException.NotOllama(url, 200, new String(bytes, StandardCharsets.UTF_8), broken);
        }
        if (line.error() != null && !line.error().isNull()) {
            close();
            throw OllamaException.of(200, OllamaException.words(line.error()), model);
        }
        return line;
    }

    private void receive() throws IOException {
        Event event;
        try {
            event = events.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            close();
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for " + url);
        }
        if (event == null) {
            close();
            throw new OllamaException.BrokenStream(
                    "nothing came from " + url + " for " + patience.toSeconds() + " seconds", null);
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
            take(buffer);
        }
    }

    private void take(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        int begin = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                keep(bytes, begin, i);
                cut();
                begin = i + 1;
            }
        }
        keep(bytes, begin, bytes.length);
    }

    private void keep(byte[] bytes, int from, int to) {
        int length = restLength + to - from;
        if (length > rest.length) {
            rest = Arrays.copyOf(rest, Math.max(length, 2 * rest.length));
        }
        System.arraycopy(bytes, from, rest, restLength, to - from);
        restLength = length;
    }

    /** What came since the last line's end is a line, unless it is blank. */
    private void cut() {
        byte[] line = Arrays.copyOf(rest, restLength);
        restLength = 0;
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
