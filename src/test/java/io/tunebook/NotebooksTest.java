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
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
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

    @BeforeAll
    static void needsKernelAndModel() {
        assumeTrue(Files.exists(KERNEL), "skipped: no " + KERNEL + "; mvn package makes it");
        assumeTrue(System.getenv("TUNEBOOK_DEFAULT_MODEL") != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
    }

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

    /** An exercise is handed out without its solution and with everything else, as nbgrader wants it. */
    @Test
    void anExerciseIsItsSolutionWithoutTheLinesToBeWritten() throws Exception {
        for (int n = 0; n < 5; n++) {
            Path file = notebooks("exercises").get(n);
            List<JsonNode> exercise = code(file);
            List<JsonNode> solution = code(notebooks("solutions").get(n));
            assertThat(exercise).as(file.toString()).hasSameSizeAs(solution);
            int tasks = 0;
            for (int i = 0; i < exercise.size(); i++) {
                JsonNode grading = exercise.get(i).path("metadata").path("nbgrader");
                String given = source(exercise.get(i));
                String whole = source(solution.get(i));
                assertThat(solution.get(i).path("metadata"))
                        .isEqualTo(exercise.get(i).path("metadata"));
                if (grading.path("solution").asBoolean()) {
                    int stub = given.indexOf(STUB);
                    assertThat(stub).as(given).isPositive();
                    assertThat(whole)
                            .startsWith(given.substring(0, stub))
                            .endsWith(given.substring(stub + STUB.length()))
                            .doesNotContain(STUB);
                    assertThat(grading.path("locked").asBoolean()).as(given).isFalse();
                    tasks++;
                } else {
                    assertThat(given).isEqualTo(whole);
                }
                if (grading.path("grade").asBoolean()) {
                    assertThat(grading.path("locked").asBoolean()).as(given).isTrue();
                    assertThat(grading.path("points").asInt()).as(given).isPositive();
                }
            }
            assertThat(tasks).as(file.toString()).isPositive();
        }
    }

    private static List<JsonNode> code(Path notebook) throws IOException {
        List<JsonNode> code = new ArrayList<>();
        for (JsonNode cell : new ObjectMapper().readTree(notebook.toFile()).path("cells")) {
            if (cell.path("cell_type").asText().equals("code")) {
                code.add(cell);
            }
        }
        return code;
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
