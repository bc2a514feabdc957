package io.tunebook.dataset;

import io.tunebook.model.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How examples become batches: one example a row, padded to the batch's longest, or several examples a row, packed so
 * that little is padding. Attention stays within an example and positions begin anew with each.
 *
 * @param packed whether rows hold several examples
 * @param rows the rows of a batch; the last batch may have fewer
 * @param length packed: the tokens of each row; padded: the most tokens a row may have
 */
public record Packing(boolean packed, int rows, int length) {
    /** Rows are padded to a multiple of this, which suits tensor cores. */
    private static final int MULTIPLE = 8;

    /** So many rows are open at a time while examples look for room. */
    private static final int OPEN_ROWS = 64;

    public Packing {
        if (rows < 1 || length < 2) {
            throw new IllegalArgumentException(
                    "expected at least 1 row of at least 2 tokens, found " + rows + " of " + length);
        }
    }

    /** One example a row. */
    public static Packing padded(int rows, int mostTokens) {
        return new Packing(false, rows, mostTokens);
    }

    /** Several examples a row. */
    public static Packing packed(int rows, int tokensPerRow) {
        return new Packing(true, rows, tokensPerRow);
    }

    /**
     * The batches of a data set, made one at a time.
     *
     * @param dataset the examples
     * @param packing their arrangement
     * @param plan for each row the examples in it
     */
    public record Batches(Dataset dataset, Packing packing, List<int[]> plan) implements Iterable<TokenBatch> {
        /** The number of batches. */
        public int size() {
            return (plan.size() + packing.rows - 1) / packing.rows;
        }

        /** A batch by its number. */
        public TokenBatch get(int batch) {
            int from = batch * packing.rows;
            return packing.batch(dataset, plan.subList(from, Math.min(from + packing.rows, plan.size())));
        }

        /** The share of tokens that are padding, 0 to 1. */
        public double padding() {
            long used = 0;
            long all = 0;
            for (int i = 0; i < size(); i++) {
                List<int[]> rows = plan.subList(i * packing.rows, Math.min((i + 1) * packing.rows, plan.size()));
                all += (long) rows.size() * packing.width(dataset, rows);
                used += rows.stream()
                        .flatMapToInt(Arrays::stream)
                        .mapToLong(dataset::length)
                        .sum();
            }
            return all == 0 ? 0 : 1 - (double) used / all;
        }

        @Override
        public Iterator<TokenBatch> iterator() {
            return IntStream.range(0, size()).mapToObj(this::get).iterator();
        }
    }

    /**
     * Batches with the examples in the data set's order (packed rows take them as they fit).
     *
     * @throws IllegalArgumentException if an example is longer than a row; {@link Dataset#truncate} shortens it
     */
    public Batches batches(Dataset dataset) {
        return batches(dataset, IntStream.range(0, dataset.size()).toArray());
    }

    /**
     * Batches with the examples in an order that a seed gives.
     *
     * @throws IllegalArgumentException if an example is longer than a row; {@link Dataset#truncate} shortens it
     */
    public Batches batches(Dataset dataset, long seed) {
        return batches(dataset, Dataset.shuffled(dataset.size(), seed));
    }

    private Batches batches(Dataset dataset, int[] order) {
        for (int example : order) {
            if (dataset.length(example) > length) {
                throw new IllegalArgumentException(
                        "example " + example + " has " + dataset.length(example) + " tokens, more than a row of "
                                + length + ": use truncate(" + length + "), windows(" + length + ") or longer rows");
            }
        }
        int[] some = Arrays.stream(order).filter(e -> dataset.length(e) > 0).toArray();
        List<int[]> plan = packed
                ? pack(dataset, some)
                : Arrays.stream(some).mapToObj(e -> new int[] {e}).toList();
        return new Batches(dataset, this, plan);
    }

    /** A row that still takes examples. */
    private static final class Row {
        final List<Integer> examples = new ArrayList<>();
        int used;
    }

    /** Best fit: each example goes to the fullest open row that has room for it. */
    private List<int[]> pack(Dataset dataset, int[] order) {
        List<int[]> plan = new ArrayList<>();
        List<Row> open = new ArrayList<>();
        for (int example : order) {
            int needed = dataset.length(example);
            Row best = null;
            for (Row row : open) {
                if (row.used + needed <= length && (best == null || row.used > best.used)) {
                    best = row;
                }
            }
            if (best == null) {
                if (open.size() == OPEN_ROWS) {
                    Row fullest = open.stream()
                            .max(Comparator.comparingInt(r -> r.used))
                            .orElseThrow();
                    open.remove(fullest);
                    plan.add(close(fullest));
                }
                best = new Row();
                open.add(best);
            }
            best.examples.add(example);
            best.used += needed;
        }
        open.forEach(row -> plan.add(close(row)));
        return plan;
    }

    private static int[] close(Row row) {
        return row.examples.stream().mapToInt(Integer::intValue).toArray();
    }

    /** The tokens of each row of a batch, padding included. */
    private int width(Dataset dataset, List<int[]> rowsOfBatch) {
        if (packed) {
            return length;
        }
        int longest = rowsOfBatch.stream()
                .mapToInt(row -> dataset.length(row[0]))
                .max()
                .orElse(0);
        return Math.min(length, (longest + MULTIPLE - 1) / MULTIPLE * MULTIPLE);
    }

    private TokenBatch batch(Dataset dataset, List<int[]> rowsOfBatch) {
        int width = width(dataset, rowsOfBatch);
        int size = rowsOfBatch.size() * width;
        TokenBatch batch =
                new TokenBatch(rowsOfBatch.size(), width, new int[size], new int[size], new int[size], new int[size]);
        Arrays.fill(batch.labels(), TokenBatch.IGNORED);
        Arrays.fill(batch.documents(), TokenBatch.PADDING);
        for (int row = 0; row < rowsOfBatch.size(); row++) {
            int at = row * width;
            int document = 0;
            for (int example : rowsOfBatch.get(row)) {
                int[] marked = dataset.marked(example);
                for (int t = 0; t < marked.length; t++, at++) {
                    batch.ids()[at] = marked[t] < 0 ? ~marked[t] : marked[t];
                    // Nothing comes before a document's first token that could predict it.
                    batch.labels()[at] = marked[t] < 0 || t == 0 ? TokenBatch.IGNORED : marked[t];
                    batch.positions()[at] = t;
                    batch.documents()[at] = document;
                }
                document++;
            }
        }
        return batch;
    }
}
