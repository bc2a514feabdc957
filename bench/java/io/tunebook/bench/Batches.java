package io.tunebook.bench;

import io.tunebook.model.TokenBatch;
import java.util.Arrays;
import java.util.Random;

/** Batches of random tokens, of the shapes that trainings have. */
final class Batches {
    private Batches() {}

    /** One of {@code whole}, {@code conversations} and {@code packed}. */
    static TokenBatch of(String kind, Random random, int rows, int length, int vocabulary) {
        return switch (kind) {
            case "whole" -> whole(random, rows, length, vocabulary);
            case "conversations" -> conversations(random, rows, length, vocabulary);
            case "packed" -> packed(random, rows, length, vocabulary);
            default ->
                throw new IllegalArgumentException("batches: expected whole, conversations or packed, found " + kind);
        };
    }

    private static int conversation(Random random, int most) {
        return Math.max(16, Math.min(most, (int) Math.exp(Math.log(330) + 0.9 * random.nextGaussian())));
    }

    /** Rows filled with conversations, the last of which is cut; every token but a document's first counts. */
    private static TokenBatch packed(Random random, int rows, int length, int vocabulary) {
        TokenBatch b = whole(random, rows, length, vocabulary);
        for (int row = 0; row < rows; row++) {
            int document = -1;
            int left = 0;
            for (int i = row * length; i < (row + 1) * length; i++) {
                boolean begins = left == 0;
                if (begins) {
                    document++;
                    left = conversation(random, length);
                }
                b.documents()[i] = document;
                b.positions()[i] = begins ? 0 : b.positions()[i - 1] + 1;
                left--;
            }
        }
        return b;
    }

    /**
     * Lengths as chat data has them: their logarithms are normal, with a deviation of 0.9; the answer begins somewhere
     * from 0.15 to 0.75 of each.
     */
    static TokenBatch conversations(Random random, int rows, int most, int vocabulary) {
        int[] lengths = new int[rows];
        Arrays.setAll(lengths, i -> conversation(random, most));
        int width = Arrays.stream(lengths).max().orElseThrow();
        int size = rows * width;
        TokenBatch b = new TokenBatch(rows, width, new int[size], new int[size], new int[size], new int[size]);
        Arrays.fill(b.labels(), TokenBatch.IGNORED);
        Arrays.fill(b.documents(), TokenBatch.PADDING);
        for (int row = 0; row < rows; row++) {
            int answer = (int) (lengths[row] * (0.15 + 0.6 * random.nextDouble()));
            for (int i = 0; i < lengths[row]; i++) {
                int at = row * width + i;
                b.ids()[at] = random.nextInt(vocabulary);
                b.labels()[at] = i < Math.max(1, answer) ? TokenBatch.IGNORED : b.ids()[at];
                b.positions()[at] = i;
                b.documents()[at] = 0;
            }
        }
        return b;
    }

    /** Rows of one document each, all of one length; every token counts. */
    static TokenBatch whole(Random random, int rows, int length, int vocabulary) {
        int[] ids = new int[rows * length];
        int[] positions = new int[ids.length];
        Arrays.setAll(ids, i -> random.nextInt(vocabulary));
        Arrays.setAll(positions, i -> i % length);
        return new TokenBatch(rows, length, ids, ids, positions, new int[ids.length]);
    }
}
