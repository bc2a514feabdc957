package io.tunebook.ollama.llamacpp;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * A model with one context, for one conversation at a time. What a new prompt has in common with what the context
 * holds is not computed anew. For one thread.
 */
public final class LlamaModel implements AutoCloseable {
    /** As many tokens of a prompt are computed at once, as in Ollama. */
    private static final int BATCH = 512;

    private static final byte YES = 1;
    private static final byte NO = 0;

    private final LlamaLibrary library;
    private final Pointer model;
    private final Pointer context;
    private final Pointer vocabulary;
    private final Pointer memory;
    private final int batch;
    private final Pace pace;
    /** The tokens whose keys and values the context holds. */
    private int[] held = {};

    /**
     * How a model is loaded.
     *
     * @param context how many tokens a prompt and its answer may have
     * @param threads how many threads compute
     * @param embedding whether it makes vectors of texts, in place of going on with them
     */
    public record Settings(int context, int threads, boolean embedding) {}

    /**
     * Loads a model and its LoRA adapters, all GGUF files.
     *
     * @throws IllegalArgumentException if llama.cpp does not take a file, with its words
     */
    public LlamaModel(LlamaCpp llama, Path gguf, List<Path> adapters, Settings settings) {
        library = llama.library();
        model = library.llama_model_load_from_file(bytes(gguf.toString()), library.llama_model_default_params());
        if (model == null) {
            throw new IllegalArgumentException("unable to load model: " + gguf + ": " + llama.lastError());
        }
        vocabulary = library.llama_model_get_vocab(model);
        LlamaLibrary.ContextParams params = library.llama_context_default_params();
        // A text's vector is made in one go.
        batch = settings.embedding() ? settings.context() : Math.min(BATCH, settings.context());
        params.context = settings.context();
        params.batch = batch;
        params.microBatch = batch;
        params.threads = settings.threads();
        params.threadsBatch = settings.threads();
        params.fullWindow = NO;
        if (settings.embedding()) {
            params.embeddings = YES;
            params.outputsPerSequence = 0;
            params.pooling = hasPooling() ? LlamaLibrary.POOLING_OF_FILE : LlamaLibrary.POOLING_LAST;
        }
        context = library.llama_init_from_model(model, params);
        if (context == null) {
            throw new IllegalArgumentException("no context for " + gguf + ": " + llama.lastError());
        }
        Pointer threads = llama.threads(settings.threads());
        if (threads != null) {
            library.llama_attach_threadpool(context, threads, threads);
        }
        pace = new Pace(settings.threads());
        memory = library.llama_get_memory(context);
        List<Pointer> loaded = new ArrayList<>();
        for (Path adapter : adapters) {
            Pointer one = library.llama_adapter_lora_init(model, bytes(adapter.toString()));
            if (one == null) {
                throw new IllegalArgumentException("unable to load adapter: " + adapter + ": " + llama.lastError());
            }
            loaded.add(one);
        }
        if (!loaded.isEmpty()) {
            float[] scales = new float[loaded.size()];
            Arrays.fill(scales, 1);
            library.llama_set_adapters_lora(context, loaded.toArray(Pointer[]::new), new SizeT(loaded.size()), scales);
        }
    }

