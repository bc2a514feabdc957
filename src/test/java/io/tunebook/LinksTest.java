package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Links and pictures of the texts and the notebooks, and the files that package pages name, are there. */
final class LinksTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** A link or picture of Markdown whose target is no address with a scheme and no place of the same page. */
    private static final Pattern LINK = Pattern.compile("\\]\\((?!\\w+:|#)([^)\\s#]+)(?:#[^)\\s]*)?\\)");

    /** A type that Javadoc names without a link. */
    private static final Pattern TYPE = Pattern.compile("\\{@code\\s+([A-Z][A-Za-z0-9]+)}");

    @Test
    void everyLinkLeadsToAFile() throws IOException {
        List<String> broken = new ArrayList<>();
        int links = 0;
        for (Path page : pages()) {
            Matcher link = LINK.matcher(text(page).replaceAll("(?s)```.*?```|`[^`\n]*`", ""));
            while (link.find()) {
                links++;
                if (!Files.exists(page.resolveSibling(link.group(1)).normalize())) {
                    broken.add(ROOT.relativize(page) + " -> " + link.group(1));
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(links).isGreaterThan(50);
    }

    /** A package page names the files of its package in the order of the work. */
    @Test
    void everyFileOfAPackagePageIsThere() throws IOException {
        List<String> gone = new ArrayList<>();
        int names = 0;
        for (Path page : packagePages()) {
            Matcher name = TYPE.matcher(Files.readString(page));
            while (name.find()) {
                names++;
                if (!Files.exists(page.resolveSibling(name.group(1) + ".java"))) {
                    gone.add(ROOT.relativize(page) + " -> " + name.group(1));
                }
            }
        }
        assertThat(gone).isEmpty();
        assertThat(names).isGreaterThan(200);
    }

    private static List<Path> packagePages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (String sources : List.of("src/main/java", "kernel/src/main/java", "spark/src/main/java")) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(sources))) {
                files.filter(f -> f.endsWith("package-info.java")).forEach(pages::add);
            }
        }
        return pages;
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (String folder : List.of(
                "", "notebooks", "notebooks/zh", "notebooks/exercises", "notebooks/zh/exercises", "kernel", "bench")) {
            try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
                files.filter(f -> f.toString().matches(".*\\.(md|ipynb)")).forEach(pages::add);
            }
        }
        return pages;
    }

    private static String text(Path page) throws IOException {
        if (page.toString().endsWith(".md")) {
            return Files.readString(page);
        }
        StringBuilder text = new StringBuilder();
        for (JsonNode cell : new ObjectMapper().readTree(page.toFile()).path("cells")) {
            if (cell.path("cell_type").asText().equals("markdown")) {
                cell.path("source").forEach(line -> text.append(line.asText()));
                text.append('\n');
            }
        }
        return text.toString();
    }
}
