package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the course's pages point to is there. */
class CourseLinksTest {
    private static final Path NOTEBOOKS = Path.of("../notebooks").toAbsolutePath();
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#]+)(?:#([^)]+))?\\)");

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "troubles.md"})
    void theSectionsThatAPageNamesAreInTheirChapters(String page) throws Exception {
        Matcher link = LINK.matcher(Files.readString(NOTEBOOKS.resolve(page)));
        int sections = 0;
        while (link.find()) {
            Path file = NOTEBOOKS.resolve(link.group(1));
            assertThat(file).exists();
            if (link.group(2) != null) {
                sections++;
                assertThat(headings(file)).as("%s: %s", page, link.group()).contains(link.group(2));
            }
        }
        assertThat(sections).isGreaterThan(5);
    }

    @Test
    void theFilesThatChaptersPointToAreThere() throws Exception {
        try (Stream<Path> files = Files.list(NOTEBOOKS)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                Matcher link = LINK.matcher(String.join("\n", lines(file)));
                while (link.find()) {
                    if (!link.group(1).contains(":")) {
                        assertThat(NOTEBOOKS.resolve(link.group(1)))
                                .as(file.toString())
                                .exists();
                    }
                }
            }
        }
    }

    /**
     * Chapter 8 rounds what was measured on a card; a later measurement that differs by more must be told there too.
     */
    @ParameterizedTest
    @CsvSource({
        "'1.5B, bfloat16', 3, train.gpu.4x1024.tokens",
        "'1.5B, bfloat16', 4, train.gpu.4x1024.memory",
        "'1.5B, bfloat16, checkpointing', 3, train.gpu.1x8192.checkpoint",
        "'1.5B, bfloat16, checkpointing', 4, train.gpu.1x8192.memory",
        "'8B in 4-bit blocks', 3, train.gpu.8b.qlora"
    })
    void theFiguresOfChapter8AreThoseOfTheBench(String shapes, int column, String id) throws Exception {
        String row = lines(NOTEBOOKS.resolve("08-your-model.ipynb")).stream()
                .filter(line -> line.startsWith("| " + shapes + " |"))
                .findFirst()
                .orElseThrow();
        double told = Double.parseDouble(row.split("\\|")[column + 1].replaceAll("[^0-9.]", ""));
        double measured = 0;
        for (JsonNode each :
                new ObjectMapper().readTree(Path.of("../bench/results.json").toFile())) {
            measured = each.path("id").asText().equals(id) ? each.path("ours").asDouble() : measured;
        }
        assertThat(told).isCloseTo(measured, withinPercentage(5));
    }

    /**
     * The headings of a notebook in the form in which JupyterLab finds them: without marks, and with a hyphen for each
     * space.
     */
    private static List<String> headings(Path notebook) throws Exception {
        return lines(notebook).stream()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("^#+ ", "").replace("`", "").replace(' ', '-'))
                .toList();
    }

    /** The lines of a notebook's text, without code. */
    private static List<String> lines(Path notebook) throws Exception {
        List<String> lines = new ArrayList<>();
        for (JsonNode cell : new ObjectMapper().readTree(notebook.toFile()).path("cells")) {
            if (cell.path("cell_type").asText().equals("markdown")) {
                StringBuilder text = new StringBuilder();
                cell.path("source").forEach(line -> text.append(line.asText()));
                lines.addAll(text.toString().lines().toList());
            }
        }
        return lines;
    }
}
