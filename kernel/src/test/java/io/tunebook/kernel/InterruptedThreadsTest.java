package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An interrupt that ends the work of a cell's other threads ends the cell, though its own thread may see nothing but
 * that what it waited for is over. Each cell here waits in a way that no interrupt reaches.
 */
@WithKernel
class InterruptedThreadsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                // A thread whose end is all that the cell waits for.
                "var ended = new Semaphore(0);\n"
                        + "new Thread(() -> { try { System.out.println(1); while (true) {} } finally { ended.release(); } }).start();\n"
                        + "ended.acquireUninterruptibly();",
                // One that swallows what stops it.
                "var ended = new Semaphore(0);\n"
                        + "new Thread(() -> { try { System.out.println(1); while (true) {} } catch (Throwable t) { } ended.release(); }).start();\n"
                        + "ended.acquireUninterruptibly();",
                // An executor, which keeps the throwable in a future that nobody asks.
                "var ended = new Semaphore(0);\nvar pool = Executors.newFixedThreadPool(2);\n"
                        + "pool.submit(() -> { try { System.out.println(1); while (true) {} } finally { ended.release(); } });\n"
                        + "ended.acquireUninterruptibly();",
                // A future with an answer for every failure.
                "CompletableFuture.runAsync(() -> { System.out.println(1); while (true) {} }).handle((v, t) -> 5).join()",
                "CompletableFuture.supplyAsync(() -> { System.out.println(1); while (true) {} }).exceptionally(t -> 5).join()",
                // A parallel stream whose work swallows everything, in the cell's own thread too.
                "IntStream.range(0, 4).parallel().forEach(i -> { try { System.out.println(1); while (true) {} } catch (Throwable t) { } })",
                // A pool of its own, joined without asking for the outcome.
                "var task = new ForkJoinPool(2).submit(() -> { System.out.println(1); while (true) {} });\ntask.quietlyJoin();",
                // The cell's own thread swallows it.
                "try { System.out.println(1); while (true) {} } catch (Throwable t) { }",
                // A value would be there, and a variable for it.
                "int five = CompletableFuture.supplyAsync(() -> { System.out.println(1); while (true) {} }).handle((v, t) -> 5).join();",
                // What the cell shows is asked for in threads of its own.
                "new Object() { public String toString() { return \"\" + CompletableFuture.runAsync(() -> {"
                        + " System.out.println(1); while (true) {} }).handle((v, t) -> 5).join(); } }",
            })
    void theCellEndsAsInterrupted(String code, WireKernel kernel) {
        kernel.execute("var trained = List.of(1, 2, 3);");
        WireKernel.Answer answer = kernel.interruptAfterOutput(code);
        assertThat(answer.status()).as(code).isEqualTo("error");
        assertThat(answer.error().path("ename").asText()).as(answer.traceback()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.execute("trained").result()).isEqualTo("[1, 2, 3]");
    }

    @Test
    void theTracebackSaysWhereTheThreadWas(WireKernel kernel) {
        // One snippet, so that the cell's own thread runs when the interrupt comes.
        WireKernel.Answer answer = kernel.interruptAfterOutput("{\n  var ended = new Semaphore(0);\n"
                + "  new Thread(() -> {\n    try {\n      System.out.println(1);\n      while (true) {}\n    } finally {\n"
                + "      ended.release();\n    }\n  }).start();\n  ended.acquireUninterruptibly();\n}");
        assertThat(answer.traceback()).contains("KeyboardInterrupt", "line 6", "while (true) {}");
    }

    @Test
    void anInterruptAtAMethodsEntryStandsAtItsLine(WireKernel kernel) {
        WireKernel.Answer answer = kernel.interruptAfterOutput(
                "\n\nint up(int n) { return n <= 0 ? 0 : up(n - 1) + up(n - 1); }\n{ System.out.println(1); up(200); }");
        assertThat(answer.traceback())
                .containsPattern("up, Cell\\[\\d+\\], line 3")
                .doesNotContain("line 1\n");
    }

    @Test
    void aCellThatEndsByItselfWhenItIsAskedToHasEndedWell(WireKernel kernel) {
        WireKernel.Answer answer = kernel.interruptAfterOutput(
                "int done = 0;\ntry { System.out.println(1); Thread.sleep(600_000); } catch (InterruptedException e) { done = 7; }");
        assertThat(answer.status()).as(answer.traceback()).isEqualTo("ok");
        assertThat(kernel.execute("done").result()).isEqualTo("7");
    }

    @Test
    void nothingRunsBehindAPieceThatCaughtIt(WireKernel kernel) {
        WireKernel.Answer answer = kernel.interruptAfterOutput(
                "try { System.out.println(1); Thread.sleep(600_000); } catch (InterruptedException e) { }\n"
                        + "int behind() { return 1; }");
        assertThat(answer.error().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.execute("behind()").status()).isEqualTo("error");
    }
}
