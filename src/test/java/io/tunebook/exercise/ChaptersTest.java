package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The chapters run, in their quick setting, and show what their pages show: each cell the kinds of output that its page
 * has, and the same values, within a tolerance. A cell's tags say where less can be compared, and why: {@code
 * check-tolerance-0.1} for losses that follow the type that the processor is faster in, {@code check-words} where the
 * quick setting or another machine gives other numbers in the same words, and {@code nbval-ignore-output} where a
 * model's answer or the machine is all that there is to see.
 */
final class ChaptersTest {
    /** Numbers may differ by this part: the pages come from one machine, the test runs on any. */
    private static final String TOLERANCE = "0.02";

    /**
     * A message names a file by its whole path, which differs by machine before the chapters' own folder; and a bar
     * says how long it took.
     */
    private static final String BY_MACHINE = """
            [files]
            regex: \\S*[/\\\\]out[/\\\\]
            replace: out/
            [times]
            regex: in \\d+:\\d\\d[^<\\n]*
            replace: in TIME
            [the type that the processor is faster in]
            regex: (?i)\\bb?float(16|32)( from bfloat16)?( on \\w+\\(\\d*\\))?
            replace: TYPE
            """;

    /** For chapters that mostly wait for a disk or a compiler; PyTorch's threads would stand in each other's way. */
    private static final List<String> TWO_AT_A_TIME = List.of("--jobs", "2");

    @TempDir
    Path folder;

    @BeforeEach
    void kernel() {
        CourseKernel.require();
    }

    @Test
    void chaptersThatComputeLittleShowWhatTheirPagesShow() throws Exception {
        runAndShowWhatTheirPagesShow(TWO_AT_A_TIME, "00-setup", "01-data", "03-tokens", "09-at-scale");
    }

    /** In order: chapter 5 leaves its adapter, and 6 and 7 take it. */
    @Test
    void chaptersThatTrainAndAnswerShowWhatTheirPagesShow() throws Exception {
        runAndShowWhatTheirPagesShow(
                List.of(), "02-ollama", "04-model", "05-lora", "06-measure", "07-back-to-ollama", "08-your-model");
    }

    /** Chapters 6 and 7 where chapter 5 did not run: they train its adapter themselves. */
    @ParameterizedTest
    @Tag("nightly")
    @ValueSource(strings = {"06-measure", "07-back-to-ollama"})
    void aChapterRunsWithoutTheOneBefore(String chapter) throws Exception {
        runs(List.of(), chapter);
    }

    /**
     * Chapters that ask a model little, so that every change runs some of the Chinese ones; their code is that of the
     * English ones.
     */
    @Test
    void chineseChaptersRunAndShowWhatTheirPagesShow() throws Exception {
        runAndShowWhatTheirPagesShow(TWO_AT_A_TIME, "zh/00-setup", "zh/01-data", "zh/03-tokens");
    }

    @Test
    @Tag("nightly")
    void everyChineseChapterRuns() throws Exception {
        try (Stream<Path> files = Files.list(ExerciseNotebook.FOLDER.resolve("zh"))) {
            runs(
                    List.of(),
                    files.map(f -> f.getFileName().toString())
                            .filter(f -> f.endsWith(".ipynb"))
                            .sorted()
                            .map(f -> "zh/" + f.replace(".ipynb", ""))
                            .toArray(String[]::new));
        }
    }

    private void runAndShowWhatTheirPagesShow(List<String> options, String... chapters) throws Exception {
        Path rules = Files.writeString(folder.resolve("rules.cfg"), BY_MACHINE);
        List<String> all =
                new ArrayList<>(List.of("--check", "--tolerance", TOLERANCE, "--sanitize-with", rules.toString()));
        all.addAll(options);
        all.addAll(List.of("--timeout", "900")); // other tests run beside it
        runs(all, chapters);
        assertKinds(chapters);
    }

    private void assertKinds(String... chapters) throws IOException {
        for (String chapter : chapters) {
            Path page = ExerciseNotebook.FOLDER.resolve(chapter + ".ipynb");
            Path executed = folder.resolve("executed").resolve(page.getFileName());
            assertThat(kinds(executed)).as("kinds of output in %s", chapter).isEqualTo(kinds(page));
        }
    }

    /**
     * What each cell shows, by the cell's id: names of streams and MIME types, without their number, which follows how
     * long a cell runs.
     */
    private static Map<String, Set<String>> kinds(Path notebook) throws IOException {
        Map<String, Set<String>> kinds = new LinkedHashMap<>();
        for (JsonNode cell : new ObjectMapper().readTree(notebook.toFile()).path("cells")) {
            if (cell.path("cell_type").asText().equals("code")) {
                Set<String> shown = new TreeSet<>();
                for (JsonNode output : cell.path("outputs")) {
                    shown.add(output.path("output_type").asText() + " "
                            + output.path("name").asText());
                    output.path("data").fieldNames().forEachRemaining(shown::add);
                }
                kinds.put(cell.path("id").asText(), shown);
            }
        }
        return kinds;
    }

    /** Runs chapters in a folder of their own, so that none finds what an earlier run left. */
    private void runs(List<String> options, String... chapters) throws Exception {
        copy(ExerciseNotebook.FOLDER.resolve("data"), folder.resolve("data"));
        Files.createDirectories(folder.resolve("zh"));
        List<Path> copies = new ArrayList<>();
        for (String chapter : chapters) {
            String name = chapter + ".ipynb";
            copies.add(Files.copy(ExerciseNotebook.FOLDER.resolve(name), folder.resolve(name)));
        }
        Map<String, String> language = chapters[0].startsWith("zh/") ? Map.of("TUNEBOOK_LANGUAGE", "zh") : Map.of();
        CourseKernel.Run run =
                CourseKernel.notebooks(language, copies, folder.resolve("executed"), options.toArray(new String[0]));
        assertThat(run.status()).as(run.text()).isZero();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }
}
