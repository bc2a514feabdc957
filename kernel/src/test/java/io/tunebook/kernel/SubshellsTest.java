package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.WireKernel.Answer;
import io.tunebook.kernel.WireKernel.Channel;
import io.tunebook.kernel.protocol.Message;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Subshells over the wire: they run beside the main shell, over the same variables. */
@WithKernel
class SubshellsTest {
    private static JsonNode control(WireKernel kernel, String type, ObjectNode content) {
        return kernel.request(Channel.CONTROL, type, content).reply();
    }

    private static String create(WireKernel kernel) {
        JsonNode reply = control(kernel, "create_subshell_request", Message.object());
        assertThat(reply.path("status").asText()).isEqualTo("ok");
        return reply.path("subshell_id").asText();
    }

    private static List<String> list(WireKernel kernel) {
        List<String> ids = new ArrayList<>();
        control(kernel, "list_subshell_request", Message.object())
                .path("subshell_id")
                .forEach(id -> ids.add(id.asText()));
        return ids;
    }

    private static Message start(WireKernel kernel, String subshell, String code) {
        Message request = Message.of(List.of(), Message.object(), "execute_request", "test", WireKernel.cell(code));
        request.header().put("subshell_id", subshell);
        kernel.send(Channel.SHELL, request);
        return request;
    }

    private static Answer execute(WireKernel kernel, String subshell, String code) {
        return kernel.await(start(kernel, subshell, code));
    }

    private static Answer delete(WireKernel kernel, String subshell) {
        return kernel.request(
                Channel.CONTROL, "delete_subshell_request", Message.object().put("subshell_id", subshell));
    }

    @Test
    void areMadeListedAndDeleted(WireKernel kernel) {
        JsonNode info = kernel.request(Channel.SHELL, "kernel_info_request", Message.object())
                .reply();
        assertThat(info.path("supported_features").toString()).contains("\"kernel subshells\"");
        List<String> before = list(kernel); // of other tests
        String first = create(kernel);
        String second = create(kernel);
        assertThat(before).doesNotContain(first, second);
        List<String> all = new ArrayList<>(before);
        all.addAll(List.of(first, second));
        assertThat(list(kernel)).containsExactlyInAnyOrderElementsOf(all);
        assertThat(delete(kernel, first).status()).isEqualTo("ok");
        all.remove(first);
        assertThat(list(kernel)).containsExactlyInAnyOrderElementsOf(all);
        assertThat(delete(kernel, first).status()).isEqualTo("error");
        Answer gone = execute(kernel, first, "1 + 1");
        assertThat(gone.status()).isEqualTo("error");
        assertThat(gone.traceback()).contains("there is no subshell " + first);
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
    }

    @Test
    void runBesideACellOverTheSameVariables(WireKernel kernel) {
        String first = create(kernel);
        String second = create(kernel);
        kernel.execute("import java.util.concurrent.CountDownLatch; int shared = 1;");
        kernel.execute("CountDownLatch main = new CountDownLatch(1); CountDownLatch other = new CountDownLatch(1);");
        Message running = kernel.start("""
                System.out.println("main begins");
                main.await();
                shared += 10;
                System.out.println("main ends");
                shared""");
        kernel.await(running, "stream");
        Message waiting = start(kernel, first, "System.out.println(\"first begins\"); other.await(); shared + 100");
        kernel.await(waiting, "stream");

        Answer answer = execute(kernel, second, """
                int twice(int n) { return 2 * n; }
                record Pair(int a, int b) {}
                shared = 5;
                System.out.println("second");
                new Pair(shared, twice(shared))""");
        assertThat(answer.result()).isEqualTo("Pair[a=5, b=10]");
        assertThat(answer.stdout()).isEqualTo("second\n");
        Answer wrong = execute(kernel, second, "int i = \"text\";");
        assertThat(wrong.traceback()).contains("incompatible types");
        Answer thrown = execute(kernel, second, "Object none = null;\nnone.hashCode()");
        assertThat(thrown.traceback()).contains("NullPointerException", "line 2");
        assertThat(execute(kernel, second, "other.countDown()").status()).isEqualTo("ok");
        Answer firstDone = kernel.await(waiting);
        assertThat(firstDone.result()).isEqualTo("105");
        assertThat(firstDone.stdout()).isEqualTo("first begins\n");
        assertThat(execute(kernel, first, "main.countDown()").status()).isEqualTo("ok");
        Answer mainDone = kernel.await(running);
        assertThat(mainDone.result()).isEqualTo("15");
        assertThat(mainDone.stdout()).isEqualTo("main begins\nmain ends\n");
        assertThat(kernel.execute("twice(shared)").result()).isEqualTo("30");
    }

