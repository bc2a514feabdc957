package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The glossary and the chapters say the same: a word is explained, in bold, in the chapter that the glossary names. */
class GlossaryTest {
    private static final Path NOTEBOOKS = Path.of("../notebooks").toAbsolutePath();

    /** Words that everybody uses in another sense too. */
    private static final Set<String> EVERYDAY = Set.of("document", "forward", "head", "step", "matrix");

    /** What chapters() puts behind each cell. */
    private static final String END_OF_CELL = "\n\u00a7\n";

    private record Entry(String word, int chapter, String meaning) {}

    @Test
    void eachWordIsExplainedInItsChapter() throws Exception {
        Map<Integer, String> chapters = chapters();
        assertThat(entries()).hasSizeGreaterThan(30).allSatisfy(entry -> assertThat(chapters.get(entry.chapter()))
                .as("chapter %d, which is to explain “%s” in bold", entry.chapter(), entry.word())
                .isNotNull()
                .containsPattern("(?i)\\*\\*" + Pattern.quote(entry.word()) + "s?\\*\\*"));
    }

    /**
     * A reader meets a word where it is explained. The first cell of a chapter, headings, and what points to another
     * chapter may name it before.
     */
    @Test
    void noWordIsUsedBeforeItIsExplained() throws Exception {
        Map<Integer, String> chapters = chapters();
        List<Entry> entries = entries();
        List<String> early = new ArrayList<>();
        for (Entry entry : entries) {
            Pattern word = Pattern.compile("(?i)(?<![-*\\w])" + Pattern.quote(entry.word()) + "(s|es)?(?![-*\\w])");
            for (Map.Entry<Integer, String> chapter : chapters.entrySet()) {
                if (chapter.getKey() > entry.chapter() || EVERYDAY.contains(entry.word())) {
                    break;
                }
                String text = prose(chapter.getValue(), longer(entry.word(), entries));
                Pattern explanation = Pattern.compile("(?i)\\*\\*" + Pattern.quote(entry.word()) + "s?\\*\\*");
                Matcher bold = explanation.matcher(text);
                boolean explained = bold.find() && chapter.getKey() == entry.chapter();
                Matcher use = word.matcher(explained ? text.substring(0, bold.start()) : text);
                if (use.find()) {
                    early.add(entry.word() + ", chapter " + chapter.getKey() + ": …"
                            + text.substring(Math.max(0, use.start() - 40), Math.min(text.length(), use.end() + 40))
                                    .replace('\n', ' '));
                }
            }
        }
        assertThat(early).isEmpty();
    }

    private static List<String> longer(String word, List<Entry> entries) {
        return entries.stream()
                .map(Entry::word)
                .filter(w -> w.length() > word.length() && w.contains(word))
                .toList();
    }

    /**
     * A chapter's sentences: without its first cell, code, formulas, headings, links' targets and sentences that point
     * to another chapter.
     */
    private static String prose(String chapter, List<String> longer) {
        String text = chapter.substring(chapter.indexOf(END_OF_CELL))
                .replaceAll("(?s)```.*?```|`[^`\n]*`|\\$\\$[^$]*\\$\\$|\\$[^$]*\\$", "")
                .replaceAll("(?m)^(#|\\*\\*Next|\\*\\*You will).*$", "")
                .replaceAll("\\[([^\\]]*)]\\([^)]*\\)", "")
                .replaceAll("[^.\n]*\\(chapter \\d\\)[^.\n]*", "");
        for (String other : longer) {
            text = text.replaceAll("(?i)\\*{0,2}" + Pattern.quote(other) + "\\*{0,2}", "");
        }
        return text;
    }

    @Test
    void noWordComesTwiceAndAllAreInOrder() throws Exception {
        List<String> words =
                entries().stream().map(e -> e.word().toLowerCase(Locale.ROOT)).toList();
        assertThat(words).doesNotHaveDuplicates().isSorted();
        assertThat(entries()).noneMatch(e -> e.meaning().isBlank());
    }

    private static List<Entry> entries() throws Exception {
        List<Entry> entries = new ArrayList<>();
        for (String line : Files.readAllLines(NOTEBOOKS.resolve("glossary.md"))) {
            String[] cells = line.split("\\|");
            if (cells.length == 4 && cells[2].strip().matches("\\d")) {
                entries.add(new Entry(cells[1].strip(), Integer.parseInt(cells[2].strip()), cells[3].strip()));
            }
        }
        return entries;
    }

    /** The text of each chapter by its number, without code. */
    private static Map<Integer, String> chapters() throws Exception {
        Map<Integer, String> chapters = new TreeMap<>();
        try (Stream<Path> files = Files.list(NOTEBOOKS)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                StringBuilder text = new StringBuilder();
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    if (cell.path("cell_type").asText().equals("markdown")) {
                        cell.path("source").forEach(line -> text.append(line.asText()));
                        text.append(
                                        cell.path("source").isTextual()
                                                ? cell.path("source").asText()
                                                : "")
                                .append('\n')
                                .append(END_OF_CELL);
                    }
                }
                chapters.put(Integer.parseInt(file.getFileName().toString().substring(0, 2)), text.toString());
            }
        }
        return chapters;
    }
}
