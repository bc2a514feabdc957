package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No variable loses its value: the defects of other kernels, one by one. */
@WithKernel
class VariablesTest {
    private static TestKernel kernel;

    private static String value(String code) {
        TestKernel.Answer answer = kernel.run(code);
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        return answer.result();
    }

    @Test
    void importsThatClashLeaveVariablesAlone() {
        kernel.run("var kept = new ArrayList<>(List.of(1, 2, 3));");
        assertThat(kernel.run("import java.lang.reflect.*;\nimport java.util.concurrent.atomic.*;")
                        .status())
                .isEqualTo("ok");
        assertThat(value("kept")).isEqualTo("[1, 2, 3]");
        assertThat(value("kept.size()")).isEqualTo("3");
    }

    @Test
    void aMethodThatIsDeclaredAgainLeavesVariablesAlone() {
        kernel.run("int answer() { return 1; }\nint computed = answer();");
        kernel.run("computed = 77;");
        kernel.run("int answer() { return 2; }");
        assertThat(value("computed")).isEqualTo("77");
        assertThat(value("answer()")).isEqualTo("2");
    }

    @Test
    void anEditedMethodBodyTakesEffectOnLiveObjects() {
        kernel.run("class Greeter { String greet() { return \"old\"; } }\nvar greeter = new Greeter();");
        kernel.run("class Greeter { String greet() { return \"new\"; } }");
        assertThat(value("greeter.greet()")).isEqualTo("new");
    }

    @Test
    void aNewClassOfTheSameNameSaysWhatItReset() {
        kernel.run("class Shape { int a = 1; }\nvar shape = new Shape();\nvar beside = new int[] {5};");
        TestKernel.Answer answer = kernel.run("class Shape { int a = 1; int b = 2; }");
        assertThat(answer.stream("stderr")).contains("shape was reset");
        assertThat(value("beside[0]")).isEqualTo("5");
    }

    @Test
    void codeDefinedBeforeUsesTheNewDefinition() {
        kernel.run("int inner() { return 1; }\nint outer() { return inner() * 10; }");
        kernel.run("int inner() { return 7; }");
        assertThat(value("outer()")).isEqualTo("70");
    }

    @Test
    void variablesSurviveAnError() {
        kernel.run("var before = \"there\";");
        assertThat(kernel.run("int z = 1 / 0;").status()).isEqualTo("error");
        assertThat(kernel.run("int y = nothing;").status()).isEqualTo("error");
        assertThat(value("before")).isEqualTo("there");
    }

    @Test
    void aVariableOfAnInterfaceOrLambdaSurvivesImports() {
        kernel.run("Function<Integer, Integer> twice = x -> 2 * x;\nvar anonymous = new Object() { int hidden = 9; };");
        kernel.run("import java.util.zip.*;\nimport java.text.*;");
        assertThat(value("twice.apply(21)")).isEqualTo("42");
        assertThat(value("anonymous.hidden")).isEqualTo("9");
    }

    @Test
    void classesOfOneCellMayDependOnEachOther() {
        assertThat(value("class Even { static boolean is(int n) { return n == 0 || Odd.is(n - 1); } }\n"
                        + "class Odd { static boolean is(int n) { return n != 0 && Even.is(n - 1); } }\n"
                        + "Even.is(10)"))
                .isEqualTo("true");
        assertThat(value("int first() { return second() + 1; }\nint second() { return 41; }\nfirst()"))
                .isEqualTo("42");
    }

    @Test
    void aStatementMayStandBeforeWhatItNeeds() {
        assertThat(value("var later = declaredBelow(4);\nint declaredBelow(int n) { return n * n; }\nlater"))
                .isEqualTo("16");
    }

    @Test
    void theClassPathGrowsAndVariablesStay(@TempDir Path folder) throws IOException {
        kernel.run("var old = \"here\";");
        Path source = Files.writeString(
                folder.resolve("Added.java"), "package added; public class Added { public int n() { return 5; } }");
        assertThat(ToolProvider.getSystemJavaCompiler()
                        .run(null, null, null, "-d", folder.toString(), source.toString()))
                .isZero();
        kernel.run("%classpath " + folder);
        assertThat(value("new added.Added().n()")).isEqualTo("5");
        assertThat(value("import added.Added;\nAdded a = new Added();\na.n()")).isEqualTo("5");
        assertThat(value("old")).isEqualTo("here");
    }

    @Test
    void aCellMayEvaluateCodeItself() {
        assertThat(value("var outside = 4;\n"
                        + "io.tunebook.kernel.TestKernel.latest.evaluator().evaluate(\"int inside = outside * 10; inside\", 0)"
                        + ".get().value()"))
                .isEqualTo("40");
        assertThat(value("inside + 2")).isEqualTo("42");
    }

    @Test
    void allOfTheLanguageWorks() {
        List<String[]> cells = List.of(
                new String[] {
                    "sealed interface Animal permits Cat, Dog {}\nrecord Cat(String name) implements Animal {}\n"
                            + "record Dog(int age) implements Animal {}\nAnimal pet = new Cat(\"Tom\");\npet",
                    "Cat[name=Tom]"
                },
                new String[] {"var text = \"\"\"\n    one\n      two\n    \"\"\";\ntext.lines().count()", "2"},
                new String[] {"enum Colour { RED, GREEN }\nColour.valueOf(\"RED\").ordinal()", "0"},
                new String[] {
                    "<T extends Comparable<T>> T most(List<T> l) { return Collections.max(l); }\n"
                            + "most(List.of(3, 9, 4))",
                    "9"
                },
                new String[] {"Object o = 5;\no instanceof Integer i && i > 4", "true"},
                new String[] {"switch (3) { case 1, 3 -> \"odd\"; default -> \"even\"; }", "odd"},
                new String[] {"int[] a = {1, 2};\nfor (int x : a) { a[0] += x; }\na[0]", "4"},
                new String[] {"// nothing but a comment", null},
                new String[] {"", null},
                new String[] {"1 + 1;", null},
                new String[] {"1 + 1 // with a comment", "2"},
                new String[] {"Files.exists(Path.of(\"/\")) || Thread.interrupted()", "true"},
                new String[] {"new java.io.StringReader(\"x\").read()", "120"});
        for (String[] cell : cells) {
            assertThat(value(cell[0])).as(cell[0]).isEqualTo(cell[1]);
        }
    }
}
