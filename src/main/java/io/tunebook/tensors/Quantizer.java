package io.tunebook.tensors;

import java.nio.ByteBuffer;

/** Floats to blocks; the layouts are ggml's ({@code ggml-common.h}), as in {@link Dequantizer}. */
final class Quantizer {
    private Quantizer() {}

    /** Writes {@code count} values into a little-endian buffer at its position. */
    static void run(GgufType type, float[] in, int at, int count, ByteBuffer out) {
        int end = at + count;
        switch (type) {
            case F32 -> {
                out.asFloatBuffer().put(in, at, count);
                out.position(out.position() + 4 * count);
            }
            case F16 -> {
                for (int i = at; i < end; i++) {
                    out.putShort(HalfFloat.fromFloat(in[i]));
                }
            }
            case BF16 -> {
                for (int i = at; i < end; i++) {
                    out.putShort(brain(in[i]));
                }
            }
            case Q8_0 -> {
                for (int i = at; i < end; i += 32) {
                    q8(in, i, out);
                }
            }
            case Q4_0, Q5_0 -> {
                for (int i = at; i < end; i += 32) {
                    signed(in, i, type == GgufType.Q4_0 ? 8 : 16, out);
                }
            }
            case Q4_1, Q5_1 -> {
                for (int i = at; i < end; i += 32) {
                    ranged(in, i, type == GgufType.Q4_1 ? 15 : 31, out);
                }
            }
            case MXFP4 -> {
                for (int i = at; i < end; i += 32) {
                    mxfp4(in, i, out);
                }
            }
            case Q4_K, Q5_K, Q6_K -> SuperBlocks.quantize(type, in, at, count, out);
            default -> throw new UnsupportedOperationException("quantising to " + type + " is not supported");
        }
    }

    /** The nearest bfloat16, ties to even; a NaN becomes a quiet NaN. */
    private static short brain(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0x7fffffff) > 0x7f800000) {
            return (short) (bits >> 16 | 64);
        }
        return (short) (bits + 0x7fff + (bits >> 16 & 1) >> 16);
    }

    /**
     * The exponent of the largest magnitude, less 2, since 4 is 2 to the 2nd; then the nearest value, the first of two
     * that are as near.
     */
    private static void mxfp4(float[] in, int at, ByteBuffer out) {
        float largest = 0;
        for (int i = at; i < at + 32; i++) {
            largest = Math.max(largest, Math.abs(in[i]));
        }
        int exponent = largest == 0 ? 0 : Math.max(0, Math.getExponent(largest) - 2 + 127);
        out.put((byte) exponent);
        for (int i = at; i < at + 16; i++) {
            out.put((byte) (nearest(in[i], exponent) | nearest(in[i + 16], exponent) << 4));
        }
    }

    private static int nearest(float value, int exponent) {
        int best = 0;
        float off = Float.POSITIVE_INFINITY;
        for (int code = 0; code < 16; code++) {
            float error = Math.abs(Dequantizer.mxfp4(exponent, code) - value);
            if (error < off) {
                off = error;
                best = code;
            }
        }
        return best;
    }

    /** The largest magnitude becomes ±127; halves round away from zero. */
    private static void q8(float[] in, int at, ByteBuffer out) {
        float largest = 0;
        for (int i = at; i < at + 32; i++) {
            largest = Math.max(largest, Math.abs(in[i]));
        }
        float d = largest / 127;
        float inverse = d == 0 ? 0 : 1 / d;
        out.putShort(HalfFloat.fromFloat(d));
        for (int i = at; i < at + 32; i++) {
            float q = Math.abs(in[i] * inverse);
            int whole = (int) q;
            int rounded = q - whole >= 0.5f ? whole + 1 : whole;
            out.put((byte) (in[i] * inverse < 0 ? -rounded : rounded));
        }
    }

    /** The value of the largest magnitude becomes −{@code half}, so that the scale carries its sign: d·(q − half). */
    private static void signed(float[] in, int at, int half, ByteBuffer out) {
        float extreme = 0;
        for (int i = at; i < at + 32; i++) {
            if (Math.abs(in[i]) > Math.abs(extreme)) {
                extreme = in[i];
            }
        }
        float d = extreme / -half;
        float inverse = d == 0 ? 0 : 1 / d;
        out.putShort(HalfFloat.fromFloat(d));
        pack(in, at, 0, inverse, half + 0.5f, 2 * half - 1, out);
    }

    /** The smallest value becomes 0, the largest {@code top}: d·q + m. */
    private static void ranged(float[] in, int at, int top, ByteBuffer out) {
        float min = in[at];
        float max = in[at];
        for (int i = at + 1; i < at + 32; i++) {
            min = Math.min(min, in[i]);
            max = Math.max(max, in[i]);
        }
        float d = (max - min) / top;
        float inverse = d == 0 ? 0 : 1 / d;
        out.putShort(HalfFloat.fromFloat(d)).putShort(HalfFloat.fromFloat(min));
        pack(in, at, min, inverse, 0.5f, top, out);
    }

    /**
     * Four bits each, the first half of the values in the low nibbles; before them the fifth bits, where there are
     * some.
     */
    private static void pack(float[] in, int at, float min, float inverse, float shift, int top, ByteBuffer out) {
        int fifths = 0;
        byte[] nibbles = new byte[16];
        for (int i = 0; i < 32; i++) {
            int q = Math.max(0, Math.min(top, (int) ((in[at + i] - min) * inverse + shift)));
            fifths |= (q >> 4) << i;
            nibbles[i % 16] |= (byte) ((q & 15) << i / 16 * 4);
        }
        if (top > 15) {
            out.putInt(fifths);
        }
        out.put(nibbles);
    }

    /** IEEE 754 half precision, which Java 17 cannot convert by itself. */
    static final class HalfFloat {
        private HalfFloat() {}

        /** The float that a half stands for; exact. */
        static float toFloat(short half) {
            int sign = half >> 15 << 31;
            int exponent = half >> 10 & 31;
            int fraction = half & 0x3ff;
            if (exponent == 0) {
                float tiny = fraction * 0x1p-24f;
                return sign == 0 ? tiny : -tiny;
            }
            int e = exponent == 31 ? 255 : exponent + 112;
            return Float.intBitsToFloat(sign | e << 23 | fraction << 13);
        }

        /** The nearest half, ties to even; what is too large becomes an infinity, a NaN a quiet NaN. */
        static short fromFloat(float value) {
            int bits = Float.floatToRawIntBits(value);
            int sign = bits >>> 16 & 0x8000;
            int magnitude = bits & 0x7fffffff;
            if (magnitude > 0x7f800000) {
                return (short) (sign | 0x7e00 | magnitude >> 13 & 0x3ff);
            }
            if (magnitude >= 0x477ff000) { // 65520 rounds to infinity
                return (short) (sign | 0x7c00);
            }
            if (magnitude < 0x38800000) { // below 2^-14: subnormal, the last bit is worth 2^-24
                return (short) (sign | (int) Math.rint(Math.abs(value) * 0x1p24));
            }
            int rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
            return (short) (sign | rounded - 0x38000000 >> 13);
        }
    }
}
