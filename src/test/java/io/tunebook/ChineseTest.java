package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The Chinese chapters have the cells and the code of the English ones; the table of messages has messages that exist. */
final class ChineseTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path CHINESE = ROOT.resolve("notebooks/zh");

    /** Text blocks, strings, characters and comments of Java: what a translation may change. */
    private static final Pattern WORDS = Pattern.compile(
            "\"\"\".*?\"\"\"|\"(?:\\\\.|[^\"\\\\\n])*\"|'(?:\\\\.|[^'\\\\\n])+'|//[^\n]*|/\\*.*?\\*/", Pattern.DOTALL);

    private static final Pattern HAN = Pattern.compile("\\p{IsHan}");
    private static final Pattern MESSAGE = Pattern.compile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|$");

    /** A chapter says from which code it was translated, so that a slip in it can be told from an English chapter that has gone on. */
    @Test
    void theCodeOfEachChineseChapterIsThatOfTheEnglishOneItWasTranslatedFrom() throws Exception {
        List<Path> chapters = notebooks(CHINESE);
        assertThat(chapters).isNotEmpty();
        for (Path chinese : chapters) {
            String from = new ObjectMapper()
                    .readTree(chinese.toFile())
                    .at("/metadata/tunebook/translated_from")
                    .asText();
            assertThat(digest(cells(chinese)))
                    .as("the code of %s, words masked", chinese)
                    .isEqualTo(from);
        }
    }

    /** The Chinese exercises are made of the English solutions; this compares without the program that makes them. */
    @Test
    void theCodeOfEachChineseExerciseIsThatOfTheEnglishOne() throws Exception {
        List<Path> exercises = notebooks(CHINESE.resolve("exercises"));
        assertThat(exercises)
                .extracting(Path::getFileName)
                .containsExactlyElementsOf(notebooks(ROOT.resolve("notebooks/exercises")).stream()
                        .map(Path::getFileName)
                        .toList());
        for (Path chinese : exercises) {
            Path english = ROOT.resolve("notebooks/exercises").resolve(chinese.getFileName());
            assertThat(digest(cells(chinese)))
                    .as("the code of %s, words masked", chinese)
                    .isEqualTo(digest(cells(english)));
        }
    }

    @TestFactory
    Stream<DynamicTest> noEnglishChapterHasGoneOn() throws IOException {
        return notebooks(CHINESE).stream()
                .map(chinese -> DynamicTest.dynamicTest(chinese.getFileName().toString(), () -> {
                    List<String> drifted = drifted(chinese);
                    assumeTrue(drifted.isEmpty(), "the English " + chinese.getFileName() + " has gone on: " + drifted);
                }));
    }

    /** The ids of the cells that are new or gone, or whose code or tags differ by more than words. */
    private static List<String> drifted(Path chinese) throws IOException {
        Map<String, JsonNode> english = byId(cells(CHINESE.getParent().resolve(chinese.getFileName())));
        Map<String, JsonNode> translated = byId(cells(chinese));
        Set<String> drifted = new TreeSet<>();
        for (String id : english.keySet()) {
            JsonNode ours = english.get(id);
            JsonNode theirs = translated.get(id);
            boolean same = theirs != null
                    && ours.path("cell_type").equals(theirs.path("cell_type"))
                    && ours.path("metadata").equals(theirs.path("metadata"))
                    && (!isCode(ours) || masked(source(ours)).equals(masked(source(theirs))));
            if (!same) {
                drifted.add(id);
            }
        }
        translated.keySet().stream().filter(id -> !english.containsKey(id)).forEach(drifted::add);
        return List.copyOf(drifted);
    }

    private static Map<String, JsonNode> byId(List<JsonNode> cells) {
        Map<String, JsonNode> byId = new LinkedHashMap<>();
        cells.forEach(c -> byId.put(c.path("id").asText(), c));
        return byId;
    }

    /** SHA-256 of the ids in order, each code cell's followed by its code, words masked; lines end with a line feed. */
    private static String digest(List<JsonNode> cells) throws Exception {
        String text = cells.stream()
                .map(c -> c.path("id").asText() + (isCode(c) ? "\n" + masked(source(c)) : ""))
                .collect(Collectors.joining("\n"));
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
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

    private static String source(JsonNode cell) {
        StringBuilder source = new StringBuilder();
        cell.path("source").forEach(line -> source.append(line.asText()));
        return source.toString();
    }
}
