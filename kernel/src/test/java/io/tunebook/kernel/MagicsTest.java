package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.kernel.eval.ClassPath;
import io.tunebook.kernel.session.Settings;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Magics, those of IJava and JJava by the same names, and the statics of their notebooks. */
@WithKernel
class MagicsTest {
    private static TestKernel kernel;

    @TempDir
    Path folder;

    private static String value(String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer.result();
    }

    private static String printed(String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer.stdout().replace(System.lineSeparator(), "\n");
    }

    /** A jar with one class {@code lib.NAME}, whose {@code say()} gives the text, and its sources beside it. */
    private Path jar(Path file, String name, String text) throws IOException {
        Path work = Files.createTempDirectory(folder, "work");
        Path source = work.resolve(name + ".java");
        Files.writeString(
                source,
                "package lib;\n/** A library. */\npublic class " + name + " {\n    /** Says it aloud. */\n"
                        + "    public static String say() { return \"" + text + "\"; }\n}\n");
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", work.toString(), source.toString()))
                .isZero();
        Files.createDirectories(file.getParent());
        write(file, "lib/" + name + ".class", work.resolve("lib").resolve(name + ".class"));
        write(Path.of(file.toString().replace(".jar", "-sources.jar")), "lib/" + name + ".java", source);
        return file;
    }

    private static void write(Path jar, String name, Path content) throws IOException {
        try (OutputStream out = Files.newOutputStream(jar);
                JarOutputStream zip = new JarOutputStream(out)) {
            zip.putNextEntry(new JarEntry(name));
            zip.write(Files.readAllBytes(content));
        }
    }

    @Test
    void jshellsListsAndVariablesInArguments() {
        kernel.run(
                "import java.text.NumberFormat;\nint seven() { return 7; }\nenum Side { LEFT }\nString what = \"/types\";");
        assertThat(printed("%jshell \\{what}")).contains("enum Side\n");
        assertThat(printed("%jshell /methods")).contains("int seven()\n");
        assertThat(printed("%jshell /imports")).contains("import java.text.NumberFormat;\n");
        assertThat(value("%jshell /vars")).contains("what  String  /types");
        assertThat(kernel.run("%jshell \\\\{what}").traceback()).contains("found \\\\{what}"); // escaped
        assertThat(kernel.run("%jshell \\{nothing}").traceback()).contains("found \\{nothing}"); // no variable
        assertThat(printed("%%sh\necho \\{what} $((1 + 1))")).isEqualTo("/types 2\n");
        assertThat(value("%%java\nseven() * 6")).isEqualTo("42");
    }

    @Test
    void javaWithAPercentSignIsNeverAMagic() {
        assertThat(value("int time = 7;\nint who = 20;\nwho\n    %time")).isEqualTo("6");
        assertThat(value("int modulus = 20\n%time;\nmodulus")).isEqualTo("6");
        assertThat(value("String t = \"\"\"\n    %who\n    x = %who\n    %%bash\n    \"\"\";\nt.lines().count()"))
                .isEqualTo("3");
        assertThat(value("/*\n%nonsense\n*/\n1")).isEqualTo("1");
    }

    @Test
    void linesOfMagicsStandBetweenJava() {
        assertThat(printed("int a = 2;\n%time a * 3\nSystem.out.println(a);"))
                .contains("Wall time: ")
                .endsWith("2\n");
        assertThat(kernel.run("%nonsense").traceback()).contains("there is no magic %nonsense");
    }

    @Test
    void timing() {
        assertThat(kernel.run("%time 6 * 7").result()).isEqualTo("42");
        TestKernel.Answer answer = kernel.run("%%time\nint timed = 5;\ntimed + 1");
        assertThat(answer.result()).isEqualTo("6");
        assertThat(answer.stdout()).contains("Wall time: ");
        assertThat(printed("%timeit Math.sqrt(2)")).contains("per loop (mean ± std. dev. of 7 runs, ");
    }

