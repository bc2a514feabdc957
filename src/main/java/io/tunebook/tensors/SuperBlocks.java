package io.tunebook.tensors;

import io.tunebook.tensors.Quantizer.HalfFloat;
import java.nio.ByteBuffer;

/**
 * Floats to K-quants: blocks of 256 values in groups, each group with a small integer scale (and minimum) that a float
 * of the block multiplies. The layouts are ggml's ({@code ggml-common.h}).
 *
 * <p>A group's scale and minimum are found by least squares: for several widths of the grid the values are rounded to
 * it, then scale and minimum are solved for those integers, and the pair with the least squared error wins. When the
 * block's floats have been chosen the integers are rounded again, and the floats solved once more for all 256 values.
 */
final class SuperBlocks {
    private static final int SIZE = 256;
    /** By how much the integers' range is narrowed and widened, in steps of the grid. */
    private static final float[] WIDTHS_4 = {-1.5f, -1.2f, -0.9f, -0.6f, -0.3f, 0, 0.3f, 0.6f, 0.9f, 1.2f};

    private static final float[] WIDTHS_5 = {-1.6f, -1.2f, -0.8f, -0.4f, 0, 0.4f, 0.8f};
    private static final float[] WIDTHS_6 = {-2.4f, -1.8f, -1.2f, -0.6f, 0, 0.6f, 1.2f};
    /** Adding and subtracting 1.5·2²³ rounds a small float to the nearest integer. */
    private static final float ROUND = 12582912f;

    private final float[] q = new float[SIZE];
    private final float[] scales = new float[16];
    private final float[] minima = new float[8];
    private final int[] scaleBits = new int[16];
    private final int[] minimumBits = new int[8];

    /** What the last {@link #solve} or {@link #solveSigned} found. */
    private float scale;

    private float minimum;
    private float gain;

    private SuperBlocks() {}

    /** Writes {@code count} values, a multiple of 256, into a little-endian buffer at its position. */
    static void quantize(GgufType type, float[] in, int at, int count, ByteBuffer out) {
        SuperBlocks work = new SuperBlocks();
        for (int i = at; i < at + count; i += SIZE) {
            switch (type) {
                case Q4_K -> work.ranged(in, i, 15, WIDTHS_4, out);
                case Q5_K -> work.ranged(in, i, 31, WIDTHS_5, out);
                case Q6_K -> work.signed(in, i, out);
                default -> throw new AssertionError(type);
            }
        }
    }

    /** Q4_K and Q5_K: eight groups of 32, {@code d·scale·q − dmin·minimum}. */
    private void ranged(float[] x, int at, int top, float[] widths, ByteBuffer out) {
        float largestScale = 0;
        float largestMinimum = 0;
        for (int g = 0; g < 8; g++) {
            search(x, at + 32 * g, 32 * g, top, widths);
            scales[g] = scale;
            minima[g] = minimum;
            largestScale = Math.max(largestScale, scale);
            largestMinimum = Math.max(largestMinimum, minimum);
        }
        float d = half(largestScale / 63);
        float dmin = half(largestMinimum / 63);
        for (int g = 0; g < 8; g++) {
            scaleBits[g] = level(scales[g], d, 63);
            minimumBits[g] = level(minima[g], dmin, 63);
        }
        roundAgain(x, at, top, d, dmin);
        solveBlock(x, at, d, dmin);
        d = half(scale);
        dmin = half(minimum);
        roundAgain(x, at, top, d, dmin);
        out.putShort(HalfFloat.fromFloat(d)).putShort(HalfFloat.fromFloat(dmin));
        for (int g = 0; g < 4; g++) {
            out.put((byte) (scaleBits[g] | scaleBits[g + 4] >> 4 << 6));
        }
        for (int g = 0; g < 4; g++) {
            out.put((byte) (minimumBits[g] | minimumBits[g + 4] >> 4 << 6));
        }
        for (int g = 4; g < 8; g++) {
            out.put((byte) (scaleBits[g] & 15 | (minimumBits[g] & 15) << 4));
        }
        if (top == 31) {
            for (int i = 0; i < 32; i++) {
                int fifths = 0;
                for (int g = 0; g < 8; g++) {
                    fifths |= ((int) q[32 * g + i] >> 4) << g;
                }
                out.put((byte) fifths);
            }
        }
        for (int g = 0; g < 8; g += 2) {
            for (int i = 0; i < 32; i++) {
                out.put((byte) ((int) q[32 * g + i] & 15 | ((int) q[32 * g + 32 + i] & 15) << 4));
            }
        }
    }

