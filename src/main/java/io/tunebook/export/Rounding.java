package io.tunebook.export;

import java.util.Locale;
import java.util.concurrent.atomic.DoubleAdder;

/**
 * What is left of an adapter's change after the merged weights are rounded to their type, over all tensors that the
 * adapter touches.
 *
 * <p>With W the base's weights, Δ the change and Q the weights as they are written: {@code kept} is ⟨Q − W, Δ⟩ / ‖Δ‖²
 * (1: all of the change is there, 0: none), {@code error} is ‖Q − (W + Δ)‖ / ‖Δ‖ (the rounding error in sizes of the
 * change).
 *
 * @param kept the share of the change that is left
 * @param error the rounding error, relative to the change
 */
public record Rounding(double kept, double error) {
    /** Below this a model is likely to answer as its base does. */
    static final double LITTLE = 0.5;

    /** Whether so little is left that the model is likely to answer as its base does. */
    public boolean little() {
        return kept < LITTLE;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%.0f %% of the adapter's change is left after rounding (the rounding error is %.1f times the change)",
                100 * kept,
                error);
    }

    /** Adds up over tensors; safe for several threads. */
    static final class Sum {
        private final DoubleAdder along = new DoubleAdder();
        private final DoubleAdder change = new DoubleAdder();
        private final DoubleAdder errors = new DoubleAdder();

        /** Counts some values: the base's, the merged ones before rounding and after. */
        void add(float[] base, float[] merged, float[] rounded) {
            double dot = 0;
            double squares = 0;
            double off = 0;
            for (int i = 0; i < base.length; i++) {
                double delta = (double) merged[i] - base[i];
                double error = (double) rounded[i] - merged[i];
                dot += ((double) rounded[i] - base[i]) * delta;
                squares += delta * delta;
                off += error * error;
            }
            along.add(dot);
            change.add(squares);
            errors.add(off);
        }

        Rounding result() {
            double squares = change.sum();
            return squares == 0
                    ? new Rounding(1, 0)
                    : new Rounding(along.sum() / squares, Math.sqrt(errors.sum() / squares));
        }
    }
}
