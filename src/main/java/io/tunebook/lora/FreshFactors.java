package io.tunebook.lora;

import java.util.Arrays;
import java.util.SplittableRandom;

/** The values that a module's factors begin with, so that B A is zero. */
final class FreshFactors {
    private FreshFactors() {}

    static void start(float[] values, LoraLayout.Slice s, LoraConfig.Initialization how, SplittableRandom random) {
        double bound = 1 / Math.sqrt(s.in());
        switch (how) {
            case KAIMING_UNIFORM -> {
                for (int i = 0; i < s.rank() * s.in(); i++) {
                    values[s.a() + i] = (float) random.nextDouble(-bound, bound);
                }
            }
            case GAUSSIAN -> {
                for (int i = 0; i < s.rank() * s.in(); i++) {
                    values[s.a() + i] = (float) (random.nextGaussian() * s.copies() / s.rank());
                }
            }
            case ORTHOGONAL -> orthogonal(values, s, random);
        }
    }

    /**
     * As {@code orthogonal_init} in PEFT's {@code tuners/lora/layer.py}: A = (X Q_odd)^T / 10 and B = Y Q_even / 10, so
     * that B A = Y Q_even Q_odd^T X^T = 0.
     */
    private static void orthogonal(float[] values, LoraLayout.Slice s, SplittableRandom random) {
        int r = s.rank();
        double[][] q = new double[r][r];
        for (int i = 0;
                i < r;
                i++) { // Gram and Schmidt's rows, each cleared of those before twice, for rounding's sake
            Arrays.setAll(q[i], j -> random.nextGaussian());
            for (int pass = 0; pass < 2; pass++) {
                for (int k = 0; k < i; k++) {
                    double along = dot(q[i], q[k]);
                    for (int j = 0; j < r; j++) {
                        q[i][j] -= along * q[k][j];
                    }
                }
            }
            double length = Math.sqrt(dot(q[i], q[i]));
            for (int j = 0; j < r; j++) {
                q[i][j] /= length;
            }
        }
        double[] x = new double[r / 2];
        for (int column = 0; column < s.in(); column++) {
            Arrays.setAll(x, i -> random.nextGaussian() / 10);
            for (int j = 0; j < r; j++) {
                double sum = 0;
                for (int i = 0; i < x.length; i++) {
                    sum += x[i] * q[2 * i][j];
                }
                values[s.a() + j * s.in() + column] = (float) sum;
            }
        }
        for (int row = 0; row < s.out(); row++) {
            Arrays.setAll(x, i -> random.nextGaussian() / 10);
            for (int j = 0; j < r; j++) {
                double sum = 0;
                for (int i = 0; i < x.length; i++) {
                    sum += x[i] * q[2 * i + 1][j];
                }
                values[s.b() + row * r + j] = (float) sum;
            }
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
