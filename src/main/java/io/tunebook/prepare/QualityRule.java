package io.tunebook.prepare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A rule that a text must fulfil to stay, with the threshold of those who published it. What words and lines are in a
 * language without spaces is this project's choice; the rules on word lengths are for languages with spaces, that on
 * stop words for English.
 *
 * @see <a href="https://arxiv.org/abs/2112.11446">Gopher: Rae et al., appendix A.1.1</a>
 * @see <a href="https://arxiv.org/abs/1910.10683">C4: Raffel et al., section 2.2</a>
 * @see <a href="https://arxiv.org/abs/2406.17557">FineWeb: Penedo et al., section 3.6</a>
 * @see <a href="https://arxiv.org/abs/2402.00159">Dolma: Soldaini et al., section 5</a>
 * @see <a href="https://arxiv.org/abs/2309.02033">Data-Juicer: Chen et al., and its configuration of operators</a>
 */
public enum QualityRule {
    /** 50 to 100,000 words. */
    GOPHER_WORDS(t -> t.words().length >= 50 && t.words().length <= 100_000),
    /** Words of 3 to 10 characters in the mean. */
    GOPHER_WORD_LENGTH(t -> !t.spaced() || t.meanWordLength() >= 3 && t.meanWordLength() <= 10),
    /** At most one hash sign or ellipsis for ten words. */
    GOPHER_SYMBOLS(t -> t.symbolsPerWord() <= 0.1),
    /** At most 90 % of the lines begin with a bullet point. */
    GOPHER_BULLETS(t -> t.bulletLines() <= 0.9),
    /** At most 30 % of the lines end with an ellipsis. */
    GOPHER_ELLIPSES(t -> t.ellipsisLines() <= 0.3),
    /** At least 80 % of the words have a letter. */
    GOPHER_LETTERS(t -> !t.spaced() || t.alphabeticWords() >= 0.8),
    /** At least two of eight English stop words. */
    GOPHER_STOP_WORDS(t -> !t.english() || t.different(Words.STOP) >= 2),
    /** At most 30 % of the lines were there before. */
    GOPHER_REPEATED_LINES(t -> t.repeatedLines(false) <= 0.3),
    /** At most 20 % of the characters are in lines that were there before. */
    GOPHER_REPEATED_LINE_CHARACTERS(t -> t.repeatedLines(true) <= 0.2),
    /** At most 30 % of the paragraphs were there before. */
    GOPHER_REPEATED_PARAGRAPHS(t -> t.repeatedParagraphs(false) <= 0.3),
    /** At most 20 % of the characters are in paragraphs that were there before. */
    GOPHER_REPEATED_PARAGRAPH_CHARACTERS(t -> t.repeatedParagraphs(true) <= 0.2),
    /** The most frequent run of 2, 3 and 4 words has at most 20, 18 and 16 % of the characters. */
    GOPHER_TOP_RUNS(t -> t.topRun(2) <= 0.2 && t.topRun(3) <= 0.18 && t.topRun(4) <= 0.16),
    /** Repeated runs of 5, 6 … 10 words have at most 15, 14 … 10 % of the characters. */
    GOPHER_REPEATED_RUNS(t -> {
        for (int n = 5; n <= 10; n++) {
            if (t.repeatedRuns(n) > (20 - n) / 100.0) {
                return false;
            }
        }
        return true;
    }),
    /** No "lorem ipsum". */
    C4_LOREM_IPSUM(t -> !t.text().toLowerCase(java.util.Locale.ROOT).contains("lorem ipsum")),
    /** No curly bracket, which speaks for source code. */
    C4_CURLY_BRACKET(t -> t.text().indexOf('{') < 0),
    /** At least 12 % of the lines end with a punctuation mark. */
    FINEWEB_PUNCTUATION(t -> t.terminalLines() >= 0.12),
    /** At most 67 % of the lines have 30 characters or fewer. */
    FINEWEB_SHORT_LINES(t -> t.shortLines(30) <= 0.67),
    /** At most 1 % of the characters are in lines that were there before. */
    FINEWEB_REPEATED_LINES(t -> t.repeatedLines(true) <= 0.01),
    /** At most three line breaks for ten words. */
    FINEWEB_LINE_BREAKS(t -> t.lineBreaksPerWord() <= 0.3),
    /** At least one line ends with a punctuation mark. */
    DOLMA_PUNCTUATION(t -> t.terminalLines() > 0),
    /** No word a hundred times in a row. */
    DOLMA_REPETITION(t -> t.longestRow() < 100),
    /** At least 25 % letters and digits. */
    DATA_JUICER_ALPHANUMERIC(t -> t.alphanumeric() >= 0.25),
    /** At most 25 % of what is no letter. */
    DATA_JUICER_SPECIAL(t -> t.special() <= 0.25),
    /**
     * The most frequent runs of 10 characters, as many as the root of the number of different ones, are at most half of
     * all.
     */
    DATA_JUICER_REPETITION(t -> t.repeatedCharacters(10) <= 0.5);

    private static final class Words {
        static final Set<String> STOP = Set.of("the", "be", "to", "of", "and", "that", "have", "with");
    }

    private final Predicate<TextFigures> kept;

    QualityRule(Predicate<TextFigures> kept) {
        this.kept = kept;
    }

    /** Whether a text fulfils the rule. */
    public boolean keeps(String text) {
        return keeps(new TextFigures(text));
    }

    boolean keeps(TextFigures text) {
        return kept.test(text);
    }

    /** Gopher's rules on quality and on repetition. */
    public static List<QualityRule> gopher() {
        return named("GOPHER");
    }

    /** What FineWeb applies to whole documents: Gopher's rules, those of C4 but for its punctuation, and its own. */
    public static List<QualityRule> fineWeb() {
        return named("GOPHER", "C4", "FINEWEB");
    }

    /** What Dolma applies to documents of the web: Gopher's rules, that on punctuation from C4, and on repetition. */
    public static List<QualityRule> dolma() {
        return named("GOPHER", "DOLMA");
    }

    /** Data-Juicer's shares of characters. */
    public static List<QualityRule> dataJuicer() {
        return named("DATA_JUICER");
    }

    private static List<QualityRule> named(String... origins) {
        List<QualityRule> rules = new ArrayList<>();
        for (QualityRule rule : values()) {
            if (Arrays.stream(origins).anyMatch(rule.name()::startsWith)) {
                rules.add(rule);
            }
        }
        return List.copyOf(rules);
    }
}
