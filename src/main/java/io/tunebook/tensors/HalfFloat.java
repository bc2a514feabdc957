package io.tunebook.tensors;

/** IEEE 754 half precision, which Java 17 cannot convert by itself. */
final class HalfFloat {
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
