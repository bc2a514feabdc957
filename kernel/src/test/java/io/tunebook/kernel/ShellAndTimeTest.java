package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.protocol.Message;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Magics as IPython has them, through a real kernel. */
@WithKernel(environment = "SOME_API_KEY=s3cret")
class ShellAndTimeTest {
    @TempDir
    Path folder;

    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer;
    }

    private static List<String> completions(WireKernel kernel, String code) {
        JsonNode reply = kernel.request(
                        WireKernel.Channel.SHELL,
                        "complete_request",
                        Message.object().put("code", code).put("cursor_pos", code.length()))
                .reply();
        List<String> found = new ArrayList<>();
        reply.path("matches").forEach(m -> found.add(m.asText()));
        return found;
    }

    @Test
    void aLineForTheShell(WireKernel kernel) {
        WireKernel.Answer answer = ok(kernel, "!echo out; echo err >&2; exit 3");
        assertThat(answer.stdout()).isEqualTo("out\n");
        assertThat(answer.stderr()).isEqualTo("err\n(exit status 3)\n");
        assertThat(ok(kernel, "String who = \"world\";\n!echo \"hello {who} {a,b}\"\nwho")
                        .stdout())
                .isEqualTo("hello world {a,b}\n");
        // A value of Java may be negated where a line begins.
        assertThat(ok(kernel, "boolean done = true;\n!done").result()).isEqualTo("false");
        assertThat(ok(kernel, "!who.isEmpty()").result()).isEqualTo("true");
        assertThat(ok(kernel, "String t = \"\"\"\n!echo no\n\"\"\";\nt").result())
                .isEqualTo("!echo no\n");
    }

    @Test
    void aProgramOfTheShellIsInterrupted(WireKernel kernel) {
        assertThat(kernel.interruptAfterOutput("!echo started; sleep 100").status())
                .isEqualTo("error");
    }

    @Test
    void filesAndFolders(WireKernel kernel) throws IOException {
        assertThat(ok(kernel, "%cd " + folder).result())
                .isEqualTo(folder.toRealPath().toString());
        assertThat(ok(kernel, "%%writefile note.txt\none\n").stdout()).isEqualTo("Wrote note.txt\n");
        assertThat(ok(kernel, "%%writefile -a note.txt\ntwo\n").stdout()).isEqualTo("Appended to note.txt\n");
        assertThat(ok(kernel, "!cat note.txt").stdout()).isEqualTo("one\ntwo\n");
        assertThat(Files.readString(folder.resolve("note.txt"))).isEqualTo("one\ntwo\n");
        assertThat(ok(kernel, "%ls").stdout()).contains("note.txt");
        assertThat(ok(kernel, "%pwd").result()).isEqualTo(folder.toRealPath().toString());
        assertThat(completions(kernel, "%load no")).containsExactly("note.txt");
        ok(kernel, "%cd " + Path.of("").toAbsolutePath());
    }

    @Test
    void filesOfCodeWithoutTheirExtension(WireKernel kernel) throws IOException {
        Files.writeString(
                folder.resolve("imports.ipynb"),
                "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"int fromNotebook = 3;\"]}]}");
        Files.writeString(
                folder.resolve("tools.jshell"),
                "int twice(int x) { return 2 * x; }\nint broken() {\n  return 1 / 0; }");
        Files.writeString(folder.resolve("Code.java"), "class Code { int x = 5; }");
        ok(kernel, "%load " + folder.resolve("imports"));
        ok(kernel, "%load " + folder.resolve("tools") + " " + folder.resolve("Code"));
        assertThat(ok(kernel, "twice(fromNotebook) + new Code().x").result()).isEqualTo("11");
        assertThat(kernel.execute("broken()").traceback()).contains("broken, tools.jshell, line 3");
        assertThat(kernel.execute("%load nothing").traceback()).contains("there is no file", "nothing");
        // A script of JShell's, whose own commands mean nothing here; a notebook of the same name comes first.
        Files.writeString(
                folder.resolve("script.jsh"),
                "/set feedback mode\n/open DEFAULT\nint fromScript = 4;\nint failing() {\n  return 1 / 0; }\n/exit\n");
        Files.writeString(folder.resolve("imports.jsh"), "int fromNotebook = -1;");
        ok(
                kernel,
                "%cd " + folder + "\n%load script\n%load imports\n%cd "
                        + Path.of("").toAbsolutePath());
        assertThat(ok(kernel, "fromScript + fromNotebook").result()).isEqualTo("7");
        assertThat(kernel.execute("failing()").traceback()).contains("failing, script.jsh, line 5");
    }

    /** Rapaio's name for it, with its word before the path. */
    @Test
    void jarsOfThisMachine(WireKernel kernel) throws IOException {
        for (String name : List.of("One", "Two")) {
            TestLibrary.jar(
                    folder.resolve("libs/" + name + ".jar"),
                    "package jars; public class " + name + " { public static String say() { return \"" + name
                            + "\"; } }");
        }
        ok(kernel, "%jar /add " + folder.resolve("libs/One.jar"));
        assertThat(ok(kernel, "jars.One.say()").result()).isEqualTo("One");
        ok(kernel, "%jar " + folder + "/libs/T*.jar");
        assertThat(ok(kernel, "jars.Two.say()").result()).isEqualTo("Two");
        assertThat(kernel.execute("%jar " + folder + "/none.jar").traceback()).contains("no file matches", "none.jar");
    }

    @Test
    void theEnvironmentHidesItsSecrets(WireKernel kernel) {
        assertThat(ok(kernel, "%env").result("text/html"))
                .contains("SOME_API_KEY")
                .doesNotContain("s3cret");
        assertThat(ok(kernel, "%env").result())
                .contains("SOME_API_KEY=<hidden>")
                .doesNotContain("s3cret");
        ok(kernel, "%env COLOUR=blue");
        assertThat(ok(kernel, "System.getenv(\"COLOUR\") + System.getenv().get(\"COLOUR\")")
                        .result())
                .isEqualTo("blueblue");
        assertThat(ok(kernel, "!echo $COLOUR").stdout()).isEqualTo("blue\n");
        assertThat(ok(kernel, "%env MY_TOKEN=abc").stdout()).doesNotContain("abc");
        assertThat(completions(kernel, "%env COL")).contains("COLOUR");
    }

    @Test
    void whatTheSessionHolds(WireKernel kernel) {
        ok(kernel, "int[] numbers = {1, 2};\ndouble half(int x) { return x / 2.0; }");
        assertThat(ok(kernel, "%whos").result()).contains("numbers  int[]  [1, 2]");
        assertThat(ok(kernel, "%methods").stdout()).contains("double half(int)\n");
        assertThat(ok(kernel, "%history").stdout()).contains("int[] numbers = {1, 2};");
        WireKernel.Answer unknown = kernel.execute("%%nonsense\nint x;");
        assertThat(unknown.error().path("ename").asText()).isEqualTo("UnknownMagic");
        assertThat(unknown.traceback()).contains("there is no magic %%nonsense", "%lsmagic");
    }

    @Test
    void aCellsOutputIsCaptured(WireKernel kernel) {
        WireKernel.Answer answer = ok(
                kernel,
                "%%capture caught\nSystem.out.print(\"seen\"); System.err.print(\"e\");\ndisplay(html(\"<b>1</b>\"));\n6 * 7");
        assertThat(answer.published()).allMatch(m -> m.type().equals("execute_input"));
        assertThat(ok(kernel, "caught.stdout() + caught.stderr() + caught.outputs().size()")
                        .result())
                .isEqualTo("seene2");
        WireKernel.Answer shown = ok(kernel, "caught.show()");
        assertThat(shown.stdout()).isEqualTo("seen");
        assertThat(shown.displays("text/html")).contains("<b>1</b>");
    }

    @Test
    void cellsOfOtherKinds(WireKernel kernel) {
        assertThat(ok(kernel, "%%html\n<b>x</b>").displays("text/html")).containsExactly("<b>x</b>");
        assertThat(ok(kernel, "%%markdown\n# x").displays("text/markdown")).containsExactly("# x");
        assertThat(ok(kernel, "%%latex\n$x$").displays("text/latex")).containsExactly("$x$");
        assertThat(ok(kernel, "%%svg\n<svg/>").displays("image/svg+xml")).containsExactly("<svg/>");
        assertThat(ok(kernel, "%%javascript\nalert(1)").displays("application/javascript"))
                .containsExactly("alert(1)");
        assertThat(ok(kernel, "%%script cat\nas it is\n").stdout()).isEqualTo("as it is\n");
    }

    @Test
    void timesAreShownUnderTheCell(WireKernel kernel) {
        assertThat(ok(kernel, "%time Thread.sleep(10)").stdout()).matches("Wall time: [\\d.]+ ms\n");
        assertThat(ok(kernel, "%time 6 * 7").result()).isEqualTo("42");
        // What is only compiled takes no time.
        assertThat(ok(kernel, "%%time\nclass Declared { int a = 1; }\nint declared(Declared d) { return d.a; }")
                        .stdout())
                .isEqualTo("Wall time: 0 ns\n");
        assertThat(ok(kernel, "%time import java.text.Normalizer;").stdout()).isEqualTo("Wall time: 0 ns\n");
        String form =
                "[\\d.]+ (ns|µs|ms) ± [\\d.]+ (ns|µs|ms) per loop \\(mean ± std\\. dev\\. of 3 runs, 5 loops each\\)\n";
        assertThat(ok(kernel, "%timeit -n 5 -r 3 Math.sqrt(2)").stdout()).matches(form);
        assertThat(ok(kernel, "int[] c = {1};\n%timeit -n5 -r3 c[0]++;\nc[0]").result())
                .isEqualTo("16");
        assertThat(ok(kernel, "%%timeit -n 5 -r 3 int k = 7;\nint s = k;\nfor (int i = 0; i < 3; i++) s += i;")
                        .stdout())
                .matches(form);
        assertThat(ok(kernel, "%timeit -n 5 -r 3 System.gc()").stdout()).contains("per loop");
    }

    @Test
    void codeThatIsToBeTimedFailsAtItsOwnLine(WireKernel kernel) {
        WireKernel.Answer wrong = kernel.execute("%timeit Math.sqrt(nothing)");
        assertThat(wrong.traceback())
                .contains(
                        "%timeit, line 1: cannot find symbol",
                        "\n   1 | Math.sqrt(nothing);\n     |           ^^^^^^^\n");
        assertThat(kernel.execute("%%timeit int k = 7;\nint s = k;\ns += \"\".size();")
                        .traceback())
                .contains("%%timeit, line 2: cannot find symbol", "\n   2 | s += \"\".size();");
        assertThat(kernel.execute("%timeit -n 1 -r 1 Integer.parseInt(\"x\")").traceback())
                .contains("NumberFormatException", "%timeit, line 1");
    }

    @Test
    void aMagicSaysHowItIsUsedWhereItWasUsedOtherwise(WireKernel kernel) {
        assertThat(kernel.execute("%image").traceback())
                .contains("%image: expected a file or a URL", "Usage: %image FILE | URL");
        assertThat(kernel.execute("%%bash\nexit 3").traceback())
                .contains("%%bash: bash ended with status 3")
                .doesNotContain("Usage");
    }

    @Test
    void argumentsOfMagicsAreCompleted(WireKernel kernel) throws IOException {
        Files.writeString(folder.resolve("note.txt"), "");
        ok(kernel, "String place = \"" + folder + "\";");
        assertThat(completions(kernel, "%%writefile " + folder + "/no")).containsExactly(folder + "/note.txt");
        assertThat(completions(kernel, "!cat {pla")).containsExactly("place");
        assertThat(completions(kernel, "%ls \\{pla")).containsExactly("place");
        assertThat(ok(kernel, "%ls \\{place}").stdout()).contains("note.txt");
        assertThat(completions(kernel, "%timeit -n 5 Math.sq")).contains("sqrt(");
        assertThat(completions(kernel, "int n = 1;\n%time place.len")).contains("length()");
        assertThat(completions(kernel, "var files = %pw")).containsExactly("%pwd");
        assertThat(completions(kernel, "%dependency /re")).containsExactly("/resolve");
        assertThat(completions(kernel, "%jshell /v")).containsExactly("/vars");
        assertThat(completions(kernel, "%processors of")).containsExactly("off");
    }

    @Test
    void noticesOfTheKernelAreUnderTheCell(WireKernel kernel) {
        ok(kernel, "class Account { int a = 1; }\nAccount acc = new Account();");
        assertThat(ok(kernel, "class Account { int a = 1; int b = 2; }").stderr())
                .contains("acc was reset: its type, Account, has changed");
    }

    @Test
    void methodReferencesAreCompleted(WireKernel kernel) {
        ok(kernel, "class Person { String name() { return \"\"; } static int count() { return 0; } }");
        assertThat(completions(kernel, "Person::")).contains("name", "count", "new", "toString");
        assertThat(completions(kernel, "Person::na")).containsExactly("name");
        assertThat(completions(kernel, "List.of(new Person()).stream().map(Person::n"))
                .contains("name", "new");
        ok(kernel, "String words = \"\";");
        assertThat(completions(kernel, "words::toUp")).containsExactly("toUpperCase");
    }

    @Test
    void aQuestionMarkAsksForHelp(WireKernel kernel) {
        ok(kernel, "int triple(int x) { return 3 * x; }\nint hundred = 100;");
        for (String asked : List.of("triple?", "?triple", "hundred?", "%timeit?", "triple??", "??triple")) {
            WireKernel.Answer answer = ok(kernel, asked);
            String page = answer.reply()
                            .path("payload")
                            .path(0)
                            .path("data")
                            .path("text/plain")
                            .asText()
                    + answer.reply()
                            .path("payload")
                            .path(0)
                            .path("data")
                            .path("text/markdown")
                            .asText();
            assertThat(page).as(asked).contains(asked.replaceAll("[?]", ""));
            assertThat(page.contains("return 3 * x;")).as(asked).isEqualTo(asked.contains("??"));
        }
    }

    /** What fetches waits where an interrupt reaches it. */
    @Test
    void anImageOfAServerThatDoesNotAnswerIsInterrupted(WireKernel kernel) throws IOException, InterruptedException {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Message request = kernel.start("%image http://127.0.0.1:" + mute.getLocalPort() + "/x.png");
            mute.accept(); // it asks, and nobody answers
            kernel.interrupt();
            assertThat(kernel.await(request).error().path("ename").asText()).isEqualTo("KeyboardInterrupt");
            assertThat(ok(kernel, "1 + 1").result()).isEqualTo("2");
        }
    }
}
