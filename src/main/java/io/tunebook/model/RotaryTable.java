package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Rope;
import java.util.List;

/**
 * Cosines and signed sines of the rotary position embedding, [2, positions, head_dim] in float32; the sines have the
 * minus in their first half. It grows with the sequences that come.
 */
final class RotaryTable {
    private static final int FIRST = 2048;

    private final ModelConfig config;
    private int positions;

    RotaryTable(ModelConfig config) {
        this.config = config;
        positions = Math.min(FIRST, config.maxPositions());
    }

    /**
     * Makes room for a sequence.
     *
     * @return whether there was not enough, so that the array must be made anew
     * @throws IllegalArgumentException if the model was not made for so many positions
     */
    boolean grow(int needed) {
        if (needed > config.maxPositions()) {
            throw new IllegalArgumentException(
                    "this model was trained on at most " + config.maxPositions() + " tokens in a row, found " + needed);
        }
        if (needed <= positions) {
            return false;
        }
        positions = Math.min(config.maxPositions(), Math.max(needed, 2 * positions));
        return true;
    }

    /** One table for each of the model's rotary embeddings. */
    List<NDArray> arrays(NDManager owner) {
        return config.ropes().stream().map(rope -> array(owner, rope)).toList();
    }

    private NDArray array(NDManager owner, Rope rope) {
        float[] inverse = rope.inverseFrequencies();
        float scale = rope.scale();
        int d = rope.width();
        float[] values = new float[2 * positions * d];
        for (int p = 0; p < positions; p++) {
            for (int i = 0; i < d; i++) {
                float angle = p * inverse[i % (d / 2)];
                float sine = (float) (i < d / 2 ? -Math.sin(angle) : Math.sin(angle));
                values[p * d + i] = (float) Math.cos(angle) * scale;
                values[(positions + p) * d + i] = sine * scale;
            }
        }
        return owner.create(values, new Shape(2, positions, d));
    }
}
