package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The Chinese chapters have the cells and the code of the English ones; the table of messages has messages that exist. */
final class ChineseTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path CHINESE = ROOT.resolve("notebooks/zh");

    /** Text blocks, strings, characters and comments of Java: what a translation may change. */
    private static final Pattern WORDS = Pattern.compile(
            "\"\"\".*?\"\"\"|\"(?:\\\\.|[^\"\\\\\n])*\"|'(?:\\\\.|[^'\\\\\n])+'|//[^\n]*|/\\*.*?\\*/", Pattern.DOTALL);

    private static final Pattern HAN = Pattern.compile("\\p{IsHan}");
    private static final Pattern MESSAGE = Pattern.compile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|$");

    @Test
    void theCodeOfEachChineseChapterIsThatOfTheEnglishOne() throws IOException {
        List<Path> chapters = notebooks(CHINESE);
        assertThat(chapters).isNotEmpty();
        for (Path chinese : chapters) {
            List<JsonNode> theirs = cells(chinese);
            List<JsonNode> ours = cells(CHINESE.getParent().resolve(chinese.getFileName()));
            assertThat(ids(theirs)).as("cells of %s", chinese).isEqualTo(ids(ours));
            List<String> drifted = new ArrayList<>();
            for (int i = 0; i < ours.size(); i++) {
                JsonNode english = ours.get(i);
                JsonNode translated = theirs.get(i);
                boolean same = english.path("cell_type").equals(translated.path("cell_type"))
                        && english.path("metadata").equals(translated.path("metadata"));
                if (english.path("cell_type").asText().equals("code")) {
                    same &= masked(source(english)).equals(masked(source(translated)));
                }
                if (!same) {
                    drifted.add(english.path("id").asText());
                }
            }
            assertThat(drifted)
                    .as("cells of %s whose code is another one than the English chapter's", chinese)
                    .isEmpty();
        }
    }

    @Test
    void theTextIsChinese() throws IOException {
        for (Path chinese : notebooks(CHINESE)) {
            List<JsonNode> prose = cells(chinese).stream()
                    .filter(c -> c.path("cell_type").asText().equals("markdown"))
                    .toList();
            for (JsonNode cell : prose) {
                String text = source(cell);
                assertThat(text.startsWith("#") && text.lines().count() == 1
                                || HAN.matcher(text).find())
                        .as("%s, cell %s", chinese, cell.path("id").asText())
                        .isTrue();
            }
        }
    }

    @Test
    void everyMessageOfTheTableIsOneThatTheProgramsPrint() throws IOException {
        String sources = Stream.of("src/main/java", "kernel/src/main/java", "environment/Lab.java")
                .flatMap(folder -> javaFiles(ROOT.resolve(folder)))
                .map(ChineseTest::read)
                .collect(Collectors.joining());
        List<String> messages = new ArrayList<>();
        Matcher row = MESSAGE.matcher(Files.readString(ROOT.resolve("README.zh.md")));
        while (row.find()) {
            messages.add(row.group(1));
        }
        assertThat(messages).hasSize(20).doesNotHaveDuplicates().allSatisfy(m -> assertThat(sources)
                .contains(m));
    }

    @Test
    void thePicturesHaveAllTheirWordsInChinese() throws IOException {
        Properties english = words("picture.properties");
        Properties chinese = words("picture_zh.properties");
        assertThat(chinese.stringPropertyNames()).isEqualTo(english.stringPropertyNames());
        for (String key : english.stringPropertyNames()) {
            assertThat(places(chinese.getProperty(key))).as(key).isEqualTo(places(english.getProperty(key)));
        }
    }

    private static Properties words(String name) throws IOException {
        Properties words = new Properties();
        Path file = ROOT.resolve("src/main/resources/io/tunebook/picture").resolve(name);
        try (Reader in = Files.newBufferedReader(file)) {
            words.load(in);
        }
        return words;
    }

    /** The values that stand in a text, such as {0}, and how often. */
    private static List<String> places(String text) {
        return Pattern.compile("\\{\\d\\}")
                .matcher(text)
                .results()
                .map(MatchResult::group)
                .sorted()
                .toList();
    }

    private static String masked(String code) {
        return WORDS.matcher(code).replaceAll("\"\"");
    }

    private static List<Path> notebooks(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(p -> p.toString().endsWith(".ipynb")).sorted().toList();
        }
    }

    private static Stream<Path> javaFiles(Path folder) {
        try {
            return Files.walk(folder).filter(p -> p.toString().endsWith(".java"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static List<JsonNode> cells(Path notebook) throws IOException {
        List<JsonNode> cells = new ArrayList<>();
        new ObjectMapper().readTree(notebook.toFile()).path("cells").forEach(cells::add);
        return cells;
    }

    private static List<String> ids(List<JsonNode> cells) {
        return cells.stream().map(c -> c.path("id").asText()).toList();
    }

    private static String source(JsonNode cell) {
        StringBuilder source = new StringBuilder();
        cell.path("source").forEach(line -> source.append(line.asText()));
        return source.toString();
    }
}
