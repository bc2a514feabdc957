package io.tunebook.kernel.session;

import io.tunebook.kernel.display.CommTable;
import io.tunebook.kernel.display.Comms;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.CellNames;
import io.tunebook.kernel.eval.CellOutput;
import io.tunebook.kernel.eval.CellRunner;
import io.tunebook.kernel.eval.Completer;
import io.tunebook.kernel.eval.Inspector;
import io.tunebook.kernel.magic.Magics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A person's session of Java: cells share their variables, and those of one thread run one after another. The Jupyter
 * kernel and the headless runner are two frontends of it.
 */
public final class Session implements AutoCloseable {
    private static final String PRELUDE = """
            import io.tunebook.kernel.magic.CellStatics;
            import java.io.*;
            import java.math.*;
            import java.net.*;
            import java.nio.file.*;
            import java.time.*;
            import java.util.*;
            import java.util.concurrent.*;
            import java.util.function.*;
            import java.util.prefs.*;
            import java.util.regex.*;
            import java.util.stream.*;
            import static io.tunebook.kernel.display.Display.*;
            import static io.tunebook.kernel.magic.CellStatics.*;
            """;

    private static final String TIMEOUT = "CellTimeout";

    private final CellEvaluator evaluator;
    private final Magics magics;
    private final Completer completer;
    private final Inspector inspector;
    private final Runnable release;
    private final long outputLimit;
    private final Duration timeout;
    private final Deadlines deadlines;

    /** What one cell shows, prints and asks. */
    public interface Frontend extends DisplaySink, CellOutput.Listener {}

    /**
     * Starts a session; until it is closed, the standard streams of this process are the cells'.
     *
     * @param options the user's class path, compiler options and start-up code
     */
    public Session(SessionOptions options) {
        this(options, new Deadlines.OwnThread());
    }

