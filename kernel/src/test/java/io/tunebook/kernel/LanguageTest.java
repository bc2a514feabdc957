package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Java as people write it in cells, and what a cell says when the compiler gives up. */
@WithKernel
class LanguageTest {
    @TempDir
    Path folder;

    private static WireKernel.Answer error(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(code).isEqualTo("error");
        assertThat(answer.error()).as("what is published").isNotNull();
        assertThat(answer.traceback()).isNotBlank();
        return answer;
    }

    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer;
    }

    // ---- the compiler gives up

    @Test
    void aStringThatIsTooLongForAClassHarmsItsCellAlone(WireKernel kernel) {
        ok(kernel, "int keep = 42;");
        String letters = "a".repeat(70_000);
        for (String cell : new String[] {
            "String s = \"" + letters + "\";",
            "var json = \"\"\"\n" + letters + "\n\"\"\";",
            "System.out.println(\"" + letters + "\");",
            "String f() { return \"" + letters + "\"; }",
            "class Long1 { String s = \"" + letters + "\"; }",
            "\"" + letters + "\".length()"
        }) {
            WireKernel.Answer answer = error(kernel, cell);
            assertThat(answer.error().path("evalue").asText()).contains("too long");
            assertThat(answer.traceback().length()).isLessThan(2_000);
            assertThat(ok(kernel, "keep").result()).isEqualTo("42");
            assertThat(ok(kernel, "1 + 1").result()).isEqualTo("2");
        }
        ok(kernel, "int q = 5;");
        assertThat(ok(kernel, "keep + q").result()).isEqualTo("47");
    }

    @Test
    void deepCodeIsCompiledOnADeeperStack(WireKernel kernel) {
        assertThat(ok(kernel, "1" + " + 1".repeat(4_000)).result()).isEqualTo("4001");
        assertThat(ok(kernel, "(".repeat(2_000) + "7" + ")".repeat(2_000)).result())
                .isEqualTo("7");
        assertThat(ok(kernel, "new StringBuilder()" + ".append(1)".repeat(2_000) + ".length()")
                        .result())
                .isEqualTo("2000");
        assertThat(ok(kernel, "1 + 1").result()).isEqualTo("2");
    }

    @Test
    void anErrorInsideTheCompilerIsAnErrorOfTheCell(WireKernel kernel) {
        ok(kernel, "int before = 1;");
        WireKernel.Answer answer =
                kernel.execute("@java.lang.annotation.Repeatable(Tags.class) @interface Tag { String value(); }\n"
                        + "@interface Tags { Tag[] value(); }\n@Tag(\"a\") @Tag(\"b\") class Tagged {}");
        if (!answer.status().equals("ok")) { // the JDK's javac cannot do it: then it says so
            assertThat(answer.traceback()).contains("Cell[", "line 1");
        }
        assertThat(ok(kernel, "before + 1").result()).isEqualTo("2");
    }

    // ---- what a later cell declares

    @Test
    void methodsAndClassesMayReferToWhatALaterCellDeclares(WireKernel kernel) {
        assertThat(ok(kernel, "int first(int n) { return n == 0 ? 0 : second(n - 1); }")
                        .stderr())
                .isEqualTo("method first is defined; it cannot be called until method second(int) is declared.\n");
        assertThat(error(kernel, "first(3)").error().path("evalue").asText())
                .isEqualTo("first() needs method second(int), which no cell has declared");
        assertThat(ok(kernel, "class Ship { Harbour harbour; }").stderr())
                .isEqualTo("class Ship is defined; it cannot be used until class Harbour is declared.\n");
        assertThat(error(kernel, "new Ship()").traceback()).contains("until class Harbour is declared");
        assertThat(ok(kernel, "int second(int n) { return first(n) + 1; }").stderr())
                .isEmpty();
        assertThat(ok(kernel, "first(2)").result()).isEqualTo("2");
        ok(kernel, "class Harbour { Ship ship = new Ship(); }");
        assertThat(ok(kernel, "new Harbour().ship.harbour == null").result()).isEqualTo("true");
        // in one cell, in any order
        assertThat(ok(kernel, "int a1() { return b1(); }\nint x1 = a1();\nint b1() { return 5; }\nx1")
                        .result())
                .isEqualTo("5");
    }

    @Test
    void aVariableOfWhatIsNotDeclaredIsAnError(WireKernel kernel) {
        assertThat(error(kernel, "Nowhere n = null;").traceback()).contains("Nowhere");
        ok(kernel, "class Nowhere {}");
        assertThat(error(kernel, "n").traceback()).contains("cannot find symbol");
    }

    // ---- JShell's own rules

    @Test
    void recordsMayHaveConstructorsOfAnyForm(WireKernel kernel) {
        ok(kernel, "record P(int a) { P { if (a < 0) throw new IllegalArgumentException(\"negative\"); } }");
        assertThat(error(kernel, "new P(-1)").traceback()).contains("negative", "P.<init>, Cell[", "line 1");
        assertThat(ok(
                                kernel,
                                "record R(int a, String b) {\n  R(int a, String b) { this.a = a; this.b = b; }\n"
                                        + "  R(int a) { this(a, \"z\"); }\n  record In(int i) { In { } }\n}\nnew R(3)")
                        .result())
                .isEqualTo("R[a=3, b=z]");
        String trace = error(kernel, "record S(int a) { S { } int bad() { return \"s\"; } }")
                .traceback();
        assertThat(trace).contains("\n     |" + " ".repeat(44) + "^^^");
    }

    @Test
    void assertionsCount(WireKernel kernel) {
        assertThat(error(kernel, "assert 1 > 2 : \"no\";").error().path("ename").asText())
                .isEqualTo("java.lang.AssertionError");
        error(kernel, "void check(int x) { assert x > 0; }\ncheck(0)");
        error(kernel, "class Checked { Checked() { assert false; } }\nnew Checked()");
        ok(kernel, "check(1); assert true;");
    }

    @Test
    void aCellMayBeAFileOfAPackage(WireKernel kernel) throws IOException {
        ok(
                kernel,
                "// a comment\npackage com.mine;\n\npublic class Foo {\n  public static int bar() { return 1; }\n"
                        + "  public int fails() {\n    return 1 / 0;\n  }\n}");
        assertThat(ok(kernel, "import com.mine.Foo;\nFoo.bar()").result()).isEqualTo("1");
        assertThat(ok(kernel, "Foo.class.getName()").result()).isEqualTo("com.mine.Foo");
        assertThat(error(kernel, "new Foo().fails()").traceback())
                .containsPattern("com.mine.Foo.fails, Cell\\[\\d+\\], line 7");
        ok(kernel, "var live = new Foo();");
        ok(
                kernel,
                "package com.mine; public class Foo { public static int bar() { return 2; } public int fails() { return 3; } }");
        assertThat(ok(kernel, "Foo.bar() + live.fails()").result()).isEqualTo("5");
        assertThat(error(kernel, "package com.mine;\nclass Wrong { int x = \"\"; }")
                        .traceback())
                .contains("line 2", "cannot be converted");
        Path file = Files.writeString(
                folder.resolve("Pair.java"), "package org.pairs;\npublic record Pair(int a, int b) {}");
        ok(kernel, "%load " + file);
        assertThat(ok(kernel, "new org.pairs.Pair(1, 2)").result()).isEqualTo("Pair[a=1, b=2]");
    }

    @Test
    void aClassFolderIsReadAnewWhenItChanges(WireKernel kernel) throws IOException {
        compile("one");
        ok(kernel, "%classpath " + folder);
        assertThat(ok(kernel, "lib.Said.say()").result()).isEqualTo("one");
        compile("two");
        assertThat(ok(kernel, "lib.Said.say()").result()).isEqualTo("two");
    }

    private void compile(String text) throws IOException {
        Path source = folder.resolve("Said.java");
        Files.writeString(
                source,
                "package lib; public class Said { public static String say() { return new String(\"" + text
                        + "\"); } }");
        assertThat(ToolProvider.getSystemJavaCompiler()
                        .run(null, null, null, "-d", folder.toString(), source.toString()))
                .isZero();
        Path compiled = folder.resolve("lib/Said.class");
        Files.setLastModifiedTime(
                compiled,
                java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() + text.hashCode() % 9999));
    }

    // ---- names and lines as typed

    @Test
    void messagesHaveTheNamesOfTheCell(WireKernel kernel) {
        assertThat(error(kernel, "void shout(String words) { words.toUpperCase(); }\nshout(null)")
                        .error()
                        .path("evalue")
                        .asText())
                .isEqualTo("Cannot invoke \"String.toUpperCase()\" because \"words\" is null");
        assertThat(error(kernel, "String nothing = null;\nnothing.length()")
                        .error()
                        .path("evalue")
                        .asText())
                .isEqualTo("Cannot invoke \"String.length()\" because \"nothing\" is null");
        assertThat(error(
                                kernel,
                                "class Own extends Exception { Own(String m) { super(m); } }\nthrow new Own(\"mine\");")
                        .error()
                        .path("ename")
                        .asText())
                .isEqualTo("Own");
        assertThat(ok(kernel, "class Dog {}\nnew Dog()").result()).matches("Dog@[0-9a-f]+");
        assertThat(ok(kernel, "System.out.println(new Dog().getClass()); new Dog().getClass()")
                        .stdout())
                .isEqualTo("class Dog\n");
    }

    @Test
    void stackTracesReadAsCellsWhoeverPrintsThem(WireKernel kernel) {
        WireKernel.Answer answer = ok(
                kernel,
                "void thrower() {\n\n  throw new IllegalStateException(\"here\");\n}\n"
                        + "try { thrower(); } catch (IllegalStateException e) {\n  e.printStackTrace();\n  System.out.println(e); }");
        assertThat(answer.stdout()).isEqualTo("java.lang.IllegalStateException: here\n");
        assertThat(answer.stderr())
                .matches("java.lang.IllegalStateException: here\n"
                        + "\tat thrower, Cell\\[\\d+\\], line 3\n\tat Cell\\[\\d+\\], line 5\n");
        String thread = ok(kernel, "Thread t = new Thread(() -> thrower());\nt.start();\nt.join();")
                .stderr();
        assertThat(thread)
                .startsWith("Exception in thread")
                .containsPattern("at thrower, Cell\\[\\d+\\], line 3\n")
                .containsPattern("at Cell\\[\\d+\\], line 1\n")
                .doesNotContain("REPL", "JShell");
        assertThat(ok(kernel, "new Exception(\"shown\")").result())
                .startsWith("java.lang.Exception: shown")
                .containsPattern("at Cell\\[\\d+\\], line 1")
                .doesNotContain("JShell", "io.tunebook.kernel");
        assertThat(ok(
                                kernel,
                                "var writer = new StringWriter(); new Exception(\"w\").printStackTrace(new PrintWriter(writer));"
                                        + " writer.toString()")
                        .result())
                .doesNotContain("JShell");
    }

    @Test
    void aLibraryThatIsKeptOutSaysWhichOptionOpens(WireKernel kernel) {
        assertThat(error(kernel, "LocalDate.class.getDeclaredField(\"day\").setAccessible(true);")
                        .traceback())
                .contains("--add-opens=java.base/java.time=ALL-UNNAMED");
    }

    @Test
    void whatSparkAndArrowNeedIsOpen(WireKernel kernel) {
        ok(kernel, "Class.forName(\"sun.nio.ch.FileChannelImpl\").getDeclaredMethods()[0].setAccessible(true);");
        ok(kernel, "java.nio.Buffer.class.getDeclaredField(\"address\").setAccessible(true);");
    }

    // ---- results

    @Test
    void formerResultsHaveNames(WireKernel kernel) {
        ok(kernel, "5 * 3");
        assertThat(ok(kernel, "_ + 1").result()).isEqualTo("16");
        assertThat(ok(kernel, "_ * 2 + __").result()).isEqualTo("47");
        ok(kernel, "List.of(\"x\", \"yy\")");
        int n = ok(kernel, "_.get(1).length() + \"_\".length()")
                .reply()
                .path("execution_count")
                .asInt();
        assertThat(ok(kernel, "Out.get(" + n + ")").result()).isEqualTo("3");
        assertThat(ok(kernel, "In.get(" + (n - 1) + ")").result()).isEqualTo("List.of(\"x\", \"yy\")");
        assertThat(ok(kernel, "int __ = 9;\n__").result()).isEqualTo("9");
    }
}