    /** Finds a group's scale and minimum, the latter not negative, and leaves them in the fields. */
    private void search(float[] x, int at, int to, int top, float[] widths) {
        float low = 0;
        float high = x[at];
        for (int i = at; i < at + 32; i++) {
            low = Math.min(low, x[i]);
            high = Math.max(high, x[i]);
        }
        if (high <= low) {
            scale = 0;
            minimum = -low;
            return;
        }
        float bestScale = (high - low) / top;
        float bestMinimum = -low;
        float best = Float.NEGATIVE_INFINITY;
        for (float width : widths) {
            round(x, at, to, 32, (top + width) / (high - low), -low, top);
            solve(x, at, to);
            if (gain > best) {
                best = gain;
                bestScale = scale;
                bestMinimum = minimum;
            }
        }
        if (bestScale > 0) {
            round(x, at, to, 32, 1 / bestScale, bestMinimum, top);
            solve(x, at, to);
            if (gain > best) {
                bestScale = scale;
                bestMinimum = minimum;
            }
        }
        scale = bestScale;
        minimum = bestMinimum;
    }

    /** {@code q = round((x + shift) · inverse)} within 0 and {@code top}. */
    private void round(float[] x, int at, int to, int n, float inverse, float shift, int top) {
        for (int i = 0; i < n; i++) {
            float v = (x[at + i] + shift) * inverse + ROUND - ROUND;
            q[to + i] = Math.max(0f, Math.min((float) top, v));
        }
    }

    /**
     * The scale and minimum that fit 32 values best to their integers; {@code gain} is by how much the squared error
     * falls.
     */
    private void solve(float[] x, int at, int to) {
        float sumQ = 0;
        float sumQq = 0;
        float sumX = 0;
        float sumXq = 0;
        for (int i = 0; i < 32; i++) {
            float k = q[to + i];
            float v = x[at + i];
            sumQ += k;
            sumQq += k * k;
            sumX += v;
            sumXq += v * k;
        }
        float determinant = 32 * sumQq - sumQ * sumQ;
        float offset = 0;
        scale = 0;
        if (determinant > 0) {
            scale = (32 * sumXq - sumX * sumQ) / determinant;
            offset = (sumX * sumQq - sumQ * sumXq) / determinant;
        }
        if (offset > 0 || determinant <= 0) {
            offset = 0;
            scale = sumQq > 0 ? sumXq / sumQq : 0;
        }
        scale = Math.max(0, scale);
        minimum = -offset;
        gain = 2 * (scale * sumXq + offset * sumX)
                - (scale * scale * sumQq + 2 * scale * offset * sumQ + 32 * offset * offset);
    }

    private void roundAgain(float[] x, int at, int top, float d, float dmin) {
        for (int g = 0; g < 8; g++) {
            float step = d * scaleBits[g];
            round(x, at + 32 * g, 32 * g, 32, step > 0 ? 1 / step : 0, dmin * minimumBits[g], top);
        }
    }

    /** d and dmin by least squares over the block, everything else fixed. */
    private void solveBlock(float[] x, int at, float d, float dmin) {
        double aa = 0;
        double ab = 0;
        double bb = 0;
        double xa = 0;
        double xb = 0;
        for (int g = 0; g < 8; g++) {
            float sumQ = 0;
            float sumQq = 0;
            float sumX = 0;
            float sumXq = 0;
            for (int i = 32 * g; i < 32 * g + 32; i++) {
                sumQ += q[i];
                sumQq += q[i] * q[i];
                sumX += x[at + i];
                sumXq += x[at + i] * q[i];
            }
            double s = scaleBits[g];
            double m = minimumBits[g];
            aa += s * s * sumQq;
            ab += s * m * sumQ;
            bb += m * m * 32;
            xa += s * sumXq;
            xb += m * sumX;
        }
        double determinant = aa * bb - ab * ab;
        scale = d;
        minimum = dmin;
        if (determinant > 1e-9 * aa * bb) {
            // x ≈ d·a − dmin·b
            double solvedD = (xa * bb - xb * ab) / determinant;
            double solvedMin = (xa * ab - xb * aa) / determinant;
            if (solvedD > 0 && solvedMin >= 0) {
                scale = (float) solvedD;
                minimum = (float) solvedMin;
            }
        } else if (aa > 0 && bb == 0 && xa > 0) {
            scale = (float) (xa / aa);
        }
    }

