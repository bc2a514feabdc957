package io.tunebook.tokenizer;

import java.util.Arrays;

/** From two tokens to the rank of their merge, in the upper half, and what they become, in the lower. */
final class PairTable {
    /** What pairs have that no merge joins: it is above every rank. */
    static final long NONE = Long.MAX_VALUE;

    private final long[] table;
    private final int mask;

    PairTable(int size) {
        int slots = Integer.highestOneBit(Math.max(4, size)) * 4;
        table = new long[2 * slots];
        mask = slots - 1;
        Arrays.fill(table, -1);
    }

    private int slot(long key) {
        long h = key * 0x9E3779B97F4A7C15L;
        int at = (int) (h >>> 40) & mask;
        while (table[2 * at] != key && table[2 * at] != -1) {
            at = at + 1 & mask;
        }
        return 2 * at;
    }

    void put(int left, int right, long value) {
        long key = (long) left << 32 | right;
        int at = slot(key);
        table[at] = key;
        table[at + 1] = value;
    }

    long get(int left, int right) {
        int at = slot((long) left << 32 | right);
        return table[at] == -1 ? NONE : table[at + 1];
    }
}
