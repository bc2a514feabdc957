package io.tunebook.prepare;

import io.tunebook.data.Corpus;
import io.tunebook.data.Document;
import io.tunebook.data.MinHash;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.io.Serializable;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * What is done to a corpus before a model learns from it, in this order: normalize, length, language, quality,
 * evaluation set, exact duplicates, near duplicates; then the documents are split, put in a random order, tokenized and
 * written in shards. Immutable: every method gives other options.
 *
 * <pre>{@code
 * PrepareOptions.defaults().length(50, 100_000).languages("zh", "en").quality(QualityRule.gopher()).heldOut(0.01)
 * }</pre>
 *
 * <p>Threads and memory change how long it takes, never a byte of the outcome.
 */
public final class PrepareOptions implements Serializable {
    private static final long serialVersionUID = 1;

    private boolean normalize = true;
    private int shortest = 1;
    private int longest = 1_000_000;
    private ArrayList<String> languages = new ArrayList<>();
    private ArrayList<QualityRule> quality = new ArrayList<>();
    private EvaluationSet evaluation;
    private boolean distinct = true;
    private double similarity = 0.8;
    private double heldOut;
    private int sequence;
    private int shards;
    private long seed = 42;
    private boolean skipBroken;
    private TreeMap<String, String> columns = new TreeMap<>();
    private String charset;
    private int threads = Runtime.getRuntime().availableProcessors();
    private long memory = Runtime.getRuntime().maxMemory() / 2;

    private PrepareOptions() {}

    /** Normalized texts of up to a million characters, without exact duplicates and without near ones from 0.8 on. */
    public static PrepareOptions defaults() {
        return new PrepareOptions();
    }

    private PrepareOptions with(Consumer<PrepareOptions> change) {
        PrepareOptions other = new PrepareOptions();
        other.normalize = normalize;
        other.shortest = shortest;
        other.longest = longest;
        other.languages = languages;
        other.quality = quality;
        other.evaluation = evaluation;
        other.distinct = distinct;
        other.similarity = similarity;
        other.heldOut = heldOut;
        other.sequence = sequence;
        other.shards = shards;
        other.seed = seed;
        other.skipBroken = skipBroken;
        other.columns = columns;
        other.charset = charset;
        other.threads = threads;
        other.memory = memory;
        change.accept(other);
        return other;
    }

    private static void require(boolean condition, String expected, Object found) {
        if (!condition) {
            throw new IllegalArgumentException("expected " + expected + ", found " + found);
        }
    }

    /** Whether texts are made alike as {@link io.tunebook.data.Cleaning#normalize} does; true unless said otherwise. */
    public PrepareOptions normalize(boolean on) {
        return with(o -> o.normalize = on);
    }

    /** Keeps texts with so many code points, both bounds included. */
    public PrepareOptions length(int atLeast, int atMost) {
        require(atLeast <= atMost, "a least length up to the most of " + atMost, atLeast);
        return with(o -> {
            o.shortest = atLeast;
            o.longest = atMost;
        });
    }

    /** Keeps texts that seem to be in one of these languages, such as {@code zh} and {@code en}. */
    public PrepareOptions languages(String... codes) {
        return with(o -> o.languages = new ArrayList<>(List.of(codes)));
    }

    /** Keeps texts that fulfil all of these rules; each counts what it removes of those before it left. */
    public PrepareOptions quality(List<QualityRule> rules) {
        return with(o -> o.quality = new ArrayList<>(rules));
    }

    /**
     * Removes documents that share a run of so many words with a text of an evaluation set, which is read now. A text
     * of the set that has fewer words than a run is not looked for; the manifest says how many.
     *
     * @param words 13 is usual; a Chinese character counts as a word
     */
    public PrepareOptions evaluation(Corpus texts, int words) {
        EvaluationSet set = new EvaluationSet(texts, words);
        return with(o -> o.evaluation = set);
    }

    /** Whether of documents with the same text only the first is kept; true unless said otherwise. */
    public PrepareOptions distinct(boolean on) {
        return with(o -> o.distinct = on);
    }

    /**
     * Removes a document if one before it is nearly the same, by MinHash over runs of five words.
     *
     * @param jaccard the Jaccard similarity from which on that becomes likely; 0.8 is usual, 0 leaves the step out
     */
    public PrepareOptions distinctNearly(double jaccard) {
        require(jaccard >= 0 && jaccard < 1, "a similarity from 0 to below 1", jaccard);
        return with(o -> o.similarity = jaccard);
    }

    /** The share of documents that is held out for measuring; none unless said otherwise. */
    public PrepareOptions heldOut(double share) {
        require(share >= 0 && share < 1, "a share from 0 to below 1", share);
        return with(o -> o.heldOut = share);
    }

    /**
     * Examples of exactly so many tokens, documents one after the other; 0, the default, for one example a document.
     */
    public PrepareOptions sequence(int tokens) {
        require(tokens == 0 || tokens > 1, "at least 2 tokens, or 0", tokens);
        return with(o -> o.sequence = tokens);
    }

