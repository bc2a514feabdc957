package io.tunebook.tensors;

import io.tunebook.tensors.Quantizer.HalfFloat;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/**
 * Blocks to floats. The order of the float operations is that of the Python package {@code gguf}, so that the results
 * are equal to the last bit; the layouts are ggml's ({@code ggml-common.h}).
 */
final class Dequantizer {
    private static final int SUPER = 256;

    /** The steps of IQ4_NL and IQ4_XS (ggml's {@code kvalues_iq4nl}). */
    private static final int[] UNEVEN = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    /** Twice the values of MXFP4's codes without a sign. */
    private static final int[] TWICE = {0, 1, 2, 3, 4, 6, 8, 12};

    private Dequantizer() {}

    /** Reads {@code count} values from a little-endian buffer at its position. */
    static void run(GgufType type, ByteBuffer in, float[] out, int at, int count) {
        int end = at + count;
        switch (type) {
            case F32 -> {
                FloatBuffer floats = in.asFloatBuffer();
                floats.get(out, at, count);
                in.position(in.position() + 4 * count);
            }
            case F16 -> {
                for (int i = at; i < end; i++) {
                    out[i] = HalfFloat.toFloat(in.getShort());
                }
            }
            case BF16 -> {
                for (int i = at; i < end; i++) {
                    out[i] = Float.intBitsToFloat(in.getShort() << 16);
                }
            }
            default -> {
                byte[] block = new byte[type.blockBytes()];
                for (int i = at; i < end; i += type.blockSize()) {
                    in.get(block);
                    block(type, block, out, i);
                }
            }
        }
    }

    private static void block(GgufType type, byte[] block, float[] out, int at) {
        switch (type) {
            case Q4_0 -> nibbles(block, 2, half(block, 0), -8, 0f, out, at);
            case Q4_1 -> nibbles(block, 4, half(block, 0), 0, half(block, 2), out, at);
            case Q5_0 -> fiveBits(block, 2, half(block, 0), -16, 0f, out, at);
            case Q5_1 -> fiveBits(block, 4, half(block, 0), 0, half(block, 2), out, at);
            case Q8_0 -> {
                float d = half(block, 0);
                for (int i = 0; i < 32; i++) {
                    out[at + i] = block[2 + i] * d;
                }
            }
            case Q2_K -> q2k(block, out, at);
            case Q3_K -> q3k(block, out, at);
            case Q4_K -> q4k(block, out, at);
            case Q5_K -> q5k(block, out, at);
            case Q6_K -> q6k(block, out, at);
            case IQ4_NL -> uneven(block, 2, half(block, 0), out, at);
            case IQ4_XS -> iq4xs(block, out, at);
            case MXFP4 -> mxfp4(block, out, at);
            default -> throw new AssertionError(type);
        }
    }

    /** Sixteen bytes, the low nibbles first: {@code d * (q + shift) + m}. */
    private static void nibbles(byte[] block, int qs, float d, int shift, float m, float[] out, int at) {
        boolean plain = shift != 0;
        for (int i = 0; i < 16; i++) {
            int q = block[qs + i];
            float low = d * ((q & 15) + shift);
            float high = d * ((q >> 4 & 15) + shift);
            // Adding 0 would turn −0 into +0.
            out[at + i] = plain ? low : low + m;
            out[at + 16 + i] = plain ? high : high + m;
        }
    }

    /** As {@link #nibbles}, with the fifth bits in a 32-bit word before them. */
    private static void fiveBits(byte[] block, int qh, float d, int shift, float m, float[] out, int at) {
        boolean plain = shift != 0;
        for (int i = 0; i < 32; i++) {
            int four = i < 16 ? block[qh + 4 + i] & 15 : block[qh + 4 + i - 16] >> 4 & 15;
            int fifth = block[qh + i / 8] >> i % 8 & 1;
            float v = d * ((four | fifth << 4) + shift);
            out[at + i] = plain ? v : v + m;
        }
    }

