package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever a cell does, an interrupt ends it, and the next one finds all variables. */
@WithKernel
class InterruptTest {
    private static TestKernel kernel;

    @BeforeAll
    static void start() {
        kernel.run("var trained = List.of(1, 2, 3);");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "while (true) {}",
                "for (;;) ;",
                "do { } while (true);",
                "long sum = 0; for (long i = 0; i < Long.MAX_VALUE; i++) sum += i * i;",
                "int spin(int n) { while (true) { n++; } }\nspin(1);",
                "int up(int n) { return n <= 0 ? 0 : up(n - 1) + up(n - 1); }\nup(200);",
                "Thread.sleep(600_000);",
                "new Object() { synchronized void hang() throws Exception { wait(); } }.hang();",
                "new CountDownLatch(1).await();",
                "new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress()).accept();",
                "var pipe = new PipedInputStream(new PipedOutputStream()); pipe.read();",
                "Stream.iterate(1L, x -> x + 1).mapToLong(x -> x * x).sum()",
                "IntStream.range(0, 8).parallel().forEach(i -> { while (true) {} })",
                "LongStream.range(0, Long.MAX_VALUE).parallel().filter(x -> x % 7 == 0).sum()",
                "while (true) { try { Thread.sleep(5); } catch (InterruptedException e) { } }",
                "while (true) { try { Integer.parseInt(\"x\"); } catch (Exception e) { } }",
                "java.math.BigInteger.valueOf(3).pow(60_000_000).toString();",
                "var worker = new Thread(() -> { while (true) {} }); worker.start(); worker.join();",
                "var pool = Executors.newFixedThreadPool(2); pool.submit(() -> { while (true) {} }).get();",
                "switch (1) { case 1: while (true) { switch (2) { default: continue; } } }",
                "class Loop { Loop() { while (true) {} } }\nnew Loop();",
            })
    void itEnds(String code) throws InterruptedException {
        TestKernel.Answer answer = kernel.interrupt(code, 400);
        assertThat(answer.status()).as(code).isEqualTo("error");
        assertThat(answer.reply().path("ename").asText()).as(answer.traceback()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.run("trained").result()).isEqualTo("[1, 2, 3]");
        assertThat(kernel.run("int n = 0; for (int i = 0; i < 1000; i++) n += i; n")
                        .result())
                .isEqualTo("499500");
    }

    @Test
    void theTracebackSaysWhere() throws InterruptedException {
        assertThat(kernel.interrupt("int a = 1;\n\nThread.sleep(600_000);", 400).traceback())
                .contains("line 3", "Thread.sleep(600_000);");
    }

    @Test
    void anIdleKernelIgnoresIt() {
        assertThat(kernel.control("interrupt_request").status()).isEqualTo("ok");
        assertThat(kernel.run("int k = 0; for (int i = 0; i < 10; i++) k++; k").result())
                .isEqualTo("10");
    }

    @Test
    void waitingForInputEnds() throws InterruptedException {
        kernel.onInput(request -> {
            try {
                Thread.sleep(600_000);
                return "never";
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return "";
            }
        });
        assertThat(kernel.interrupt("new Scanner(System.in).nextLine()", 400)
                        .reply()
                        .path("ename")
                        .asText())
                .isEqualTo("KeyboardInterrupt");
        assertThat(kernel.run("trained").result()).isEqualTo("[1, 2, 3]");
    }

    @Test
    void controlAnswersWhileACellRuns() throws InterruptedException {
        var busy = TestKernel.execute("Thread.sleep(600_000);");
        kernel.start(busy);
        Thread.sleep(200);
        assertThat(kernel.control("kernel_info_request").status()).isEqualTo("ok");
        assertThat(kernel.answer(busy).reply().isEmpty()).isTrue();
        kernel.control("interrupt_request");
        assertThat(kernel.await(busy).status()).isEqualTo("error");
    }
}
