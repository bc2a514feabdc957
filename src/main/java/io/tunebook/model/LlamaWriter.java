package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.ollama.llamacpp.LlamaCpp;
import io.tunebook.ollama.llamacpp.LlamaLogits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Continues texts by llama.cpp in place of PyTorch, on a CPU: from the very file that the model was loaded from,
 * mapped, with the adapter in use as a LoRA GGUF beside it. It stays open from text to text, so that a conversation
 * computes only what is new, until another adapter is in use, a text needs more room, or the model is trained. Where
 * llama.cpp fails, PyTorch goes on with the text.
 */
final class LlamaWriter implements AutoCloseable {
    /** The environment's name for the folder of llama.cpp's libraries, or {@value #NONE}. */
    private static final String FOLDER = "TUNEBOOK_GENERATOR";

    /** The folder that the embedded server uses does as well. */
    private static final String SERVERS_FOLDER = "TUNEBOOK_LLAMA_CPP";

    private static final String NONE = "pytorch";

    /** A text has room for so many tokens at least, so that the next one of a conversation fits too. */
    private static final int ROOM = 1024;

    private final NDManager manager;
    private final Path gguf;
    private final int vocabulary;
    private final int positions;
    private final Optional<String> unfit;
    private Optional<Path> libraries;
    /** Why llama.cpp did not take the file or the adapter in use. */
    private Optional<String> refused = Optional.empty();

    private int merged;
    private Optional<InUse> adapter = Optional.empty();
    private Optional<Open> open = Optional.empty();
    private int opened;

    /** An adapter as it was when the model was told to use it. */
    private record InUse(NDArray flat, GgufAdapter gguf) {}

    /**
     * A model in llama.cpp.
     *
     * @param room how many tokens a text may have
     */
    private record Open(LlamaLogits model, int room) {}

    /** @param manager frees the copy of an adapter's factors */
    LlamaWriter(NDManager manager, Weights weights, LoadOptions options, Storage storage) {
        this.manager = manager;
        gguf = weights.gguf().map(file -> file.path()).orElse(null);
        vocabulary = weights.config().vocabularySize();
        positions = weights.config().maxPositions();
        unfit = unfit(manager, weights, options, storage);
        libraries = Optional.ofNullable(System.getenv(FOLDER))
                .or(() -> Optional.ofNullable(System.getenv(SERVERS_FOLDER)))
                .filter(name -> !name.isBlank() && !name.equals(NONE))
                .map(Path::of)
                .filter(Files::isDirectory);
    }

    private static Optional<String> unfit(NDManager manager, Weights weights, LoadOptions options, Storage storage) {
        if (manager.getDevice().isGpu()) {
            return Optional.of("the model is on a GPU");
        }
        if (weights.gguf().isEmpty() || weights.gguf().get().files().size() > 1) {
            return Optional.of("the model is not one GGUF file");
        }
        if (options.precision().isPresent() || storage == Storage.FP8) {
            return Optional.of("the model was loaded in a type that was asked for");
        }
        // llama.cpp chooses the rotation by the room there is, not by a text's length.
        return weights.config().longer() > 0
                ? Optional.of("long texts of the model rotate their positions otherwise")
                : Optional.empty();
    }

    /** For a test, which finds the libraries elsewhere. */
    void use(Path folder) {
        libraries = Optional.of(folder);
    }

    /** How often a model was opened. */
    int opened() {
        return opened;
    }

    boolean isOpen() {
        return open.isPresent();
    }

    /** Why PyTorch continues texts; empty where llama.cpp does. */
    Optional<String> whyNot() {
        if (unfit.isPresent()) {
            return unfit;
        }
        if (merged != 0) {
            return Optional.of("an adapter is merged into the weights");
        }
        return libraries.isPresent()
                ? refused
                : Optional.of(FOLDER + " names no folder of llama.cpp " + LlamaCpp.VERSION);
    }

    /** The model has another adapter from now on, with the factors as they are now. */
    void attach(Factors factors, GgufAdapter gguf) {
        detach();
        if (unfit.isEmpty() && libraries.isPresent()) {
            NDArray copy = factors.flat().duplicate();
            copy.attach(manager);
            adapter = Optional.of(new InUse(copy, gguf));
        }
    }

    /** The model has no adapter from now on. */
    void detach() {
        close();
        adapter.ifPresent(a -> a.flat().close());
        adapter = Optional.empty();
        refused = Optional.empty();
    }

    /**
     * The weights were changed by an adapter.
     *
     * @param sign 1 if it was added, -1 if it was taken out again
     */
    void merge(int sign) {
        close();
        merged += sign;
    }

    /**
     * A text of at most so many tokens.
     *
     * @param byPyTorch makes the text that PyTorch continues, where llama.cpp does not
     */
    Continuation continuation(int longest, Supplier<KvCache> byPyTorch) {
        if (whyNot().isPresent()) {
            return byPyTorch.get();
        }
        return new Text(longest, byPyTorch);
    }

    /** @throws IllegalArgumentException if llama.cpp has no adapters of this kind */
    private LlamaLogits open(int longest) throws IOException {
        if (open.isEmpty() || open.get().room() < longest) {
            close();
            int room = Math.min(positions, Math.max(ROOM, Integer.highestOneBit(longest) * 2));
            LlamaLogits model = adapter.isPresent()
                    ? withAdapter(adapter.get(), room)
                    : new LlamaLogits(libraries.orElseThrow(), gguf, Optional.empty(), room);
            open = Optional.of(new Open(model, room));
            opened++;
            if (model.tokenCount() != vocabulary) {
                throw new IOException("llama.cpp finds " + model.tokenCount() + " tokens in place of " + vocabulary);
            }
        }
        return open.get().model();
    }

    /** The adapter's file is read as a whole, and not needed after that. */
    private LlamaLogits withAdapter(InUse beside, int room) throws IOException {
        Path file = Files.createTempFile("tunebook-adapter", ".gguf");
        try {
            beside.gguf().write(beside.flat().toFloatArray(), file);
            return new LlamaLogits(libraries.orElseThrow(), gguf, Optional.of(file), room);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** Gives the memory back; the next text opens the model anew. */
    @Override
    public void close() {
        open.ifPresent(o -> o.model().close());
        open = Optional.empty();
    }

    /** A text that llama.cpp continues as long as it can, and PyTorch after that. */
    private final class Text implements Continuation {
        private final int longest;
        private final Supplier<KvCache> byPyTorch;
        private int[] known = {};
        private Optional<KvCache> instead = Optional.empty();

        Text(int longest, Supplier<KvCache> byPyTorch) {
            this.longest = longest;
            this.byPyTorch = byPyTorch;
        }

        @Override
        public float[] next(int... ids) {
            if (instead.isPresent()) {
                return instead.get().next(ids);
            }
            int before = known.length;
            known = Arrays.copyOf(known, before + ids.length);
            System.arraycopy(ids, 0, known, before, ids.length);
            try {
                return open(longest).of(known);
            } catch (IOException | IllegalArgumentException e) {
                LlamaWriter.this.close();
                refused = Optional.of(String.valueOf(e.getMessage())); // until there is another adapter
                instead = Optional.of(byPyTorch.get());
                return instead.get().next(known);
            }
        }

        @Override
        public void close() {
            instead.ifPresent(KvCache::close);
        }
    }
}