    @Test
    void eachKeepsItsThread(WireKernel kernel) {
        String one = create(kernel);
        kernel.execute("var kept = new ThreadLocal<String>(); kept.set(\"main\");");
        assertThat(execute(kernel, one, "kept.get() == null").result()).isEqualTo("true");
        execute(kernel, one, "kept.set(\"one\")");
        assertThat(execute(kernel, one, "kept.get()").result()).isEqualTo("one");
        assertThat(kernel.execute("kept.get()").result()).isEqualTo("main");
    }

    @Test
    void anErrorAbortsOnlyWhatWaitsInItsShell(WireKernel kernel) {
        String one = create(kernel);
        kernel.execute("var gate = new java.util.concurrent.CountDownLatch(1);");
        Message failing = kernel.start("System.out.println(1); gate.await(); throw new IllegalStateException();");
        kernel.await(failing, "stream");
        Message behind = kernel.start("2");
        Message beside = start(kernel, one, "gate.countDown(); 3");
        assertThat(kernel.await(beside).result()).isEqualTo("3");
        assertThat(kernel.await(failing).status()).isEqualTo("error");
        assertThat(kernel.await(behind).status()).isEqualTo("aborted");
    }

    @Test
    void anInterruptEndsWhatRuns(WireKernel kernel) {
        String one = create(kernel);
        Message main = kernel.start("System.out.println(1); while (true) {}");
        kernel.await(main, "stream");
        Message beside = start(kernel, one, "System.out.println(2); Thread.sleep(600_000);");
        kernel.await(beside, "stream");
        kernel.interrupt();
        assertThat(kernel.await(main).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.await(beside).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
        assertThat(execute(kernel, one, "1 + 2").result()).isEqualTo("3");
    }

    /**
     * Workers of the common pool belong to no cell: they count for one that runs, and not for one that began later and
     * has ended.
     */
    @Test
    void anInterruptReachesTheCommonPoolThoughAnotherShellRanACellMeanwhile(WireKernel kernel) {
        Message main = kernel.start(
                "ForkJoinPool.commonPool().execute(() -> { System.out.println(1); while (true) {} });\nThread.sleep(600_000);");
        kernel.await(main, "stream");
        assertThat(execute(kernel, create(kernel), "1 + 1").result()).isEqualTo("2");
        kernel.interrupt();
        assertThat(kernel.await(main).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.execute(
                                "int asked = 0;\nwhile (ForkJoinPool.commonPool().getActiveThreadCount() > 0 && asked++ < 1000)"
                                        + " Thread.sleep(20);\nForkJoinPool.commonPool().getActiveThreadCount()")
                        .result())
                .isEqualTo("0");
    }

    @Test
    void deletingEndsWhatRunsThere(WireKernel kernel) {
        String one = create(kernel);
        Message beside = start(kernel, one, "System.out.println(2); while (true) {}");
        kernel.await(beside, "stream");
        assertThat(delete(kernel, one).status()).isEqualTo("ok");
        assertThat(kernel.await(beside).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
    }

    @Test
    void manyCellsAtOnce(WireKernel kernel) {
        List<String> shells = List.of("", create(kernel), create(kernel), create(kernel));
        kernel.execute("var counts = new java.util.concurrent.ConcurrentHashMap<Integer, Integer>();");
        List<Message> all = new ArrayList<>();
        for (int i = 0; i < 80; i++) {
            String code = "int v" + i + " = " + i + "; for (int k = 0; k < 100; k++) counts.merge(" + i
                    + ", 1, Integer::sum); int f" + i + "() { return v" + i + " * 2; }\nf" + i + "() + counts.get(" + i
                    + ")";
            all.add(start(kernel, shells.get(i % 4), code));
        }
        for (int i = 0; i < 80; i++) {
            Answer answer = kernel.await(all.get(i));
            assertThat(answer.result()).as(answer.traceback()).isEqualTo(String.valueOf(2 * i + 100));
        }
        assertThat(kernel.execute("v7 + v78 + counts.size()").result()).isEqualTo("165");
    }
}