    private static void q2k(byte[] block, float[] out, int at) {
        float d = half(block, 80);
        float min = half(block, 82);
        for (int i = 0; i < SUPER; i++) {
            int scale = block[i / 16];
            int q = block[16 + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            out[at + i] = d * (scale & 15) * q - min * (scale >> 4 & 15);
        }
    }

    private static void q3k(byte[] block, float[] out, int at) {
        float d = half(block, 108);
        for (int g = 0; g < 16; g++) {
            int low = block[96 + g % 8] >> g / 8 * 4 & 15;
            int high = block[104 + g % 4] >> g / 4 * 2 & 3;
            float scale = d * ((low | high << 4) - 32);
            for (int i = g * 16; i < g * 16 + 16; i++) {
                int q = block[32 + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
                // A high bit that is set means that nothing is taken off.
                int off = (block[i % 32] >> i / 32 & 1) == 0 ? 4 : 0;
                out[at + i] = scale * (q - off);
            }
        }
    }

    private static void q4k(byte[] block, float[] out, int at) {
        float d = half(block, 0);
        float min = half(block, 2);
        for (int g = 0; g < 8; g++) {
            float scale = d * scale(block, 4, g);
            float m = min * minimum(block, 4, g);
            for (int i = 0; i < 32; i++) {
                int q = block[16 + g / 2 * 32 + i] >> g % 2 * 4 & 15;
                out[at + g * 32 + i] = scale * q - m;
            }
        }
    }

    private static void q5k(byte[] block, float[] out, int at) {
        float d = half(block, 0);
        float min = half(block, 2);
        for (int g = 0; g < 8; g++) {
            float scale = d * scale(block, 4, g);
            float m = min * minimum(block, 4, g);
            for (int i = 0; i < 32; i++) {
                int four = block[48 + g / 2 * 32 + i] >> g % 2 * 4 & 15;
                int fifth = block[16 + i] >> g & 1;
                out[at + g * 32 + i] = scale * (four | fifth << 4) - m;
            }
        }
    }

    private static void q6k(byte[] block, float[] out, int at) {
        float d = half(block, 208);
        for (int g = 0; g < 16; g++) {
            float scale = d * block[192 + g];
            for (int i = g * 16; i < g * 16 + 16; i++) {
                int four = block[i / 128 * 64 + i % 64] >> i % 128 / 64 * 4 & 15;
                int two = block[128 + i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
                out[at + i] = scale * ((four | two << 4) - 32);
            }
        }
    }

    /** Sixteen bytes, the low nibbles first, each standing for one of the uneven steps. */
    private static void uneven(byte[] block, int qs, float d, float[] out, int at) {
        for (int i = 0; i < 16; i++) {
            out[at + i] = d * UNEVEN[block[qs + i] & 15];
            out[at + 16 + i] = d * UNEVEN[block[qs + i] >> 4 & 15];
        }
    }

    private static void iq4xs(byte[] block, float[] out, int at) {
        float d = half(block, 0);
        int high = block[2] & 255 | (block[3] & 255) << 8;
        for (int g = 0; g < 8; g++) {
            int low = block[4 + g / 2] >> g % 2 * 4 & 15;
            uneven(block, 8 + 16 * g, d * ((low | (high >> 2 * g & 3) << 4) - 32), out, at + 32 * g);
        }
    }

    /** An exponent, then sixteen bytes, the low nibbles first. */
    private static void mxfp4(byte[] block, float[] out, int at) {
        for (int i = 0; i < 16; i++) {
            out[at + i] = mxfp4(block[0], block[1 + i]);
            out[at + 16 + i] = mxfp4(block[0], block[1 + i] >> 4);
        }
    }

    /**
     * A value of MXFP4.
     *
     * @param exponent what 2 is raised to, with 127 added
     * @param code in its lowest four bits
     */
    static float mxfp4(int exponent, int code) {
        float value = Math.scalb((float) TWICE[code & 7], (exponent & 255) - 128);
        return (code & 8) == 0 || value == 0 ? value : -value;
    }

    /** The 6-bit scale of group {@code g} of 8 in the 12 bytes at {@code s} that Q4_K and Q5_K share. */
    private static int scale(byte[] block, int s, int g) {
        return g < 4 ? block[s + g] & 63 : block[s + 4 + g] & 15 | (block[s + g - 4] >> 6 & 3) << 4;
    }

    /** The 6-bit minimum of group {@code g}, beside {@link #scale}. */
    private static int minimum(byte[] block, int s, int g) {
        return g < 4 ? block[s + 4 + g] & 63 : block[s + 4 + g] >> 4 & 15 | (block[s + g] >> 6 & 3) << 4;
    }

    private static float half(byte[] block, int at) {
        return HalfFloat.toFloat((short) (block[at] & 255 | block[at + 1] << 8));
    }
}
