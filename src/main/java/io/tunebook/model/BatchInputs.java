package io.tunebook.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.cuda.GraphCache;
import java.util.Arrays;
import java.util.List;

/**
 * A batch as {@code decoder.py} takes it: documents one behind the other, whichever rows they came from.
 *
 * @param starts where each document begins among all tokens, and the end
 * @param longest the length of the longest document
 * @param same so many documents, all of one length; 0 where their lengths differ
 * @param labelPositions the places whose next token counts for the loss
 * @param targets that token; -1 does not count
 * @param last the largest position
 */
record BatchInputs(
        long[] ids,
        long[] positions,
        long[] starts,
        int longest,
        int same,
        long[] labelPositions,
        long[] targets,
        int last) {

    /** What recorded work is rounded up to, in tokens: 64 for a few, then 128, then an eighth. */
    private static final int LEAST_TOKENS = 64;

    private static final int TOKENS = 128;
    private static final int SHARE = 8;
    private static final int FEW_DOCUMENTS = 8;
    private static final int LABEL_STEPS = 4;

    /** Up to here the longest document makes no difference: blocks of attention that have nothing to do end at once. */
    private static final int LONGEST = 2048;

    /**
     * The same on a device, in one array: ids, positions, starts, places and targets of the labels.
     *
     * @param sizes how many tokens, starts and labels
     */
    record Tensors(NDArray numbers, long[] sizes, int longest, int same) {}

    /**
     * The tokens of a batch without its padding.
     *
     * @throws IllegalArgumentException if a token is none of the model's
     */
    static BatchInputs of(TokenBatch batch, int vocabulary) {
        return of(batch, vocabulary, false);
    }

    /**
     * All tokens of a batch, padding too.
     *
     * @throws IllegalArgumentException if a token is none of the model's
     */
    static BatchInputs whole(TokenBatch batch, int vocabulary) {
        return of(batch, vocabulary, true);
    }

    private static BatchInputs of(TokenBatch batch, int vocabulary, boolean padding) {
        int n = padding ? batch.ids().length : batch.tokens();
        long[] ids = new long[n];
        long[] positions = new long[n];
        long[] starts = new long[n + 1];
        long[] at = new long[batch.counted()];
        long[] targets = new long[at.length];
        int documents = 0;
        int labels = 0;
        int to = 0;
        for (int i = 0; i < batch.ids().length; i++) {
            int document = batch.documents()[i];
            if (document == TokenBatch.PADDING && !padding) {
                continue;
            }
            ids[to] = batch.ids()[i];
            if (ids[to] < 0 || ids[to] >= vocabulary) {
                throw new IllegalArgumentException("token " + i + " of the batch: expected an id below " + vocabulary
                        + ", found " + ids[to] + "; is the tokenizer this model's own?");
            }
            positions[to] = batch.positions()[i];
            boolean begins = i % batch.length() == 0 || document != batch.documents()[i - 1];
            if (begins) {
                starts[documents++] = to;
            } else if (batch.labels()[i] != TokenBatch.IGNORED) {
                at[labels] = to - 1L; // the shift between ids and labels
                targets[labels++] = batch.labels()[i];
            }
            to++;
        }
        starts[documents] = n;
        return of(
                ids,
                positions,
                Arrays.copyOf(starts, documents + 1),
                Arrays.copyOf(at, labels),
                Arrays.copyOf(targets, labels));
    }

    private static BatchInputs of(long[] ids, long[] positions, long[] starts, long[] at, long[] targets) {
        long longest = 0;
        boolean same = true;
        for (int d = 1; d < starts.length; d++) {
            longest = Math.max(longest, starts[d] - starts[d - 1]);
            same &= starts[d] - starts[d - 1] == starts[1];
        }
        int last = (int) Arrays.stream(positions).max().orElse(0);
        return new BatchInputs(ids, positions, starts, (int) longest, same ? starts.length - 1 : 0, at, targets, last);
    }

    /**
     * What recorded work of this batch must have room for: its numbers of tokens, documents and labels rounded up, so
     * that fewer different ones come.
     */
    RecordedSizes.Size size() {
        if (same > 0 && longest % TOKENS == 0) {
            return new RecordedSizes.Size(ids.length, same, labels(ids.length), longest, same);
        }
        int n = tokens(ids.length + 1); // one more, for a document of padding
        return new RecordedSizes.Size(
                n,
                Math.max(FEW_DOCUMENTS, powerOfTwo(starts.length)),
                labels(n),
                Math.min(n, Math.max(LONGEST, powerOfTwo(longest))),
                0);
    }

    private int labels(int tokens) {
        int step = Math.max(LEAST_TOKENS, tokens / LABEL_STEPS);
        return Math.min(tokens, (labelPositions.length + step - 1) / step * step);
    }

    /**
     * The same batch in a larger size, so that a recording of another one serves it. Behind the tokens comes a document
     * of padding, then documents that are empty; added labels do not count, and stand where nothing is predicted.
     * Documents of one length that suits the kernels stay as they are.
     */
    BatchInputs padded(RecordedSizes.Size to) {
        int n = to.tokens();
        long[] moreStarts = Arrays.copyOf(starts, to.documents() + 1);
        if (to.same() == 0) {
            Arrays.fill(moreStarts, starts.length, moreStarts.length, n);
        }
        long[] moreAt = Arrays.copyOf(labelPositions, to.labels());
        long[] moreTargets = Arrays.copyOf(targets, to.labels());
        Arrays.fill(moreAt, labelPositions.length, moreAt.length, n - 1L);
        Arrays.fill(moreTargets, labelPositions.length, moreTargets.length, -1);
        return new BatchInputs(
                Arrays.copyOf(ids, n),
                Arrays.copyOf(positions, n),
                moreStarts,
                to.longest(),
                to.same(),
                moreAt,
                moreTargets,
                last);
    }

    /** The number of tokens that so many are rounded up to. */
    static int tokens(int n) {
        int step = n <= 4 * TOKENS ? LEAST_TOKENS : Math.max(TOKENS, Integer.highestOneBit(n) / SHARE);
        return (n + step - 1) / step * step;
    }

    private static int powerOfTwo(int n) {
        return n <= 1 ? 1 : 2 * Integer.highestOneBit(n - 1);
    }

    /** The batch for recorded work, in which the script copies tensors. */
    GraphCache.Batch<Tensors> with(DecoderScript script) {
        return new GraphCache.Batch<>() {
            @Override
            public List<Object> signature() {
                return BatchInputs.this.signature();
            }

            @Override
            public Tensors on(NDManager scope) {
                return BatchInputs.this.on(scope, script);
            }

            @Override
            public void into(Tensors tensors) {
                try (NDManager host = NDManager.newBaseManager(Device.cpu())) {
                    script.uploadTo(host.create(numbers()), tensors.numbers);
                }
            }
        };
    }

    /** Two batches of one signature have tensors of the same sizes. */
    List<Object> signature() {
        return List.of(ids.length, starts.length, labelPositions.length, longest, same);
    }

    private long[] numbers() {
        long[] all = Arrays.copyOf(ids, 2 * ids.length + starts.length + 2 * labelPositions.length);
        int at = ids.length;
        for (long[] part : List.of(positions, starts, labelPositions, targets)) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    Tensors on(NDManager scope, DecoderScript script) {
        try (NDManager host = NDManager.newBaseManager(Device.cpu())) {
            return new Tensors(
                    script.upload(scope, host.create(numbers())),
                    new long[] {ids.length, starts.length, labelPositions.length},
                    longest,
                    same);
        }
    }
}
