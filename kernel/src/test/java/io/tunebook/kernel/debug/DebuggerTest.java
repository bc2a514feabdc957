package io.tunebook.kernel.debug;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.WireKernel;
import io.tunebook.kernel.WithKernel;
import io.tunebook.kernel.debug.CellFiles.Murmur2;
import io.tunebook.kernel.protocol.Message;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The debugger over the wire, with the messages that JupyterLab sends. */
@WithKernel(fresh = true)
public class DebuggerTest {
    @Test
    void isAnnounced(WireKernel kernel) {
        JsonNode info = kernel.request(WireKernel.Channel.SHELL, "kernel_info_request", Message.object())
                .reply();
        assertThat(info.path("debugger").asBoolean()).isTrue();
        assertThat(info.path("supported_features").toString()).contains("\"debugger\"");
        DebugClient client = new DebugClient(kernel);
        JsonNode before = client.request("debugInfo", DebugClient.object());
        assertThat(before.path("isStarted").asBoolean()).isFalse();
        assertThat(before.path("hashMethod").asText()).isEqualTo("Murmur2");
        client.start();
        String code = "int a = 1;";
        String path = client.breakpoints(code, 1);
        JsonNode info2 = client.request("debugInfo", DebugClient.object());
        assertThat(info2.path("isStarted").asBoolean()).isTrue();
        assertThat(path)
                .isEqualTo(info2.path("tmpFilePrefix").asText()
                        + Murmur2.hash(
                                code, info2.path("hashSeed").numberValue().intValue())
                        + info2.path("tmpFileSuffix").asText());
        assertThat(info2.path("breakpoints").toString())
                .isEqualTo("[{\"source\":\"" + path + "\",\"breakpoints\":[{\"line\":1}]}]");
        assertThat(client.ask("nonsense", DebugClient.object()).path("success").asBoolean())
                .isFalse();
        client.request("disconnect", DebugClient.object().put("restart", false));
        assertThat(kernel.execute(code).status())
                .as("no breakpoint after the end")
                .isEqualTo("ok");
    }

    @Test
    void stopsStepsAndLooksAround(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        String methods = """
                record Point(int x, List<String> names) {}
                double scale = 2.5;
                int twice(int n) {
                    // a comment
                    int half = n;
                    return half * 2;
                }""";
        assertThat(kernel.execute(methods).status()).isEqualTo("ok"); // before the debugger is there
        client.start();
        String path = client.breakpoints(methods, 4);
        String code = """
                int total = 0;
                for (int i = 0; i < 2; i++) {
                    Point p = new Point(i, List.of("a", "b"));
                    total += twice(10 + i);
                }
                total""";
        String cell = client.breakpoints(code, 4);
        Message running = kernel.start(code);

        JsonNode stopped = client.event("stopped");
        assertThat(stopped.path("reason").asText()).isEqualTo("breakpoint");
        JsonNode frames = client.frames(stopped);
        assertThat(frames).hasSize(1);
        assertThat(frames.path(0).path("line").asInt()).isEqualTo(4);
        assertThat(frames.path(0).path("source").path("path").asText()).isEqualTo(cell);
        assertThat(client.scope(frames.path(0), "Locals"))
                .containsEntry("i", "0")
                .containsEntry(
                        "scale", "2.5") // a cell's own statements have the variables of cells for their local ones
                .containsKey("p");
        assertThat(client.scope(frames.path(0), "Globals"))
                .containsEntry("total", "0")
                .containsEntry("scale", "2.5");
        assertThat(client.evaluate(frames.path(0), "p.names().size() + i + scale"))
                .isEqualTo("4.5");
        assertThat(client.evaluate(frames.path(0), "p.nothing()")).startsWith("error: CompilationError");

        client.go("next", stopped);
        stopped = client.event("stopped");
        assertThat(stopped.path("reason").asText())
                .as("the other breakpoint comes first")
                .isEqualTo("breakpoint");
        frames = client.frames(stopped);
        assertThat(frames).hasSize(2);
        assertThat(frames.path(0).path("name").asText()).isEqualTo("twice");
        assertThat(frames.path(0).path("line").asInt())
                .as("the line behind the comment")
                .isEqualTo(5);
        assertThat(frames.path(0).path("source").path("path").asText()).isEqualTo(path);
        assertThat(frames.path(1).path("line").asInt()).isEqualTo(4);
        assertThat(client.scope(frames.path(0), "Locals")).isEqualTo(Map.of("n", "10"));
        assertThat(client.scope(frames.path(1), "Locals")).containsEntry("i", "0");

        client.go("next", stopped);
        stopped = client.event("stopped");
        assertThat(stopped.path("reason").asText()).isEqualTo("step");
        assertThat(client.scope(client.frames(stopped).path(0), "Locals")).isEqualTo(Map.of("n", "10", "half", "10"));
        client.go("stepOut", stopped);
        stopped = client.event("stopped");
        frames = client.frames(stopped);
        assertThat(frames).hasSize(1);
        assertThat(client.evaluate(frames.path(0), "total")).isEqualTo("20");

        client.breakpoints(methods);
        client.breakpoints(code, 4);
        client.go("continue", stopped);
        stopped = client.event("stopped");
        assertThat(client.scope(client.frames(stopped).path(0), "Locals")).containsEntry("i", "1");
        client.go("stepIn", stopped);
        stopped = client.event("stopped");
        assertThat(client.frames(stopped).path(0).path("name").asText()).isEqualTo("twice");
        client.breakpoints(code);
        client.go("continue", stopped);
        WireKernel.Answer answer = kernel.await(running);
        assertThat(answer.result()).isEqualTo("42");
    }