    @Test
    void shells() {
        assertThat(printed("%%bash\nX=5\necho $((X + 1))")).isEqualTo("6\n");
        assertThat(printed("%%sh\necho hello")).isEqualTo("hello\n");
        assertThat(kernel.run("%%bash\nexit 3").traceback()).contains("bash ended with status 3");
    }

    @Test
    void lists() {
        kernel.run("String listed = \"x\";");
        assertThat(value("%who")).contains("listed=String");
        assertThat(value("%lsmagic")).contains("%maven", "%%loadFromPOM", "%timeit");
        assertThat(value("%env PATH")).isEqualTo(System.getenv("PATH"));
    }

    @Test
    void resetForgets() {
        try (TestKernel other = new TestKernel()) {
            other.run("int gone = 1;");
            assertThat(other.run("%reset").status()).isEqualTo("ok");
            assertThat(other.run("gone").status()).isEqualTo("error");
            assertThat(other.run("List.of(2)").result()).isEqualTo("[2]");
        }
    }

    @Test
    void filesAreLoaded() throws IOException {
        Path source = Files.writeString(folder.resolve("a.java"), "int fromJava() { return 1; }\nint x1 = 10;");
        Path script = Files.writeString(folder.resolve("b.jsh"), "/set feedback mode\nint fromScript = 2;\n/exit\n");
        Path notebook = Files.writeString(
                folder.resolve("c.ipynb"),
                "{\"cells\": [{\"cell_type\": \"markdown\", \"source\": \"no code\"},"
                        + " {\"cell_type\": \"code\", \"source\": [\"int fromNotebook = 3;\\n\", \"%time 1\"]},"
                        + " {\"cell_type\": \"code\", \"source\": \"int sum = fromNotebook + 1;\"}]}");
        assertThat(value("%load " + source + " " + script + "\nfromJava() + x1 + fromScript"))
                .isEqualTo("13");
        assertThat(value("%load " + notebook + "\nsum")).isEqualTo("4");
        assertThat(kernel.run("%load " + folder.resolve("none.java")).traceback())
                .contains("none.java");
    }

    @Test
    void jarsOfPatterns() throws IOException {
        jar(folder.resolve("deep").resolve("one.jar"), "One", "one");
        jar(folder.resolve("two.jar"), "Two", "two");
        kernel.run("%jars " + folder + "/**/o*.jar");
        assertThat(value("lib.One.say()")).isEqualTo("one");
        assertThat(value("%who\nList<String> added = %classpath " + folder + "/two.jar\nadded.size() + lib.Two.say()"))
                .isEqualTo("1two");
        assertThat(kernel.run("%jars nothing/*.jar").traceback()).contains("no file matches");
    }

    @Test
    void aRepositoryOfMavens() throws IOException {
        Path home = folder.resolve("repository");
        Path artifact = home.resolve("org/example/said/1.5");
        jar(artifact.resolve("said-1.5.jar"), "Said", "from Maven");
        jar(home.resolve("org/example/deep/2/deep-2.jar"), "Deep", "transitive");
        Files.writeString(artifact.resolve("said-1.5.pom"), pom("said", "1.5", "deep", "2"));
        Files.writeString(home.resolve("org/example/deep/2/deep-2.pom"), pom("deep", "2", null, null));
        assertThat(kernel.run("%mavenRepo local " + home.toUri() + "\n%maven org.example:said:1.5")
                        .traceback())
                .isEmpty();
        assertThat(value("lib.Said.say() + \", \" + lib.Deep.say()")).isEqualTo("from Maven, transitive");
        // Shift-Tab fetches the sources from the repository.
        String help = kernel.shell(
                        "inspect_request",
                        io.tunebook.kernel.protocol.Message.object()
                                .put("code", "lib.Said.say()")
                                .put("cursor_pos", 11))
                .reply()
                .path("data")
                .path("text/markdown")
                .asText();
        assertThat(help).contains("Said.say()", "Says it aloud.");
        assertThat(kernel.run("%maven org.example:missing:1").traceback()).contains("org.example:missing");
    }

