package io.tunebook.prepare;

import io.tunebook.data.Corpus;
import io.tunebook.data.MinHash;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.PriorityQueue;

/**
 * How well MinHash finds near duplicates in a corpus, held against brute force: some documents drawn at random are
 * compared with every document, once by the exact Jaccard similarity of their runs of five words and once by the bands.
 *
 * @param sampled how many documents were compared with all
 * @param alike pairs that the exact similarity calls near duplicates
 * @param found pairs that MinHash calls so
 * @param both pairs that both do
 * @param expected the part of the pairs alike that the bands find by their arithmetic: the sum of 1 − (1 − s^r)^b
 */
public record NearDuplicateCheck(int sampled, long alike, long found, long both, double expected) {
    private record Sample(double rank, String text) {}

    /**
     * Compares. Goes twice through the corpus; memory is taken for the sample alone.
     *
     * @param corpus texts as the step would see them, such as after {@link Corpus#clean}
     * @param similarity as for {@link PrepareOptions#distinctNearly}
     * @param sample how many documents to compare with all
     */
    public static NearDuplicateCheck of(Corpus corpus, double similarity, int sample, long seed) {
        MinHash signatures = new MinHash(similarity);
        List<String> texts = sample(corpus, sample, seed);
        int n = texts.size();
        int[] sizes = new int[n];
        List<LongOpenHashSet> bands = new ArrayList<>();
        Long2ObjectOpenHashMap<IntArrayList> holders = new Long2ObjectOpenHashMap<>();
        long[] own = new long[n];
        for (int i = 0; i < n; i++) {
            LongOpenHashSet runs = new LongOpenHashSet(MinHash.shingles(texts.get(i)));
            sizes[i] = runs.size();
            own[i] = MinHash.hash(texts.get(i));
            for (long run : runs) {
                holders.computeIfAbsent(run, k -> new IntArrayList()).add(i);
            }
            bands.add(new LongOpenHashSet(signatures.bandKeys(texts.get(i))));
        }
        long[] counts = new long[3];
        double[] expected = {0};
        int[] shared = new int[n];
        boolean[] itself = new boolean[n];
        corpus.forEach(document -> {
            LongOpenHashSet runs = new LongOpenHashSet(MinHash.shingles(document.content()));
            java.util.Arrays.fill(shared, 0);
            for (long run : runs) {
                IntArrayList having = holders.get(run);
                if (having != null) {
                    having.forEach(i -> shared[i]++);
                }
            }
            long[] keys = signatures.bandKeys(document.content());
            long hash = MinHash.hash(document.content());
            for (int i = 0; i < n; i++) {
                if (hash == own[i] && !itself[i]) {
                    itself[i] = true; // the sampled document meets itself
                    continue;
                }
                double jaccard = (double) shared[i] / (sizes[i] + runs.size() - shared[i]);
                boolean alike = jaccard >= similarity;
                boolean found = false;
                for (long key : keys) {
                    found |= bands.get(i).contains(key);
                }
                counts[0] += alike ? 1 : 0;
                counts[1] += found ? 1 : 0;
                counts[2] += alike && found ? 1 : 0;
                expected[0] += alike ? signatures.probability(jaccard) : 0;
            }
        });
        return new NearDuplicateCheck(n, counts[0], counts[1], counts[2], counts[0] == 0 ? 1 : expected[0] / counts[0]);
    }

    private static List<String> sample(Corpus corpus, int sample, long seed) {
        PriorityQueue<Sample> drawn = new PriorityQueue<>((a, b) -> Double.compare(b.rank(), a.rank()));
        java.util.SplittableRandom random = new java.util.SplittableRandom(seed);
        corpus.forEach(document -> {
            drawn.add(new Sample(random.nextDouble(), document.content()));
            if (drawn.size() > sample) {
                drawn.remove();
            }
        });
        return drawn.stream().map(Sample::text).distinct().toList();
    }

    /** The part of the pairs found that are alike; 1 if none was found. */
    public double precision() {
        return found == 0 ? 1 : (double) both / found;
    }

    /** The part of the pairs alike that were found; 1 if there is none. */
    public double recall() {
        return alike == 0 ? 1 : (double) both / alike;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%,d documents against all: %,d pairs alike, %,d found, %,d of them right: precision %.3f, recall %.3f"
                        + " (expected %.3f)",
                sampled,
                alike,
                found,
                both,
                precision(),
                recall(),
                expected);
    }
}
