package io.tunebook.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * A text as tokens. All arrays have one element a token.
 *
 * @param ids the tokens' ids
 * @param attentionMask 1 for a token, 0 for padding
 * @param tokens the tokens as the vocabulary writes them
 * @param starts where each token begins in the text, in UTF-16 units as {@link String#substring} counts; 0 for a token
 *     that stands for no text
 * @param ends where each token ends in the text, exclusive
 * @param special whether the tokenizer added the token, such as a beginning of sequence or padding
 */
public record Encoding(
        int[] ids, int[] attentionMask, List<String> tokens, int[] starts, int[] ends, boolean[] special) {

    /** A side of a sequence. */
    public enum Side {
        LEFT,
        RIGHT
    }

    /**
     * How texts become a batch.
     *
     * @param special whether to add the model's special tokens
     * @param padding the side that is filled up to the longest sequence, null for no padding
     * @param multipleOf padded lengths are rounded up to a multiple of this
     * @param maxLength the most tokens of a sequence, special ones included; 0 for no truncation
     * @param truncation the side that truncation takes tokens from
     * @param overflow whether what truncation takes away becomes further sequences
     * @param stride how many tokens such a sequence repeats of the one before
     */
    public record Options(
            boolean special,
            Side padding,
            int multipleOf,
            int maxLength,
            Side truncation,
            boolean overflow,
            int stride) {
        public Options {
            if (multipleOf < 1 || maxLength < 0 || stride < 0) {
                throw new IllegalArgumentException(
                        "expected multipleOf of at least 1, maxLength and stride of at least 0, found " + multipleOf
                                + ", " + maxLength + ", " + stride);
            }
        }

        /** Special tokens added, nothing padded or truncated. */
        public static Options defaults() {
            return new Options(true, null, 1, 0, Side.RIGHT, false, 0);
        }

        /** With or without the model's special tokens. */
        public Options special(boolean add) {
            return new Options(add, padding, multipleOf, maxLength, truncation, overflow, stride);
        }

        /** Filled up on one side to the longest sequence of the batch, rounded up to a multiple. */
        public Options padded(Side side, int multiple) {
            return new Options(special, side, multiple, maxLength, truncation, overflow, stride);
        }

        /** Cut on one side to a number of tokens; what is cut off is lost. */
        public Options truncated(int length, Side side) {
            return new Options(special, padding, multipleOf, length, side, false, 0);
        }

        /** Cut into sequences of at most a number of tokens, each repeating some of the one before. */
        public Options windows(int length, int repeated) {
            return new Options(special, padding, multipleOf, length, truncation, true, repeated);
        }
    }

    /**
     * Several encodings.
     *
     * @param encodings one a text, or more where a text became several windows
     * @param sources for each encoding the index of its text
     */
    public record Batch(List<Encoding> encodings, int[] sources) {
        /** The ids, one row an encoding. */
        public int[][] ids() {
            return encodings.stream().map(Encoding::ids).toArray(int[][]::new);
        }

        /** The attention masks, one row an encoding. */
        public int[][] attentionMasks() {
            return encodings.stream().map(Encoding::attentionMask).toArray(int[][]::new);
        }
    }

    /** All of one length, that of the longest or the next multiple of what the options say. */
    static List<Encoding> padded(List<Encoding> all, Options options, int pad, String token) {
        int longest = all.stream().mapToInt(Encoding::length).max().orElse(0);
        int length = (longest + options.multipleOf() - 1) / options.multipleOf() * options.multipleOf();
        return all.stream()
                .map(e -> {
                    int[] added = new int[length - e.length()];
                    Arrays.fill(added, pad);
                    return e.extended(options.padding(), added, Collections.nCopies(added.length, token), 0);
                })
                .toList();
    }

    /** The number of tokens. */
    public int length() {
        return ids.length;
    }

    /** Tokens {@code from} to {@code to}, exclusive. */
    Encoding slice(int from, int to) {
        return new Encoding(
                Arrays.copyOfRange(ids, from, to),
                Arrays.copyOfRange(attentionMask, from, to),
                List.copyOf(tokens.subList(from, to)),
                Arrays.copyOfRange(starts, from, to),
                Arrays.copyOfRange(ends, from, to),
                Arrays.copyOfRange(special, from, to));
    }

    /** This and {@code count} tokens of one id that stand for no text, on one side. */
    Encoding extended(Side side, int[] added, List<String> names, int mask) {
        int n = ids.length;
        int count = added.length;
        int at = side == Side.LEFT ? count : 0;
        int addedAt = side == Side.LEFT ? 0 : n;
        int[] newIds = new int[n + count];
        int[] newMask = new int[n + count];
        int[] newStarts = new int[n + count];
        int[] newEnds = new int[n + count];
        boolean[] newSpecial = new boolean[n + count];
        System.arraycopy(ids, 0, newIds, at, n);
        System.arraycopy(attentionMask, 0, newMask, at, n);
        System.arraycopy(starts, 0, newStarts, at, n);
        System.arraycopy(ends, 0, newEnds, at, n);
        System.arraycopy(special, 0, newSpecial, at, n);
        System.arraycopy(added, 0, newIds, addedAt, count);
        Arrays.fill(newMask, addedAt, addedAt + count, mask);
        Arrays.fill(newSpecial, addedAt, addedAt + count, true);
        List<String> newTokens = new ArrayList<>(tokens);
        newTokens.addAll(addedAt, names);
        return new Encoding(newIds, newMask, List.copyOf(newTokens), newStarts, newEnds, newSpecial);
    }
}
