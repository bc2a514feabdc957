package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Expressions and statements are compiled in one run of the compiler, past JShell: they mean what they mean to JShell.
 */
@WithKernel
class StatementsTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "1 + 1 | 2",
                "1 + 1 // a comment | 2",
                "/* before */ 2 * 3 /* behind */ | 6",
                "(byte) 300 | 44",
                "'a' | a",
                "true ? 1 : 2.0 | 1.0",
                "true ? Integer.valueOf(1) : \"x\" | 1",
                "10_000_000_000L | 10000000000",
                "\"a\" + 1 | a1",
                "new int[] {1, 2}.length | 2",
                "List.of(1, \"b\") | [1, b]",
                "int.class | int",
                "5 < 6 | true",
                "Stream.of(1, 2).map(x -> x * 2).toList() | [2, 4]",
                "Stream.of(1, 2).map(String::valueOf).collect(Collectors.joining()) | 12",
                "new Object() { public String toString() { return \"mine\"; } } | mine",
                "System.getProperty(\"java.specification.version\").isEmpty() | false",
                "Math.max(1, 2) | 2",
                "Objects.requireNonNullElse(null, 3) | 3",
            })
    void anExpressionHasItsValue(String code, String result, WireKernel kernel) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.result()).as(answer.traceback()).isEqualTo(result);
    }

    @Test
    void aSemicolonHidesTheValue(WireKernel kernel) {
        assertThat(kernel.execute("Math.abs(-1);").result()).isNull();
        assertThat(kernel.execute("1 + 1;").status()).isEqualTo("ok");
        assertThat(kernel.execute("1 + 1;").result()).isNull();
    }

    @Test
    void whatGivesNothingHasNoResult(WireKernel kernel) {
        for (String code :
                new String[] {"System.out.println(5)", "System.out.println(5);", "System.out.println(5) // c"}) {
            WireKernel.Answer answer = kernel.execute(code);
            assertThat(answer.stdout()).isEqualTo("5\n");
            assertThat(answer.result()).isNull();
            assertThat(answer.status()).isEqualTo("ok");
        }
    }

    @Test
    void variablesAndClassesOfCellsAreSeen(WireKernel kernel) {
        kernel.execute(
                "int n = 3; int[] all = {1}; record P(int a, List<P> b) { int twice() { return 2 * a; } }\nint f(int x) { return x + n; }");
        assertThat(kernel.execute("f(1)").result()).isEqualTo("4");
        assertThat(kernel.execute("n = 5").result()).isEqualTo("5");
        assertThat(kernel.execute("n++").result()).isEqualTo("5");
        assertThat(kernel.execute("n += f(0)").result()).isEqualTo("12");
        assertThat(kernel.execute("all[0]++;\nfor (int i = 0; i < 3; i++) all[0] += i;\nall[0]")
                        .result())
                .isEqualTo("5");
        assertThat(kernel.execute("new P(4, List.of())").result()).isEqualTo("P[a=4, b=[]]");
        assertThat(kernel.execute("_.twice()").result()).isEqualTo("8");
        assertThat(kernel.execute("List.of(new P(1, null))").status()).isEqualTo("ok");
        assertThat(kernel.execute("_.get(0).twice()").result()).isEqualTo("2");
        // The variable is another one from here on, and so it is for what comes later.
        kernel.execute("String n = \"text\";");
        assertThat(kernel.execute("n.length()").result()).isEqualTo("4");
        kernel.execute("record P(String a) { }");
        assertThat(kernel.execute("new P(n).a()").result()).isEqualTo("text");
    }

    @Test
    void statementsOfAllKinds(WireKernel kernel) {
        kernel.execute("int sum = 0;");
        kernel.execute(
                "for (int x : new int[] {1, 2}) sum += x;\nwhile (sum < 10) { sum++; }\ndo { sum++; } while (sum < 20);\n"
                        + "if (sum == 20) { sum *= 2; } else sum = 0;\ntry { throw new IllegalStateException(); } catch (IllegalStateException e) { sum++; }"
                        + "synchronized (System.out) { sum++; }\n{ int inner = 8; sum += inner; }\nassert sum == 50;");
        assertThat(kernel.execute("sum").result()).isEqualTo("50");
        assertThat(kernel.execute("assert sum == 0 : \"fifty\";")
                        .error()
                        .path("ename")
                        .asText())
                .isEqualTo("java.lang.AssertionError");
        assertThat(kernel.execute("switch (sum) { case 50: sum = 1; break; default: sum = 2; }")
                        .status())
                .isEqualTo("ok");
        assertThat(kernel.execute("sum").result()).isEqualTo("1");
        assertThat(kernel.execute("int local() { return 1; }\n{ class A { int x = 9; } sum = new A().x; }\nsum")
                        .result())
                .isEqualTo("9");
    }

    @Test
    void errorsStandAtTheirLines(WireKernel kernel) {
        WireKernel.Answer thrown =
                kernel.execute("int none = 0;\n\n\"a\"\n  .repeat(1)\n  .charAt(\n    Math.floorDiv(7, none));");
        assertThat(thrown.error().path("ename").asText()).isEqualTo("java.lang.ArithmeticException");
        assertThat(thrown.traceback()).contains("line 6", "Math.floorDiv(7, none)");
        assertThat(kernel.execute("\n\nList.of(1).get(\n 3)").traceback()).contains("line 3");
        assertThat(kernel.execute("\n1 +\n  undefinedHere").traceback()).contains("line 3", "undefinedHere");
        assertThat(kernel.execute("if (true) {\n  new Exception(\"x\").printStackTrace();\n}")
                        .stderr())
                .contains("line 2")
                .doesNotContain("$JShell$");
    }

    @Test
    void aCellThatIsTooLargeForAClassHarmsNoOther(WireKernel kernel) {
        assertThat(kernel.execute("\"" + "x".repeat(70_000) + "\".length()").status())
                .isEqualTo("error");
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
        assertThat(kernel.execute("1" + " + 1".repeat(20_000)).status()).isIn("ok", "error");
        assertThat(kernel.execute("2 + 2").result()).isEqualTo("4");
    }

    @Test
    void whatWaitsForALaterCellSaysSo(WireKernel kernel) {
        kernel.execute("int calls() { return later(); }");
        assertThat(kernel.execute("calls()").traceback()).contains("later");
        kernel.execute("int later() { return 6; }");
        assertThat(kernel.execute("calls()").result()).isEqualTo("6");
    }

    /** A lambda that is kept sees the variable as it is declared now. */
    @Test
    void whatIsKeptIsJShells(WireKernel kernel) {
        kernel.execute("int counter = 1; List<Supplier<Object>> kept = new ArrayList<>();");
        kernel.execute("kept.add(() -> counter)");
        kernel.execute("int counter = 2;");
        assertThat(kernel.execute("kept.get(0).get()").result()).isEqualTo("2");
    }
}