    /** @param deadlines when cells are over their time */
    Session(SessionOptions options, Deadlines deadlines) {
        this.deadlines = deadlines;
        evaluator = new CellEvaluator(options.classPath(), options.compilerOptions());
        magics = new Magics(evaluator);
        completer = new Completer(evaluator);
        inspector = new Inspector(evaluator, completer);
        evaluator.sources().around(find -> jar -> evaluator.withoutCompiler(() -> find.apply(jar)));
        outputLimit = options.outputLimit();
        timeout = options.timeout();
        release = CellOutput.capture();
        Display.connect(new CurrentCell());
        Comms.connect(Session::commsOfTheCell);
        Frontend silent = new Silent();
        try {
            evaluator.declareImports(PRELUDE);
            for (String code : options.startup()) {
                execute(evaluator.mainRunner(), code, 0, silent, Duration.ZERO);
            }
        } catch (CellException e) {
            close();
            throw new IllegalArgumentException("the start-up code failed: " + e.name() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Runs a cell to its end, after those that came before.
     *
     * @throws CellException if it does not compile, throws or is interrupted
     */
    public Optional<MimeBundle> execute(String code, int number, Frontend frontend) throws CellException {
        return execute(evaluator.mainRunner(), code, number, frontend);
    }

    /**
     * The same within a time.
     *
     * @param limit after which this cell is stopped, if the session's own limit is not shorter; zero for none
     * @throws CellException also if it is over its time, see {@link #isTimeout}
     */
    public Optional<MimeBundle> execute(String code, int number, Frontend frontend, Duration limit)
            throws CellException {
        Duration shorter = timeout.isZero() || !limit.isZero() && limit.compareTo(timeout) < 0 ? limit : timeout;
        return execute(evaluator.mainRunner(), code, number, frontend, shorter);
    }

    /** Whether a cell failed because it was over its time. */
    public static boolean isTimeout(CellException failure) {
        return failure.name().equals(TIMEOUT) && failure.getCause() == null;
    }

    /**
     * Runs a cell to its end. Cells on several threads run at once.
     *
     * @param on the thread that runs its code
     * @param number its execution count, for tracebacks
     * @return the representations of its last expression, if it ends in one without a semicolon
     * @throws CellException if it does not compile, throws or is interrupted
     */
    public Optional<MimeBundle> execute(CellRunner on, String code, int number, Frontend frontend)
            throws CellException {
        return execute(on, code, number, frontend, timeout);
    }

    private Optional<MimeBundle> execute(CellRunner on, String code, int number, Frontend frontend, Duration limit)
            throws CellException {
        CellContext cell = new CellContext(number, new CellOutput(frontend, outputLimit), frontend);
        AtomicBoolean late = new AtomicBoolean();
        evaluator.begin(cell, on);
        Runnable cancel = limit.isZero()
                ? () -> {}
                : deadlines.after(limit, () -> {
                    late.set(true);
                    evaluator.interrupt(cell); // and no other: it may have ended by now
                });
        try {
            Optional<CellEvaluator.Result> result = magics.execute(code, number);
            // Rendering is the user's code too: it belongs on the cell's thread, and can be interrupted.
            return result.isEmpty()
                    ? Optional.empty()
                    : Optional.of(evaluator.call(
                            () -> CellNames.clean(Display.render(result.get().value()))));
        } catch (CellException e) {
            throw late.get() ? timedOut(limit, e) : e;
        } finally {
            cancel.run();
            evaluator.end(on);
        }
    }

    /** The trace is that of the interruption: it tells where the cell was. */
    private static CellException timedOut(Duration limit, CellException interrupted) {
        String message = "the cell ran longer than " + limit.toMillis() / 1000.0 + " s and was stopped";
        List<String> trace = new ArrayList<>(List.of(TIMEOUT + ": " + message));
        trace.addAll(interrupted.traceback());
        return new CellException(TIMEOUT, message, trace, null);
    }

    /** Runs something of the user's, such as a comm's handler, as if a cell did. */
    public <T> T call(CellRunner on, int number, Frontend frontend, java.util.concurrent.Callable<T> action)
            throws CellException {
        CellContext cell = new CellContext(number, new CellOutput(frontend, outputLimit), frontend);
        evaluator.begin(cell, on);
        try {
            return evaluator.call(action);
        } finally {
            evaluator.end(on);
        }
    }

    /** Asks the running cell to end. May be called from any thread. */
    public void interrupt() {
        evaluator.interrupt();
    }

    /** Where the engine of this session's cells is. */
    public CellEvaluator evaluator() {
        return evaluator;
    }

    /** Its channels to code in the frontend. */
    public CommTable comms() {
        return evaluator.comms();
    }

    private static CommTable commsOfTheCell() {
        CellContext cell = CellContext.current();
        CellEvaluator evaluator = cell == null ? null : cell.evaluator();
        if (evaluator == null) {
            throw new IllegalStateException("this thread works for no cell, so that no frontend is there for a comm");
        }
        return evaluator.comms();
    }

    public Completer completer() {
        return completer;
    }

    public Inspector inspector() {
        return inspector;
    }

    public Magics magics() {
        return magics;
    }

    @Override
    public void close() {
        deadlines.close();
        evaluator.close();
        release.run();
    }

    /** Displays go to the cell that the thread works for, after what it has printed. */
    private static final class CurrentCell implements DisplaySink {
        private static final Frontend NOBODY = new Silent();

        private static DisplaySink cell() {
            CellContext cell = CellContext.current();
            if (cell == null) {
                return NOBODY;
            }
            cell.output().flush();
            return cell.display();
        }

        @Override
        public void show(MimeBundle bundle, String id, boolean update) {
            cell().show(CellNames.clean(bundle), id, update);
        }

        @Override
        public void clear(boolean wait) {
            cell().clear(wait);
        }

        @Override
        public String ask(String prompt, boolean password) {
            return cell().ask(prompt, password);
        }

        @Override
        public boolean rich() {
            CellContext cell = CellContext.current();
            return cell != null && cell.display().rich();
        }
    }

    /** Nobody looks. */
    private static final class Silent implements Frontend {
        @Override
        public void show(MimeBundle bundle, String id, boolean update) {}

        @Override
        public void text(boolean error, String text) {}
    }

    /**
     * The user's settings.
     *
     * @param startup code that runs before the first cell
     * @param outputLimit how many bytes a cell may print
     * @param timeout after which a cell is stopped; zero for none
     */
    public record SessionOptions(
            List<String> classPath,
            List<String> compilerOptions,
            List<String> startup,
            long outputLimit,
            Duration timeout) {}

    /** Does something when a cell is over its time. */
    interface Deadlines extends AutoCloseable {
        /** @return cancels it, unless it has begun */
        Runnable after(Duration limit, Runnable action);

        @Override
        void close();

        /** A thread of the session's own: cells may fill the common pool. It starts with the first deadline. */
        final class OwnThread implements Deadlines {
            private final ScheduledThreadPoolExecutor clock = new ScheduledThreadPoolExecutor(1, work -> {
                Thread thread = new Thread(
                        () -> {
                            CellContext.detach();
                            work.run();
                        },
                        "deadlines of cells");
                thread.setDaemon(true);
                return thread;
            });

            OwnThread() {
                clock.setRemoveOnCancelPolicy(true); // a cell that has ended is not kept until its time would be over
            }

            @Override
            public Runnable after(Duration limit, Runnable action) {
                Future<?> due = clock.schedule(action, limit.toMillis(), TimeUnit.MILLISECONDS);
                return () -> due.cancel(false);
            }

            @Override
            public void close() {
                clock.shutdownNow();
            }
        }
    }
}
