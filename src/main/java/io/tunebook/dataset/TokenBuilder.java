package io.tunebook.dataset;

import java.util.Arrays;

/** Gathers examples in memory. */
final class TokenBuilder {
    private final String checksum;
    private int[] tokens = new int[1 << 12];
    private int used;
    private long[] ends = new long[64];
    private int examples;

    /** @param checksum of the vocabulary */
    TokenBuilder(String checksum) {
        this.checksum = checksum;
    }

    void add(int[] marked) {
        if (used + marked.length > tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(Math.addExact(used, marked.length), tokens.length * 2));
        }
        System.arraycopy(marked, 0, tokens, used, marked.length);
        used += marked.length;
        if (examples == ends.length) {
            ends = Arrays.copyOf(ends, examples * 2);
        }
        ends[examples++] = used;
    }

    TokenFile build() {
        return TokenFile.of(Arrays.copyOf(tokens, used), Arrays.copyOf(ends, examples), checksum);
    }
}
