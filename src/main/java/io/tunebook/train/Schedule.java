package io.tunebook.train;

/**
 * How the learning rate runs over the steps, as a factor of the one that is set. After a linear warm-up from 0, by the
 * formulas of Transformers' {@code optimization.py}.
 */
public enum Schedule {
    /** Stays as it is. */
    CONSTANT {
        @Override
        double after(double progress) {
            return 1;
        }
    },
    /** Falls in a straight line to 0. */
    LINEAR {
        @Override
        double after(double progress) {
            return 1 - progress;
        }
    },
    /** Falls along half a cosine to 0: slowly, fast, slowly. */
    COSINE {
        @Override
        double after(double progress) {
            return 0.5 * (1 + Math.cos(Math.PI * progress));
        }
    };

    /** @param progress from 0 at the end of the warm-up to 1 at the last step's end */
    abstract double after(double progress);

    /**
     * The factor of one step.
     *
     * @param step counted from 0
     * @param warmup how many steps it takes to the full rate; with any, step 0 has the rate 0
     * @param steps how many steps there are
     */
    public double factor(int step, int warmup, int steps) {
        if (step < warmup) {
            return (double) step / warmup;
        }
        return Math.max(0, after(Math.min(1, (double) (step - warmup) / Math.max(1, steps - warmup))));
    }
}
