package io.tunebook.data;

import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import tech.tablesaw.api.LongColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * What is done to documents before a model learns from them, step by step in the order named, and counted.
 *
 * <pre>{@code
 * var cleaning = Cleaning.steps().normalize().length(50, 100_000).languages("zh", "en").distinct().distinctNearly(0.8);
 * corpus.clean(cleaning).forEach(…);
 * cleaning.report()
 * }</pre>
 */
public final class Cleaning {
    private static final Pattern INVISIBLE =
            Pattern.compile("[\\p{Cc}&&[^\\n\\t]]|[\\u200B\\u2060\\uFEFF\\u00AD\\uFFFD]");
    private static final Pattern BLANKS = Pattern.compile("[ \\t\\u00A0\\u3000]+(?=\\n|\\z)");
    private static final Pattern LINE_BREAKS = Pattern.compile("\\r\\n?|\\u2028|\\u2029");
    private static final Pattern EMPTY_LINES = Pattern.compile("\\n{3,}");
    /** Full-width signs that Chinese text is written with; they stay as they are. */
    private static final String CHINESE_PUNCTUATION = "！（），：；？～";

    /**
     * What one step did in the last pass.
     *
     * @param step its name
     * @param documents how many came to it
     * @param changed how many it changed
     * @param removed how many it removed
     */
    public record Count(String step, long documents, long changed, long removed) {}

    private record Step(String name, Supplier<UnaryOperator<Document>> begin) {}

    private final List<Step> steps;
    private volatile PassSteps last;

    private Cleaning(List<Step> steps) {
        this.steps = steps;
        this.last = new PassSteps(steps);
    }

    /** A cleaning without steps. */
    public static Cleaning steps() {
        return new Cleaning(List.of());
    }

    /**
     * Unicode NFC, one kind of line break, no invisible characters, no blanks at line ends, full-width letters and
     * digits in their usual form. Chinese punctuation stays, which NFKC would turn into ASCII.
     */
    public Cleaning normalize() {
        return with("normalize", () -> d -> {
            String clean = normalized(d.content());
            return clean.equals(d.content()) ? d : d.withContent(clean);
        });
    }

    /** Keeps documents with so many code points, both bounds included. */
    public Cleaning length(int atLeast, int atMost) {
        return with("length " + atLeast + " to " + atMost, () -> d -> {
            int length = d.length();
            return length >= atLeast && length <= atMost ? d : null;
        });
    }

    /**
     * Keeps documents that seem to be in one of these languages.
     *
     * @param codes ISO 639-1, such as {@code zh} and {@code en}; {@code und} for what is none
     */
    public Cleaning languages(String... codes) {
        Set<String> wanted = Set.of(codes);
        return with(
                "language " + String.join(", ", codes),
                () -> d -> wanted.contains(Language.of(d.content())) ? d : null);
    }

    /** Keeps the first of documents with the same content. Needs about 16 bytes of memory for each different one. */
    public Cleaning distinct() {
        return with("exact duplicates", () -> {
            LongOpenHashSet seen = new LongOpenHashSet();
            return d -> seen.add(MinHash.hash(d.content())) ? d : null;
        });
    }

    /**
     * Keeps the first of documents that are nearly the same, found by MinHash over runs of five words or Chinese
     * characters. Needs about 200 bytes of memory for each document kept.
     *
     * @param similarity the Jaccard similarity from which on they count as the same; 0.8 is usual
     * @throws IllegalArgumentException if it is not between 0 and 1
     */
    public Cleaning distinctNearly(double similarity) {
        if (!(similarity > 0 && similarity < 1)) {
            throw new IllegalArgumentException("expected a similarity between 0 and 1, found " + similarity);
        }
        return with("near duplicates, " + similarity, () -> {
            MinHash seen = new MinHash(similarity);
            return d -> seen.add(d.content()) ? d : null;
        });
    }

    private Cleaning with(String name, Supplier<UnaryOperator<Document>> begin) {
        List<Step> more = new ArrayList<>(steps);
        more.add(new Step(name, begin));
        return new Cleaning(List.copyOf(more));
    }

    /** What each step did in the last pass. */
    public List<Count> counts() {
        return last.counts();
    }

