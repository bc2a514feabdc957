package io.tunebook.ollama.server;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.jna.Native;
import de.kherud.llama.LlamaModel;
import io.tunebook.files.JavaCommand;
import io.tunebook.files.Json;
import io.tunebook.files.TemporaryFolder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A model in memory, run by llama.cpp in a process of its own, as Ollama does it: what llama.cpp holds is given back
 * when the model is unloaded (its Java binding never frees a model), and what ends llama.cpp does not end this JVM. One
 * request at a time, in the order they come.
 */
final class Runner implements AutoCloseable {
    private static final ObjectMapper JSON = Json.wire();
    /** As many may wait as wait in Ollama unless {@code OLLAMA_MAX_QUEUE} says otherwise. */
    private static final int QUEUE = 512;

    /** As long as Ollama waits for a model unless {@code OLLAMA_LOAD_TIMEOUT} says otherwise. */
    static final Duration LOADING = Duration.ofMinutes(5);

    private final Path gguf;
    private final ReentrantLock turn = new ReentrantLock(true);
    private final int context;
    private final TemporaryFolder folder;
    private final CompletableFuture<Void> loading = new CompletableFuture<>();
    private final Process process;
    private final BufferedReader answers;
    private final Writer requests;
    private volatile boolean closed;
    /** What its process said of itself when the model was loaded. */
    private volatile JsonNode about = JSON.missingNode();

    /** What happens to the text as it comes. */
    interface Sink {
        /**
         * Takes a piece; false ends the run.
         *
         * @param logprobs how likely its tokens were, as Ollama tells it; missing where nobody asked
         */
        boolean piece(String text, JsonNode logprobs) throws IOException;
    }

    /**
     * What a run came to, times in nanoseconds.
     *
     * @param promptTokens the prompt's tokens
     * @param cached how many of them llama.cpp still had from the request before
     * @param promptTime until the first token
     * @param tokens the answer's tokens
     * @param time from the first token to the last
     * @param full whether the answer ended because it reached its limit
     */
    record Figures(int promptTokens, int cached, long promptTime, int tokens, long time, boolean full) {}

