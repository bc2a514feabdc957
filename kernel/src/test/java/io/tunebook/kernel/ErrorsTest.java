package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Errors in the words, lines and numbers of the cell as it was typed. */
@WithKernel
class ErrorsTest {
    private static TestKernel kernel;

    private static TestKernel.Answer error(String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).isEqualTo("error");
        return answer;
    }

    @Test
    void framesNameTheCellAndTheLine() {
        TestKernel.Answer answer = error(
                "import java.util.List;\n\n// a comment\nint half(int x) {\n  return x / 0;\n}\nint q = 3;\n\n  half(q)");
        int n = answer.reply().path("execution_count").asInt();
        assertThat(answer.reply().path("ename").asText()).isEqualTo("java.lang.ArithmeticException");
        assertThat(answer.reply().path("evalue").asText()).isEqualTo("/ by zero");
        assertThat(answer.traceback())
                .contains("half, Cell[" + n + "], line 5", "return x / 0;", "Cell[" + n + "], line 9", "half(q)")
                .doesNotContain("io.tunebook", "jdk.jshell", "java.lang.reflect");
    }

    @Test
    void framesOfAnEarlierCellNameThatCell() {
        int n = kernel.run("int broken(int[] a) {\n  return a[7];\n}")
                .reply()
                .path("execution_count")
                .asInt();
        assertThat(error("broken(new int[2])").traceback())
                .contains("Cell[" + n + "], line 2", "return a[7];", "Cell[" + (n + 1) + "], line 1");
    }

    @Test
    void causesAndSuppressedAreShown() {
        String trace = error("try {\n  throw new java.io.IOException(\"disk\");\n} catch (IOException e) {\n"
                        + "  var outer = new IllegalStateException(\"outer\", e);\n"
                        + "  outer.addSuppressed(new RuntimeException(\"beside\"));\n  throw outer;\n}")
                .traceback();
        assertThat(trace)
                .contains("java.lang.IllegalStateException: outer", "Caused by: java.io.IOException: disk", "line 2")
                .contains("Suppressed: java.lang.RuntimeException: beside", "line 5");
    }

    @Test
    void anExceptionOfTheCellsOwnKeepsItsName() {
        assertThat(error("class Own extends Exception { Own(String m) { super(m); } }\nthrow new Own(\"mine\");")
                        .reply()
                        .path("ename")
                        .asText())
                .endsWith("Own");
    }

    @Test
    void allCompileErrorsAreShownWithACaret() {
        String trace = error("int fine = 1;\n\nint y = \"a\";\nString s = 5;\nfine.foo();")
                .traceback();
        assertThat(trace)
                .contains("line 3: incompatible types", "int y = \"a\";", "line 4: incompatible types", "String s = 5;")
                .contains("line 5: int cannot be dereferenced", "^^^");
    }

    @Test
    void anErrorInsideAMethodHasItsOwnLine() {
        assertThat(error("int wrong() {\n  int a = 1;\n  return \"\" + a;\n}").traceback())
                .contains("line 3", "return \"\" + a;");
        // What a later cell may still declare is missed when the method is called.
        assertThat(error("int waits() {\n  int a = 1;\n  return a + missing;\n}\nwaits()")
                        .traceback())
                .contains("line 3", "missing", "return a + missing;");
    }

    @Test
    void nothingOfACellRunsThatCannotBeParsed() {
        assertThat(error("System.out.println(\"ran\");\nint = ;").stdout()).isEmpty();
    }

    @Test
    void systemExitIsAnErrorOfTheCell() {
        assertThat(error("System.exit(3)").traceback()).contains("System.exit(3)", "line 1");
        assertThat(error("Runtime.getRuntime().exit(1)").status()).isEqualTo("error");
        assertThat(error("List.of(4).forEach(System::exit)").traceback()).contains("System.exit(4)");
        assertThat(kernel.run("1 + 1").result()).isEqualTo("2");
    }

    @Test
    void aStackOverflowLeavesTheKernelWhole() {
        TestKernel.Answer answer = error("int deep(int n) { return deep(n + 1) + 1; }\ndeep(0)");
        assertThat(answer.reply().path("ename").asText()).isEqualTo("java.lang.StackOverflowError");
        assertThat(answer.traceback().length()).isLessThan(5_000);
        assertThat(kernel.run("1 + 1").result()).isEqualTo("2");
    }

    @Test
    void outOfMemoryLeavesTheKernelWhole() {
        assertThat(error("var hog = new ArrayList<long[]>();\nwhile (true) hog.add(new long[4_000_000]);")
                        .reply()
                        .path("ename")
                        .asText())
                .isEqualTo("java.lang.OutOfMemoryError");
        assertThat(kernel.run("hog = null;").status()).isEqualTo("ok");
        assertThat(kernel.run("1 + 1").result()).isEqualTo("2");
    }

    @Test
    void aToStringThatThrowsDoesNotTakeTheKernelAway() {
        kernel.run("class Bad { public String toString() { throw new IllegalStateException(\"no\"); } }");
        assertThat(kernel.run("new Bad()").status()).isEqualTo("ok");
        assertThat(kernel.run("1 + 1").result()).isEqualTo("2");
    }
}
