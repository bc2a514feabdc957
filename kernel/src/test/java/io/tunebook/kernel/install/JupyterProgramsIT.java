package io.tunebook.kernel.install;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.launch.Version;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The installed kernel under Jupyter's own programs; each script is a unittest of Python's and says what it expects.
 */
class JupyterProgramsIT {
    @TempDir
    Path scratch;

    @ParameterizedTest
    @ValueSource(strings = {"jupyter_kernel_test_suite.py", "nbclient_test.py", "console_test.py"})
    void passes(String script) throws Exception {
        String python = InstalledKernel.python();
        Path file = Path.of("src", "test", "python", script).toAbsolutePath();
        InstalledKernel.Ended ended =
                InstalledKernel.run(scratch, InstalledKernel.environment(scratch), List.of(python, file.toString()));
        System.out.println(ended.output());
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(ended.output()).doesNotContain("skipped");
    }

    @Test
    void theWheelInstallsLikeAnyOther() throws Exception {
        String python = InstalledKernel.python();
        Path wheel = Path.of("target", "tunebook_kernel-" + Version.current() + "-py3-none-any.whl")
                .toAbsolutePath();
        assumeTrue(Files.exists(wheel), "skipped: " + wheel + " is not built yet; mvn verify builds it first");
        Path prefix = scratch.resolve("environment");
        InstalledKernel.Ended pip = InstalledKernel.run(
                scratch,
                Map.of(),
                List.of(python, "-m", "pip", "install", "--no-index", "--prefix", prefix.toString(), wheel.toString()));
        assertThat(pip.status()).as(pip.output()).isZero();
        assertThat(pip.output()).contains("Successfully installed tunebook-kernel-" + Version.current());
        Map<String, String> environment = new TreeMap<>(InstalledKernel.environment(scratch));
        environment.put(
                "JUPYTER_PATH", prefix.resolve("share").resolve("jupyter").toString());
        InstalledKernel.Ended kernels =
                InstalledKernel.run(scratch, environment, List.of(python, "-m", "jupyter", "kernelspec", "list"));
        assertThat(kernels.output()).contains(prefix.resolve("share").toString());
        Path script = Path.of("src", "test", "python", "nbclient_test.py").toAbsolutePath();
        InstalledKernel.Ended ended =
                InstalledKernel.run(scratch, environment, List.of(python, script.toString(), "NbclientTest"));
        assertThat(ended.status()).as(ended.output()).isZero();
    }

