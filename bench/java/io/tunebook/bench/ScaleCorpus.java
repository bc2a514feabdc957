package io.tunebook.bench;

import io.tunebook.data.MinHash;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.IntStream;

/**
 * The corpus of {@code scale.py}: documents in WuDao's form of 2.8 KB in the mean, of Chinese words by Zipf's law. A
 * tenth are exact copies of earlier documents, a tenth copies with one word in a hundred changed. Each document follows
 * from its number, so that files are made side by side and a copy may be of any file's document.
 */
public final class ScaleCorpus {
    private static final int PER_FILE = 23_000; // some 64 MB
    private static final double SHARE = 0.1;
    private static final double CHANGED = 0.01;
    private static final int WORDS = 20_000;

    private final String[] words = new String[WORDS];
    private final double[] weights = new double[WORDS];

    private enum Kind {
        NEW,
        EXACT,
        NEAR
    }

    private ScaleCorpus() {
        SplittableRandom random = new SplittableRandom(1);
        double[] characters = zipf(3500, 10);
        int[] lengths = {1, 2, 2, 2, 3, 4};
        for (int w = 0; w < WORDS; w++) {
            StringBuilder word = new StringBuilder();
            for (int n = lengths[random.nextInt(lengths.length)]; n > 0; n--) {
                word.append((char) (0x4E00 + draw(characters, random)));
            }
            words[w] = word.toString();
        }
        System.arraycopy(zipf(WORDS, 20), 0, weights, 0, WORDS);
    }

    private static double[] zipf(int count, int offset) {
        double[] sums = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += 1.0 / (i + offset);
            sums[i] = sum;
        }
        return sums;
    }

    private static int draw(double[] sums, SplittableRandom random) {
        int at = java.util.Arrays.binarySearch(sums, random.nextDouble() * sums[sums.length - 1]);
        return Math.min(sums.length - 1, at < 0 ? -at - 1 : at);
    }

    /**
     * Far apart for neighbours: the generator itself goes on by a constant, so that near seeds give shifted sequences.
     */
    private static SplittableRandom random(long document) {
        return new SplittableRandom(MinHash.mix(document + 7));
    }

    private static Kind kind(long document, SplittableRandom random) {
        double drawn = random.nextDouble();
        return document < 100 || drawn >= 2 * SHARE ? Kind.NEW : drawn < SHARE ? Kind.EXACT : Kind.NEAR;
    }

    private int[] text(long document) {
        SplittableRandom random = random(document);
        Kind kind = kind(document, random);
        if (kind == Kind.NEW) {
            double normal = 0;
            for (int i = 0; i < 12; i++) {
                normal += random.nextDouble() - 0.5;
            }
            int[] text = new int[Math.min(1900, (int) Math.exp(5.6 + 0.6 * normal) + 40)];
            for (int i = 0; i < text.length; i++) {
                text[i] = draw(weights, random);
            }
            return text;
        }
        long original = random.nextLong(document);
        while (kind(original, random(original)) != Kind.NEW) {
            original = random.nextLong(original);
        }
        int[] text = text(original);
        for (int n = kind == Kind.EXACT ? 0 : Math.max(1, (int) (text.length * CHANGED)); n > 0; n--) {
            text[random.nextInt(text.length)] = random.nextInt(WORDS);
        }
        return text;
    }

    private void write(long document, boolean lines, Writer out) throws IOException {
        int[] text = text(document);
        String key = String.format(Locale.ROOT, "%032x", document);
        out.write("{\"id\": " + document + ", \"uniqueKey\": \"" + key + "\", \"titleUkey\": \"" + key
                + "\", \"dataType\": \"百科\", \"title\": \"");
        for (int i = 0; i < 6; i++) {
            out.write(words[text[i]]);
        }
        out.write(lines ? "\", \"text\": \"" : "\", \"content\": \"");
        for (int i = 0; i < text.length; i++) {
            out.write(words[text[i]]);
            out.write(i % 23 == 22 ? "。\\n" : "");
        }
        out.write("\"}");
    }

    private static Writer open(Path file) throws IOException {
        return Files.newBufferedWriter(file, StandardCharsets.UTF_8);
    }

    private void arrays(Path folder, long documents) {
        IntStream.range(0, (int) ((documents + PER_FILE - 1) / PER_FILE))
                .parallel()
                .forEach(f -> {
                    try (Writer out = open(folder.resolve(String.format(Locale.ROOT, "part-%06d.json", f)))) {
                        long end = Math.min(documents, (f + 1L) * PER_FILE);
                        for (long d = (long) f * PER_FILE; d < end; d++) {
                            out.write(d % PER_FILE == 0 ? "[" : ",\n");
                            write(d, false, out);
                        }
                        out.write("]");
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private void lines(Path folder, long documents, int files) {
        IntStream.range(0, files).parallel().forEach(f -> {
            try (Writer out = open(folder.resolve("part-" + f + ".jsonl"))) {
                for (long d = f; d < documents; d += files) {
                    write(d, true, out);
                    out.write("\n");
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** {@code FOLDER MEGABYTES} for arrays; {@code FOLDER MEGABYTES FILES} for lines with a field {@code text}. */
    public static void main(String[] args) throws IOException {
        Path folder = Files.createDirectories(Path.of(args[0]));
        long documents = Long.parseLong(args[1]) * 1_000_000 / 2_800;
        ScaleCorpus corpus = new ScaleCorpus();
        if (args.length > 2) {
            corpus.lines(folder, documents, Integer.parseInt(args[2]));
        } else {
            corpus.arrays(folder, documents);
        }
        AtomicLongArray counts = new AtomicLongArray(Kind.values().length);
        java.util.stream.LongStream.range(0, documents)
                .parallel()
                .forEach(d -> counts.incrementAndGet(kind(d, random(d)).ordinal()));
        System.out.printf(
                "{\"documents\": %d, \"exact\": %d, \"near\": %d}%n",
                documents, counts.get(Kind.EXACT.ordinal()), counts.get(Kind.NEAR.ordinal()));
    }
}
