package io.tunebook.kernel.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The time of a cell is over when the test says so: what stops it reaches that cell alone, however late it comes. */
class DeadlinesTest {
    private static final Duration HOUR = Duration.ofHours(1);

    /**
     * Keeps what is to be done when a cell is over its time, also that of cells that have ended: it may have begun by
     * then.
     */
    private static final class ByHand implements Session.Deadlines {
        private final BlockingQueue<Runnable> due = new LinkedBlockingQueue<>();
        private final BlockingQueue<Duration> limits = new LinkedBlockingQueue<>();

        @Override
        public Runnable after(Duration limit, Runnable action) {
            limits.add(limit);
            due.add(action);
            return () -> {};
        }

        @Override
        public void close() {}
    }

    private static final class Kept implements Session.Frontend {
        private final BlockingQueue<String> printed = new LinkedBlockingQueue<>();

        @Override
        public void text(boolean error, String text) {
            printed.add(text);
        }

        @Override
        public void show(MimeBundle bundle, String id, boolean update) {}
    }

    private static final String WAITING =
            "System.out.println(\"in\");\nwhile (System.getProperty(\"tunebook.test.go\") == null) Thread.sleep(5);\n\"whole\"";

    private final ByHand deadlines = new ByHand();
    private final Kept frontend = new Kept();

    private Session session(Duration timeout) {
        return new Session(new Session.SessionOptions(List.of(), List.of(), List.of(), 1L << 20, timeout), deadlines);
    }

    /** Starts a cell and returns when it runs. */
    private CompletableFuture<String> start(Session session, int number, Duration limit) throws InterruptedException {
        CompletableFuture<String> cell = CompletableFuture.supplyAsync(() -> {
            try {
                return session.execute(WAITING, number, frontend, limit)
                        .map(MimeBundle::text)
                        .orElse("");
            } catch (CellException e) {
                throw new CompletionException(e);
            }
        });
        assertThat(frontend.printed.poll(60, TimeUnit.SECONDS)).startsWith("in");
        return cell;
    }

    @AfterEach
    void forget() {
        System.clearProperty("tunebook.test.go");
    }

    /** As the headless runner calls it, with each cell's own limit. */
    @Test
    void whatStopsOneCellReachesNoLaterOne() throws Exception {
        try (Session session = session(Duration.ZERO)) {
            Optional<MimeBundle> first = session.execute("1", 1, frontend, HOUR);
            assertThat(first.map(MimeBundle::text)).contains("1");
            CompletableFuture<String> second = start(session, 2, HOUR);
            deadlines.due.take().run(); // the first cell's, while the second runs
            System.setProperty("tunebook.test.go", "yes");
            assertThat(second.get(60, TimeUnit.SECONDS)).isEqualTo("whole");
        }
    }

    @Test
    void whatStopsACellStopsIt() throws Exception {
        try (Session session = session(Duration.ZERO)) {
            CompletableFuture<String> cell = start(session, 1, Duration.ofMillis(2500));
            deadlines.due.take().run();
            assertThatThrownBy(() -> cell.get(60, TimeUnit.SECONDS)).cause().satisfies(e -> {
                assertThat(Session.isTimeout((CellException) e)).isTrue();
                assertThat(e).hasMessage("the cell ran longer than 2.5 s and was stopped");
            });
            assertThatThrownBy(() -> session.execute(
                            "class CellTimeout extends Exception {}\nthrow new CellTimeout();", 2, frontend, HOUR))
                    .satisfies(e ->
                            assertThat(Session.isTimeout((CellException) e)).isFalse());
        }
    }

    @Test
    void theShorterLimitCounts() throws Exception {
        try (Session session = session(Duration.ofSeconds(90))) {
            session.execute("1", 1, frontend, HOUR);
            session.execute("1", 2, frontend, Duration.ofSeconds(80));
            session.execute("1", 3, frontend, Duration.ZERO);
            session.execute("1", 4, frontend);
            assertThat(deadlines.limits).extracting(Duration::toSeconds).containsExactly(90L, 80L, 90L, 90L);
        }
    }
}