    @Test
    void showsWhatIsInAValueWithoutRunningCode(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        WireKernel.Answer declared = kernel.execute("""
                class Node { int id = 7; Node next; public String toString() { throw new IllegalStateException(); } }
                Node node = new Node();
                node.next = new Node();
                int[] numbers = {1, 2, 3};
                var map = new TreeMap<String, Object>(Map.of("k", List.of(1.5), "n", 'c'));
                String text = "a\\n\\"b";
                var big = new ArrayList<>(Collections.nCopies(1000, "x"));
                Object nothing = null;""");
        assertThat(declared.status()).as(declared.traceback()).isEqualTo("ok");
        JsonNode body = client.request("inspectVariables", DebugClient.object());
        Map<String, String> values = DebugClient.values(body);
        assertThat(values)
                .containsEntry("numbers", "int[3]")
                .containsEntry("map", "TreeMap, size 2")
                .containsEntry("text", "\"a\\n\\\"b\"")
                .containsEntry("big", "ArrayList, size 1000")
                .containsEntry("nothing", "null");
        assertThat(values.get("node")).startsWith("Node@");
        assertThat(client.values(reference(body, "numbers"))).isEqualTo(Map.of("[0]", "1", "[1]", "2", "[2]", "3"));
        assertThat(client.values(reference(body, "map"))).containsEntry("\"n\"", "'c'");
        assertThat(client.values(reference(body, "node"))).containsEntry("id", "7");
        assertThat(client.values(reference(body, "big"))).hasSize(201).containsEntry("…", "800 more");

        kernel.execute("numbers[0] = 9; int later = 5;");
        body = client.request("inspectVariables", DebugClient.object());
        assertThat(DebugClient.values(body)).containsEntry("later", "5");
        assertThat(client.values(reference(body, "numbers"))).containsEntry("[0]", "9");
        assertThat(client.request("richInspectVariables", DebugClient.object().put("variableName", "later"))
                        .path("data")
                        .path("text/plain")
                        .asText())
                .isEqualTo("5");
    }

    private static int reference(JsonNode body, String name) {
        for (JsonNode v : body.path("variables")) {
            if (v.path("name").asText().equals(name)) {
                return v.path("variablesReference").asInt();
            }
        }
        throw new AssertionError("no variable " + name);
    }

