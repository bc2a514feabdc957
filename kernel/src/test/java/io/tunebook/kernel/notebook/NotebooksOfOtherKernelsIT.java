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
        Path source = Path.of("src", "test", "resources", "notebooks").toAbsolutePath();
        copy(source, folder);
        List<String> command = new ArrayList<>(List.of(
                KernelProcess.java().toString(), "-jar", InstalledKernel.jar().toString()));
        command.addAll(List.of("run", "--check", "--jobs", "2", "--timeout", "120"));
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(f -> f.toString().endsWith(".ipynb"))
                    .sorted()
                    .forEach(f -> command.add(f.getFileName().toString()));
        }
        assertThat(command).filteredOn(c -> c.endsWith(".ipynb")).hasSizeGreaterThanOrEqualTo(20);

        Ended ended = InstalledKernel.run(folder, Map.of(), command);

        assertThat(ended.status()).as(ended.output()).isZero();
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
