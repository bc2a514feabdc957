package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exercises as a class meets them: each solution passes its checks, and no exercise passes before somebody has worked on it. */
final class NotebooksTest {
    private static final Path KERNEL =
            Path.of("../kernel/target/tunebook-kernel.jar").toAbsolutePath();
    private static final Path NOTEBOOKS = Path.of("../notebooks").toAbsolutePath();

    @TempDir
    Path out;

    @Test
    void solutionsPass() throws Exception {
        Run run = run(notebooks("solutions"));
        assertThat(run.status).as(run.text).isZero();
    }

    /** In the daily run an empty submission says the same, in NbgraderTest. */
    @Tag("nightly")
    @Test
    void exercisesFailWhereTheCodeIsMissing() throws Exception {
        for (Path exercise : notebooks("exercises")) {
            Run run = run(List.of(exercise));
            assertThat(run.status).as(run.text).isEqualTo(1);
            assertThat(run.text).contains("YOUR CODE HERE");
        }
    }

    private record Run(int status, String text) {}

    private static List<Path> notebooks(String folder) throws IOException {
        try (Stream<Path> files = Files.list(NOTEBOOKS.resolve(folder))) {
            List<Path> found =
                    files.filter(p -> p.toString().endsWith(".ipynb")).sorted().toList();
            assertThat(found).hasSizeBetween(5, 9);
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
