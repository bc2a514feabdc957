package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import io.tunebook.model.family.Target;

/**
 * LoRA's factors as the decoder takes them: one flat float32 array, in the order that {@code factors} in {@code decoder.py} says.
 *
 * @param flat stays its owner's; it is read anew by each gradient
 * @param ranks of the targets of each layer, in the order of {@link Target}; 0 for one that is not adapted
 * @param scales that multiply B A, target by target
 * @param dora whether the magnitudes of the adapted targets follow (Liu et al., 2024)
 */
public record Factors(NDArray flat, long[] ranks, double[] scales, boolean dora) {
    TorchScript.Arguments arguments(TorchScript.Arguments a) {
        return a.tensor(flat).numbers(ranks).reals(scales).flag(dora);
    }
}
