package io.tunebook.kernel.debug;

import java.nio.charset.StandardCharsets;

/**
 * The hash by which frontends and kernels name the files of cells.
 *
 * @see <a href="https://github.com/aappleby/smhasher/blob/master/src/MurmurHash2.cpp">MurmurHash2</a>
 */
final class Murmur2 {
    private static final int M = 0x5bd1e995;

    private Murmur2() {}

    /** The hash of a text's UTF-8, as an unsigned number of 32 bits. */
    static long hash(String text, int seed) {
        byte[] data = text.getBytes(StandardCharsets.UTF_8);
        int h = seed ^ data.length;
        int i = 0;
        for (; i + 4 <= data.length; i += 4) {
            int k = data[i] & 0xff | (data[i + 1] & 0xff) << 8 | (data[i + 2] & 0xff) << 16 | data[i + 3] << 24;
            k *= M;
            k ^= k >>> 24;
            h = h * M ^ k * M;
        }
        if (i < data.length) {
            int k = 0;
            for (int n = data.length - 1; n >= i; n--) {
                k = k << 8 | data[n] & 0xff;
            }
            h = (h ^ k) * M;
        }
        h = (h ^ h >>> 13) * M;
        return Integer.toUnsignedLong(h ^ h >>> 15);
    }
}
