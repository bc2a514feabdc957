package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.protocol.Message;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What cells print, show and ask. */
@WithKernel
class OutputTest {
    private static TestKernel kernel;

    @Test
    void manyLinesAreFewMessages() {
        TestKernel.Answer answer = kernel.run("for (int i = 0; i < 20_000; i++) System.out.println(\"line \" + i);");
        assertThat(answer.of("stream").size()).isBetween(1, 60);
        assertThat(answer.stdout())
                .isEqualTo(IntStream.range(0, 20_000)
                        .mapToObj(i -> "line " + i + System.lineSeparator())
                        .collect(Collectors.joining()));
    }

    @Test
    void bothStreamsKeepTheirOrder() {
        TestKernel.Answer answer =
                kernel.run("System.out.print(\"a\"); System.err.print(\"b\"); System.out.print(\"c\"); display(\"d\");"
                        + " System.out.print(\"e\");");
        assertThat(answer.published().stream()
                        .filter(m -> !m.type().equals("execute_input"))
                        .map(m -> m.type().equals("stream")
                                ? m.content().path("text").asText()
                                : m.content().path("data").path("text/plain").asText()))
                .containsExactly("a", "b", "c", "d", "e");
    }

    @Test
    void charactersOfSeveralBytesAreNeverCut() {
        assertThat(kernel.run("for (int i = 0; i < 9_000; i++) System.out.print(\"中文😀\");")
                        .stdout())
                .isEqualTo("中文😀".repeat(9_000));
    }

    @Test
    void aHundredMegabytesAreCutWithANotice() {
        TestKernel.Answer answer = kernel.run(
                "var mega = \"x\".repeat(1 << 20);\nfor (int i = 0; i < 100; i++) System.out.println(mega);\n\"done\"");
        assertThat(answer.status()).isEqualTo("ok");
        assertThat(answer.result()).isEqualTo("done");
        assertThat(answer.stdout().length()).isLessThanOrEqualTo(1 << 20);
        assertThat(answer.stream("stderr")).contains("cut here", "TUNEBOOK_OUTPUT_LIMIT");
    }

    @Test
    void threadsPrintUnderTheCellThatStartedThem() throws InterruptedException {
        Message first = TestKernel.execute("var latch = new CountDownLatch(1);\nvar printer = new Thread(() -> {\n"
                + "  try { latch.await(); } catch (InterruptedException e) { }\n  System.out.println(\"from the first\");\n});\n"
                + "printer.start();");
        kernel.shell(first);
        TestKernel.Answer second =
                kernel.run("latch.countDown();\nprinter.join();\nSystem.out.println(\"from the second\");");
        Thread.sleep(200); // what the thread printed waits for its message no longer than this
        assertThat(kernel.answer(first).stdout()).isEqualTo("from the first" + System.lineSeparator());
        assertThat(second.stdout()).isEqualTo("from the second" + System.lineSeparator());
    }

    @Test
    void parallelStreamsPrintUnderTheCell() {
        assertThat(kernel.run("IntStream.range(0, 50).parallel().forEach(i -> System.out.println(\"p\"));")
                        .stdout()
                        .lines()
                        .count())
                .isEqualTo(50);
    }

    @Test
    void outputArrivesWhileTheCellRuns() throws InterruptedException {
        Message request = TestKernel.execute("System.out.println(\"early\");\nThread.sleep(600_000);");
        kernel.start(request);
        for (int i = 0; i < 100 && kernel.answer(request).stdout().isEmpty(); i++) {
            Thread.sleep(50);
        }
        assertThat(kernel.answer(request).stdout()).startsWith("early");
        assertThat(kernel.answer(request).reply().isEmpty()).isTrue();
        kernel.control("interrupt_request");
        kernel.await(request);
    }

    @Test
    void scannersAndPasswordsAskTheFrontend() {
        List<String> lines = List.of("first", "42");
        int[] asked = {0};
        kernel.onInput(request -> lines.get(asked[0]++));
        assertThat(kernel.run("var in = new Scanner(System.in);\nin.nextLine() + \"/\" + in.nextInt()")
                        .result())
                .isEqualTo("first/42");
        kernel.onInput(request -> request.path("password").asBoolean() + " "
                + request.path("prompt").asText());
        assertThat(kernel.run("password(\"Key: \")").result()).isEqualTo("true Key: ");
        assertThat(kernel.run("input(\"Name: \")").result()).isEqualTo("false Name: ");
    }

    @Test
    void displaysAreUpdatedById() {
        kernel.run("String shown = display(html(\"<b>one</b>\"), \"box\");");
        TestKernel.Answer answer = kernel.run("update(shown, html(\"<b>two</b>\"));");
        Message update = answer.of("update_display_data").get(0);
        assertThat(update.content().path("transient").path("display_id").asText())
                .isEqualTo("box");
        assertThat(update.content().path("data").path("text/html").asText()).isEqualTo("<b>two</b>");
        assertThat(kernel.run("clear(true);")
                        .of("clear_output")
                        .get(0)
                        .content()
                        .path("wait")
                        .asBoolean())
                .isTrue();
    }

    @Test
    void jsonIsATree() {
        Message shown =
                kernel.run("json(\"{\\\"a\\\": [1, 2]}\")").of("execute_result").get(0);
        assertThat(shown.content()
                        .path("data")
                        .path("application/json")
                        .path("a")
                        .path(1)
                        .asInt())
                .isEqualTo(2);
    }
}
