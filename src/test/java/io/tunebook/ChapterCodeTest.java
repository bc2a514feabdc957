package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A page of JupyterLab cuts what is too wide, and a reader does not scroll sideways. A cell has one idea, so it is short. A chapter has pictures. */
final class ChapterCodeTest {
    private static final int WIDEST = 95;

    /** Lines with something in them; those that import are not counted. */
    private static final int LONGEST = 12;

    private record Cell(String place, String source) {}

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
                        cells.add(new Cell(file + ", cell " + cell.path("id").asText(), text(cell.path("source"))));
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
