package io.tunebook.tokenizer;

import java.util.Arrays;

/** The tables of byte-level BPE: open addressing over arrays, since a look-up is made for every pair of every word. */
final class BpeTables {
    private BpeTables() {}

    /** From a token's bytes to its id. */
    static final class TokenTable {
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

    /** From two tokens to the rank of their merge, in the upper half, and what they become, in the lower. */
    static final class PairTable {
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
}
