package io.tunebook.tokenizer;

import io.tunebook.tokenizer.BpeTables.PairTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Merges long pieces of text, by rank and then leftmost, in time that grows as n log n: a queue of the pairs beside a
 * list of the symbols. A piece of one symbol repeated, such as millions of blanks, takes a few steps only.
 */
final class LongMerge {
    private final PairTable merges;
    private final int[] symbols;
    private final int[] next;
    private final int[] before;
    private long[] heap = new long[64];
    private int size;

    private LongMerge(int[] symbols, int length, PairTable merges) {
        this.merges = merges;
        this.symbols = Arrays.copyOf(symbols, length);
        this.next = new int[length];
        this.before = new int[length];
    }

    static void merge(int[] symbols, int length, PairTable merges, IntConsumer out) {
        if (!alike(symbols, length, merges, out)) {
            new LongMerge(symbols, length, merges).run(out);
        }
    }

    private record Stretch(int symbol, int count) {}

    /**
     * One symbol repeated: the pairs of a stretch all merge before any pair that they make, as long as that has a later
     * rank, so that a stretch is halved at a time. False, and nothing given out, where that does not hold.
     */
    private static boolean alike(int[] symbols, int length, PairTable merges, IntConsumer out) {
        for (int i = 1; i < length; i++) {
            if (symbols[i] != symbols[0]) {
                return false;
            }
        }
        List<Stretch> stretches = new ArrayList<>(List.of(new Stretch(symbols[0], length)));
        while (true) {
            long best = PairTable.NONE;
            int at = -1;
            boolean inside = false;
            for (int i = 0; i < stretches.size(); i++) {
                Stretch s = stretches.get(i);
                long own = s.count > 1 ? merges.get(s.symbol, s.symbol) : PairTable.NONE;
                long behind =
                        i + 1 < stretches.size() ? merges.get(s.symbol, stretches.get(i + 1).symbol) : PairTable.NONE;
                if (own < best || behind < best) {
                    best = Math.min(own, behind);
                    at = i;
                    inside = own <= behind;
                }
            }
            if (best == PairTable.NONE) {
                break;
            }
            int made = (int) best;
            Stretch s = stretches.remove(at);
            if (inside) {
                int left = at > 0 ? stretches.get(at - 1).symbol : -1;
                if (merges.get(made, s.symbol) < best
                        || merges.get(made, made) < best
                        || left >= 0 && merges.get(left, made) < best) {
                    return false;
                }
                if (s.count % 2 == 1) {
                    stretches.add(at, new Stretch(s.symbol, 1));
                }
                stretches.add(at, new Stretch(made, s.count / 2));
            } else {
                Stretch behind = stretches.remove(at);
                if (behind.count > 1) {
                    stretches.add(at, new Stretch(behind.symbol, behind.count - 1));
                }
                stretches.add(at, new Stretch(made, 1));
                if (s.count > 1) {
                    stretches.add(at, new Stretch(s.symbol, s.count - 1));
                }
            }
            join(stretches);
        }
        for (Stretch s : stretches) {
            for (int i = 0; i < s.count; i++) {
                out.accept(s.symbol);
            }
        }
        return true;
    }

    private static void join(List<Stretch> stretches) {
        for (int i = stretches.size() - 1; i > 0; i--) {
            Stretch left = stretches.get(i - 1);
            Stretch right = stretches.get(i);
            if (left.symbol == right.symbol) {
                stretches.set(i - 1, new Stretch(left.symbol, left.count + right.count));
                stretches.remove(i);
            }
        }
    }

    private void run(IntConsumer out) {
        int n = symbols.length;
        for (int i = 0; i < n; i++) {
            before[i] = i - 1;
            next[i] = i + 1 < n ? i + 1 : -1;
        }
        for (int i = 0; i + 1 < n; i++) {
            offer(i);
        }
        while (size > 0) {
            long top = poll();
            int at = (int) top;
            if (symbols[at] < 0 || next[at] < 0) {
                continue;
            }
            long merge = merges.get(symbols[at], symbols[next[at]]);
            if (merge >>> 32 != top >>> 32) {
                continue; // the pair that stood here is gone
            }
            int gone = next[at];
            symbols[at] = (int) merge;
            symbols[gone] = -1;
            next[at] = next[gone];
            if (next[at] >= 0) {
                before[next[at]] = at;
                offer(at);
            }
            if (before[at] >= 0) {
                offer(before[at]);
            }
        }
        for (int i = 0; i >= 0; i = next[i]) {
            out.accept(symbols[i]);
        }
    }

    private void offer(int at) {
        long merge = merges.get(symbols[at], symbols[next[at]]);
        if (merge == PairTable.NONE) {
            return;
        }
        long value = merge >>> 32 << 32 | at;
        if (size == heap.length) {
            heap = Arrays.copyOf(heap, 2 * size);
        }
        int i = size++;
        while (i > 0 && heap[(i - 1) / 2] > value) {
            heap[i] = heap[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        heap[i] = value;
    }

    private long poll() {
        long top = heap[0];
        long last = heap[--size];
        int i = 0;
        while (2 * i + 1 < size) {
            int child = 2 * i + 1;
            if (child + 1 < size && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= last) {
                break;
            }
            heap[i] = heap[child];
            i = child;
        }
        heap[i] = last;
        return top;
    }
}