    @Test
    void aPom() throws IOException {
        Path home = folder.resolve("poms");
        jar(home.resolve("org/example/viapom/1/viapom-1.jar"), "ViaPom", "by POM");
        Files.writeString(home.resolve("org/example/viapom/1/viapom-1.pom"), pom("viapom", "1", null, null));
        TestKernel.Answer answer = kernel.run("%%loadFromPOM\n<repository><id>poms</id><url>" + home.toUri()
                + "</url></repository>\n<dependency><groupId>org.example</groupId><artifactId>viapom</artifactId>"
                + "<version>1</version></dependency>");
        assertThat(answer.traceback()).isEmpty();
        assertThat(value("lib.ViaPom.say()")).isEqualTo("by POM");
    }

    private static String pom(String artifact, String version, String dependency, String itsVersion) {
        return "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>" + artifact
                + "</artifactId><version>" + version + "</version>"
                + (dependency == null
                        ? ""
                        : "<dependencies><dependency><groupId>org.example</groupId><artifactId>" + dependency
                                + "</artifactId><version>" + itsVersion + "</version></dependency></dependencies>")
                + "</project>";
    }

    // ---- the statics of IJava's and JJava's notebooks

    @Test
    void theirStatics() {
        TestKernel.Answer answer = kernel.run(
                "String id = display(\"<b>1</b>\", \"text/html\");\n"
                        + "updateDisplay(id, \"<b>2</b>\", \"text/html\");\nupdateDisplay(id, 3);\nprintf(\"%d-%s\", 4, \"x\");\n"
                        + "lineMagic(\"lsmagic\", List.of());\ncellMagic(\"sh\", List.of(), \"echo shell\");\neval(\"20 + 1\")");
        assertThat(answer.traceback()).isEmpty();
        assertThat(answer.result()).isEqualTo("21");
        assertThat(answer.of("display_data").get(0).content().path("data").toString())
                .isEqualTo("{\"text/html\":\"<b>1</b>\"}");
        assertThat(answer.of("update_display_data")).hasSize(2);
        assertThat(answer.stdout()).contains("4-x", "shell");
        assertThat(kernel.run("render(Map.of(1, 2), \"text/html\").data().keySet()")
                        .result())
                .isEqualTo("[text/html]");
    }

    // ---- settings

    @Test
    void aTimeoutStopsACell() {
        assertThat(Settings.timeout("")).isEqualTo(Duration.ZERO);
        assertThat(Settings.timeout("-1")).isEqualTo(Duration.ZERO);
        assertThat(Settings.timeout("250")).isEqualTo(Duration.ofMillis(250));
        assertThat(Settings.timeout("30 seconds")).isEqualTo(Duration.ofSeconds(30));
        assertThatThrownBy(() -> Settings.timeout("soon")).hasMessageContaining("30 SECONDS");
        try (TestKernel limited = new TestKernel(Duration.ofSeconds(3))) {
            TestKernel.Answer late = limited.run("int kept = 3;\nwhile (true) {}");
            assertThat(late.reply().path("ename").asText()).isEqualTo("CellTimeout");
            assertThat(limited.run("kept").result()).isEqualTo("3");
        }
    }

    @Test
    void classPathsMayBePatterns() throws IOException {
        jar(folder.resolve("cp").resolve("a.jar"), "A", "a");
        String cp = folder.resolve("cp") + "/*";
        assertThat(ClassPath.entries(cp)).hasSize(1).allMatch(p -> p.endsWith("a.jar"));
        assertThat(ClassPath.entries(folder.resolve("cp") + "/?.jar"))
                .isEqualTo(List.of(folder.resolve("cp").resolve("a.jar").toString()));
        assertThat(ClassPath.entries("")).isEmpty();
    }
}