    @Test
    void aStoppedCellCanBeInterrupted(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        client.start();
        String code = "int before = 1;\nint after = 2;";
        client.breakpoints(code, 2);
        Message running = kernel.start(code);
        client.event("stopped");
        kernel.interrupt();
        client.event("continued");
        assertThat(kernel.await(running).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        client.breakpoints(code);
        assertThat(kernel.execute("before + 1").result()).isEqualTo("2");
    }

    @Test
    void classesLambdasAndThreadsStopToo(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        client.start();
        String code = """
                class Account<T extends Number> {
                    private long balance = 100;
                    long add(T amount, double rate) {
                        long sum = balance + amount.longValue();
                        return sum;
                    }
                }
                var results = new CopyOnWriteArrayList<Long>();
                var worker = new Thread(() -> {
                    var account = new Account<Integer>();
                    results.add(account.add(5, 0.5));
                }, "worker");
                worker.start();
                worker.join();
                results""";
        client.breakpoints(code, 5);
        Message running = kernel.start(code);
        JsonNode stopped = client.event("stopped");
        assertThat(client.request("threads", DebugClient.object())
                        .path("threads")
                        .toString())
                .contains("{\"id\":" + stopped.path("threadId") + ",\"name\":\"worker\"}");
        JsonNode frames = client.frames(stopped);
        assertThat(frames.path(0).path("name").asText()).isEqualTo("Account.add");
        assertThat(client.scope(frames.path(0), "Locals"))
                .containsEntry("amount", "5")
                .containsEntry("rate", "0.5")
                .containsEntry("sum", "105")
                .containsKey("this");
        client.breakpoints(code);
        client.go("continue", stopped);
        assertThat(kernel.await(running).result()).isEqualTo("[105]");
    }

    @Test
    void continueLetsAllThreadsGoWhicheverItNames(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        client.start();
        String code = """
                void work() {
                    Thread.yield();
                }
                var workers = List.of(new Thread(() -> work()), new Thread(() -> work()));
                workers.forEach(Thread::start);
                for (Thread worker : workers) worker.join();
                "joined\"""";
        client.breakpoints(code, 2);
        Message running = kernel.start(code);
        JsonNode first = client.event("stopped");
        JsonNode second = client.event("stopped");
        assertThat(first.path("threadId")).isNotEqualTo(second.path("threadId"));
        assertThat(client.request("debugInfo", DebugClient.object()).path("stoppedThreads"))
                .hasSize(2);
        client.request(
                "continue",
                DebugClient.object()
                        .put("threadId", first.path("threadId").asLong())
                        .put("singleThread", true));
        assertThat(client.event("continued").path("threadId")).isEqualTo(first.path("threadId"));
        JsonNode body = client.request("continue", DebugClient.object().put("threadId", 1)); // as JupyterLab does
        assertThat(body.path("allThreadsContinued").asBoolean()).isTrue();
        assertThat(client.event("continued").path("threadId")).isEqualTo(second.path("threadId"));
        assertThat(kernel.await(running).result()).isEqualTo("joined");
        assertThat(client.ask("continue", DebugClient.object().put("threadId", 1))
                        .path("success")
                        .asBoolean())
                .isFalse();
    }

    @Test
    void evaluatesInAFrameAndCopiesToTheVariablesOfCells(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        client.start();
        String code = """
                class Counter { private int n = 3; int next(List<String> words) {
                    var seen = new ArrayList<String>();
                    n++;
                    return n + seen.size() + words.size();
                } }
                new Counter().next(List.of("w"))""";
        client.breakpoints(code, 4);
        Message running = kernel.start(code);
        JsonNode stopped = client.event("stopped");
        JsonNode frame = client.frames(stopped).path(0);
        assertThat(client.evaluate(frame, "words.get(0).length() + n")).isEqualTo("5");
        assertThat(client.evaluate(frame, "this.getClass().getSimpleName()")).isEqualTo("\"Counter\"");
        assertThat(client.evaluate(frame, "seen.add(\"x\"); seen.add(\"y\");")).isEqualTo("null");
        assertThat(client.evaluate(frame, "1 / (n - 4)")).startsWith("error: java.lang.ArithmeticException");
        client.request(
                "copyToGlobals",
                DebugClient.object()
                        .put("srcVariableName", "words")
                        .put("dstVariableName", "copied")
                        .put("srcFrameId", frame.path("id").asLong()));
        assertThat(client.scope(frame, "Globals")).containsKey("copied");
        client.breakpoints(code);
        client.go("continue", stopped);
        assertThat(kernel.await(running).result()).as("4 + 2 + 1").isEqualTo("7");
        assertThat(kernel.execute("copied.get(0)").result()).isEqualTo("w");
    }

    @Test
    void aRunningCellPausesAndEndsWhenTheDebuggerLeaves(WireKernel kernel) {
        DebugClient client = new DebugClient(kernel);
        client.start();
        Message running = kernel.start("""
                boolean[] go = {true};
                long rounds = 0;
                System.out.println("runs");
                while (go[0]) {
                    rounds++;
                }
                "done\"""");
        kernel.await(running, "stream");
        client.request("pause", DebugClient.object());
        JsonNode stopped = client.event("stopped");
        assertThat(stopped.path("reason").asText()).isEqualTo("pause");
        assertThat(client.evaluate(client.frames(stopped).path(0), "go[0] = false"))
                .isIn("false", "null");
        client.request("disconnect", DebugClient.object());
        client.event("continued");
        assertThat(kernel.await(running).result()).isEqualTo("done");
    }
}
