package io.tunebook.model;

import java.util.Arrays;

/**
 * Sequences of one length, row after row: element {@code row * length + position} of each array belongs to one token.
 *
 * @param rows the number of sequences
 * @param length the tokens of each, padding included
 * @param ids the tokens
 * @param labels the token to predict at its own place, {@link #IGNORED} where none counts; the model does the shift, so
 *     a row's or a document's first label never counts
 * @param positions each token's place in its document, from 0
 * @param documents which document of its row a token belongs to, from 0; {@link #PADDING} for padding. A token attends
 *     to tokens of its own document only
 */
public record TokenBatch(int rows, int length, int[] ids, int[] labels, int[] positions, int[] documents) {
    /** The label of a token that does not count in the loss, as PyTorch's {@code ignore_index} has it. */
    public static final int IGNORED = -100;

    /** The document of padding. */
    public static final int PADDING = -1;

    public TokenBatch {
        int expected = Math.multiplyExact(rows, length);
        if (ids.length != expected
                || labels.length != expected
                || positions.length != expected
                || documents.length != expected) {
            throw new IllegalArgumentException("expected arrays of " + rows + " × " + length + " elements, found "
                    + ids.length + " ids, " + labels.length + " labels, " + positions.length + " positions, "
                    + documents.length + " documents");
        }
    }

    /** One document without padding, each token to be predicted from those before it. */
    static TokenBatch sequence(int... ids) {
        int[] positions = new int[ids.length];
        Arrays.setAll(positions, i -> i);
        return new TokenBatch(1, ids.length, ids, ids, positions, new int[ids.length]);
    }

    /** The number of tokens without padding. */
    public int tokens() {
        return (int) Arrays.stream(documents).filter(d -> d != PADDING).count();
    }

    /** The number of labels that count in the loss. */
    public int counted() {
        int counted = 0;
        for (int i = 0; i < labels.length; i++) {
            counted += labels[i] != IGNORED && i % length != 0 ? 1 : 0;
        }
        return counted;
    }
}
