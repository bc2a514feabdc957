package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.install.InstalledKernel;
import io.tunebook.kernel.install.InstalledKernel.Ended;
import io.tunebook.kernel.launch.KernelProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Notebooks as people write them for IJava, JJava, Rapaio and Ganymede run whole and show what is stored in them. Each says in its first cell after which public
 * notebook it was written: the magics, the API and the turns of phrase are the original's, the text is ours. The stored results were written by hand.
 */
class NotebooksOfOtherKernelsIT {
    @TempDir
    Path folder;

    @Test
    void allRunAndShowWhatTheyMust() throws Exception {
        assertThat(check(".", "--jobs", "2", "--timeout", "120")).isGreaterThanOrEqualTo(20);
    }

    /** Spark from a cell, with lambdas and classes of cells. */
    @Test
    @Tag("nightly")
    void soDoThoseThatTakeLong() throws Exception {
        assertThat(check("nightly", "--timeout", "280")).isPositive();
    }

    /** Runs all notebooks of a folder and compares what they show. @return how many there were */
    private int check(String name, String... options) throws Exception {
        copy(Path.of("src", "test", "resources", "notebooks").toAbsolutePath(), folder);
        Path at = folder.resolve(name);
        List<String> command = new ArrayList<>(List.of(
                KernelProcess.java().toString(), "-jar", InstalledKernel.jar().toString(), "run", "--check"));
        command.addAll(List.of(options));
        List<String> notebooks;
        try (Stream<Path> files = Files.list(at)) {
            notebooks = files.map(f -> f.getFileName().toString())
                    .filter(f -> f.endsWith(".ipynb"))
                    .sorted()
                    .toList();
        }
        command.addAll(notebooks);
        Ended ended = InstalledKernel.run(at, Map.of(), command);
        assertThat(ended.status()).as(ended.output()).isZero();
        return notebooks.size();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path f : files.filter(Files::isRegularFile).toList()) {
                Path copy = to.resolve(from.relativize(f).toString());
                Files.createDirectories(copy.getParent());
                Files.copy(f, copy);
            }
        }
    }
}