    private static byte[] bytes(String text) {
        return (text + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private boolean hasPooling() {
        byte[] text = new byte[256];
        int length = library.llama_model_meta_val_str(model, "general.architecture", text, new SizeT(text.length));
        String family = new String(text, 0, Math.max(0, Math.min(length, text.length - 1)), StandardCharsets.UTF_8);
        return library.llama_model_meta_val_str(model, family + ".pooling_type", text, new SizeT(text.length)) >= 0;
    }

    LlamaLibrary library() {
        return library;
    }

    Pointer vocabulary() {
        return vocabulary;
    }

    Pointer context() {
        return context;
    }

    /** How many tokens the vocabulary has. */
    public int tokenCount() {
        return library.llama_vocab_n_tokens(vocabulary);
    }

    /**
     * A text's tokens; marks of special tokens in it are these tokens.
     *
     * @param begun with what the model puts before and after every text
     */
    public int[] tokens(String text, boolean begun) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] tokens = new int[bytes.length + 8];
        byte special = begun ? YES : NO;
        int count = library.llama_tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, special, YES);
        if (count < 0) {
            tokens = new int[-count];
            count = library.llama_tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, special, YES);
        }
        return Arrays.copyOf(tokens, count);
    }

    /**
     * A token's bytes, which need not be whole characters.
     *
     * @param special whether special tokens have a text too
     */
    public byte[] piece(int token, boolean special) {
        byte[] text = new byte[64];
        int length = library.llama_token_to_piece(vocabulary, token, text, text.length, 0, special ? YES : NO);
        if (length < 0) {
            text = new byte[-length];
            length = library.llama_token_to_piece(vocabulary, token, text, text.length, 0, special ? YES : NO);
        }
        return Arrays.copyOf(text, length);
    }

    /** Whether a token ends an answer. */
    public boolean ends(int token) {
        return library.llama_vocab_is_eog(vocabulary, token) != 0;
    }

    /**
     * Computes a prompt; afterwards the next token's logits are there.
     *
     * @param stopped asked between batches; once it says yes, the rest is left
     * @return how many of the prompt's tokens were there already
     * @throws IllegalStateException if llama.cpp fails
     */
    public int prompt(int[] tokens, BooleanSupplier stopped) {
        int known = keep(tokens);
        for (int from = known; from < tokens.length && !stopped.getAsBoolean(); from += batch) {
            decode(Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + batch)));
        }
        return known;
    }

    /**
     * Computes a text, or only its last token where the context holds all others; afterwards the next token's logits
     * are there.
     */
    void text(int[] tokens) {
        int before = tokens.length - 1;
        if (before > 0 && before == held.length && Arrays.equals(tokens, 0, before, held, 0, before)) {
            next(tokens[before]);
        } else {
            prompt(tokens, () -> false);
        }
    }

    /** Computes one more token. */
    public void next(int token) {
        int threads = pace.threads();
        library.llama_set_n_threads(context, threads, threads);
        long start = System.nanoTime();
        decode(new int[] {token});
        pace.took(System.nanoTime() - start);
    }

    /** Drops what the context holds beyond what the tokens begin with; one token at least is left to compute. */
    private int keep(int[] tokens) {
        int same = Arrays.mismatch(tokens, held);
        int known = Math.max(0, Math.min(same < 0 ? tokens.length : same, tokens.length - 1));
        if (memory == null) {
            held = new int[0];
            return 0;
        }
        // Some models cannot forget a part (a recurrent state), or have forgotten what comes before it (a sliding
        // window).
        boolean whole = library.llama_memory_seq_rm(memory, 0, known, -1) != 0
                && (known == 0
                        || library.llama_memory_seq_pos_min(memory, 0)
                                <= Math.max(0, known - library.llama_model_n_swa(model)));
        if (!whole) {
            library.llama_memory_clear(memory, YES);
            known = 0;
        }
        held = Arrays.copyOf(held, known);
        return known;
    }

    private void decode(int[] tokens) {
        int code;
        try (Memory ids = new Memory(4L * tokens.length)) {
            ids.write(0, tokens, 0, tokens.length);
            LlamaLibrary.Batch some = new LlamaLibrary.Batch();
            some.count = tokens.length;
            some.tokens = ids;
            code = memory == null ? library.llama_encode(context, some) : library.llama_decode(context, some);
        }
        if (code != 0) {
            if (memory != null) {
                library.llama_memory_clear(memory, YES);
            }
            held = new int[0];
            throw new IllegalStateException("llama.cpp cannot compute " + tokens.length + " tokens: code " + code);
        }
        int before = held.length;
        held = Arrays.copyOf(held, before + tokens.length);
        System.arraycopy(tokens, 0, held, before, tokens.length);
    }

    /** The next token's logits, one for each token of the vocabulary. */
    public float[] logits() {
        return library.llama_get_logits_ith(context, -1).getFloatArray(0, tokenCount());
    }

    /** The same where llama.cpp has them, until it computes again. */
    ByteBuffer logitsInPlace() {
        return library.llama_get_logits_ith(context, -1).getByteBuffer(0, 4L * tokenCount());
    }

    /** A text's vector, of length one. */
    public float[] embed(String text) {
        if (memory != null) {
            library.llama_memory_clear(memory, YES);
        }
        held = new int[0];
        int[] tokens = tokens(text, true);
        if (tokens.length > batch) {
            throw new IllegalArgumentException("the input length exceeds the context length");
        }
        decode(tokens);
        float[] vector =
                library.llama_get_embeddings_seq(context, 0).getFloatArray(0, library.llama_model_n_embd_out(model));
        double squares = 0;
        for (float v : vector) {
            squares += (double) v * v;
        }
        float length = squares > 0 ? (float) Math.sqrt(squares) : 1;
        for (int i = 0; i < vector.length; i++) {
            vector[i] /= length;
        }
        return vector;
    }

    @Override
    public void close() {
        library.llama_free(context);
        library.llama_model_free(model);
    }
}
