package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.cuda.GraphCache;
import java.util.Arrays;
import java.util.List;

/**
 * A batch as {@code decoder.py} takes it.
 *
 * @param shape rows and length
 * @param documents which document each token is of; empty where no mask is needed: one document a row, padding only behind it
 * @param starts where each document begins among all tokens, and the end
 * @param longest the length of the longest document
 * @param labelPositions the places whose next token counts for the loss
 * @param targets that token; -1 does not count
 * @param last the largest position
 */
record BatchInputs(
        Shape shape,
        long[] ids,
        long[] positions,
        long[] documents,
        int[] starts,
        int longest,
        long[] labelPositions,
        long[] targets,
        int last) {

    /** The same on a device. */
    record Tensors(
            NDArray ids,
            NDArray positions,
            NDArray documents,
            NDArray starts,
            int longest,
            NDArray labelPositions,
            NDArray targets) {
        private List<NDArray> all() {
            return List.of(ids, positions, documents, starts, labelPositions, targets);
        }

        /** What every method begins with. */
        TorchScript.Arguments tokens(TorchScript.Arguments a) {
            return a.tensor(ids)
                    .tensor(positions)
                    .tensor(documents)
                    .tensor(starts)
                    .number(longest);
        }

        /** The tokens, and what counts for the loss. */
        TorchScript.Arguments labelled(TorchScript.Arguments a) {
            return tokens(a).tensor(labelPositions).tensor(targets);
        }
    }

    /** @throws IllegalArgumentException if a token is none of the model's */
    static BatchInputs of(TokenBatch batch, int vocabulary) {
        int n = batch.ids().length;
        long[] ids = new long[n];
        long[] positions = new long[n];
        long[] documents = new long[n];
        int[] starts = new int[n + 1];
        long[] at = new long[batch.counted()];
        long[] targets = new long[at.length];
        int last = 0;
        int longest = 0;
        int begun = 0;
        int labels = 0;
        boolean packed = false;
        for (int i = 0; i < n; i++) {
            ids[i] = batch.ids()[i];
            if (ids[i] < 0 || ids[i] >= vocabulary) {
                throw new IllegalArgumentException("token " + i + " of the batch: expected an id below " + vocabulary
                        + ", found " + ids[i] + "; is the tokenizer this model's own?");
            }
            positions[i] = batch.positions()[i];
            documents[i] = batch.documents()[i];
            last = Math.max(last, batch.positions()[i]);
            boolean first = i % batch.length() == 0;
            packed |= documents[i] > 0 || !first && documents[i] >= 0 && documents[i - 1] < 0;
            if (first || documents[i] != documents[i - 1]) {
                starts[begun++] = i;
            }
            longest = Math.max(longest, i + 1 - starts[begun - 1]);
            if (!first && batch.labels()[i] != TokenBatch.IGNORED) {
                at[labels] = i - 1L; // the shift between ids and labels
                targets[labels++] = batch.labels()[i];
            }
        }
        if (!packed) {
            // Padding behind a row's only document is seen by no token that counts: the whole row is one document.
            begun = 0;
            for (int i = 0; i < n; i += batch.length()) {
                starts[begun++] = i;
            }
            longest = batch.length();
        }
        starts[begun++] = n;
        return new BatchInputs(
                new Shape(batch.rows(), batch.length()),
                ids,
                positions,
                packed ? documents : new long[0],
                Arrays.copyOf(starts, begun),
                longest,
                at,
                targets,
                last);
    }

    /**
     * The same batch with fewer different sizes: numbers of documents and labels and the longest document are rounded up, so that batches have sizes that came
     * before. Documents are added that are empty, and labels that do not count, at the end of the first row, which predicts nothing.
     */
    BatchInputs rounded() {
        int n = ids.length;
        int documentsTo = (starts.length + 7) / 8 * 8 + 1;
        int[] moreStarts = Arrays.copyOf(starts, documentsTo);
        Arrays.fill(moreStarts, starts.length, documentsTo, n);
        int step = Math.max(64, n / 8);
        int labelsTo = Math.min(n, (labelPositions.length + step - 1) / step * step);
        long[] moreAt = Arrays.copyOf(labelPositions, labelsTo);
        long[] moreTargets = Arrays.copyOf(targets, labelsTo);
        Arrays.fill(moreAt, labelPositions.length, labelsTo, shape.get(1) - 1);
        Arrays.fill(moreTargets, labelPositions.length, labelsTo, -1);
        int length = (int) shape.get(1);
        return new BatchInputs(
                shape,
                ids,
                positions,
                documents,
                moreStarts,
                Math.min(length, (longest + 127) / 128 * 128),
                moreAt,
                moreTargets,
                last);
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
                return BatchInputs.this.on(scope);
            }

            @Override
            public void into(Tensors tensors) {
                BatchInputs.this.into(tensors, script);
            }
        };
    }

    /** Two batches of one signature have tensors of the same sizes. */
    List<Object> signature() {
        return List.of(shape, documents.length, starts.length, longest, labelPositions.length);
    }

    Tensors on(NDManager scope) {
        return new Tensors(
                scope.create(ids, shape),
                scope.create(positions, shape),
                documents.length == 0 ? scope.create(documents) : scope.create(documents, shape),
                scope.create(starts),
                longest,
                scope.create(labelPositions),
                scope.create(targets));
    }

    /** Takes the place of another batch of the same signature, at its addresses. */
    void into(Tensors other, DecoderScript script) {
        try (NDManager scope = other.ids.getManager().newSubManager()) {
            script.assign(other.all(), on(scope).all());
        }
    }
}
