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

/** A page of JupyterLab cuts what is too wide, and a reader does not scroll sideways. */
final class ChapterCodeTest {
    private static final int WIDEST = 95;

    @Test
    void noLineOfCodeIsWiderThanThePage() throws IOException {
        List<String> tooWide = new ArrayList<>();
        Path notebooks = Path.of("../notebooks");
        try (Stream<Path> files = Stream.concat(Files.list(notebooks), Files.list(notebooks.resolve("zh")))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                for (JsonNode cell : new ObjectMapper().readTree(file.toFile()).path("cells")) {
                    if (cell.path("cell_type").asText().equals("code")) {
                        source(cell)
                                .lines()
                                .filter(line -> width(line) > WIDEST)
                                .forEach(line -> tooWide.add(
                                        file + ", cell " + cell.path("id").asText() + ": " + line));
                    }
                }
            }
        }
        assertThat(tooWide).isEmpty();
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