    private InstalledKernel.Ended command(Map<String, String> environment, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                KernelProcess.java().toString(), "-jar", InstalledKernel.jar().toString()));
        command.addAll(List.of(arguments));
        return InstalledKernel.run(scratch, environment, command);
    }

    /** What the last of these cells gives, under nbclient. */
    private String run(String kernel, Map<String, String> settings, String... cells) throws Exception {
        Map<String, String> environment = new TreeMap<>(InstalledKernel.environment(scratch));
        environment.putAll(settings);
        environment.put("CELLS", String.join("\u0001", cells));
        String script = "import os, nbformat, nbclient\nnb = nbformat.v4.new_notebook()\n"
                + "nb.cells = [nbformat.v4.new_code_cell(c) for c in os.environ['CELLS'].split('\\1')]\n"
                + "nbclient.NotebookClient(nb, kernel_name='" + kernel + "').execute()\n"
                + "print('result', nb.cells[-1].outputs[-1].data['text/plain'])";
        InstalledKernel.Ended ended =
                InstalledKernel.run(scratch, environment, List.of(InstalledKernel.python(), "-c", script));
        assertThat(ended.status()).as(ended.output()).isZero();
        return ended.output().replaceAll("(?s).*result ", "").strip();
    }

    @Test
    void previewFeaturesByAnOption() throws Exception {
        InstalledKernel.python();
        int feature = Runtime.version().feature();
        String code =
                switch (feature) {
                    case 17, 18, 19, 20 -> "Object o = 5;\nswitch (o) { case Integer i -> i + 1; default -> 0; }";
                    case 23, 24, 25, 26 -> "Object o = 5;\no instanceof int i ? i + 1 : 0";
                    default -> "";
                };
        assumeTrue(!code.isEmpty(), "skipped: no preview feature of Java " + feature + " is written down here");
        InstalledKernel.Ended install = command(
                Map.of(),
                "install",
                "--preview",
                "--prefix",
                scratch.resolve("preview").toString());
        assertThat(install.status()).as(install.output()).isZero();
        assertThat(run(
                        "tunebook",
                        Map.of(
                                "JUPYTER_PATH",
                                scratch.resolve("preview/share/jupyter").toString()),
                        code))
                .isEqualTo("6");
    }

    @Test
    void variablesOfIJavaAndJJava() throws Exception {
        InstalledKernel.python();
        Path script = Files.writeString(scratch.resolve("start.jshell"), "%time 1\nint fromFile = 30;");
        Path data = Files.createDirectories(scratch.resolve("on the class path"));
        Files.writeString(data.resolve("there.txt"), "yes");
        Map<String, String> settings = Map.of(
                "IJAVA_STARTUP_SCRIPTS_PATH", script.toString(),
                "JJAVA_STARTUP_SCRIPT", "int fromVariable = 12;",
                "IJAVA_CLASSPATH", data.toString(),
                "IJAVA_COMPILER_OPTS", "-parameters",
                "JJAVA_TIMEOUT", "60 SECONDS");
        assertThat(run(
                        "tunebook",
                        settings,
                        "class Named { void m(int someName) {} }",
                        "fromFile + fromVariable + \" \" + (Thread.currentThread().getContextClassLoader()"
                                + ".getResource(\"there.txt\") != null) + \" \""
                                + " + Named.class.getDeclaredMethods()[0].getParameters()[0].getName()"))
                .isEqualTo("42 true someName");
    }

    @Test
    void installAndUninstall() throws Exception {
        Path prefix = scratch.resolve("prefix");
        Path folder = prefix.resolve("share/jupyter/kernels/mine");
        InstalledKernel.Ended install = command(
                Map.of(),
                "install",
                "--prefix",
                prefix.toString(),
                "--name",
                "mine",
                "--display-name",
                "My Java",
                "--jvm-option",
                "-Xmx300m",
                "--env",
                "KEY=value");
        assertThat(install.status()).as(install.output()).isZero();
        String spec = Files.readString(folder.resolve("kernel.json"));
        assertThat(spec)
                .contains("\"My Java\"", "\"-Xmx300m\"", "\"KEY\" : \"value\"", "\"interrupt_mode\" : \"message\"")
                .contains("-XX:SharedArchiveFile=");
        assertThat(folder.resolve("logo-64x64.png")).exists();
        assertThat(folder.resolve(ClassArchive.NAME)).isRegularFile();
        Map<String, String> user =
                Map.of("JUPYTER_DATA_DIR", scratch.resolve("user").toString());
        assertThat(command(user, "install", "--user").status()).isZero();
        assertThat(scratch.resolve("user/kernels/tunebook/kernel.json")).exists();
        Map<String, String> active =
                Map.of("VIRTUAL_ENV", scratch.resolve("venv").toString());
        assertThat(command(active, "install", "--sys-prefix").status()).isZero();
        assertThat(scratch.resolve("venv/share/jupyter/kernels/tunebook/kernel.json"))
                .exists();
        assertThat(command(Map.of(), "install", "--nonsense").status()).isEqualTo(2);
        assertThat(command(Map.of(), "install", "--jvm-option", "-XX:Nonsense", "--prefix", prefix.toString())
                        .output())
                .contains("-XX:Nonsense", "before it listened");
        assertThat(command(Map.of(), "install", "--help").output()).contains("--sys-prefix", "--jvm-option");
        assertThat(command(Map.of(), "uninstall", "--prefix", prefix.toString(), "--name", "mine")
                        .status())
                .isZero();
        assertThat(folder).doesNotExist();
        assertThat(command(Map.of(), "uninstall", "--prefix", prefix.toString(), "--name", "mine")
                        .status())
                .isEqualTo(1);
    }

    /** Its pictures stay in target/jupyterlab. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "jupyterlab_test.cjs",
                "jupyterlab_debugger_test.cjs",
                "jupyterlab_widgets_test.cjs",
                "jupyterlab_subshells_test.cjs"
            })
    void jupyterLabInABrowser(String script) throws Exception {
        String python = InstalledKernel.python();
        String modules = System.getenv("TUNEBOOK_NODE_MODULES");
        boolean widgets = script.contains("widgets");
        assumeTrue(
                !widgets
                        || InstalledKernel.run(scratch, Map.of(), List.of(python, "-c", "import jupyterlab_widgets"))
                                        .status()
                                == 0,
                "skipped: the Python of TUNEBOOK_PYTHON has no jupyterlab_widgets");
        assumeTrue(modules != null, "skipped: TUNEBOOK_NODE_MODULES names no folder with Playwright of npm");
        Path browser = InstalledKernel.browser();
        Path folder = Files.createDirectories(Path.of("target", "jupyterlab").toAbsolutePath());
        Path file = Path.of("src", "test", "javascript", script).toAbsolutePath();
        InstalledKernel.Ended ended = InstalledKernel.run(
                folder,
                InstalledKernel.environment(scratch),
                List.of("node", file.toString(), python, browser.toString()));
        System.out.println(ended.output());
        assertThat(ended.status()).as(ended.output()).isZero();
    }
}
