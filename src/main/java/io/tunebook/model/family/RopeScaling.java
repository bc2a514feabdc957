package io.tunebook.model.family;

import java.util.List;

/**
 * How the rotary embedding's frequencies are stretched for long sequences. Formulas as in Transformers'
 * {@code modeling_rope_utils.py}.
 */
public sealed interface RopeScaling {
    /**
     * A frequency, stretched.
     *
     * @param frequency {@code theta^(-2i/width)}, in radians a position
     * @param i its number
     */
    double scaled(double frequency, int i, Rope rope);

    /** What cosines and sines are multiplied with, so that scores grow with the length. */
    default double attentionFactor() {
        return 1;
    }

    /** Every frequency is divided by the factor. */
    record Linear(double factor) implements RopeScaling {
        @Override
        public double scaled(double frequency, int i, Rope rope) {
            return frequency / factor;
        }
    }

    /** GGUF's {@code rope_freqs.weight}: each frequency has its own divisor, {@code width / 2} of them. */
    record Factors(List<Float> divisors, double attentionFactor) implements RopeScaling {
        @Override
        public double scaled(double frequency, int i, Rope rope) {
            return frequency / divisors.get(i);
        }
    }

    /**
     * LongRoPE (Ding et al., 2024): each frequency has one divisor for short texts and one for long ones,
     * {@code width / 2} of each.
     *
     * @param originalMaxPositions texts of more tokens are long
     * @param attentionFactor what cosines and sines are multiplied with, in short texts too
     */
    record LongRope(
            List<Float> shortDivisors, List<Float> longDivisors, int originalMaxPositions, double attentionFactor)
            implements RopeScaling {
        @Override
        public double scaled(double frequency, int i, Rope rope) {
            return frequency / shortDivisors.get(i);
        }

        /** The scaling of long texts. */
        Factors beyond() {
            return new Factors(longDivisors, attentionFactor);
        }

        /**
         * What Transformers takes where the configuration has no factor: {@code sqrt(1 + ln(stretch) / ln(original))}.
         */
        static double attentionFactor(double stretch, int original) {
            return stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(original));
        }
    }

    /**
     * Llama 3's: low frequencies are divided, high ones kept, those between blended.
     *
     * @param lowFrequencyFactor wavelengths over the original length divided by this are stretched in full
     * @param highFrequencyFactor wavelengths under the original length divided by this stay as they are
     * @param originalMaxPositions the length the model was first trained on, in tokens
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
            implements RopeScaling {
        @Override
        public double scaled(double frequency, int i, Rope rope) {
            double turns = originalMaxPositions * frequency / (2 * Math.PI);
            if (turns < lowFrequencyFactor) {
                return frequency / factor;
            }
            if (turns > highFrequencyFactor) {
                return frequency;
            }
            double kept = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
            return (1 - kept) * frequency / factor + kept * frequency;
        }
    }

    /**
     * YaRN (Peng et al., 2023): frequencies that turn often within the original length are kept, those that turn seldom
     * divided, those between blended.
     *
     * @param betaFast so many turns and more: kept
     * @param betaSlow so many turns and fewer: divided
     * @param originalMaxPositions the length the model was first trained on, in tokens
     * @param attentionFactor what cosines and sines are multiplied with
     * @param truncate whether the places of these two among the frequencies are rounded outwards to whole ones
     */
    record Yarn(
            double factor,
            double betaFast,
            double betaSlow,
            int originalMaxPositions,
            double attentionFactor,
            boolean truncate)
            implements RopeScaling {
        @Override
        public double scaled(double frequency, int i, Rope rope) {
            double low = place(betaFast, rope);
            double high = place(betaSlow, rope);
            if (truncate) {
                low = Math.floor(low);
                high = Math.ceil(high);
            }
            low = Math.max(low, 0);
            high = Math.min(high, rope.width() - 1);
            if (low == high) {
                high += 0.001;
            }
            double divided = Math.max(0, Math.min(1, (i - low) / (high - low)));
            return frequency / factor * divided + frequency * (1 - divided);
        }

        Yarn truncated() {
            return new Yarn(factor, betaFast, betaSlow, originalMaxPositions, attentionFactor, true);
        }

        /** Which frequency turns so often within the original length. */
        private double place(double turns, Rope rope) {
            return rope.width() * Math.log(originalMaxPositions / (turns * 2 * Math.PI)) / (2 * Math.log(rope.theta()));
        }

        /** The paper's attention factor for a stretch: {@code 0.1 scale ln(factor) + 1}. */
        public static double attentionFactor(double factor, double scale) {
            return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
        }
    }
}
