package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.function.UnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The Chinese chapters have the cells and the code of the English ones; the table of messages has messages that exist.
 */
final class ChineseTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path ENGLISH = ROOT.resolve("notebooks");
    private static final Path CHINESE = ENGLISH.resolve("zh");

    /** Text blocks, strings, characters and comments of Java: what a translation may change. */
    private static final Pattern WORDS = Pattern.compile(
            "\"\"\".*?\"\"\"|\"(?:\\\\.|[^\"\\\\\n])*\"|'(?:\\\\.|[^'\\\\\n])+'|//[^\n]*|/\\*.*?\\*/", Pattern.DOTALL);

    /** Where a Chinese chapter says whether the model's vocabulary has Chinese words. */
    private static final Pattern IN_CHINESE = Pattern.compile("(?:\"\"\n)?boolean inChinese = [^;]*;\n");

    /** What it says to such a model, and what to another; both are masked by then. */
    private static final Pattern EITHER =
            Pattern.compile("(?<!\\w)\\(inChinese \\? \"\"\\s*: \"\"\\)|inChinese \\? \"\"\\s*: \"\"");

    private static final Pattern HAN = Pattern.compile("\\p{IsHan}");
    private static final Pattern ENGLISH_WORDS = Pattern.compile("[A-Za-z]{2,} [A-Za-z]{2,}");
    private static final Pattern LABEL = Pattern.compile(
            "\\b(?:check|checkEquals|checkClose|(?:Pictures|Charts)\\.\\w+|(?:row|line)\\.put)\\(\\s*\"((?:\\\\.|[^\"\\\\\n])*)\"");
    private static final Pattern MESSAGE = Pattern.compile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|$");

    @Test
    void everyChapterAndEveryExerciseIsThereInChinese() throws IOException {
        for (String folder : List.of("", "exercises")) {
            assertThat(notebooks(CHINESE.resolve(folder)))
                    .extracting(Path::getFileName)
                    .containsExactlyElementsOf(notebooks(ENGLISH.resolve(folder)).stream()
                            .map(Path::getFileName)
                            .toList());
        }
    }

    @TestFactory
    Stream<DynamicTest> theCodeOfEachChineseChapterIsThatOfTheEnglishOne() throws IOException {
        return notebooks(CHINESE).stream().map(chinese -> sameButForWords(chinese, metadata -> metadata));
    }

    /** The Chinese exercises are made of the English solutions; this compares without the program that makes them. */
    @TestFactory
    Stream<DynamicTest> theCodeOfEachChineseExerciseIsThatOfTheEnglishOne() throws IOException {
        return notebooks(CHINESE.resolve("exercises")).stream()
                .map(chinese -> sameButForWords(chinese, ChineseTest::withoutChecksum));
    }

    /** Names the cells that are new, gone or elsewhere, or whose code, kind or metadata differ by more than words. */
    private static DynamicTest sameButForWords(Path chinese, UnaryOperator<JsonNode> metadata) {
        Path name = CHINESE.relativize(chinese);
        return DynamicTest.dynamicTest(name.toString(), () -> {
            List<JsonNode> ours = cells(ENGLISH.resolve(name));
            List<JsonNode> theirs = cells(chinese);
            assertThat(theirs)
                    .as("the cells of %s", name)
                    .extracting(ChineseTest::id)
                    .containsExactlyElementsOf(
                            ours.stream().map(ChineseTest::id).toList());
            List<String> differing = new ArrayList<>();
            for (int i = 0; i < ours.size(); i++) {
                if (!kept(ours.get(i), metadata).equals(kept(theirs.get(i), metadata))) {
                    differing.add(id(ours.get(i)));
                }
            }
            assertThat(differing)
                    .as("the cells of %s that differ from the English ones", name)
                    .isEmpty();
        });
    }

    /** What a translation leaves as it is. */
    private static List<Object> kept(JsonNode cell, UnaryOperator<JsonNode> metadata) {
        return List.of(
                cell.path("cell_type"),
                metadata.apply(cell.path("metadata")),
                isCode(cell) ? masked(source(cell)) : "");
    }

    /** nbgrader's checksum goes by the words too. */
    private static JsonNode withoutChecksum(JsonNode metadata) {
        JsonNode copy = metadata.deepCopy();
        if (copy.path("nbgrader") instanceof ObjectNode nbgrader) {
            nbgrader.remove("checksum");
        }
        return copy;
    }

    private static String id(JsonNode cell) {
        return cell.path("id").asText();
    }

    private static boolean isCode(JsonNode cell) {
        return cell.path("cell_type").asText().equals("code");
    }

    @Test
    void theTextIsChinese() throws IOException {
        List<Path> chapters = new ArrayList<>(notebooks(CHINESE));
        chapters.addAll(notebooks(CHINESE.resolve("exercises")));
        for (Path chinese : chapters) {
            List<JsonNode> prose = cells(chinese).stream()
                    .filter(c -> c.path("cell_type").asText().equals("markdown"))
                    .toList();
            for (JsonNode cell : prose) {
                String text = source(cell);
                assertThat(text.startsWith("#") && text.lines().count() == 1
                                || HAN.matcher(text).find())
                        .as("%s, cell %s", chinese, id(cell))
                        .isTrue();
            }
        }
    }

    /** Titles of charts, headings of tables, and what a check says: the words that a reader sees beside the outputs. */
    @Test
    void titlesAndLabelsAreChinese() throws IOException {
        List<Path> all = new ArrayList<>(notebooks(CHINESE));
        all.addAll(notebooks(CHINESE.resolve("exercises")));
        int found = 0;
        for (Path chinese : all) {
            for (JsonNode cell : cells(chinese)) {
                Matcher label = LABEL.matcher(isCode(cell) ? source(cell) : "");
                while (label.find()) {
                    found++;
                    assertThat(HAN.matcher(label.group(1)).find()
                                    || !ENGLISH_WORDS.matcher(label.group(1)).find())
                            .as("%s, cell %s: %s", chinese, id(cell), label.group())
                            .isTrue();
                }
            }
        }
        assertThat(found).isGreaterThan(200);
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

    /** The code without words. The default model knows English alone, so some sentences stand in both languages. */
    private static String masked(String code) {
        String masked = WORDS.matcher(code).replaceAll("\"\"");
        return EITHER.matcher(IN_CHINESE.matcher(masked).replaceAll("")).replaceAll("\"\"");
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

    private static String source(JsonNode cell) {
        StringBuilder source = new StringBuilder();
        cell.path("source").forEach(line -> source.append(line.asText()));
        return source.toString();
    }
}