    /** Q6_K: sixteen groups of 16, {@code d·scale·(q − 32)} with scales from −128 to 127. */
    private void signed(float[] x, int at, ByteBuffer out) {
        float extreme = 0;
        for (int g = 0; g < 16; g++) {
            searchSigned(x, at + 16 * g, 16 * g);
            scales[g] = scale;
            if (Math.abs(scale) > Math.abs(extreme)) {
                extreme = scale;
            }
        }
        float d = half(extreme / -128);
        for (int g = 0; g < 16; g++) {
            scaleBits[g] = d == 0 ? 0 : Math.max(-128, Math.min(127, Math.round(scales[g] / d)));
        }
        roundAgainSigned(x, at, d);
        double aa = 0;
        double xa = 0;
        for (int i = 0; i < SIZE; i++) {
            double a = scaleBits[i / 16] * q[i];
            aa += a * a;
            xa += a * x[at + i];
        }
        if (aa > 0) {
            d = half((float) (xa / aa));
            roundAgainSigned(x, at, d);
        }
        for (int h = 0; h < SIZE; h += 128) {
            for (int i = 0; i < 64; i++) {
                out.put((byte) (bits(h + i) & 15 | (bits(h + 64 + i) & 15) << 4));
            }
        }
        for (int h = 0; h < SIZE; h += 128) {
            for (int i = h; i < h + 32; i++) {
                out.put((byte)
                        (bits(i) >> 4 | bits(i + 32) >> 4 << 2 | bits(i + 64) >> 4 << 4 | bits(i + 96) >> 4 << 6));
            }
        }
        for (int g = 0; g < 16; g++) {
            out.put((byte) scaleBits[g]);
        }
        out.putShort(HalfFloat.fromFloat(d));
    }

    private int bits(int i) {
        return (int) q[i] + 32;
    }

    private void roundAgainSigned(float[] x, int at, float d) {
        for (int g = 0; g < 16; g++) {
            float step = d * scaleBits[g];
            roundSigned(x, at + 16 * g, 16 * g, step == 0 ? 0 : 1 / step);
        }
    }

    private void roundSigned(float[] x, int at, int to, float inverse) {
        for (int i = 0; i < 16; i++) {
            float v = x[at + i] * inverse + ROUND - ROUND;
            q[to + i] = Math.max(-32f, Math.min(31f, v));
        }
    }

    /** The value of the largest magnitude goes to about −32; the scale takes its sign. */
    private void searchSigned(float[] x, int at, int to) {
        float extreme = 0;
        for (int i = at; i < at + 16; i++) {
            if (Math.abs(x[i]) > Math.abs(extreme)) {
                extreme = x[i];
            }
        }
        scale = 0;
        if (extreme == 0) {
            return;
        }
        float best = 0;
        float bestScale = extreme / -32;
        for (float width : WIDTHS_6) {
            roundSigned(x, at, to, -(32 + width) / extreme);
            float sumQq = 0;
            float sumXq = 0;
            for (int i = 0; i < 16; i++) {
                sumQq += q[to + i] * q[to + i];
                sumXq += q[to + i] * x[at + i];
            }
            if (sumQq > 0 && sumXq * sumXq > best * sumQq) {
                best = sumXq * sumXq / sumQq;
                bestScale = sumXq / sumQq;
            }
        }
        scale = bestScale;
    }

    private static int level(float value, float unit, int top) {
        return unit == 0 ? 0 : Math.min(top, Math.round(value / unit));
    }

    private static float half(float value) {
        return HalfFloat.toFloat(HalfFloat.fromFloat(value));
    }
}
