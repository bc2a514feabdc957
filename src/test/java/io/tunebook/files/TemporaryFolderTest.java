package io.tunebook.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left of temporary files after each kind of end. */
final class TemporaryFolderTest {
    @TempDir
    Path temporary;

    /** A program that makes a folder with a file in it, and ends without closing it. */
    static final class Forgetful {
        public static void main(String[] args) throws IOException {
            TemporaryFolder folder = new TemporaryFolder();
            Files.createDirectory(folder.path().resolve("inner"));
            Files.writeString(folder.path().resolve("inner/model.gguf"), "a model");
            System.out.println(folder.path());
            if (args[0].equals("killed")) {
                System.out.flush();
                Runtime.getRuntime().halt(9);
            }
        }
    }

    @Test
    void isGoneWhenItIsClosed() throws IOException {
        Path path;
        try (TemporaryFolder folder = new TemporaryFolder()) {
            path = folder.path();
            Files.writeString(path.resolve("model.gguf"), "a model");
            assertThat(path.getFileName().toString())
                    .startsWith("tunebook-files-" + ProcessHandle.current().pid() + "-");
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void isGoneWhenTheProgramEndsWithoutClosingIt() throws Exception {
        assertThat(Path.of(run("forgotten"))).doesNotExist();
    }

    @Test
    void isGoneAtTheNextStartWhereTheProgramWasKilled() throws Exception {
        Path left = Path.of(run("killed"));
        assertThat(left.resolve("inner/model.gguf")).exists();
        Path own = Files.createDirectory(
                temporary.resolve("tunebook-files-" + ProcessHandle.current().pid() + "-x"));
        Path others = Files.createDirectory(temporary.resolve("someone-elses"));
        run("forgotten"); // the next one
        assertThat(left).doesNotExist();
        assertThat(own).exists();
        try (Stream<Path> all = Files.list(temporary)) {
            assertThat(all.toList()).containsExactlyInAnyOrder(own, others);
        }
    }

    private String run(String end) throws Exception {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:-UsePerfData",
                        "-Djava.io.tmpdir=" + temporary,
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Forgetful.class.getName(),
                        end))
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isEqualTo(end.equals("killed") ? 9 : 0);
        return said.strip();
    }
}
