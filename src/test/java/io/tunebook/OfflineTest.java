package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The folder that Lab.java pack makes, used where there is no network. Python's packages alone are not real here: a
 * headless run needs none of them, and to install them takes long.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the Python that Lab.java calls is a script of sh here")
final class OfflineTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    /** Runs offline.py by the real Python; makes a virtual environment of itself; notes what pip is asked for. */
    private static final String PYTHON = """
            #!/bin/sh
            case "$*" in
              *offline.py*) exec "$TUNEBOOK_PYTHON" "$@" ;;
              -c*) echo True ;;
              "-m venv"*) /bin/mkdir -p "$4/bin"; /bin/cp "$0" "$4/bin/python" ;;
              "-m pip"*) echo "$@" >> "$PIP_SAID" ;;
            esac
            """;

    /**
     * The first cell uses the library; the second asks for an address that nobody has, and says why it gets no answer.
     */
    private static final String NOTEBOOK = """
            {"cells": [
              {"cell_type": "code", "id": "library", "metadata": {}, "execution_count": null, "outputs": [], "source": [
                "var source = io.tunebook.model.ModelSource.fromEnvironment();\\n",
                "io.tunebook.tokenizer.Tokenizer.load(source.path().toString()).ids(\\"Hello\\", false).length"]},
              {"cell_type": "code", "id": "network", "metadata": {}, "execution_count": null, "outputs": [], "source": [
                "String said = \\"connected\\";\\n",
                "try (var socket = new java.net.Socket()) {\\n",
                "    socket.connect(new java.net.InetSocketAddress(\\"192.0.2.1\\", 80), 2000);\\n",
                "} catch (IOException e) {\\n",
                "    said = e.getMessage();\\n",
                "}\\n",
                "System.out.println(\\"the network: \\" + said);"]}],
             "metadata": {"kernelspec": {"name": "tunebook", "display_name": "Java", "language": "java"}},
             "nbformat": 4, "nbformat_minor": 5}
            """;

    @TempDir
    Path temporary;

    private record Ended(int status, String text) {}

    @Test
    void aPackedFolderNeedsNothingElse() throws Exception {
        Optional<String> model = Optional.ofNullable(System.getenv("TUNEBOOK_DEFAULT_MODEL"));
        Optional<String> python = Optional.ofNullable(System.getenv("TUNEBOOK_PYTHON"));
        assumeTrue(model.isPresent(), "skipped: TUNEBOOK_DEFAULT_MODEL names no model");
        assumeTrue(python.isPresent(), "skipped: TUNEBOOK_PYTHON names no Python");
        for (String jar : List.of("kernel/target/tunebook-kernel.jar", "src/target/tunebook-0.1.0.jar")) {
            assumeTrue(Files.exists(ROOT.resolve(jar)), "skipped: no " + jar + "; mvn package makes it");
        }
        Path packed = temporary.resolve("教室 (a b)");
        Path wheels = Files.createDirectories(temporary.resolve("wheels"));
        Files.writeString(wheels.resolve("one-1.0-py3-none-any.whl"), "a wheel");
        Path cache = Files.createDirectories(temporary.resolve("cache"));
        Path file = Path.of(model.get());
        Path cached = Files.copy(file, cache.resolve(file.getFileName()));
        Files.writeString(Files.createDirectory(cache.resolve("llama.cpp")).resolve("libllama.so"), "a library");
        Ended pack = java(
                ROOT.resolve("environment/Pack.java").toString(),
                ROOT.toString(),
                packed.toString(),
                cached.toString(),
                wheels.toString(),
                "3.12");
        assertThat(pack.status()).as(pack.text()).isZero();
        assertThat(Files.readString(packed.resolve("START.md"))).contains("Python 3.12");
        assertThat(packed.resolve("notebooks/data/identity.jsonl")).exists();
        assertThat(packed.resolve("notebooks/out")).doesNotExist();
        assertThat(List.of("README.zh.md", "environment/exercises.py", "environment/nbgrader_config.py"))
                .allSatisfy(name -> assertThat(packed.resolve(name)).exists());

        assertThat(packed.resolve("environment/cache/llama.cpp/libllama.so")).exists();
        assertThat(packed.resolve("environment/packed.sha256")).content().contains("cache/llama.cpp/libllama.so");

        Path notebook = Files.writeString(temporary.resolve("offline.ipynb"), NOTEBOOK);
        Path out = temporary.resolve("out");
        String lab = packed.resolve("environment/Lab.java").toString();
        Ended run = java(lab, "run", "--offline", "--out", out.toString(), notebook.toString());
        assertThat(run.status()).as(run.text()).isZero();
        assertThat(run.text())
                .contains("> check of the copied files")
                .doesNotContain("> build")
                .doesNotContain("llama.cpp");
        assertThat(java(lab, "doctor").text())
                .contains("ok Answers on a CPU by llama.cpp in " + packed.resolve("environment/cache/llama.cpp"));
        assertThat(Files.readString(temporary.resolve("pip-said")))
                .contains("install --")
                .contains("--no-index --find-links " + packed.resolve("environment/wheels"));
        String executed = Files.readString(out.resolve("offline.ipynb"), StandardCharsets.UTF_8);
        assertThat(executed).contains("the network: ").doesNotContain("connected\\n");
        if (run.text().contains("= the network is cut off")) {
            assertThat(executed).contains("the network: Network is unreachable");
        } else {
            assertThat(run.text()).contains("! The network could not be cut off");
        }

        Path damaged = packed.resolve("environment/wheels/one-1.0-py3-none-any.whl");
        Files.writeString(damaged, "half");
        Files.delete(packed.resolve("environment/cache/packed.sha256")); // as on a machine that it comes to
        Ended refused = java(lab, "run", "--offline", notebook.toString());
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.text()).contains(damaged + " was damaged").contains("Copy it again");
        Ended tests = java(lab, "test");
        assertThat(tests.status()).isEqualTo(2);
        assertThat(tests.text()).contains("made by pack and has no sources");
    }

    private Ended java(String... arguments) throws IOException, InterruptedException {
        Path programs = Files.createDirectories(temporary.resolve("programs"));
        Path python = Files.writeString(programs.resolve("python3"), PYTHON);
        assertThat(python.toFile().setExecutable(true)).isTrue();
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(arguments));
        Path said = temporary.resolve("said.txt");
        ProcessBuilder builder = new ProcessBuilder(command).directory(temporary.toFile());
        builder.environment().put("PATH", programs.toString());
        builder.environment().put("PIP_SAID", temporary.resolve("pip-said").toString());
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().remove("TUNEBOOK_CACHE");
        builder.environment().remove("TUNEBOOK_MODEL");
        builder.environment().remove("TUNEBOOK_GENERATOR");
        Process process =
                builder.redirectErrorStream(true).redirectOutput(said.toFile()).start();
        assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
        return new Ended(process.exitValue(), Files.readString(said, StandardCharsets.UTF_8));
    }
}
