package io.tunebook.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaIterator;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.PoolingType;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/** A model in memory, run by llama.cpp. One request at a time, in the order they come. */
final class Runner implements AutoCloseable {
    /** As many may wait as wait in Ollama unless {@code OLLAMA_MAX_QUEUE} says otherwise. */
    private static final int QUEUE = 512;

    private final ReentrantLock turn = new ReentrantLock(true);
    private final LlamaModel llama;
    private final int context;
    private boolean closed;

    static {
        loadLibrary();
    }

    /** What happens to the text as it comes. */
    interface Sink {
        /** Takes a piece; false ends the run. */
        boolean piece(String text) throws IOException;
    }

    /**
     * What a run came to, times in nanoseconds.
     *
     * @param promptTokens the prompt's tokens
     * @param promptTime until the first token
     * @param tokens the answer's tokens
     * @param time from the first token to the last
     * @param full whether the answer ended because it reached its limit
     */
    record Figures(int promptTokens, long promptTime, int tokens, long time, boolean full) {}

    Runner(Path gguf, List<Path> adapters, int context, boolean embedding) {
        this.context = context;
        // One thread for each physical core, as llama.cpp itself would: more only spin while they wait for one another.
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        ModelParameters parameters = new ModelParameters()
                .setModel(gguf.toString())
                .setCtxSize(context)
                .setThreads(threads)
                .setThreadsBatch(threads)
                .skipWarmup()
                .disableLog();
        adapters.forEach(a -> parameters.addLoraAdapter(a.toString()));
        if (embedding) {
            parameters.enableEmbedding();
            // As Ollama does where the file names no pooling.
            parameters.setPoolingType(PoolingType.LAST);
        }
        this.llama = new LlamaModel(parameters);
    }

    /**
     * The binding copies its library to a file of one name for all processes and says so on the standard output: here the file is this
     * process's own, and a notebook's cell stays clean.
     */
    private static void loadLibrary() {
        PrintStream out = System.out;
        try {
            if (System.getProperty("de.kherud.llama.tmpdir") == null) {
                Path folder = Files.createTempDirectory("tunebook-llama");
                folder.toFile().deleteOnExit();
                System.setProperty("de.kherud.llama.tmpdir", folder.toString());
            }
            System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
            Class.forName(LlamaModel.class.getName());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ClassNotFoundException e) {
            throw new AssertionError("the class is named above", e);
        } finally {
            System.setOut(out);
        }
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
     * @param sink gets the text as it comes; an exception from it stops the run
     */
    Figures complete(String prompt, JsonNode options, String grammar, Sink sink)
            throws IOException, InterruptedException {
        if (turn.getQueueLength() >= QUEUE) {
            throw new LocalHttp.Refusal(503, "server busy, please try again.  maximum pending requests exceeded");
        }
        turn.lockInterruptibly();
        try {
            requireOpen();
            int promptTokens = llama.encode(prompt).length;
            int limit = options.path("num_predict").asInt(-1);
            int room = context - promptTokens;
            if (room <= 0) {
                throw new IllegalArgumentException("the input length exceeds the context length");
            }
            limit = limit < 0 ? room : Math.min(limit, room);
            InferenceParameters parameters = new InferenceParameters(prompt)
                    .setNPredict(limit)
                    .setCachePrompt(true)
                    .setTemperature((float) options.path("temperature").asDouble(0.8))
                    .setTopK(options.path("top_k").asInt(40))
                    .setTopP((float) options.path("top_p").asDouble(0.9))
                    .setMinP((float) options.path("min_p").asDouble(0))
                    .setRepeatPenalty((float) options.path("repeat_penalty").asDouble(1.0))
                    .setTypicalP((float) options.path("typical_p").asDouble(1.0))
                    .setRepeatLastN(options.path("repeat_last_n").asInt(64))
                    .setPresencePenalty((float) options.path("presence_penalty").asDouble(0))
                    .setFrequencyPenalty(
                            (float) options.path("frequency_penalty").asDouble(0))
                    .setSeed(options.path("seed").asInt(-1));
            List<String> stops = new ArrayList<>();
            options.path("stop").forEach(s -> stops.add(s.asText()));
            if (options.path("stop").isTextual()) {
                stops.add(options.path("stop").asText());
            }
            if (!stops.isEmpty()) {
                parameters.setStopStrings(stops.toArray(String[]::new));
            }
            if (grammar != null) {
                parameters.setGrammar(grammar);
            }
            return run(parameters, promptTokens, limit, sink);
        } finally {
            turn.unlock();
        }
    }

    private Figures run(InferenceParameters parameters, int promptTokens, int limit, Sink sink) throws IOException {
        long start = System.nanoTime();
        long first = 0;
        int tokens = 0;
        LlamaIterator pieces = llama.generate(parameters).iterator();
        boolean whole = false;
        try {
            while (pieces.hasNext()) {
                LlamaOutput piece = pieces.next();
                first = first == 0 ? System.nanoTime() : first;
                tokens++;
                if (!piece.text.isEmpty() && !sink.piece(piece.text)) {
                    break;
                }
                if (Thread.interrupted()) {
                    throw new IOException("interrupted");
                }
            }
            whole = !pieces.hasNext();
        } finally {
            if (!whole) {
                pieces.cancel();
            }
        }
        long end = System.nanoTime();
        // The last piece only says that this is the end.
        tokens = Math.max(0, tokens - 1);
        return new Figures(
                promptTokens,
                (first == 0 ? end : first) - start,
                tokens,
                first == 0 ? 0 : end - first,
                tokens >= limit);
    }

    /** A text's tokens. */
    int[] tokens(String text) throws InterruptedException {
        turn.lockInterruptibly();
        try {
            requireOpen();
            return llama.encode(text);
        } finally {
            turn.unlock();
        }
    }

    /** A call into a model that was unloaded would end the process. */
    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the model was unloaded");
        }
    }

    /** A text's vector as the model gives it. */
    float[] embed(String text) throws InterruptedException {
        turn.lockInterruptibly();
        try {
            requireOpen();
            return llama.embed(text);
        } finally {
            turn.unlock();
        }
    }

    /** The text of tokens. */
    String text(int[] tokens) throws InterruptedException {
        turn.lockInterruptibly();
        try {
            requireOpen();
            return llama.decode(tokens);
        } finally {
            turn.unlock();
        }
    }

    /** Unloads the model when the request that has its turn is done. */
    @Override
    public void close() {
        turn.lock();
        try {
            if (!closed) {
                closed = true;
                llama.close();
            }
        } finally {
            turn.unlock();
        }
    }
}
