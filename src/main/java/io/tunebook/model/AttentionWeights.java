package io.tunebook.model;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;

/**
 * What the heads of a layer look at. A head gives each position of a text a share of its attention for each position up
 * to itself, {@code softmax(q k^T / sqrt(headDim))} (Vaswani et al., 2017, section 3.2.1).
 *
 * @param layer the layer, from 0
 * @param heads for each head a matrix [tokens][tokens]: row i has what position i looks at, adds up to 1, and is 0
 *     behind i
 */
public record AttentionWeights(int layer, float[][][] heads) {
    /**
     * Computes them for one text, with the adapter in use.
     *
     * @param layer the layer, from 0
     * @throws IllegalArgumentException if the model has no such layer, it has no attention, or there is no token
     */
    public static AttentionWeights of(CausalLM model, int layer, int... ids) {
        if (layer < 0 || layer >= model.config().layers()) {
            throw new IllegalArgumentException(
                    "expected a layer from 0 to " + (model.config().layers() - 1) + ", found " + layer);
        }
        if (model.config().layer(layer).delta()) {
            throw new IllegalArgumentException("expected a layer with attention, found layer " + layer
                    + ", which has Gated DeltaNet in its place: a state, and no share of each position");
        }
        if (ids.length == 0) {
            throw new IllegalArgumentException("expected at least one token, found none");
        }
        try (NDManager scope = model.manager().newSubManager()) {
            float[] flat = model.script.attention(scope, model.inputs(TokenBatch.sequence(ids)), layer);
            int n = ids.length;
            float[][][] heads = new float[model.config().heads()][n][];
            for (int h = 0, at = 0; h < heads.length; h++) {
                for (int i = 0; i < n; i++, at += n) {
                    heads[h][i] = Arrays.copyOfRange(flat, at, at + n);
                }
            }
            return new AttentionWeights(layer, heads);
        }
    }
}
