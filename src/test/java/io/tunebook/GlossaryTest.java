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
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The glossary and the chapters say the same: a word is explained, in bold, in the chapter that the glossary names. */
class GlossaryTest {
    private static final Path NOTEBOOKS = Path.of("../notebooks").toAbsolutePath();

    private record Entry(String word, int chapter, String meaning) {}

    @Test
    void eachWordIsExplainedInItsChapter() throws Exception {
        Map<Integer, String> chapters = chapters();
        assertThat(entries()).hasSizeGreaterThan(30).allSatisfy(entry -> assertThat(chapters.get(entry.chapter()))
                .as("chapter %d, which is to explain “%s” in bold", entry.chapter(), entry.word())
                .isNotNull()
                .containsIgnoringCase("**" + entry.word() + "**"));
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
                                .append('\n');
                    }
                }
                chapters.put(Integer.parseInt(file.getFileName().toString().substring(0, 2)), text.toString());
            }
        }
        return chapters;
    }
}
