package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.kernel.install.InstalledKernel;
import io.tunebook.kernel.install.InstalledKernel.Ended;
import io.tunebook.kernel.launch.KernelProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Notebooks as people write them for IJava, JJava, Rapaio and Ganymede run whole and show what is stored in them. Each
 * says in its first cell after which public notebook it was written: the magics, the API and the turns of phrase are
 * the original's, the text is ours. The stored results were written by hand.
 */
class NotebooksOfOtherKernelsIT {
    /** Tablesaw's templates look for Thread.resume, which Java has no more from 23 on. */
    private static final String STOPPED = "ijava-tablesaw.ipynb";

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
        assumeTrue(
                Runtime.version().feature() < 24,
                "skipped: Spark 3.5 calls Subject.getSubject, which Java 24 and later refuse");
        assertThat(check("nightly", "--timeout", "280")).isPositive();
    }

    /** They come from many places: IJava's, JJava's, Rapaio's and Ganymede's users write differently. */
    @Test
    void theyHaveManyOrigins() throws IOException {
        Set<String> owners = new TreeSet<>();
        Set<String> kernels = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of("src", "test", "resources", "notebooks"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".ipynb")).toList()) {
                String text = Files.readString(file);
                Matcher origin = Pattern.compile("Written after ([\\w.-]+)/").matcher(text);
                assertThat(origin.find()).as("the first cell of " + file).isTrue();
                owners.add(origin.group(1));
                Matcher kernel =
                        Pattern.compile(": (IJava|JJava|Rapaio|Ganymede),").matcher(text);
                if (kernel.find()) {
                    kernels.add(kernel.group(1));
                }
            }
        }
        assertThat(owners).hasSizeGreaterThanOrEqualTo(3);
        assertThat(kernels).containsExactly("Ganymede", "IJava", "JJava", "Rapaio");
    }

    /**
     * Runs all notebooks of a folder and compares what they show.
     *
     * @return how many there were
     */
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
                    .filter(f -> Runtime.version().feature() < 23 || !f.equals(STOPPED))
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
