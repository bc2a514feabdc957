package io.tunebook.ollama.llamacpp;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Chooses tokens by a model's logits, in the order of llama.cpp's server: penalties, top k, typical p, top p, min p,
 * temperature. With a grammar a token that does not fit is chosen anew among those that do.
 */
public final class LlamaSampler implements AutoCloseable {
    private final LlamaModel model;
    private final LlamaLibrary library;
    private final Pointer chain;
    private final Pointer grammar;

    /**
     * What to choose by, with llama.cpp's meanings.
     *
     * @param seed of the choice; -1 for one that differs each time
     * @param repeatLast over how many tokens the penalties look back
     */
    public record Settings(
            float temperature,
            int topK,
            float topP,
            float minP,
            float typicalP,
            int repeatLast,
            float repeatPenalty,
            float frequencyPenalty,
            float presencePenalty,
            int seed) {
        /** Refuses what llama.cpp would end the process for, in its server's words. */
        public Settings {
            if (!(repeatPenalty > 0) || Float.isInfinite(repeatPenalty) || Float.isInfinite(1 / repeatPenalty)) {
                throw new IllegalArgumentException("penalty_repeat must be finite and greater than 0");
            }
            if (!Float.isFinite(frequencyPenalty)) {
                throw new IllegalArgumentException("penalty_freq must be finite");
            }
            if (!Float.isFinite(presencePenalty)) {
                throw new IllegalArgumentException("penalty_present must be finite");
            }
        }
    }

    /**
     * A sampler for one answer.
     *
     * @param gbnf what the answer must fit, null for free text
     * @throws IllegalArgumentException if the grammar has faults
     */
    public LlamaSampler(LlamaModel model, Settings s, String gbnf) {
        this.model = model;
        library = model.library();
        int vocabulary = model.tokenCount();
        Pointer made = null;
        if (gbnf != null) {
            made = library.llama_sampler_init_grammar(
                    model.vocabulary(), (gbnf + "\0").getBytes(StandardCharsets.UTF_8), "root");
            if (made == null) {
                throw new IllegalArgumentException("failed to parse grammar");
            }
        }
        grammar = made;
        LlamaLibrary.ChainParams params = new LlamaLibrary.ChainParams();
        params.noTimes = 1;
        chain = library.llama_sampler_chain_init(params);
        suppress(vocabulary);
        add(library.llama_sampler_init_penalties(
                vocabulary, s.repeatLast(), s.repeatPenalty(), s.frequencyPenalty(), s.presencePenalty()));
        SizeT none = new SizeT(0);
        add(library.llama_sampler_init_top_k(s.topK()));
        add(library.llama_sampler_init_typical(s.typicalP(), none));
        add(library.llama_sampler_init_top_p(s.topP(), none));
        add(library.llama_sampler_init_min_p(s.minP(), none));
        add(library.llama_sampler_init_temp(s.temperature()));
        add(library.llama_sampler_init_dist(s.seed()));
    }

    private void add(Pointer sampler) {
        library.llama_sampler_chain_add(chain, sampler);
    }

    /** Some models' files name tokens that are never to be said. */
    private void suppress(int vocabulary) {
        int[] count = new int[1];
        Pointer tokens = library.llama_vocab_get_suppress_tokens(model.vocabulary(), count);
        if (count[0] == 0) {
            return;
        }
        try (Memory biases = new Memory(8L * count[0])) {
            for (int i = 0; i < count[0]; i++) {
                biases.setInt(8L * i, tokens.getInt(4L * i));
                biases.setFloat(8L * i + 4, Float.NEGATIVE_INFINITY);
            }
            add(library.llama_sampler_init_logit_bias(vocabulary, count[0], biases));
        }
    }

    /** Tells of a token of the prompt, which the penalties count. */
    public void saw(int token) {
        library.llama_sampler_accept(chain, token);
    }

    /** The next token, by the logits that the model has. */
    public int next() {
        if (grammar == null) {
            return library.llama_sampler_sample(chain, model.context(), -1);
        }
        float[] logits = model.logits();
        int token = chosen(logits, false);
        if (!fits(token)) {
            token = chosen(logits, true);
        }
        library.llama_sampler_accept(grammar, token);
        library.llama_sampler_accept(chain, token);
        return token;
    }

    private int chosen(float[] logits, boolean byGrammar) {
        try (Memory data = new Memory((long) logits.length * LlamaLibrary.Candidates.BYTES)) {
            ByteBuffer all = data.getByteBuffer(0, data.size()).order(ByteOrder.nativeOrder());
            for (int i = 0; i < logits.length; i++) {
                all.putInt(i).putFloat(logits[i]).putFloat(0);
            }
            LlamaLibrary.Candidates candidates = candidates(data, logits.length);
            if (byGrammar) {
                library.llama_sampler_apply(grammar, candidates);
            }
            library.llama_sampler_apply(chain, candidates);
            if (candidates.selected < 0) {
                throw new IllegalStateException("no token fits the grammar");
            }
            return candidates.data.getInt(candidates.selected * LlamaLibrary.Candidates.BYTES);
        }
    }

    private boolean fits(int token) {
        try (Memory data = new Memory(LlamaLibrary.Candidates.BYTES)) {
            data.setInt(0, token);
            data.setFloat(4, 1);
            data.setFloat(8, 0);
            library.llama_sampler_apply(grammar, candidates(data, 1));
            return data.getFloat(4) != Float.NEGATIVE_INFINITY;
        }
    }

    private static LlamaLibrary.Candidates candidates(Memory data, int count) {
        LlamaLibrary.Candidates candidates = new LlamaLibrary.Candidates();
        candidates.data = data;
        candidates.size = new SizeT(count);
        candidates.selected = -1;
        return candidates;
    }

    @Override
    public void close() {
        library.llama_sampler_free(chain);
        if (grammar != null) {
            library.llama_sampler_free(grammar);
        }
    }
}
