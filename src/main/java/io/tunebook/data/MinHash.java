package io.tunebook.data;

import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Finds texts that are nearly those seen before: MinHash signatures over pieces of five words (five characters where
 * words are not spaced), cut into bands. Two texts are near duplicates if one band is equal, as in FineWeb; with b
 * bands of r values that becomes likely at a Jaccard similarity of (1/b)^(1/r).
 *
 * @see <a href="https://arxiv.org/abs/2406.17557">Penedo et al., The FineWeb Datasets, appendix on deduplication</a>
 */
public final class MinHash {
    private static final int VALUES = 128;
    private static final int SHINGLE = 5;
    private static final long POLYNOMIAL = 0x9E3779B97F4A7C15L;

    private static final int LETTER = 1;
    private static final int ALONE = 2;
    /** What a character of the first plane is, since asking for it again and again takes longer than all else. */
    private static final byte[] KINDS = new byte[1 << 16];

    static {
        for (int c = 0; c < KINDS.length; c++) {
            KINDS[c] = (byte) kindOf(c);
        }
    }

    private final int bands;
    private final int rows;
    private final int[] factors;
    private final int[] offsets;
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
        // As many as make whole vectors, although the last may be in no band.
        factors = random.ints(VALUES).map(x -> x | 1).toArray();
        offsets = random.ints(VALUES).toArray();
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
        int[] smallest = smallest(shingles(text));
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

    /** The smallest value of each function, in 31 bits. */
    private int[] smallest(long[] shingles) {
        int[] smallest = new int[VALUES];
        Arrays.fill(smallest, Integer.MAX_VALUE);
        for (long shingle : shingles) {
            lower(smallest, factors, offsets, (int) shingle);
        }
        return smallest;
    }

    /** Written so that the JIT makes vector instructions of it, which is three times as fast. */
    private static void lower(int[] smallest, int[] factors, int[] offsets, int shingle) {
        for (int i = 0; i < smallest.length; i++) {
            smallest[i] = min(smallest[i], shingle * factors[i] + offsets[i] >>> 1);
        }
    }

    /** Of two numbers that are not negative. Java 17 makes no vectors of {@link Math#min(int, int)}. */
    private static int min(int a, int b) {
        int difference = a - b;
        return b + (difference & difference >> 31);
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
        long[] tokens = new long[Math.max(1, text.length())];
        int count = 0;
        long word = 0;
        boolean inWord = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.charAt(i);
            int kind;
            if (Character.isSurrogate((char) c)) {
                c = text.codePointAt(i);
                kind = kindOf(c);
            } else {
                kind = KINDS[c];
            }
            i += Character.charCount(c);
            if (kind == LETTER) {
                word = word * 1099511628211L + Character.toLowerCase(c) + 1;
                inWord = true;
                continue;
            }
            if (inWord) {
                tokens[count++] = mix(word);
                inWord = false;
                word = 0;
            }
            if (kind == ALONE) {
                tokens[count++] = mix(c);
            }
        }
        if (inWord) {
            tokens[count++] = mix(word);
        }
        return runs(tokens, count, length);
    }

    private static int kindOf(int c) {
        return !Character.isLetterOrDigit(c) ? 0 : Character.isIdeographic(c) ? ALONE : LETTER;
    }

    /** A polynomial of a run's tokens, from which the next one follows by a token that leaves and one that comes. */
    private static long[] runs(long[] tokens, int count, int length) {
        long[] runs = new long[Math.max(1, count - length + 1)];
        long leaving = 1;
        for (int i = 0; i < length; i++) {
            leaving *= POLYNOMIAL;
        }
        long hash = 0;
        for (int t = 0; t < count; t++) {
            hash = hash * POLYNOMIAL + tokens[t] - (t < length ? 0 : leaving * tokens[t - length]);
            if (t >= length - 1) {
                runs[t - length + 1] = mix(hash);
            }
        }
        if (count < length) {
            runs[0] = mix(hash);
        }
        return runs;
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
