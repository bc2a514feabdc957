package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which adapter a model computes with, which is merged, and how many tokens there are with it, by which tokenizer; and
 * what an adapter asks of the model's device. For those who know the layout of LoRA's factors.
 */
public final class AdapterUse {
    /** How many values of a matrix go to the device at a time. */
    private static final int AT_ONCE = 1 << 24;

    /** Gives rows of float32, one behind the other. */
    @FunctionalInterface
    public interface RowReader {
        void read(int first, int count, float[] out) throws IOException;
    }

    private final DecoderScript script;
    private final Precision precision;
    private final ModelConfig config;
    private final DeviceWeights.Loaded weights;
    private final GradientSteps steps;
    private final LlamaWriter writer;
    private final Set<Tokenizer> tokenizers = new LinkedHashSet<>();
    private Factors.Embeddings merged = Factors.Embeddings.NONE;
    private Factors.Embeddings used = Factors.Embeddings.NONE;
    private Optional<Tokenizer> mergedTokenizer = Optional.empty();
    private Optional<Tokenizer> usedTokenizer = Optional.empty();

    /**
     * @param weights how the weights lie
     * @param steps what they have recorded is forgotten where a merge makes it wrong
     * @param writer has the same adapter
     */
    AdapterUse(
            DecoderScript script,
            Precision precision,
            ModelConfig config,
            DeviceWeights.Loaded weights,
            GradientSteps steps,
            LlamaWriter writer) {
        this.script = script;
        this.precision = precision;
        this.config = config;
        this.weights = weights;
        this.steps = steps;
        this.writer = writer;
    }

    /** How many tokens there are with the adapter in use, which may have resized the vocabulary. */
    public int vocabulary() {
        return used.vocabulary(merged.vocabulary(config.vocabularySize()));
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
        int rows = factors.embeddings().vocabulary(merged.vocabulary(config.vocabularySize()));
        if (rows % 8 != 0 && steps.kernels()) {
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

    /**
     * Adds LoRA's products from now on, with the factors as they are now, embedding and output in the model's places.
     *
     * @param tokenizer takes the place of the model's; the model frees it when it is closed
     * @param gguf writes the factors for llama.cpp
     */
    public void attach(Factors factors, Optional<Tokenizer> tokenizer, GgufAdapter gguf) {
        vocabulary(factors);
        script.attach(factors);
        used = factors.embeddings();
        usedTokenizer = tokenizer;
        tokenizer.ifPresent(tokenizers::add);
        writer.attach(factors, gguf);
    }

    /** @see CausalLM#detach */
    void detach() {
        script.detach();
        used = Factors.Embeddings.NONE;
        usedTokenizer = Optional.empty();
        writer.detach();
    }

    /**
     * Adds {@code sign · scale · B A} to the weights themselves and puts the factors' embedding and output in: 1
     * merges, -1 takes it out again, up to the rounding of the model's type.
     *
     * @param tokenizer as in {@link #attach}
     * @throws IllegalArgumentException for DoRA, whose magnitudes are no sum
     * @throws IllegalStateException if the weights are in blocks or in eight bits
     */
    public void merge(Factors factors, int sign, Optional<Tokenizer> tokenizer) {
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
        writer.merge(sign);
        steps.close(); // what was recorded may read another embedding
    }

    // ---- what an adapter asks of the device

    /** A matrix [rows, columns] on the device in the model's type; {@code owner} frees it. */
    public NDArray matrix(NDManager owner, int rows, int columns, RowReader reader) throws IOException {
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

    /** The norm of each row of a weight: what DoRA's magnitudes start from. */
    public float[] rowNorms(int layer, Target target) {
        return script.norms(layer, target, config);
    }

    /** Copies values to where another array lies, from device to device if need be, so that recorded work sees them. */
    public void assign(NDArray to, NDArray from) {
        script.assign(List.of(to), List.of(from));
    }

    /** Adds an array's values to another, from device to device if need be, and leaves zeros behind. */
    public void take(NDArray sum, NDArray from) {
        script.take(sum, from);
    }
}
