package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Which adapter a model computes with, which is merged, and how many tokens there are with it, by which tokenizer. */
final class AdapterUse {
    /** How many values of a matrix go to the device at a time. */
    private static final int AT_ONCE = 1 << 24;

    private final DecoderScript script;
    private final Precision precision;
    private final boolean kernels;
    private final DeviceWeights.Loaded weights;
    private final int vocabulary;
    private final Set<Tokenizer> tokenizers = new LinkedHashSet<>();
    private Factors.Embeddings merged = Factors.Embeddings.NONE;
    private Factors.Embeddings used = Factors.Embeddings.NONE;
    private Optional<Tokenizer> mergedTokenizer = Optional.empty();
    private Optional<Tokenizer> usedTokenizer = Optional.empty();

    /**
     * @param kernels whether kernels for a GPU compute the loss
     * @param weights how the weights lie
     * @param vocabulary how many tokens the model has
     */
    AdapterUse(
            DecoderScript script, Precision precision, boolean kernels, DeviceWeights.Loaded weights, int vocabulary) {
        this.script = script;
        this.precision = precision;
        this.kernels = kernels;
        this.weights = weights;
        this.vocabulary = vocabulary;
    }

    /** How many tokens there are with what is in use. */
    int vocabulary() {
        return used.vocabulary(merged.vocabulary(vocabulary));
    }

    /**
     * How many tokens there are with these factors.
     *
     * @throws IllegalArgumentException if the device cannot compute with so many
     */
    int vocabulary(Factors factors) {
        if (!factors.embeddings().isEmpty() && !merged.isEmpty() && factors.embeddings() != merged) {
            throw new IllegalStateException("an adapter that changes the embedding or the output is merged:"
                    + " take it out by unmerge() before another such adapter is used");
        }
        int rows = factors.embeddings().vocabulary(merged.vocabulary(vocabulary));
        if (rows % 8 != 0 && kernels) {
            throw new IllegalArgumentException("the adapter's vocabulary of " + rows
                    + " tokens is no multiple of 8, as the kernels for a GPU need it: load the model in float32");
        }
        return rows;
    }

    /** The tokenizer of the adapter in use, or of the one that is merged, where they have one of their own. */
    Optional<Tokenizer> tokenizer() {
        return usedTokenizer.or(() -> mergedTokenizer);
    }

    /** Frees the adapters' tokenizers. */
    void close() {
        tokenizers.forEach(Tokenizer::close);
    }

    void attach(Factors factors, Optional<Tokenizer> tokenizer) {
        vocabulary(factors);
        script.attach(factors);
        used = factors.embeddings();
        usedTokenizer = tokenizer;
        tokenizer.ifPresent(tokenizers::add);
    }

    void detach() {
        script.detach();
        used = Factors.Embeddings.NONE;
        usedTokenizer = Optional.empty();
    }

    void merge(Factors factors, int sign, Optional<Tokenizer> tokenizer) {
        if (factors.dora()) {
            throw new IllegalArgumentException(
                    "DoRA's magnitudes cannot be merged in place; export a merged GGUF instead");
        }
        if (weights.quantized() || weights.storage() == Storage.FP8) {
            throw new IllegalStateException("the weights are in "
                    + (weights.quantized() ? "GGUF's blocks" : "eight bits")
                    + ", which would round the adapter away; export a merged GGUF instead");
        }
        vocabulary(factors);
        if (!used.isEmpty() && !factors.embeddings().isEmpty()) {
            detach(); // its embedding would hide the one that is merged
        }
        script.merge(factors, sign);
        if (!factors.embeddings().isEmpty()) {
            merged = sign > 0 ? factors.embeddings() : Factors.Embeddings.NONE;
        }
        if (tokenizer.isPresent()) {
            mergedTokenizer = sign > 0 ? tokenizer : Optional.empty();
            tokenizers.add(tokenizer.get());
        }
    }

    NDArray matrix(NDManager owner, int rows, int columns, CausalLM.RowReader reader) throws IOException {
        int atOnce = Math.max(1, AT_ONCE / columns);
        try (NDManager scope = owner.newSubManager()) {
            List<NDArray> parts = new ArrayList<>();
            for (int first = 0; first < rows; first += atOnce) {
                int count = Math.min(atOnce, rows - first);
                float[] values = new float[count * columns];
                reader.read(first, count, values);
                try (NDArray host = scope.create(values, new Shape(count, columns))) {
                    parts.add(script.asType(scope, host, precision.type(), host));
                }
            }
            return script.joined(owner, parts);
        }
    }
}