    /** The number of shards to train from; without it one for each 128 MiB of input, up to 4096. */
    public PrepareOptions shards(int count) {
        require(count > 0 && count <= 1 << 16, "1 to 65536 shards", count);
        return with(o -> o.shards = count);
    }

    /** What the random order and the split come from. */
    public PrepareOptions seed(long value) {
        return with(o -> o.seed = value);
    }

    /** Goes on after broken documents and files, and sets them aside; otherwise the first one ends the work. */
    public PrepareOptions skipBroken() {
        return with(o -> o.skipBroken = true);
    }

    /** Other names of the files' fields, as {@link Corpus#columns(Map)}. */
    public PrepareOptions columns(Map<String, String> names) {
        return with(o -> o.columns = new TreeMap<>(names));
    }

    /** The files' encoding, as {@link Corpus#charset}. */
    public PrepareOptions charset(String name) {
        return with(o -> o.charset = Charset.forName(name).name());
    }

    /** How many files or shards are worked on at the same time; one for each processor unless said otherwise. */
    public PrepareOptions threads(int count) {
        require(count > 0, "at least 1 thread", count);
        return with(o -> o.threads = count);
    }

    /**
     * How many bytes of the heap the work may take beside the tokenizer and a few MB a thread: what does not fit lies
     * on the disk. Half of the heap unless said otherwise. A quarter of a byte for each document comes on top.
     */
    public PrepareOptions memory(long bytes) {
        require(bytes >= 1 << 20, "at least 1 MiB", bytes);
        return with(o -> o.memory = bytes);
    }

    boolean isNormalized() {
        return normalize;
    }

    int shortest() {
        return shortest;
    }

    int longest() {
        return longest;
    }

    List<String> languages() {
        return languages;
    }

    List<QualityRule> quality() {
        return quality;
    }

    EvaluationSet evaluation() {
        return evaluation;
    }

    /** Whether exact duplicates are taken out. */
    public boolean isDistinct() {
        return distinct;
    }

    /** From which similarity on near duplicates are taken out; 0 for none. */
    public double similarity() {
        return similarity;
    }

    double heldOut() {
        return heldOut;
    }

    /** The tokens of an example; 0 for one example a document. */
    public int sequence() {
        return sequence;
    }

    int shards() {
        return shards;
    }

    long seed() {
        return seed;
    }

    int threads() {
        return threads;
    }

    long memory() {
        return memory;
    }

    /** A corpus of files, read as these options say. */
    Corpus open(Corpus corpus, Consumer<io.tunebook.data.CorpusException> problems) {
        Corpus opened = columns.isEmpty() ? corpus : corpus.columns(columns);
        opened = charset == null ? opened : opened.charset(charset);
        return skipBroken ? opened.onError(problems) : opened;
    }

    /** All that the outcome depends on, for the manifest. */
    Map<String, Object> outcome() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("normalize", normalize);
        all.put("length", List.of(shortest, longest));
        all.put("languages", languages);
        all.put("quality", quality.stream().map(Enum::name).toList());
        all.put("evaluation", evaluation == null ? "none" : evaluation.description());
        all.put("distinct", distinct);
        all.put("similarity", similarity);
        all.put("heldOut", heldOut);
        all.put("sequence", sequence);
        all.put("shards", shards);
        all.put("seed", seed);
        all.put("skipBroken", skipBroken);
        all.put("columns", columns);
        all.put("charset", charset == null ? "as the files say" : charset);
        return all;
    }

    /**
     * The runs of words of texts that a model will be measured with, and so must not learn: a document that shares one
     * of them is taken out. 13 words are usual, as in appendix C of <a
     * href="https://arxiv.org/abs/2005.14165">GPT-3</a>; a Chinese character is a word here, case and punctuation do
     * not count.
     */
    static final class EvaluationSet implements Serializable {
        private static final long serialVersionUID = 1;

        private final int run;
        private final LongOpenHashSet runs = new LongOpenHashSet();
        private final int texts;
        private final int tooShort;

        EvaluationSet(Corpus corpus, int run) {
            if (run < 2) {
                throw new IllegalArgumentException("expected runs of at least 2 words, found " + run);
            }
            this.run = run;
            List<Document> all = new ArrayList<>();
            corpus.forEach(all::add);
            int few = 0;
            for (Document document : all) {
                // A text of fewer words than a run would match everything that begins like it.
                if (MinHash.runs(document.content(), 1).length < run) {
                    few++;
                } else {
                    for (long hash : MinHash.runs(document.content(), run)) {
                        runs.add(hash);
                    }
                }
            }
            texts = all.size();
            tooShort = few;
        }

        boolean isIn(String text) {
            for (long hash : MinHash.runs(text, run)) {
                if (runs.contains(hash)) {
                    return true;
                }
            }
            return false;
        }

        /** What it is, for the manifest: two sets of the same runs have the same description. */
        String description() {
            long sum = 0;
            for (long hash : runs) {
                sum += MinHash.mix(hash);
            }
            return texts + " texts (" + tooShort + " of them shorter than a run and not looked for), " + runs.size()
                    + " runs of " + run + " words, digest " + Long.toHexString(sum);
        }
    }
}
