package io.tunebook.prepare;

import io.tunebook.data.Language;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the {@link QualityRule}s measure in one text. Words stand between white space; in Chinese and Japanese, which
 * are written without it, each ideograph is a word. Lengths are counted in UTF-16 units.
 */
final class TextFigures {
    private static final String TERMINAL = ".!?\"'”’…。！？；」』）)";
    private static final String BULLETS = "•‣▪▫●○◦■□▶►–-*";

    private final String text;
    private String[] lines;
    private String[] words;
    private String language;

    TextFigures(String text) {
        this.text = text;
    }

    String text() {
        return text;
    }

    boolean english() {
        return language().equals("en");
    }

    /** Whether words are separated by white space. */
    boolean spaced() {
        return !language().equals("zh")
                && !language().equals("ja")
                && !language().equals("th");
    }

    private String language() {
        if (language == null) {
            language = Language.of(text);
        }
        return language;
    }

    /** Lines that are not blank. */
    String[] lines() {
        if (lines == null) {
            lines = Arrays.stream(text.split("\n")).filter(l -> !l.isBlank()).toArray(String[]::new);
        }
        return lines;
    }

    String[] words() {
        if (words == null) {
            String parted = spaced() ? text : text.replaceAll("(\\p{IsIdeographic})", " $1 ");
            words = Arrays.stream(parted.split("\\s+"))
                    .filter(w -> !w.isEmpty())
                    .toArray(String[]::new);
        }
        return words;
    }

    double meanWordLength() {
        return Arrays.stream(words()).mapToInt(String::length).average().orElse(0);
    }

    /** Hash signs and ellipses for each word. */
    double symbolsPerWord() {
        int symbols = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            symbols += c == '#' || c == '…' || c == '.' && text.startsWith("...", i) ? 1 : 0;
            i += c == '.' && text.startsWith("...", i) ? 2 : 0;
        }
        return words().length == 0 ? 0 : (double) symbols / words().length;
    }

    double bulletLines() {
        return lineShare(l -> BULLETS.indexOf(l.strip().charAt(0)) >= 0);
    }

    double ellipsisLines() {
        return lineShare(
                l -> l.stripTrailing().endsWith("...") || l.stripTrailing().endsWith("…"));
    }

    double terminalLines() {
        return lineShare(l -> TERMINAL.indexOf(l.charAt(l.length() - 1)) >= 0);
    }

    double shortLines(int atMost) {
        return lineShare(l -> l.length() <= atMost);
    }

    private double lineShare(java.util.function.Predicate<String> condition) {
        return share(lines(), condition);
    }

    private static double share(String[] of, java.util.function.Predicate<String> condition) {
        return of.length == 0 ? 0 : (double) Arrays.stream(of).filter(condition).count() / of.length;
    }

    /** The share of words with a letter. */
    double alphabeticWords() {
        return share(words(), w -> w.codePoints().anyMatch(Character::isAlphabetic));
    }

    /** How many of these words are there, each counted once. */
    long different(Set<String> of) {
        return Arrays.stream(words())
                .map(w -> w.toLowerCase(java.util.Locale.ROOT))
                .filter(of::contains)
                .distinct()
                .count();
    }

    double lineBreaksPerWord() {
        long breaks = text.chars().filter(c -> c == '\n').count();
        return words().length == 0 ? 0 : (double) breaks / words().length;
    }

    /** The share of lines, or of their characters, that were there before in the text. */
    double repeatedLines(boolean characters) {
        return repeated(lines(), characters, text.length());
    }

    /** The share of paragraphs, or of their characters, that were there before. */
    double repeatedParagraphs(boolean characters) {
        String[] paragraphs =
                Arrays.stream(text.split("\n{2,}")).filter(p -> !p.isBlank()).toArray(String[]::new);
        return repeated(paragraphs, characters, text.length());
    }

    private static double repeated(String[] parts, boolean characters, int whole) {
        Set<String> seen = new HashSet<>();
        int count = 0;
        int length = 0;
        for (String part : parts) {
            if (!seen.add(part)) {
                count++;
                length += part.length();
            }
        }
        double of = characters ? whole : parts.length;
        return of == 0 ? 0 : (characters ? length : count) / of;
    }

    /** The share of all characters that the most frequent run of so many words makes up. */
    double topRun(int length) {
        Map<List<String>, Integer> runs = new HashMap<>();
        String[] all = words();
        double best = 0;
        for (int i = 0; i + length <= all.length; i++) {
            List<String> run = Arrays.asList(all).subList(i, i + length);
            int times = runs.merge(run, 1, Integer::sum);
            int characters = run.stream().mapToInt(String::length).sum();
            best = Math.max(best, times > 1 ? (double) times * characters : 0);
        }
        return text.isEmpty() ? 0 : best / text.length();
    }

    /** The share of all characters in runs of so many words that were there before, each character counted once. */
    double repeatedRuns(int length) {
        Set<List<String>> seen = new HashSet<>();
        String[] all = words();
        int characters = 0;
        for (int i = 0; i + length <= all.length; ) {
            List<String> run = Arrays.asList(all).subList(i, i + length);
            if (seen.add(run)) {
                i++;
            } else {
                characters += run.stream().mapToInt(String::length).sum();
                i += length;
            }
        }
        return text.isEmpty() ? 0 : (double) characters / text.length();
    }

    /** The longest row of one and the same word. */
    int longestRow() {
        int longest = 0;
        int row = 0;
        String before = null;
        for (String word : words()) {
            row = word.equals(before) ? row + 1 : 1;
            before = word;
            longest = Math.max(longest, row);
        }
        return longest;
    }

    /** The share of letters and digits among all characters. */
    double alphanumeric() {
        return share(Character::isLetterOrDigit);
    }

    /** The share of what is neither letter nor mark, such as digits, punctuation and white space. */
    double special() {
        return share(c -> !Character.isLetter(c) && !isMark(c));
    }

    private static boolean isMark(int c) {
        int type = Character.getType(c);
        return type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
    }

    private double share(java.util.function.IntPredicate of) {
        int all = text.codePointCount(0, text.length());
        return all == 0 ? 0 : (double) text.codePoints().filter(of).count() / all;
    }

    /**
     * Data-Juicer's repetition of characters: of all runs of so many characters, the share of the √n most frequent ones
     * of n different, as far as they are there more than once.
     */
    double repeatedCharacters(int length) {
        Map<String, Integer> runs = new HashMap<>();
        for (int i = 0; i + length <= text.length(); i++) {
            runs.merge(text.substring(i, i + length), 1, Integer::sum);
        }
        int[] times = runs.values().stream().mapToInt(n -> n).sorted().toArray();
        int most = (int) Math.sqrt(times.length);
        long repeated = 0;
        for (int i = times.length - 1; i >= Math.max(0, times.length - most) && times[i] > 1; i--) {
            repeated += times[i];
        }
        long all = Arrays.stream(times).asLongStream().sum();
        return all == 0 ? 0 : (double) repeated / all;
    }
}
