package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import io.tunebook.model.family.ModelConfig;
import java.util.Optional;

/**
 * LoRA's factors as the decoder takes them: one flat float32 array, in the order that {@code factors} in
 * {@code adapter.py} says.
 *
 * @param flat stays its owner's; it is read anew by each gradient
 * @param ranks of the targets of each layer, in the order of {@link ModelConfig#targets(int)}; 0 for one that is not
 *     adapted
 * @param scales that multiply B A, target by target
 * @param dora whether the magnitudes of the adapted targets follow (Liu et al., 2024)
 * @param embeddings what takes the places of the model's embedding and output
 */
public record Factors(NDArray flat, long[] ranks, double[] scales, boolean dora, Embeddings embeddings) {
    /**
     * The embedding and the output of an adapter, [vocabulary, width] in the model's type; what is empty stays the
     * model's own.
     *
     * @param input the embedding
     * @param output may be the same array
     */
    public record Embeddings(Optional<NDArray> input, Optional<NDArray> output) {
        /** Both stay the model's own. */
        public static final Embeddings NONE = new Embeddings(Optional.empty(), Optional.empty());

        /** Whether both stay the model's own. */
        boolean isEmpty() {
            return input.isEmpty() && output.isEmpty();
        }

        /** How many tokens there are, where the model's own has so many. */
        public int vocabulary(int own) {
            return input.or(() -> output)
                    .map(e -> Math.toIntExact(e.getShape().get(0)))
                    .orElse(own);
        }
    }
}
