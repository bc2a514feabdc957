package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.install.InstalledKernel;
import io.tunebook.kernel.install.InstalledKernel.Ended;
import io.tunebook.kernel.launch.KernelProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command {@code run} has of papermill, nbval and nbconvert. */
class NotebookOptionsIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    /**
     * A cell.
     *
     * @param shown what is stored as its standard output, or null for nothing
     */
    private record Cell(String code, String shown, String... tags) {}

    private Path notebook(String name, Cell... cells) throws IOException {
        ObjectNode root = JSON.createObjectNode().put("nbformat", 4).put("nbformat_minor", 5);
        root.putObject("metadata");
        ArrayNode all = root.putArray("cells");
        for (Cell cell : cells) {
            ObjectNode node = all.addObject()
                    .put("cell_type", "code")
                    .put("id", "id-" + all.size())
                    .put("execution_count", all.size());
            cell.code().lines().map(l -> l + "\n").forEach(node.putArray("source")::add);
            ArrayNode outputs = node.putArray("outputs");
            if (cell.shown() != null) {
                outputs.addObject()
                        .put("output_type", "stream")
                        .put("name", "stdout")
                        .put("text", cell.shown());
            }
            ArrayNode tags = node.putObject("metadata").putArray("tags");
            List.of(cell.tags()).forEach(tags::add);
        }
        return Files.writeString(
                folder.resolve(name),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root),
                StandardCharsets.UTF_8);
    }

    /** Puts options of the JVM into a notebook's metadata. */
    private void ask(Path notebook, JsonNode options) throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(notebook.toFile());
        ((ObjectNode) root.path("metadata")).putObject("tunebook").set("jvm_options", options);
        JSON.writeValue(notebook.toFile(), root);
    }

    private Ended run(Map<String, String> environment, Object... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                KernelProcess.java().toString(), "-jar", InstalledKernel.jar().toString(), "run"));
        Stream.of(arguments).map(Object::toString).forEach(command::add);
        return InstalledKernel.run(folder, environment, command);
    }

    private Ended run(Object... arguments) throws Exception {
        return run(Map.of(), arguments);
    }

    private JsonNode cells(String executed) throws IOException {
        return JSON.readTree(folder.resolve(executed).toFile()).path("cells");
    }

    @Test
    void theFirstCellGivesTheOptionsOfTheJvm() throws Exception {
        notebook(
                "a.ipynb",
                new Cell("%%jvm -Xmx200m\n--add-modules jdk.incubator.vector", null),
                new Cell("import jdk.incubator.vector.FloatVector;", null),
                new Cell("System.out.println(Runtime.getRuntime().maxMemory() <= 200L << 20);", null),
                new Cell(opens(), null));
        Ended ended = run("--out", "out", folder.resolve("a.ipynb"));
        assertThat(ended.status()).as(ended.output()).isZero();
        JsonNode cells = cells("out/a.ipynb");
        assertThat(cells.path(0).path("outputs").toString()).contains("runs with -Xmx200m --add-modules=");
        assertThat(cells.path(2).path("outputs").toString()).contains("true");
    }

    @Test
    void theMetadataGiveTheOptionsOfTheJvm() throws Exception {
        String says = "System.out.print(System.getProperty(\"name\") + Runtime.getRuntime().maxMemory() / (1 << 20));";
        Path words = notebook(
                "words.ipynb", new Cell("import jdk.incubator.vector.FloatVector;", null), new Cell(says, null));
        ask(
                words,
                JSON.createArrayNode()
                        .add("-Dname=two words ")
                        .add("-Xmx200m")
                        .add("--add-modules")
                        .add("jdk.incubator.vector"));
        Path text = notebook("text.ipynb", new Cell("%%jvm -Dname=cell", null), new Cell(says, null));
        ask(text, JSON.getNodeFactory().textNode("-Dname=metadata -Xmx200m -XX:+UseSerialGC"));
        Path wrong = notebook("wrong.ipynb", new Cell("1", null));
        ask(wrong, JSON.createArrayNode().add(4));
        Ended ended = run("--out", "out", words, text);
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(cells("out/words.ipynb").path(1).path("outputs").toString())
                .containsPattern("two words (19\\d|200)");
        // Both count, and the cell has the last word.
        assertThat(cells("out/text.ipynb").path(1).path("outputs").toString()).containsPattern("cell(19\\d|200)");
        Ended refused = run("--out", "out", wrong);
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.output())
                .contains("wrong.ipynb", "metadata.tunebook.jvm_options", "list of words, found [4]");
    }

    /** What fails unless the jar opens the packages that Spark needs. */
    private static String opens() {
        return "for (String name : List.of(\"java.nio.Buffer\", \"sun.nio.ch.FileChannelImpl\", \"java.util.concurrent.atomic.AtomicLong\"))\n"
                + "  Class.forName(name).getDeclaredFields()[0].setAccessible(true);";
    }

    @Test
    void parametersAreDeclaredAgainWithTheGivenValues() throws Exception {
        Path source = notebook(
                "train.ipynb",
                new Cell(
                        "double lr = 1e-3;\nvar name = \"base\";\nList<Integer> ranks = List.of(8);",
                        null,
                        "parameters"),
                new Cell("System.out.print(lr + \" \" + name + \" \" + ranks);", null));
        byte[] before = Files.readAllBytes(source);
        Path yaml = Files.writeString(folder.resolve("p.yaml"), "lr: 0.5\nranks: [4, 16]\n");

        Ended ended = run("--out", "out", "-f", yaml, "-p", "lr", "2e-4", "-p", "name", "\"q\"", source);
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(Files.readAllBytes(source)).isEqualTo(before);
        JsonNode cells = cells("out/train.ipynb");
        assertThat(cells).hasSize(3);
        assertThat(cells.path(1).path("metadata").path("tags").path(0).asText()).isEqualTo("injected-parameters");
        assertThat(cells.path(2).path("outputs").path(0).path("text").path(0).asText())
                .isEqualTo("2.0E-4 \"q\" [4, 16]");

        assertThat(run("--out", "again", "-p", "lr", "1", folder.resolve("out/train.ipynb"))
                        .status())
                .isZero();
        assertThat(cells("again/train.ipynb")
                        .path(2)
                        .path("outputs")
                        .path(0)
                        .path("text")
                        .path(0)
                        .asText())
                .as("the injected cell of the earlier run is replaced")
                .isEqualTo("1.0 base [8]");
    }

    @Test
    void aParameterThatDoesNotExistOrFitStopsBeforeAnythingRuns() throws Exception {
        Path source = notebook(
                "a.ipynb",
                new Cell("int n = 1;", null, "parameters"),
                new Cell("Files.createFile(Path.of(\"ran\"));", null));
        Ended unknown = run("--out", "out", "-p", "m", "1", source);
        assertThat(unknown.status()).isEqualTo(2);
        assertThat(unknown.output())
                .contains("there is no parameter m", "declares n")
                .doesNotContain("died");
        Ended wrong = run("--out", "out", "-p", "n", "1.5", source);
        assertThat(wrong.status()).isEqualTo(2);
        assertThat(wrong.output()).contains("the parameter n: expected an int, found 1.5");
        assertThat(run("-p", "n", "2", source).output()).contains("parameters need --out DIR");
        assertThat(folder.resolve("ran")).doesNotExist();
    }

    @Test
    void aCheckComparesAndChangesNothing() throws Exception {
        Path source = notebook(
                "check.ipynb",
                new Cell("System.out.println(\"same\");", "same\n"),
                new Cell("System.out.println(\"loss \" + 0.5001);", "loss 0.5000\n"),
                new Cell("System.out.println(\"took \" + 17 + \" ms\");", "took 25 ms\n"),
                new Cell("System.nanoTime()", "old\n", "nbval-ignore-output"),
                new Cell("// NBVAL_IGNORE_OUTPUT\nSystem.nanoTime()", "old\n"),
                new Cell("throw new Error(\"never\");", null, "nbval-skip"),
                new Cell("int after = 1;", null));
        byte[] before = Files.readAllBytes(source);
        Path rules = Files.writeString(folder.resolve("rules.cfg"), "[ms]\nregex: \\d+ ms\nreplace: TIME\n");

        Ended differs = run("--check", source);
        assertThat(differs.status()).isEqualTo(1);
        assertThat(differs.output())
                .contains(
                        "cell 2 (id-2) shows something else", "-loss 0.5000\n+loss 0.5001", "-took 25 ms\n+took 17 ms")
                .contains("4 cells passed, 2 failed, 1 not run");
        assertThat(run("--check", "--tolerance", "1e-3", "--sanitize-with", rules, source)
                        .status())
                .isZero();
        assertThat(run("--check-kinds", source).status()).isZero();
        assertThat(Files.readAllBytes(source)).isEqualTo(before);
        assertThat(run("--tolerance", "1e-3", source).status())
                .as("a tolerance without a check")
                .isEqualTo(2);
    }

    @Test
    void aCellMayHaveATolerance() throws Exception {
        Path source = notebook(
                "own.ipynb",
                new Cell("System.out.println(\"loss \" + 0.55);", "loss 0.50\n", "check-tolerance-0.2"),
                new Cell("System.out.println(\"loss \" + 0.65);", "loss 0.50\n", "check-tolerance-0.2"),
                new Cell("System.out.println(\"took \" + 17 + \" ms\");", "took 9 ms\n", "check-words"),
                new Cell("// CHECK_WORDS\nSystem.out.println(\"took \" + 17 + \" s\");", "took 9 ms\n"));
        Ended differs = run("--check", source);
        assertThat(differs.status()).isEqualTo(1);
        assertThat(differs.output())
                .contains("cell 2 (id-2) shows something else", "cell 4 (id-4) shows something else")
                .contains("2 cells passed, 2 failed");
    }

    @Test
    void theTagsOfNbvalCountInACheckOnly() throws Exception {
        Path raises = notebook("raises.ipynb", new Cell("throw new Exception(\"x\");", null, "nbval-raises-exception"));
        assertThat(run("--check", raises).output()).contains("ename: not stored, but shown now");
        assertThat(run("--out", "out", raises).status()).isEqualTo(1);
        ObjectNode root = (ObjectNode) JSON.readTree(raises.toFile());
        ((ArrayNode) root.path("cells").path(0).path("outputs"))
                .addObject()
                .put("output_type", "error")
                .put("ename", "java.lang.Exception")
                .put("evalue", "x")
                .putArray("traceback");
        Files.writeString(raises, root.toString());
        assertThat(run("--check", raises).status()).isZero();
    }

    @Test
    void severalNotebooksRunAtATimeAndATableSumsThemUp() throws Exception {
        // Each waits for the other's file: one after the other they would never end.
        String wait =
                "Files.writeString(Path.of(\"%s\"), \"\");\nwhile (!Files.exists(Path.of(\"%s\"))) Thread.sleep(20);";
        Path a = notebook(
                "a.ipynb", new Cell(wait.formatted("a", "b"), null), new Cell("throw new Error(\"one\");", null));
        Path b = notebook("b.ipynb", new Cell(wait.formatted("b", "a"), null));
        Ended ended = run("--jobs", "2", "--timeout", "100", "--out", "out", a, b);
        assertThat(ended.status()).as(ended.output()).isEqualTo(1);
        assertThat(ended.output())
                .containsPattern("notebook +passed +failed +not run +seconds +peak memory +slowest cell\n"
                        + "a.ipynb +1 +1 +0 +[\\d.]+ +\\d* ?(MB)? +cell 1 \\(id-1\\), [\\d.]+ s\n"
                        + "b.ipynb +1 +0 +0 +")
                .contains("java.lang.Error: one");
    }

    @Test
    void gitHubsLogHasAnAnnotationAtTheLineOfTheFile() throws Exception {
        Path bad = notebook(
                "b,ad.ipynb", new Cell("int a = 1;", null), new Cell("int b = 0;\nint c = 100%3;\na / b", null));
        Path summary = folder.resolve("summary.md");
        Ended ended = run(
                Map.of(
                        "GITHUB_ACTIONS", "true",
                        "GITHUB_WORKSPACE", folder.toString(),
                        "GITHUB_STEP_SUMMARY", summary.toString()),
                "--out",
                "out",
                bad);
        assertThat(ended.status()).isEqualTo(1);
        int line = Files.readAllLines(bad)
                        .indexOf(Files.readAllLines(bad).stream()
                                .filter(l -> l.contains("a / b"))
                                .findFirst()
                                .orElseThrow())
                + 1;
        assertThat(ended.output())
                .contains("::error file=b%2Cad.ipynb,line=" + line + ",title=b%2Cad.ipynb%3A cell 2 (id-2)::"
                        + "java.lang.ArithmeticException: / by zero%0A")
                .contains("int c = 100%253;%0A");
        assertThat(summary).content().contains("| b,ad.ipynb | 1 | 1 | 0 |");
        assertThat(run("--out", "out", bad).output()).doesNotContain("::error");
    }

    @Test
    void aPageShowsTextCodeAndOutputs() throws Exception {
        Path source = notebook(
                "page.ipynb",
                new Cell(
                        "// a < b\nSystem.out.println(\"1 < 2\");\nSystem.err.println(\"warn\");\nhtml(\"<b id='x'>bold</b>\")",
                        null),
                new Cell("throw new IllegalStateException(\"<oops>\");", null, "raises-exception"));
        ObjectNode root = (ObjectNode) JSON.readTree(source.toFile());
        ObjectNode text = root.withArray("/cells").insertObject(0);
        text.put("cell_type", "markdown")
                .put("id", "m")
                .put("source", "# Title\n\n|a|\n|-|\n|1|\n\n$x_i$ <i>y</i> `$c$`");
        text.putObject("metadata");
        Files.writeString(source, root.toString(), StandardCharsets.UTF_8);
        Ended ended = run("--html", "--out", "out", source);
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(folder.resolve("out/page.html"))
                .content()
                .contains("<h1>Title</h1>", "<td>1</td>", "$x_i$", "<code>$c$</code>", "<i>y</i>", "mathjax")
                .contains("<span class=\"comment\">// a &lt; b</span>", "1 &lt; 2", "<b id='x'>bold</b>", "[1]")
                .contains("stderr\"><pre>warn", "IllegalStateException", "&lt;oops&gt;")
                .doesNotContain("\u001b");
    }

    @Test
    void whatWasWrittenIsReadAgainHoweverLongItsLines() throws Exception {
        Path source = notebook(
                "long.ipynb", new Cell("for (int i = 0; i < 300; i++) System.out.print(\"x\".repeat(100_000));", null));
        assertThat(run("--out", "out", source).status()).isZero();
        Ended again = run("--out", "again", folder.resolve("out/long.ipynb"));
        assertThat(again.status()).as(again.output()).isZero();
        String text = new ObjectMapper(com.fasterxml.jackson.core.JsonFactory.builder()
                        .streamReadConstraints(com.fasterxml.jackson.core.StreamReadConstraints.builder()
                                .maxStringLength(Integer.MAX_VALUE)
                                .build())
                        .build())
                .readTree(folder.resolve("again/long.ipynb").toFile())
                .path("cells")
                .path(0)
                .path("outputs")
                .path(0)
                .path("text")
                .path(0)
                .asText();
        assertThat(text.length()).isEqualTo(30_000_000);
    }

    @Test
    void whatBreaksTheCompilerIsAFailedCell() throws Exception {
        Path source = notebook(
                "deep.ipynb",
                new Cell("var text = \"" + "a".repeat(70_000) + "\";", null, "raises-exception"),
                new Cell("System.out.print(\"goes on\");", null));
        Ended ended = run("--out", "out", source);
        assertThat(ended.status()).as(ended.output()).isZero();
        JsonNode cells = cells("out/deep.ipynb");
        assertThat(cells.path(0).path("outputs").path(0).path("output_type").asText())
                .isEqualTo("error");
        assertThat(cells.path(1).path("outputs").path(0).path("text").path(0).asText())
                .isEqualTo("goes on");
    }
}
