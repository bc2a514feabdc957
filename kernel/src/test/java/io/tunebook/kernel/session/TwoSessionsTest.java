package io.tunebook.kernel.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Two sessions in one JVM know nothing of each other. */
class TwoSessionsTest {
    private static Session session() {
        return new Session(new Session.SessionOptions(List.of(), List.of(), List.of(), 1L << 20, Duration.ZERO));
    }

    /** Keeps what one session prints and shows. */
    private static final class Kept implements Session.Frontend {
        private final StringBuffer text = new StringBuffer();
        private final StringBuffer shown = new StringBuffer();

        @Override
        public void text(boolean error, String printed) {
            text.append(printed);
        }

        @Override
        public void show(MimeBundle bundle, String id, boolean update) {
            shown.append(bundle.text());
        }
    }

    private static String run(Session session, String code, int number, Kept frontend) {
        try {
            return session.execute(code, number, frontend).map(MimeBundle::text).orElse("");
        } catch (CellException e) {
            throw new AssertionError(e.name() + " " + e.traceback(), e);
        }
    }

    @Test
    void eachHasItsVariablesOutputAndResults() {
        PrintStream before = System.out;
        Kept one = new Kept();
        Kept two = new Kept();
        try (Session first = session();
                Session second = session()) {
            run(first, "int x = 1;", 1, one);
            run(second, "String x = \"two\";", 1, two);
            String loop = "for (int i = 0; i < 50; i++) { System.out.println(x); display(x); Thread.sleep(2); }\nx";
            CompletableFuture<String> other = CompletableFuture.supplyAsync(() -> run(second, loop, 2, two));
            assertThat(run(first, loop, 2, one)).isEqualTo("1");
            assertThat(other.join()).isEqualTo("two");
            assertThat(one.text.toString()).isEqualTo("1\n".repeat(50));
            assertThat(two.text.toString()).isEqualTo("two\n".repeat(50));
            assertThat(one.shown.toString()).isEqualTo("1".repeat(50));
            assertThat(two.shown.toString()).isEqualTo("two".repeat(50));
            assertThat(run(first, "Out.get(2)", 3, one)).isEqualTo("1");
            assertThat(run(second, "Out.get(2)", 3, two)).isEqualTo("two");
            assertThat(run(first, "eval(\"x + 1\")", 4, one)).isEqualTo("2");
            assertThat(run(second, "eval(\"x + 1\")", 4, two)).isEqualTo("two1");
        }
        assertThat(System.out).isSameAs(before);
    }

    @Test
    void eachHasItsEnvironment() {
        try (Session first = session();
                Session second = session()) {
            Kept kept = new Kept();
            run(first, "%env TUNEBOOK_OF_ONE=first", 1, kept);
            run(second, "%env TUNEBOOK_OF_ONE=second", 1, kept);
            run(second, "!echo $TUNEBOOK_OF_ONE by a program", 2, kept);
            assertThat(kept.text.toString()).contains("second by a program");
            String read = "System.getenv(\"TUNEBOOK_OF_ONE\") + \" \" + System.getenv().get(\"TUNEBOOK_OF_ONE\")";
            assertThat(run(first, read, 3, kept)).isEqualTo("first first");
            assertThat(run(second, read, 3, kept)).isEqualTo("second second");
            // a thread that works for neither knows its session by its code
            assertThat(run(first, "CompletableFuture.supplyAsync(() -> " + read + ").join()", 4, kept))
                    .isEqualTo("first first");
            assertThat(run(second, "System.getenv(\"PATH\").equals(System.getenv().get(\"PATH\"))", 4, kept))
                    .isEqualTo("true");
        }
    }

    @Test
    void eachHasItsComms() {
        try (Session first = session();
                Session second = session()) {
            Kept kept = new Kept();
            List<String> toFirst = new CopyOnWriteArrayList<>();
            List<String> toSecond = new CopyOnWriteArrayList<>();
            first.comms().connect((type, comm, target, data, metadata) -> toFirst.add(type + " " + target + data));
            second.comms().connect((type, comm, target, data, metadata) -> toSecond.add(type + " " + target + data));
            String register = "import io.tunebook.kernel.display.Comms;\nMap<String, Object> heard = null;\n"
                    + "Comms.register(\"both\", comm -> comm.onMessage(data -> heard = data));";
            run(first, register, 1, kept);
            run(second, register, 1, kept);
            assertThat(second.comms().receive("comm_open", "a", "both", Map.of()))
                    .isTrue();
            assertThat(second.comms().receive("comm_msg", "a", "both", Map.of("x", 1)))
                    .isTrue();
            assertThat(first.comms().receive("comm_msg", "a", "both", Map.of("x", 2)))
                    .as("that comm is the other session's")
                    .isFalse();
            assertThat(run(first, "heard", 2, kept)).isEqualTo("null");
            assertThat(run(second, "heard", 2, kept)).isEqualTo("{x=1}");
            run(first, "var mine = Comms.open(\"widget\", Map.of(\"of\", \"first\"));", 3, kept);
            run(second, "var mine = Comms.open(\"widget\", Map.of(\"of\", \"second\")); mine.close();", 3, kept);
            assertThat(toFirst).containsExactly("comm_open widget{of=first}");
            assertThat(toSecond).containsExactly("comm_open widget{of=second}", "comm_close widget{}");
            assertThat(run(first, "Comms.all().values()", 4, kept)).isEqualTo("[widget]");
            assertThat(run(second, "Comms.all().values()", 4, kept)).isEqualTo("[both]");
        }
    }

