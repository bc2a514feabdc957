package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * What environment/Lab.java says and returns where something is missing or fails; the programs it calls are scripts
 * here.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the programs that Lab.java calls are scripts of sh here")
final class LabTest {
    private static final Path LAB = Path.of("../environment/Lab.java");

    /** A Python that makes a virtual environment of itself, and whose pip does what the file pip.sh says. */
    private static final String PYTHON = """
            #!/bin/sh
            case "$*" in
              --version) echo "Python 3.12.1" ;;
              -c*) echo True ;;
              "-m venv"*) /bin/mkdir -p "$4/bin"; /bin/cp "$0" "$4/bin/python" ;;
              "-m pip"*) . "$PIP_SCRIPT" ;;
            esac
            """;

    @TempDir
    Path folder;

    private Path checkout;
    private Path programs;
    private Path pip;

    private record Ended(int status, String text) {}

    @BeforeEach
    void aCheckoutInAFolderWithBlanksAndChinese() throws IOException {
        checkout = folder.resolve("教程 (a b)");
        Files.createDirectories(checkout.resolve("environment"));
        Files.copy(LAB, checkout.resolve("environment/Lab.java"));
        Files.writeString(checkout.resolve("environment/requirements.txt"), "nothing\n");
        programs = Files.createDirectories(folder.resolve("programs"));
        pip = folder.resolve("pip.sh");
    }

    private void program(String name, String text) throws IOException {
        Path file = Files.writeString(programs.resolve(name), text, StandardCharsets.UTF_8);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private Process start(List<String> options, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options);
        command.add(checkout.resolve("environment/Lab.java").toString());
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.environment().put("PATH", programs.toString());
        builder.environment().put("PIP_SCRIPT", pip.toString());
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().remove("TUNEBOOK_CACHE");
        return builder.redirectErrorStream(true)
                .redirectOutput(folder.resolve("said.txt").toFile())
                .start();
    }

    private Ended lab(String... arguments) throws Exception {
        Process process = start(List.of(), arguments);
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        return new Ended(process.exitValue(), said());
    }

    private String said() throws IOException {
        return Files.readString(folder.resolve("said.txt"), StandardCharsets.UTF_8);
    }

    @Test
    void badUsageIsToldBeforeAnythingIsSetUp() throws Exception {
        assertThat(lab("--help").status()).isZero();
        assertThat(said()).contains("TUNEBOOK_MODEL");
        assertThat(lab("walk").status()).isEqualTo(2);
        Ended absent = lab("run", "--timeout", "5", "absent.ipynb");
        assertThat(absent.status()).isEqualTo(2);
        assertThat(absent.text()).contains("no notebook and no folder absent.ipynb");
        assertThat(checkout.resolve("environment/cache")).doesNotExist();
    }

