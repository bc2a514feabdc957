package io.tunebook.train;

import io.tunebook.model.family.DeltaNet;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Norm;
import java.util.List;

/**
 * What the forward and backward pass of a batch take beside weights and factors, counted from what {@code layer.py}
 * keeps in {@code Saved}.
 *
 * <p>Of 21 training steps on an H200, of eleven families, 20 took within 8 % of what these sums say: see
 * {@code MemoryEstimateTest}.
 *
 * @param config the model's shapes
 * @param bytes of a value that the model computes with
 * @param tokens those of the batch, without its padding
 * @param gpu whether the kernels of a GPU compute it
 */
record ActivationMemory(ModelConfig config, int bytes, long tokens, boolean gpu) {
    /** What PyTorch's allocator on a GPU takes beyond what is asked of it: it rounds up, and its blocks have gaps. */
    private static final double ALLOCATOR = 1.03;

    private static final List<Norm> NORMS_OF_RESIDUAL =
            List.of(Norm.ATTENTION, Norm.ATTENTION_OUT, Norm.MLP, Norm.MLP_OUT);

    /**
     * What is there from a layer's forward pass to its backward pass, in bytes: of a layer that is computed again its
     * input. On a GPU also the last layer's output and its gradient.
     *
     * @param checkpointed how many layers are computed again, from the first on
     */
    long kept(int checkpointed) {
        long values = (long) checkpointed * config.hiddenSize();
        for (int l = checkpointed; l < config.layers(); l++) {
            values += keptOf(l);
        }
        return (long) ((gpu ? ALLOCATOR : 1) * bytes * tokens * values)
                + (gpu ? 2 * bytes * tokens * config.hiddenSize() : 0);
    }

    /**
     * What is there during one layer's backward pass alone, in bytes: temporaries and, where no layer's values are
     * kept, those of that one layer.
     *
     * @param checkpointed how many layers are computed again
     */
    long backward(int checkpointed) {
        return temporaries() + (checkpointed == config.layers() ? bytes * tokens * keptOf(0) : 0);
    }

    /**
     * What one layer keeps, in values a token: the residual before each branch, what the norms around it gave or were
     * given, attention, gate and up.
     */
    private long keptOf(int layer) {
        long norms = NORMS_OF_RESIDUAL.stream().mapToLong(n -> n.width(config)).sum();
        long attention = config.layer(layer).delta() ? keptOfDelta() : keptOfAttention(layer);
        long shared = config.experts().filter(Experts::shared).isPresent()
                ? 2L * config.intermediateSize() + config.hiddenSize() // its gate, up and output
                : 0;
        return 2L * config.hiddenSize() + norms + attention + 2 * inner() + shared;
    }

    /**
     * q|k|v, with a gate for each query where heads have them; q and k once more where the rotated ones cannot take
     * their place, and on a CPU all three; the heads' outputs.
     */
    private long keptOfAttention(int layer) {
        long width = config.headDim();
        long queries = config.heads() * width;
        long keys = config.kvHeads() * width;
        boolean rotated = config.layer(layer).rope() != ModelConfig.LayerKind.NO_ROPE;
        boolean cut = rotated
                && (config.rotaryWidth() != config.headDim() || config.family().rotatesNeighbours());
        boolean again = config.qkNorm() || config.family().gated() || cut;
        long copies = !gpu ? queries + 2 * keys : again ? queries + keys : 0;
        return queries * (config.family().gated() ? 2 : 1) + 2 * keys + copies + queries;
    }

    /** Queries, keys, values and their gates, the two numbers of each head, the heads' outputs. */
    private long keptOfDelta() {
        DeltaNet d = config.delta().orElseThrow();
        return d.channels() + 2L * d.values() + 2L * d.valueHeads();
    }

    /**
     * What a layer's backward pass makes and gives back, in bytes: gradients of gate and up with what they are made
     * from, or what experts or Gated DeltaNet have at once. Of experts that are adapted nothing was measured.
     */
    private long temporaries() {
        long values = 6 * inner();
        if (config.experts().isPresent()) {
            // with the weights' gradient, in float32; rows of the residual's width for each expert of a token
            long rows = (long) config.experts().get().chosen() * config.hiddenSize();
            values = gpu ? 11 * inner() + 4 * rows : 14 * inner() + 6 * rows;
        }
        if (!gpu) {
            values += 4L * config.hiddenSize() + 2L * (config.heads() + 2 * config.kvHeads()) * config.headDim();
        }
        return Math.max(
                bytes * tokens * values, config.delta().map(this::ofDelta).orElse(0L));
    }

    /** Gate's width, or that of all experts that a token has. */
    private long inner() {
        return (long) config.experts().map(Experts::chosen).orElse(1) * config.innerSize();
    }

    /**
     * What the backward of Gated DeltaNet has at once, in bytes of float32: states and what was read and written of
     * them, q, k, v and their like, products within chunks.
     */
    private long ofDelta(DeltaNet d) {
        int chunk = gpu ? 64 : 32; // as module.py has it
        long states = 3L * d.valueHeads() * d.keyDim() * d.valueDim() / chunk;
        return 4 * tokens * (states + 13L * d.values() + 9L * d.valueHeads() * chunk + d.channels());
    }

    /**
     * Logits and the softmax beside them, whose place the gradient takes, in bytes. On a CPU there is one more of the
     * kind while it is made.
     *
     * @param lossTokens for how many tokens at a time logits are made
     */
    long logits(int lossTokens) {
        return (gpu ? 2L : 3L) * bytes * Math.min(tokens, lossTokens) * config.vocabularySize();
    }
}
