package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.ProcessorsTest;
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
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

/** The contract of the command {@code run}: what it writes, says and returns. */
class NotebookRunnerIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private record Source(String code, String... tags) {}

    private Path notebook(String name, Source... cells) throws IOException {
        ObjectNode root = JSON.createObjectNode().put("nbformat", 4).put("nbformat_minor", 5);
        root.putObject("metadata");
        ArrayNode all = root.putArray("cells");
        for (Source source : cells) {
            ObjectNode cell = all.addObject()
                    .put("cell_type", "code")
                    .put("id", "id-" + all.size())
                    .put("source", source.code())
                    .put("execution_count", 99);
            cell.putArray("outputs")
                    .addObject()
                    .put("output_type", "stream")
                    .put("name", "stdout")
                    .put("text", "stale");
            ArrayNode tags = cell.putObject("metadata").putArray("tags");
            List.of(source.tags()).forEach(tags::add);
        }
        return Files.writeString(folder.resolve(name), root.toString(), StandardCharsets.UTF_8);
    }

    private Ended run(Object... arguments) throws Exception {
        return run(Map.of(), arguments);
    }

    private Ended run(Map<String, String> environment, Object... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                KernelProcess.java().toString(), "-jar", InstalledKernel.jar().toString(), "run"));
        for (Object a : arguments) {
            command.add(a.toString());
        }
        return InstalledKernel.run(folder, environment, command);
    }

    private static List<JsonNode> outputs(Path executed, int cell) throws IOException {
        List<JsonNode> outputs = new ArrayList<>();
        JSON.readTree(executed.toFile())
                .path("cells")
                .path(cell)
                .path("outputs")
                .forEach(outputs::add);
        return outputs;
    }

    @Test
    void allPassingCellsGiveZeroAndTheExecutedNotebookBesideAnUntouchedSource() throws Exception {
        Path source = notebook(
                "good.ipynb",
                new Source("System.out.print(\"中文 \");\nSystem.out.println(\"é\");\n6 * 7"),
                new Source("throw new Error(\"never\");", "skip-execution"));
        byte[] before = Files.readAllBytes(source);

        Ended ended = run(Map.of("LC_ALL", "C", "LANG", "C"), "--out", folder.resolve("out"), source);

        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(Files.readAllBytes(source)).isEqualTo(before);
        Path executed = folder.resolve("out").resolve("good.ipynb");
        List<JsonNode> outputs = outputs(executed, 0);
        assertThat(outputs).hasSize(2);
        assertThat(outputs.get(0).path("text").path(0).asText()).isEqualTo("中文 é\n");
        assertThat(outputs.get(1).path("data").path("text/plain").path(0).asText())
                .isEqualTo("42");
        assertThat(outputs(executed, 1))
                .as("a skipped cell shows nothing of an earlier run")
                .isEmpty();
        assertThat(ended.output()).containsPattern("good.ipynb: cell 1 of 2 \\(id-1\\), since \\d\\d:\\d\\d:\\d\\d\n");
        try (var files = Files.list(folder.resolve("out"))) {
            assertThat(files).as("nothing half-written stays").containsExactly(executed);
        }
    }

    @Test
    void aFailingCellGivesOneAndTheLogAloneTellsTheStory() throws Exception {
        Path bad = notebook(
                "bad.ipynb",
                new Source("int divide(int a) {\n    return a / 0;\n}"),
                new Source("System.out.println(\"before\");\ndivide(3);"),
                new Source("System.out.println(\"after\");"));
        Path good = notebook("good.ipynb", new Source("1"));
        Path junit = folder.resolve("reports").resolve("junit.xml");

        Ended ended = run("--out", folder.resolve("out"), "--junit", junit, bad, good);

        assertThat(ended.status()).isEqualTo(1);
        assertThat(ended.output())
                .contains("bad.ipynb: cell 2 (id-2) failed")
                .contains("divide(3);")
                .contains("---- output so far\nbefore\n")
                .contains("java.lang.ArithmeticException: / by zero")
                .contains("Cell[1], line 2")
                .contains("good.ipynb: 1 cell passed");
        List<JsonNode> outputs = outputs(folder.resolve("out").resolve("bad.ipynb"), 1);
        assertThat(outputs.get(outputs.size() - 1).path("ename").asText()).isEqualTo("java.lang.ArithmeticException");
        assertThat(outputs(folder.resolve("out").resolve("bad.ipynb"), 2)).isEmpty();

        Element suites = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(junit.toFile())
                .getDocumentElement();
        Element first = (Element) suites.getElementsByTagName("testsuite").item(0);
        assertThat(first.getAttribute("tests")).isEqualTo("3");
        assertThat(first.getAttribute("failures")).isEqualTo("1");
        assertThat(first.getAttribute("skipped")).isEqualTo("1");
        assertThat(first.getElementsByTagName("failure").item(0).getTextContent())
                .contains("/ by zero");
    }

    @Test
    void aCellThatMustRaiseAndDoesIsFineAndOneThatDoesNotFails() throws Exception {
        Path raises = notebook(
                "raises.ipynb",
                new Source("throw new Exception(\"on purpose\");", "raises-exception"),
                new Source("2"));
        Path silent = notebook("silent.ipynb", new Source("1", "raises-exception"));

        assertThat(run(raises).status()).isZero();
        assertThat(outputs(raises, 0).get(0).path("evalue").asText()).isEqualTo("on purpose");
        Ended ended = run(silent);
        assertThat(ended.status()).isEqualTo(1);
        assertThat(ended.output()).contains("has the tag raises-exception and raised none");
    }

    @Test
    void aCellOverItsTimeIsStoppedAndTheNotebooksLimitWinsOverTheCommands() throws Exception {
        Path slow = notebook("slow.ipynb", new Source("System.out.println(\"in\");\nwhile (true) { }"));
        Ended ended = run("--timeout", "2", slow);
        assertThat(ended.status()).isEqualTo(1);
        assertThat(ended.output()).contains("CellTimeout").contains("longer than 2.0 s");

        Path patient = notebook("patient.ipynb", new Source("Thread.sleep(3000);"));
        ObjectNode root = (ObjectNode) JSON.readTree(patient.toFile());
        root.withObject("/metadata/execution").put("timeout", 60);
        Files.writeString(patient, root.toString(), StandardCharsets.UTF_8);
        assertThat(run("--timeout", "1", patient).status()).isZero();

        root.withArray("/cells").get(0).withObject("/metadata/execution").put("timeout", 1);
        Files.writeString(patient, root.toString(), StandardCharsets.UTF_8);
        Ended own = run(patient);
        assertThat(own.status()).as("the cell's limit wins over the notebook's").isEqualTo(1);
        assertThat(own.output()).contains("longer than 1.0 s").contains("Cell[1], line 1");
    }

    @Test
    void timeIsNotTheExceptionThatACellMustRaiseAndNoCellOutlivesIt() throws Exception {
        Path raises = notebook("raises.ipynb", new Source("Thread.sleep(60_000);", "raises-exception"));
        Ended late = run("--timeout", "1", raises);
        assertThat(late.status()).isEqualTo(1);
        assertThat(late.output()).contains("CellTimeout");

        Path deaf = notebook("deaf.ipynb", new Source("""
                while (true) {
                    try {
                        Thread.sleep(1000);
                    } catch (InterruptedException e) {
                        // goes on
                    }
                }"""));
        Ended stopped = run("--timeout", "1", deaf);
        assertThat(stopped.status()).isEqualTo(1);
        assertThat(stopped.output()).contains("CellTimeout");
    }

    @Test
    void aDeadKernelGivesTwoNamesTheCellAndLeavesItsOutput() throws Exception {
        Path dead = notebook(
                "dead.ipynb",
                new Source("int x = 1;"),
                new Source("System.out.println(\"last words\");\nThread.sleep(2500);\nRuntime.getRuntime().halt(0);"));
        Ended ended = run("--out", folder.resolve("out"), dead);
        assertThat(ended.status()).isEqualTo(2);
        assertThat(ended.output())
                .contains("the kernel died")
                .contains("in cell 2 (id-2)")
                .contains("last words");
        assertThat(outputs(folder.resolve("out").resolve("dead.ipynb"), 1)
                        .get(0)
                        .path("text")
                        .path(0)
                        .asText())
                .isEqualTo("last words\n");
    }

    /** What falls inside the compiler fails its cell; no kernel died. */
    @Test
    void aCompilerThatFallsIsAFailedCell() throws Exception {
        Path processor = ProcessorsTest.processor(folder.resolve("processor"));
        Path broken = notebook(
                "broken.ipynb",
                new Source("%classpath " + processor + "\n%processors on"),
                new Source("@test.Marked class Broken {}", "raises-exception"),
                new Source("%processors off\n40 + 2"),
                new Source("%processors on"),
                new Source("@test.Marked class Broken {}"),
                new Source("1"));
        Ended ended = run(broken);
        assertThat(ended.status()).as(ended.output()).isEqualTo(1);
        assertThat(ended.output())
                .contains("broken.ipynb: cell 5 (id-5) failed", "broken on purpose")
                .doesNotContain("died");
        assertThat(outputs(broken, 1).get(0).path("evalue").asText()).contains("broken on purpose");
        assertThat(outputs(broken, 2)
                        .get(0)
                        .path("data")
                        .path("text/plain")
                        .path(0)
                        .asText())
                .isEqualTo("42");
        assertThat(outputs(broken, 5)).as("the last cell did not run").isEmpty();

        // On Java 17 javac itself falls; later ones can do it.
        Path repeated = notebook(
                "repeated.ipynb",
                new Source("@java.lang.annotation.Repeatable(Tags.class) @interface Tag { String value(); }\n"
                        + "@interface Tags { Tag[] value(); }\n@Tag(\"a\") @Tag(\"b\") class Tagged {}\n42"));
        Ended fallen = run(repeated);
        assertThat(fallen.output()).doesNotContain("died");
        if (fallen.status() == 1) {
            assertThat(fallen.output()).contains("repeated.ipynb: cell 1 (id-1) failed");
            assertThat(outputs(repeated, 0).get(0).path("evalue").asText()).isNotEmpty();
        } else {
            assertThat(fallen.status()).isZero();
            assertThat(outputs(repeated, 0)
                            .get(0)
                            .path("data")
                            .path("text/plain")
                            .path(0)
                            .asText())
                    .isEqualTo("42");
        }
    }

    @Test
    void aKernelThatDiesAtOnceIsNotMistakenForAnEarlierRun() throws Exception {
        Path dead = notebook(
                "dead.ipynb",
                new Source("System.out.println(\"last words\");\nRuntime.getRuntime().halt(0);"),
                new Source("int never = 1;"));
        Path out = Files.createDirectories(folder.resolve("out"));
        Files.copy(dead, out.resolve("dead.ipynb")); // all of its cells have a count and an output

        Ended ended = run("--out", out, dead);
        assertThat(ended.status()).isEqualTo(2);
        assertThat(ended.output())
                .contains("in cell 1 (id-1)")
                .contains("halt(0)")
                .doesNotContain("stale");
        assertThat(outputs(out.resolve("dead.ipynb"), 1)).isEmpty();

        Ended unborn = run("--jvm-option", "-Xnonsense", "--out", out, dead);
        assertThat(unborn.status()).isEqualTo(2);
        assertThat(unborn.output()).contains("died").contains("before its first cell");
    }

    @Test
    void theWorstNotebookDecidesAndStandardErrorTellsTheStory() throws Exception {
        Path fails = notebook("fails.ipynb", new Source("throw new IllegalStateException(\"原因\");"));
        Path dead = notebook("dead.ipynb", new Source("Runtime.getRuntime().halt(0);"));
        Path good = notebook("good.ipynb", new Source("1"));
        Path stderr = folder.resolve("stderr.txt");
        ProcessBuilder builder = new ProcessBuilder(
                        KernelProcess.java().toString(),
                        "-jar",
                        InstalledKernel.jar().toString(),
                        "run",
                        fails.toString(),
                        dead.toString(),
                        good.toString())
                .redirectError(stderr.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("LC_ALL", "C");

        assertThat(builder.start().waitFor()).isEqualTo(2);
        assertThat(Files.readString(stderr, StandardCharsets.UTF_8))
                .contains("fails.ipynb: cell 1 (id-1) failed")
                .contains("java.lang.IllegalStateException: 原因")
                .contains("the kernel died")
                .contains("good.ipynb: 1 cell passed");
    }

    @Test
    void whereNothingCanBeWrittenNoCellRunsInVain() throws Exception {
        Path ran = folder.resolve("ran");
        Path file = notebook("a.ipynb", new Source("Files.createFile(Path.of(\"ran\"));"));
        Path inTheWay = Files.writeString(folder.resolve("out"), "", StandardCharsets.UTF_8);

        Ended ended = run("--out", inTheWay, file);
        assertThat(ended.status()).isEqualTo(2);
        assertThat(ended.output()).contains("cannot be written to " + inTheWay).contains("a file is where a folder");
        assertThat(ran).doesNotExist();

        Ended report = run("--junit", inTheWay.resolve("junit.xml"), file);
        assertThat(report.status()).isEqualTo(2);
        assertThat(report.output())
                .contains("the JUnit report cannot be written")
                .doesNotContain("\tat ");
        assertThat(ran).exists();
    }

    @Test
    void whenEveryCellIsSkippedNothingPassed() throws Exception {
        Path skipped = notebook("skipped.ipynb", new Source("1", "skip-execution"), new Source(" "));
        Ended ended = run("--out", folder.resolve("out"), skipped);
        assertThat(ended.status()).isEqualTo(2);
        assertThat(ended.output()).contains("No cell ran");
        assertThat(folder.resolve("out").resolve("skipped.ipynb")).exists();
        assertThat(run(skipped, notebook("one.ipynb", new Source("1"))).status())
                .as("at least one cell ran")
                .isZero();
    }

    @Test
    void badUsageAndUnreadableNotebooksGiveTwoAndSayWhatToDo() throws Exception {
        Path json = Files.writeString(folder.resolve("broken.ipynb"), "{\"cells\": [", StandardCharsets.UTF_8);
        Path python = Files.writeString(
                folder.resolve("python.ipynb"),
                "{\"cells\": [], \"nbformat\": 4, \"metadata\": {\"kernelspec\": {\"language\": \"python\"}}}",
                StandardCharsets.UTF_8);
        Path empty = Files.writeString(
                folder.resolve("empty.ipynb"), "{\"cells\": [], \"nbformat\": 4}", StandardCharsets.UTF_8);

        assertThat(run().status()).isEqualTo(2);
        assertThat(run("--speed", "9", json).output())
                .contains("there is no option --speed")
                .contains("Usage:");
        assertThat(run("--timeout", "soon", json).status()).isEqualTo(2);
        Ended broken = run(json);
        assertThat(broken.status()).isEqualTo(2);
        assertThat(broken.output()).contains("broken.ipynb: expected JSON, found in line 1");
        assertThat(run(python).output()).contains("expected a notebook for Java, found one for python");
        assertThat(run(empty).status()).isEqualTo(2);
        assertThat(run(folder.resolve("absent.ipynb")).status()).isEqualTo(2);
    }

    @Test
    void updatesAndClearingsAreFoldedIntoTheOutputsTheyConcern() throws Exception {
        Path file = notebook(
                "fold.ipynb",
                new Source("var id = display(html(\"<b>1</b>\"), \"bar\");\nSystem.out.print(\"50%\\r100%\\n\");"),
                new Source("update(id, html(\"<b>2</b>\"));"),
                new Source("System.out.println(\"gone\");\nclear(true);\nSystem.out.println(\"stays\");"),
                new Source("display(json(\"{\\\"a\\\": [1]}\"));"));
        assertThat(run(file).status()).isZero();
        List<JsonNode> first = outputs(file, 0);
        assertThat(first.get(0).path("data").path("text/html").path(0).asText()).isEqualTo("<b>2</b>");
        assertThat(first.get(0).has("transient")).isFalse();
        assertThat(first.get(1).path("text").path(0).asText()).isEqualTo("100%\n");
        assertThat(outputs(file, 1)).isEmpty();
        assertThat(outputs(file, 2)).hasSize(1);
        assertThat(outputs(file, 2).get(0).path("text").path(0).asText()).isEqualTo("stays\n");
        assertThat(outputs(file, 3)
                        .get(0)
                        .path("data")
                        .path("application/json")
                        .path("a")
                        .path(0)
                        .asInt())
                .isEqualTo(1);
    }
}
