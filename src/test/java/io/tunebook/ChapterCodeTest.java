package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A page of JupyterLab cuts what is too wide, and a reader does not scroll sideways. A cell has one idea, so it is
 * short. A chapter has pictures.
 */
final class ChapterCodeTest {
    private static final int WIDEST = 95;

    /** Lines with something in them; those that import are not counted. */
    private static final int LONGEST = 12;

    /**
     * Why a cell's values may differ from its page: by the machine, by what a model writes, or since the quick setting
     * computes less.
     */
    private static final Set<String> REASONS = Set.of("differs-by-machine", "differs-by-answer", "differs-by-quick");

    private record Cell(String place, String source, int outputs, Set<String> tags) {
        boolean has(String tag) {
            return tags.stream().anyMatch(t -> t.startsWith(tag));
        }
    }

    @Test
    void noLineOfCodeIsWiderThanThePage() throws IOException {
        List<String> tooWide = new ArrayList<>();
        for (Cell cell : cells()) {
            cell.source()
                    .lines()
                    .filter(line -> width(line) > WIDEST)
                    .forEach(line -> tooWide.add(cell.place() + ": " + line));
        }
        assertThat(tooWide).isEmpty();
    }

    @Test
    void noCellIsLong() throws IOException {
        List<Cell> cells = cells();
        assertThat(cells).hasSizeGreaterThan(200).allSatisfy(cell -> assertThat(cell.source()
                        .lines()
                        .filter(line -> !line.isBlank() && !line.startsWith("import "))
                        .count())
                .as(cell.place())
                .isLessThanOrEqualTo(LONGEST));
    }

    /** {@code ChaptersTest} compares the values of all other cells with their pages. */
    @Test
    void aCellIsComparedByValueOrSaysWhyNot() throws IOException {
        List<Cell> shown = cells().stream().filter(cell -> cell.outputs() > 0).toList();
        for (Cell cell : cells()) {
            boolean loose = cell.has("nbval-ignore-output") || cell.has("check-words") || cell.has("check-tolerance-");
            long reasons = cell.tags().stream().filter(REASONS::contains).count();
            assertThat(reasons).as(cell.place() + ", reasons").isEqualTo(loose ? 1 : 0);
            assertThat(loose && cell.outputs() == 0)
                    .as(cell.place() + ", a tag without an output")
                    .isFalse();
        }
        assertThat(shown.stream().filter(cell -> cell.has("nbval-ignore-output")))
                .as("cells of which nothing but the kind is compared")
                .hasSizeLessThan(shown.size() / 5);
    }

    /** Each picture comes with words that tell it to who cannot see it. */
    @Test
    void eachChapterHasFourPictures() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("../notebooks"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                int pictures = 0;
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    for (JsonNode output : cell.path("outputs")) {
                        JsonNode data = output.path("data");
                        if (data.has("image/svg+xml") || data.has("image/png")) {
                            pictures++;
                            assertThat(text(data.path("text/plain")))
                                    .as("%s, cell %s", file, cell.path("id").asText())
                                    .hasSizeGreaterThan(20);
                        }
                    }
                }
                assertThat(pictures).as(file.toString()).isGreaterThanOrEqualTo(4);
            }
        }
    }

    private static List<Cell> cells() throws IOException {
        List<Cell> cells = new ArrayList<>();
        Path notebooks = Path.of("../notebooks");
        try (Stream<Path> files = Stream.concat(Files.list(notebooks), Files.list(notebooks.resolve("zh")))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    if (cell.path("cell_type").asText().equals("code")) {
                        Set<String> tags = new TreeSet<>();
                        cell.path("metadata").path("tags").forEach(tag -> tags.add(tag.asText()));
                        String place = file + ", cell " + cell.path("id").asText();
                        int outputs = cell.path("outputs").size();
                        cells.add(new Cell(place, text(cell.path("source")), outputs, tags));
                    }
                }
            }
        }
        return cells;
    }

    /** A text of nbformat, which is one string or a list of lines. */
    private static String text(JsonNode node) {
        StringBuilder text = new StringBuilder();
        node.forEach(line -> text.append(line.asText()));
        return node.isTextual() ? node.asText() : text.toString();
    }

    /** In columns: a Chinese character takes two. */
    private static int width(String line) {
        return line.codePoints().map(c -> c >= 0x2e80 ? 2 : 1).sum();
    }
}