    /** The same as a table. */
    public Table report() {
        StringColumn step = StringColumn.create("step");
        LongColumn documents = LongColumn.create("documents");
        LongColumn changed = LongColumn.create("changed");
        LongColumn removed = LongColumn.create("removed");
        for (Count count : counts()) {
            step.append(count.step());
            documents.append(count.documents());
            changed.append(count.changed());
            removed.append(count.removed());
        }
        return Table.create("cleaning", step, documents, changed, removed);
    }

    PassSteps begin() {
        last = new PassSteps(steps);
        return last;
    }

    /** A text as {@link #normalize} leaves it. */
    public static String normalized(String text) {
        return isPlain(text) ? trimmed(text) : trimmed(inUsualForm(text));
    }

    private static String inUsualForm(String text) {
        String s = LINE_BREAKS.matcher(text).replaceAll("\n");
        s = INVISIBLE.matcher(s).replaceAll("");
        s = Normalizer.normalize(s, Normalizer.Form.NFC);
        return halfWidth(s);
    }

    private static String trimmed(String text) {
        boolean blanks = !text.isEmpty() && isBlank(text.charAt(text.length() - 1));
        boolean empty = false;
        for (int at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
            blanks |= at > 0 && isBlank(text.charAt(at - 1));
            empty |= text.startsWith("\n\n", at + 1);
        }
        String s = blanks ? BLANKS.matcher(text).replaceAll("") : text;
        return (blanks || empty ? EMPTY_LINES.matcher(s).replaceAll("\n\n") : s).strip();
    }

    private static boolean isBlank(char c) {
        return c == ' ' || c == '\t' || c == '\u00A0' || c == '\u3000';
    }

    /**
     * Whether a text has nothing but characters that stay as they are: such as most have, and a fifth of the time.
     * False says nothing. By the Unicode Character Database these are in form C whatever stands beside them.
     */
    private static boolean isPlain(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean plain = c < 0x80
                    ? c >= ' ' && c != 0x7f || c == '\n' || c == '\t'
                    : c >= 0x4e00 && c <= 0x9fff
                            || c >= 0xa0 && c < 0x300 && c != 0xad
                            || c >= 0x3000 && c < 0x302a
                            || c >= 0x3041 && c < 0x3097
                            || c >= 0x30a0 && c <= 0x30ff
                            || c >= 0x2010 && c < 0x2028
                            || c >= 0xff01 && c <= 0xff5e && CHINESE_PUNCTUATION.indexOf(c) >= 0;
            if (!plain) {
                return false;
            }
        }
        return true;
    }

    private static String halfWidth(String s) {
        StringBuilder out = null;
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c >= '！' && c <= '～' && CHINESE_PUNCTUATION.indexOf(c) < 0) {
                if (out == null) {
                    out = new StringBuilder(s);
                }
                out.setCharAt(i, (char) (c - 0xFEE0));
            }
        }
        return out == null ? s : out.toString();
    }

    /** The steps during one pass, with what they remember. */
    static final class PassSteps {
        private final List<Step> steps;
        private final List<UnaryOperator<Document>> running;
        private final long[] documents;
        private final long[] changed;
        private final long[] removed;

        private PassSteps(List<Step> steps) {
            this.steps = steps;
            this.running = steps.stream().map(s -> s.begin().get()).toList();
            this.documents = new long[steps.size()];
            this.changed = new long[steps.size()];
            this.removed = new long[steps.size()];
        }

        /** The clean document, or null if it is removed. */
        synchronized Document apply(Document document) {
            Document current = document;
            for (int i = 0; i < running.size(); i++) {
                documents[i]++;
                Document next = running.get(i).apply(current);
                if (next == null) {
                    removed[i]++;
                    return null;
                }
                if (next != current) {
                    changed[i]++;
                }
                current = next;
            }
            return current;
        }

        private synchronized List<Count> counts() {
            List<Count> counts = new ArrayList<>();
            for (int i = 0; i < steps.size(); i++) {
                counts.add(new Count(steps.get(i).name(), documents[i], changed[i], removed[i]));
            }
            return counts;
        }
    }
}