    /** Workers of the common pool belong to the process; what they do belongs to the session whose code they run. */
    @Test
    void workOfTheCommonPoolIsThatOfItsSession() throws Exception {
        Kept one = new Kept();
        Kept two = new Kept();
        try (Session first = session();
                Session second = session()) {
            String waiting = "System.out.println(\"in\");\nwhile (System.getProperty(\"tunebook.test.pool\") == null)"
                    + " Thread.sleep(5);\n\"whole\"";
            CompletableFuture<String> other = new CompletableFuture<>();
            new Thread(() -> other.complete(run(second, waiting, 1, two))).start();
            await(() -> two.text.toString().startsWith("in"));
            // The second session's cell began last, and still the first session's workers are the first's.
            run(first, "IntStream.range(0, 40).parallel().forEach(i -> System.out.println(\"p\"));", 1, one);
            run(first, "Collections.nCopies(40, \"p\").parallelStream().forEach(System.out::println);", 2, one);
            run(first, "ForkJoinPool.commonPool().submit((Runnable) System.out::println).join();", 6, one);
            run(
                    first,
                    "CompletableFuture.runAsync(() -> display(\"shown\"), ForkJoinPool.commonPool()).join();",
                    3,
                    one);
            assertThat(one.text.toString()).isEqualTo("p\n".repeat(80) + "\n");
            assertThat(one.shown.toString()).isEqualTo("shown");
            // An interrupt reaches them, and no worker of the other session.
            CompletableFuture<Throwable> stopped = new CompletableFuture<>();
            String endless = "CompletableFuture.runAsync(() -> { System.out.println(\"endless\"); while (true) {} },"
                    + " ForkJoinPool.commonPool()).join();";
            new Thread(() -> {
                        try {
                            first.execute(endless, 4, one);
                            stopped.complete(null);
                        } catch (Throwable t) {
                            stopped.complete(t);
                        }
                    })
                    .start();
            await(() -> one.text.toString().endsWith("endless\n"));
            first.interrupt();
            assertThat(stopped.get(60, TimeUnit.SECONDS)).isInstanceOf(CellException.class);
            // The worker is free again: the pool has one at least.
            assertThat(run(first, "ForkJoinPool.commonPool().submit(() -> 6 * 7).get(60, TimeUnit.SECONDS)", 5, one))
                    .isEqualTo("42");
            System.setProperty("tunebook.test.pool", "go");
            assertThat(other.get(60, TimeUnit.SECONDS)).isEqualTo("whole");
            assertThat(two.text.toString()).isEqualTo("in\n");
        } finally {
            System.clearProperty("tunebook.test.pool");
        }
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 6000 && !condition.getAsBoolean(); i++) {
            Thread.sleep(10);
        }
        assertThat(condition.getAsBoolean()).isTrue();
    }

    @Test
    void eachHasItsRenderers() {
        Kept kept = new Kept();
        try (Session first = session();
                Session second = session()) {
            String register = "Renderers.register(Thread.State.class, s -> \"%s \" + s.name());";
            run(first, register.formatted("one"), 1, kept);
            assertThat(run(first, "Thread.State.NEW", 2, kept)).isEqualTo("one NEW");
            assertThat(run(second, "Thread.State.NEW", 1, kept)).isEqualTo("NEW");
            run(second, register.formatted("two"), 2, kept);
            assertThat(run(second, "Thread.State.NEW", 3, kept)).isEqualTo("two NEW");
            assertThat(run(first, "Thread.State.NEW", 3, kept)).isEqualTo("one NEW");
        }
    }

    @Test
    void theEndOfOneLeavesTheOthersOutput() {
        PrintStream before = System.out;
        Session first = session();
        Kept kept = new Kept();
        try (Session second = session()) {
            first.close();
            run(second, "System.out.print(\"still here\");", 1, kept);
            assertThat(kept.text.toString()).isEqualTo("still here");
        }
        assertThat(System.out).isSameAs(before);
    }
}
