package io.tunebook.data;

import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Finds texts that are nearly those seen before: MinHash signatures over pieces of five words (five characters where
 * words are not spaced), cut into bands. Two texts are near duplicates if one band is equal, as in FineWeb; with b bands
 * of r values that becomes likely at a Jaccard similarity of (1/b)^(1/r).
 *
 * @see <a href="https://arxiv.org/abs/2406.17557">Penedo et al., The FineWeb Datasets, appendix on deduplication</a>
 */
public final class MinHash {
    private static final int VALUES = 128;
    private static final int SHINGLE = 5;

    private final int bands;
    private final int rows;
    private final long[] factors;
    private final long[] offsets;
    private final List<LongOpenHashSet> seen = new ArrayList<>();

    /** @param similarity the Jaccard similarity from which on texts count as the same, above 0 and below 1 */
    public MinHash(double similarity) {
        int best = 1;
        for (int r = 1; r <= VALUES / 2; r++) {
            if (Math.abs(threshold(r) - similarity) < Math.abs(threshold(best) - similarity)) {
                best = r;
            }
        }
        rows = best;
        bands = VALUES / best;
        SplittableRandom random = new SplittableRandom(20240625);
        factors = random.longs(bands * rows).map(x -> x | 1).toArray();
        offsets = random.longs(bands * rows).toArray();
        for (int b = 0; b < bands; b++) {
            seen.add(new LongOpenHashSet());
        }
    }

    private static double threshold(int rows) {
        return Math.pow(1.0 / (VALUES / rows), 1.0 / rows);
    }

    /** Whether the text is new; if so, it is remembered. */
    boolean add(String text) {
        long[] keys = bandKeys(text);
        for (int b = 0; b < bands; b++) {
            if (seen.get(b).contains(keys[b])) {
                return false;
            }
        }
        for (int b = 0; b < bands; b++) {
            seen.get(b).add(keys[b]);
        }
        return true;
    }

    /** The number of bands that a signature is cut into. */
    public int bands() {
        return bands;
    }

    /** The probability that two texts of a Jaccard similarity share a band. */
    public double probability(double jaccard) {
        return 1 - Math.pow(1 - Math.pow(jaccard, rows), bands);
    }

    /** A hash of each band: two texts are near duplicates if those of one band are equal. */
    public long[] bandKeys(String text) {
        long[] smallest = new long[bands * rows];
        Arrays.fill(smallest, Long.MAX_VALUE);
        for (long shingle : shingles(text)) {
            for (int i = 0; i < smallest.length; i++) {
                long value = (shingle * factors[i] + offsets[i]) >>> 1;
                if (value < smallest[i]) {
                    smallest[i] = value;
                }
            }
        }
        long[] keys = new long[bands];
        for (int b = 0; b < bands; b++) {
            long key = b;
            for (int r = 0; r < rows; r++) {
                key = mix(key * 31 + smallest[b * rows + r]);
            }
            keys[b] = key;
        }
        return keys;
    }

    /** The hashes of all runs of five tokens; a shorter text is one run. Case and punctuation do not count. */
    public static long[] shingles(String text) {
        return runs(text, SHINGLE);
    }

    /**
     * As {@link #shingles}, of runs of so many words or Chinese characters.
     *
     * @return one hash at least; a text of fewer words is one run
     */
    public static long[] runs(String text, int length) {
        long[] tokens = new long[16];
        int count = 0;
        long word = 0;
        boolean inWord = false;
        for (int i = 0; i <= text.length(); ) {
            int c = i < text.length() ? text.codePointAt(i) : ' ';
            i += Character.charCount(c);
            boolean letter = Character.isLetterOrDigit(c);
            boolean alone = letter && Character.isIdeographic(c);
            if (inWord && (!letter || alone)) {
                tokens = count == tokens.length ? Arrays.copyOf(tokens, count * 2) : tokens;
                tokens[count++] = mix(word);
                inWord = false;
                word = 0;
            }
            if (alone) {
                tokens = count == tokens.length ? Arrays.copyOf(tokens, count * 2) : tokens;
                tokens[count++] = mix(c);
            } else if (letter) {
                word = word * 1099511628211L + Character.toLowerCase(c) + 1;
                inWord = true;
            }
        }
        int runs = Math.max(1, count - length + 1);
        long[] shingles = new long[runs];
        for (int s = 0; s < runs; s++) {
            long hash = 17;
            for (int t = s; t < Math.min(count, s + length); t++) {
                hash = mix(hash * 31 + tokens[t]);
            }
            shingles[s] = hash;
        }
        return shingles;
    }

    /** A hash of the whole text in 64 bits: of a hundred million texts two collide by chance with 1 in 3,000. */
    public static long hash(String text) {
        long h = text.length();
        for (int i = 0; i < text.length(); i++) {
            h = (h ^ text.charAt(i)) * 0x9E3779B97F4A7C15L;
            h ^= h >>> 29;
        }
        return mix(h);
    }

    /** Stafford's variant 13 of MurmurHash3's finaliser. */
    public static long mix(long z) {
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}
