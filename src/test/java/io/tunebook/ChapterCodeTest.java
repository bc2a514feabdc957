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

/** A page of JupyterLab cuts what is too wide, and a reader does not scroll sideways. A cell has one idea, so it is short. */
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

    private static List<Cell> cells() throws IOException {
        List<Cell> cells = new ArrayList<>();
        Path notebooks = Path.of("../notebooks");
        try (Stream<Path> files = Stream.concat(Files.list(notebooks), Files.list(notebooks.resolve("zh")))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    if (cell.path("cell_type").asText().equals("code")) {
                        cells.add(new Cell(file + ", cell " + cell.path("id").asText(), source(cell)));
                    }
                }
            }
        }
        return cells;
    }

    private static String source(JsonNode cell) {
        StringBuilder text = new StringBuilder();
        cell.path("source").forEach(line -> text.append(line.asText()));
        return cell.path("source").isTextual() ? cell.path("source").asText() : text.toString();
    }

    /** In columns: a Chinese character takes two. */
    private static int width(String line) {
        return line.codePoints().map(c -> c >= 0x2e80 ? 2 : 1).sum();
    }
}