    @Test
    void anOlderJavaShowsTheLineThatSaysWhatIsNeeded() throws Exception {
        Process process = start(List.of("--source", "11"), "doctor");
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).isNotZero();
        assertThat(said().lines().limit(2).toList().get(1))
                .contains("JDK 17 or newer")
                .contains("https://");
    }

    @Test
    void aMissingPythonAndOneThatIsTooOldAreNamed() throws Exception {
        Ended none = lab("setup");
        assertThat(none.status()).isEqualTo(2);
        assertThat(none.text())
                .contains("Python 3.10 or newer is needed; none was found")
                .contains("python.org");

        program("python3", "#!/bin/sh\ncase \"$1\" in --version) echo Python 3.8.10 ;; *) echo False ;; esac\n");
        Ended old = lab("setup");
        assertThat(old.status()).isEqualTo(2);
        assertThat(old.text()).contains("python3 is Python 3.8.10");
        assertThat(lab("doctor").status()).isEqualTo(1);
        assertThat(said()).contains("-- Python  python3 is Python 3.8.10  ->  install");
    }

    @Test
    void aFailedStepShowsItsCommandTheEndOfItsOutputAndWhatToDoAndTheNextRunGoesOn() throws Exception {
        program("python3", PYTHON);
        Files.writeString(pip, """
                i=0
                while [ $i -lt 60 ]; do i=$((i + 1)); echo "line $i 中文"; done
                exit 3
                """);
        Ended failed = lab("setup");
        assertThat(failed.status()).isEqualTo(1);
        assertThat(failed.text())
                .contains("Failed with status 3: ")
                .contains("-m pip install")
                .contains("line 60 中文")
                .doesNotContain("line 20 ")
                .contains("pip.log")
                .contains("PIP_INDEX_URL")
                .contains("goes on where it stopped");

        Files.writeString(pip, "case \"$3\" in install) echo fine ;; *) echo no wheel; exit 4 ;; esac\n");
        Ended next = lab("setup");
        assertThat(next.text()).contains("Python packages (JupyterLab): ").contains("no wheel");
        assertThat(lab("setup").text())
                .as("what is done is not done again")
                .contains("= Python packages (JupyterLab): there already");
        Files.writeString(checkout.resolve("environment/requirements.txt"), "something else\n");
        assertThat(lab("setup").text()).contains("> Python packages (JupyterLab) ...");
    }

    @Test
    void aVirtualEnvironmentThatDoesNotWorkIsMadeAgain() throws Exception {
        program("python3", PYTHON);
        Path broken = checkout.resolve("environment/venv/bin");
        Files.createDirectories(broken);
        Files.writeString(broken.resolve("python"), "#!/bin/sh\nexit 1\n");
        assertThat(broken.resolve("python").toFile().setExecutable(true)).isTrue();
        Files.writeString(pip, "case \"$3\" in install) echo fine ;; *) exit 4 ;; esac\n");
        assertThat(lab("setup").text()).contains("  Python packages (JupyterLab): ");
    }

    @Test
    void whatIsStartedEndsWithAnInterruptedLab() throws Exception {
        program("python3", PYTHON);
        Path started = folder.resolve("started");
        Files.writeString(pip, "echo $$ > " + started + "\nexec /bin/sleep 100\n");
        Process process = start(List.of(), "setup");
        while (!Files.exists(started) || Files.size(started) == 0) {
            assertThat(process.isAlive()).as(said()).isTrue();
            Thread.sleep(50);
        }
        long child = Long.parseLong(Files.readString(started).strip());
        process.destroy();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(said()).contains("Interrupted: Python packages (JupyterLab).");
        var left = ProcessHandle.of(child);
        if (left.isPresent()) {
            left.get().onExit().get(30, TimeUnit.SECONDS);
        }
        assertThat(checkout.resolve("environment/venv/.requirements.sha256")).doesNotExist();
    }

    /** Answers as nvidia-smi does for one card. */
    private void card(String name, String capability) throws IOException {
        program("nvidia-smi", """
                #!/bin/sh
                case "$*" in
                  *compute_cap*) echo "%s, 24564 MiB, 570.86, %s" ;;
                  *--query*) exit 2 ;;
                  *) echo "| NVIDIA-SMI 570.86   Driver Version: 570.86   CUDA Version: 12.8 |" ;;
                esac
                """.formatted(name, capability));
    }

    @Test
    void theCardSaysWhichBuildOfPytorchIsFetched() throws Exception {
        program("python3", PYTHON);
        Path asked = folder.resolve("asked");
        Files.writeString(pip, """
                echo "$*" >> %s
                previous=
                for a in "$@"; do [ "$previous" = --target ] && /bin/mkdir -p "$a"; previous="$a"; done
                case "$*" in *--target*|*--require*) echo fine ;; *) exit 4 ;; esac
                """.formatted(asked));

        card("NVIDIA GeForce RTX 4090", "8.9");
        assertThat(lab("setup", "--gpu").text()).contains("PyTorch 2.7.1 for CUDA, CU126");
        assertThat(Files.readString(asked)).contains("torch==2.7.1").doesNotContain("--index-url");
        lab("doctor");
        assertThat(said())
                .contains("ok GPU     NVIDIA GeForce RTX 4090, 24564 MiB, 570.86, compute capability 8.9, the driver"
                        + " knows CUDA 12.8; PyTorch 2.7.1 for CUDA is there (CU126)");

        card("NVIDIA GeForce RTX 5090", "12.0");
        lab("doctor");
        assertThat(said())
                .contains("-- GPU     NVIDIA GeForce RTX 5090")
                .contains(
                        "is there (CU126), which has no code for this card  ->  java environment/Lab.java setup --gpu");
        assertThat(lab("setup", "--gpu").text()).contains("> PyTorch 2.7.1 for CUDA, CU128");
        assertThat(Files.readString(asked)).contains("--index-url https://download.pytorch.org/whl/cu128");
        assertThat(lab("setup", "--gpu").text())
                .contains("= PyTorch 2.7.1 for CUDA, CU128 (a download of 3 GB): there already");
        lab("doctor");
        assertThat(said()).contains("ok GPU     NVIDIA GeForce RTX 5090").contains("is there (CU128)");

        card("NVIDIA GeForce GTX 1080", "6.1");
        assertThat(lab("setup", "--gpu").text())
                .contains("compute capability 6.1: it has no bfloat16, so models compute in float32 there")
                .contains("> PyTorch 2.7.1 for CUDA, CU126");
    }
}
