package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exercises as a class meets them: each solution passes its checks, and no exercise passes before somebody has worked on it. */
final class NotebooksTest {
    private static final Path KERNEL =
            Path.of("../kernel/target/tunebook-kernel.jar").toAbsolutePath();
    private static final Path NOTEBOOKS = Path.of("../notebooks").toAbsolutePath();

    private static final String STUB = "throw new UnsupportedOperationException(\"YOUR CODE HERE\");";

    @TempDir
    Path out;

    @Test
    void solutionsPass() throws Exception {
        Run run = run(notebooks("solutions"));
        assertThat(run.status).as(run.text).isZero();
    }

    @Test
    void exercisesFailWhereTheCodeIsMissing() throws Exception {
        for (Path exercise : notebooks("exercises")) {
            Run run = run(List.of(exercise));
            assertThat(run.status).as(run.text).isEqualTo(1);
            assertThat(run.text).contains("YOUR CODE HERE");
        }
    }

    /** An exercise is what nbgrader makes of its solution: other code in the place of the lines between the marks, nothing else but the title. */
    @Test
    void anExerciseIsItsSolutionWithoutTheLinesToBeWritten() throws Exception {
        for (int n = 0; n < 5; n++) {
            Path file = notebooks("exercises").get(n);
            JsonNode exercise = new ObjectMapper().readTree(file.toFile());
            JsonNode solution =
                    new ObjectMapper().readTree(notebooks("solutions").get(n).toFile());
            assertThat(solution.path("metadata")).isEqualTo(exercise.path("metadata"));
            assertThat(exercise.path("cells")).as(file.toString()).hasSameSizeAs(solution.path("cells"));
            int tasks = 0;
            for (int i = 0; i < exercise.path("cells").size(); i++) {
                JsonNode cell = exercise.path("cells").get(i);
                JsonNode solved = solution.path("cells").get(i);
                JsonNode grading = cell.path("metadata").path("nbgrader");
                String given = source(cell);
                assertThat(solved.path("metadata")).isEqualTo(cell.path("metadata"));
                assertThat(given)
                        .isEqualTo(
                                i > 0
                                        ? handedOut(source(solved))
                                        : source(solved).replaceFirst("^# Solution", "# Exercise"));
                if (grading.path("solution").asBoolean()) {
                    assertThat(given).contains(STUB);
                    assertThat(grading.path("locked").asBoolean()).as(given).isFalse();
                    tasks++;
                } else {
                    assertThat(given).doesNotContain(STUB);
                }
                if (grading.path("grade").asBoolean()) {
                    assertThat(grading.path("locked").asBoolean()).as(given).isTrue();
                    assertThat(grading.path("points").asInt()).as(given).isPositive();
                }
            }
            assertThat(tasks).as(file.toString()).isPositive();
        }
    }

    /** As nbgrader's ClearSolutions does it, with the stub that README gives it for Java. */
    private static String handedOut(String solution) {
        return solution.replaceAll(
                "(?ms)^( *)// BEGIN SOLUTION$.*?^ *// END SOLUTION$", "$1" + Matcher.quoteReplacement(STUB));
    }

    private static String source(JsonNode cell) {
        StringBuilder source = new StringBuilder();
        cell.path("source").forEach(line -> source.append(line.asText()));
        return source.toString();
    }

    private record Run(int status, String text) {}

    private static List<Path> notebooks(String folder) throws IOException {
        try (Stream<Path> files = Files.list(NOTEBOOKS.resolve(folder))) {
            List<Path> found =
                    files.filter(p -> p.toString().endsWith(".ipynb")).sorted().toList();
            assertThat(found).hasSize(5);
            return found;
        }
    }

    private Run run(List<Path> notebooks) throws IOException, InterruptedException {
        assumeTrue(Files.exists(KERNEL), "skipped: no " + KERNEL + "; mvn package makes it");
        assumeTrue(System.getenv("TUNEBOOK_DEFAULT_MODEL") != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar",
                KERNEL.toString(),
                "run",
                "--class-path",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "--timeout",
                "300",
                "--out",
                out.toString()));
        notebooks.forEach(n -> command.add(n.toString()));
        Path log = out.resolve("log.txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        int status = process.waitFor();
        return new Run(status, Files.readString(log, StandardCharsets.UTF_8));
    }
}
