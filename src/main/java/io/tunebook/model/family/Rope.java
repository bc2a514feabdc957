package io.tunebook.model.family;

import java.util.Optional;

/**
 * A rotary position embedding (Su et al., 2021). A model may have several, and a layer one of them or none.
 *
 * @param width how many dimensions of a head are rotated, from the first on
 * @param theta the base of the frequencies
 * @param scaling how the frequencies are stretched for long sequences, if they are
 */
public record Rope(int width, double theta, Optional<RopeScaling> scaling) {
    /**
     * The frequencies, scaling applied: {@code theta^(-2i/width)} for i from 0 to {@code width / 2 - 1}, in radians a
     * position.
     *
     * @return {@code width / 2} values
     */
    public float[] inverseFrequencies() {
        float[] out = new float[width / 2];
        for (int i = 0; i < out.length; i++) {
            double frequency = 1 / Math.pow(theta, (float) (2 * i) / width);
            out[i] = (float) (scaling.isPresent() ? scaling.get().scaled(frequency, i, this) : frequency);
        }
        return out;
    }

    /** What cosines and sines are multiplied with. */
    public float scale() {
        return (float) scaling.map(RopeScaling::attentionFactor).orElse(1.0).doubleValue();
    }
}
