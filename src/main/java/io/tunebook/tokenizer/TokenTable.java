package io.tunebook.tokenizer;

import java.util.Arrays;

/** From a token's bytes to its id. */
final class TokenTable {
    private final byte[][] keys;
    private final int[] ids;
    private final int mask;

    TokenTable(int size) {
        int slots = Integer.highestOneBit(Math.max(4, size)) * 4;
        keys = new byte[slots][];
        ids = new int[slots];
        mask = slots - 1;
    }

    private int slot(byte[] bytes, int from, int to) {
        int h = 0;
        for (int i = from; i < to; i++) {
            h = 31 * h + bytes[i];
        }
        int at = (h * 0x9E3779B9 >>> 7) & mask;
        while (keys[at] != null && !Arrays.equals(keys[at], 0, keys[at].length, bytes, from, to)) {
            at = at + 1 & mask;
        }
        return at;
    }

    void put(byte[] token, int id) {
        int at = slot(token, 0, token.length);
        keys[at] = token;
        ids[at] = id;
    }

    int get(byte[] bytes, int from, int to) {
        int at = slot(bytes, from, to);
        return keys[at] == null ? -1 : ids[at];
    }
}