    /**
     * Begins to load a model; {@link #ready} waits for it.
     *
     * @throws UncheckedIOException if its process cannot be started
     */
    Runner(Path gguf, List<Path> adapters, int context, boolean embedding) {
        this.context = context;
        this.gguf = gguf;
        try {
            folder = new TemporaryFolder();
            List<String> command = JavaCommand.of(
                    RunnerProcess.class,
                    List.of(LlamaModel.class, Native.class, ObjectMapper.class, JsonFactory.class, JsonProperty.class),
                    "-Xmx512m",
                    "-Dde.kherud.llama.tmpdir=" + folder.path(),
                    "-Djna.tmpdir=" + folder.path());
            command.addAll(List.of(String.valueOf(context), String.valueOf(embedding), gguf.toString()));
            adapters.forEach(a -> command.add(a.toString()));
            process = new ProcessBuilder(command)
                    .redirectError(folder.path().resolve("log").toFile())
                    .start();
            answers = process.inputReader(StandardCharsets.UTF_8);
            requests = process.outputWriter(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Thread waiting = new Thread(
                () -> {
                    try {
                        about = receive();
                        loading.complete(null);
                    } catch (IOException | RuntimeException e) {
                        loading.completeExceptionally(e);
                    }
                },
                "loading " + gguf.getFileName());
        waiting.setDaemon(true);
        waiting.start();
    }

    /**
     * Waits until the model is in memory.
     *
     * @throws IllegalStateException if llama.cpp does not take the file, or not within the limit
     */
    void ready(Duration limit) throws InterruptedException {
        try {
            loading.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            close();
            throw new IllegalStateException(
                    "timed out waiting for llama runner to start: the model did not load within " + limit.toSeconds()
                            + " seconds");
        } catch (ExecutionException failed) {
            close();
            throw failed.getCause() instanceof RuntimeException r
                    ? r
                    : new UncheckedIOException((IOException) failed.getCause());
        }
    }

    /** Whether its process still runs. */
    boolean alive() {
        return process.isAlive();
    }

    /** Why there are no probabilities of tokens, empty where there are; for a model that is {@link #ready}. */
    String whyNoLogprobs() {
        return about.path("logprobs").asBoolean() ? "" : about.path("older").asText();
    }

    /** How many tokens a prompt and its answer may have. */
    int context() {
        return context;
    }

    /**
     * Completes a prompt.
     *
     * @param options by Ollama's names, with Ollama's defaults where they are absent
     * @param grammar what the answer must fit, in GBNF; null for free text
     * @param likely how many of the likeliest tokens are told with each token: -1 for no probabilities
     * @param sink gets the text as it comes; an exception from it stops the run
     */
    Figures complete(String prompt, JsonNode options, String grammar, int likely, Sink sink)
            throws IOException, InterruptedException {
        if (turn.getQueueLength() >= QUEUE) {
            throw new LocalHttp.Refusal(503, "server busy, please try again.  maximum pending requests exceeded");
        }
        ObjectNode request = JSON.createObjectNode()
                .put("do", "complete")
                .put("prompt", prompt)
                .put("grammar", grammar)
                .put("likely", likely);
        request.set("options", options);
        ready(LOADING);
        turn.lockInterruptibly();
        try {
            send(request);
            Exception failure = null;
            boolean stopped = false;
            while (true) {
                JsonNode answer = receive();
                if (answer.has("figures")) {
                    if (failure instanceof IOException e) {
                        throw e;
                    }
                    if (failure instanceof RuntimeException e) {
                        throw e;
                    }
                    return JSON.convertValue(answer.get("figures"), Figures.class);
                }
                if (stopped) {
                    continue;
                }
                boolean more = false;
                try {
                    more = sink.piece(answer.path("piece").asText(), answer.path("logprobs"));
                    if (Thread.interrupted()) {
                        throw new IOException("interrupted");
                    }
                } catch (IOException | RuntimeException e) {
                    // The rest is read all the same, so that the next request does not get it.
                    failure = e;
                }
                if (failure != null || !more) {
                    stopped = true;
                    send(JSON.createObjectNode().put("do", "stop"));
                }
            }
        } finally {
            turn.unlock();
        }
    }

    /** A text's tokens. */
    int[] tokens(String text) throws InterruptedException {
        return JSON.convertValue(ask(JSON.createObjectNode().put("do", "tokens").put("text", text)), int[].class);
    }

    /** A text's vector as the model gives it. */
    float[] embed(String text) throws InterruptedException {
        return JSON.convertValue(ask(JSON.createObjectNode().put("do", "embed").put("text", text)), float[].class);
    }

    /** The text of tokens. */
    String text(int[] tokens) throws InterruptedException {
        ObjectNode request = JSON.createObjectNode().put("do", "text");
        request.set("tokens", JSON.valueToTree(tokens));
        return ask(request).asText();
    }

    private JsonNode ask(ObjectNode request) throws InterruptedException {
        ready(LOADING);
        turn.lockInterruptibly();
        try {
            send(request);
            return receive().get("result");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            turn.unlock();
        }
    }

    private void send(ObjectNode request) throws IOException {
        if (closed) {
            throw new IllegalStateException("the model was unloaded");
        }
        try {
            requests.write(JSON.writeValueAsString(request));
            requests.write('\n');
            requests.flush();
        } catch (IOException gone) {
            throw ended(gone);
        }
    }

    /** The next line that is an answer; llama.cpp may print others of its own. */
    private JsonNode receive() throws IOException {
        while (true) {
            String line;
            try {
                line = answers.readLine();
            } catch (IOException gone) {
                throw ended(gone);
            }
            if (line == null) {
                throw ended(null);
            }
            JsonNode answer;
            try {
                answer = line.startsWith("{") ? JSON.readTree(line) : JSON.missingNode();
            } catch (JacksonException noise) {
                continue;
            }
            if (answer.has("wrong")) {
                throw new IllegalArgumentException(answer.get("wrong").asText());
            }
            if (answer.has("failed")) {
                throw new IllegalStateException(answer.get("failed").asText());
            }
            if (answer.isObject()) {
                return answer;
            }
        }
    }

    private IllegalStateException ended(IOException cause) throws IOException {
        if (closed) {
            return new IllegalStateException("the model was unloaded");
        }
        // What llama.cpp writes may be text of any kind.
        String log = new String(Files.readAllBytes(folder.path().resolve("log")), StandardCharsets.UTF_8)
                .strip()
                .replace(gguf.toString(), gguf.getFileName().toString()); // an answer names no path of this machine
        String status = "";
        try {
            status = " with exit status " + process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return new IllegalStateException(
                "llama runner process has terminated" + status
                        + (log.isEmpty() ? "" : ": " + log.substring(0, Math.min(500, log.length()))),
                cause);
    }

    /** Unloads the model at once; who still waits for it is told. */
    @Override
    public void close() {
        closed = true;
        process.destroyForcibly();
        boolean interrupted = false;
        while (process.isAlive()) {
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                interrupted = true; // its folder goes all the same
            }
        }
        folder.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
