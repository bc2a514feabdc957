package io.tunebook.kernel.install;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.kernel.launch.KernelProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The finished jar, and a kernel installed from it, for tests that use them as people do. */
public final class InstalledKernel {
    private static Path prefix;

    private InstalledKernel() {}

    /** What a program did. */
    public record Ended(int status, String output) {}

    public static Path jar() {
        Path jar = Path.of("target", "tunebook-kernel.jar").toAbsolutePath();
        assumeTrue(Files.exists(jar), "skipped: " + jar + " is not built yet; mvn verify builds it first");
        return jar;
    }

    /** Chromium or Chrome, for tests that look at pages; they are skipped without. */
    public static Path browser() {
        Optional<Path> browser = Stream.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst();
        assumeTrue(browser.isPresent(), "skipped: there is no Chromium in /usr/bin");
        return browser.get();
    }

    /** A prefix with the kernel {@code tunebook}, installed once for all tests. */
    public static synchronized Path prefix() throws IOException, InterruptedException {
        if (prefix == null) {
            // Of its own for each JDK: the kernelspec names the java that runs it.
            Path folder = Path.of(
                            "target", "installed", "java" + Runtime.version().feature())
                    .toAbsolutePath();
            Ended ended = run(
                    Path.of("."),
                    Map.of(),
                    List.of(
                            KernelProcess.java().toString(),
                            "-jar",
                            jar().toString(),
                            "install",
                            "--prefix",
                            folder.toString()));
            assertThat(ended.status()).as(ended.output()).isZero();
            prefix = folder;
        }
        return prefix;
    }

    /** A Python with Jupyter's programs, or the test is skipped. */
    public static String python() {
        String python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "skipped: TUNEBOOK_PYTHON names no Python with JupyterLab and nbclient");
        return python;
    }

    /** What Jupyter's programs need to find the installed kernel and nothing of this user's. */
    public static Map<String, String> environment(Path scratch) throws IOException, InterruptedException {
        Map<String, String> env = new TreeMap<>();
        env.put("JUPYTER_PATH", prefix().resolve("share").resolve("jupyter").toString());
        env.put("JUPYTER_CONFIG_DIR", scratch.resolve("config").toString());
        env.put("JUPYTER_DATA_DIR", scratch.resolve("data").toString());
        env.put("JUPYTER_RUNTIME_DIR", scratch.resolve("runtime").toString());
        env.put("JUPYTERLAB_SETTINGS_DIR", scratch.resolve("settings").toString());
        env.put("JUPYTERLAB_WORKSPACES_DIR", scratch.resolve("workspaces").toString());
        env.put("TUNEBOOK_HISTORY", scratch.resolve("history.jsonl").toString());
        env.put("PYTHONUTF8", "1");
        return env;
    }

    /** Runs a program to its end, within five minutes. */
    public static Ended run(Path folder, Map<String, String> environment, List<String> command)
            throws IOException, InterruptedException {
        return run(folder, environment, command, Duration.ofMinutes(5));
    }

    /** The same within a time. */
    public static Ended run(Path folder, Map<String, String> environment, List<String> command, Duration limit)
            throws IOException, InterruptedException {
        Path output = Files.createTempFile("tunebook-test-", ".txt");
        ProcessBuilder builder = new ProcessBuilder(new ArrayList<>(command));
        builder.directory(folder.toFile()).environment().putAll(environment);
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(
                        Files.createTempFile("tunebook-test-", ".in").toFile()))
                .start();
        boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(ended)
                .as("still running after " + limit.toMinutes() + " minutes: " + command + "\n" + text)
                .isTrue();
        return new Ended(process.exitValue(), text);
    }
}
