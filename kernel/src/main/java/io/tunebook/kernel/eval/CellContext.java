package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.DisplaySink;
import java.lang.StackWalker.Option;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;

/**
 * The cell that a thread works for. Threads inherit it from the thread that started them, so what they print lands
 * under that cell, and an interrupt reaches them. Workers of the common pool belong to nobody: they count for the cell
 * that runs now in the session whose code they run.
 */
public final class CellContext {
    /** Whose cell a thread works for; threads that a cell starts inherit it. */
    private static final InheritableThreadLocal<CellContext> OWNER = new InheritableThreadLocal<>();
    /** No cell: its threads print to the process's own streams. */
    static final CellContext NONE = new CellContext();

    private static final CellContext QUIET = new CellContext(0, new CellOutput((error, text) -> {}, Long.MAX_VALUE));
    /** The cells of all sessions. A worker that runs a library's code alone could be anybody's. */
    private static final Running ANYBODYS = new Running();

    private final int number;
    private final CellOutput output;
    private final DisplaySink display;
    private volatile boolean interrupted;
    private volatile Interrupts.CellInterrupted stopped;
    private volatile CellContext captured;
    private volatile CellEvaluator evaluator;

    /**
     * @param number the execution count
     * @param output where the cell's threads print
     * @param display where they show things, and ask
     */
    public CellContext(int number, CellOutput output, DisplaySink display) {
        this.number = number;
        this.output = Objects.requireNonNull(output);
        this.display = Objects.requireNonNull(display);
    }

    private CellContext() {
        this(0, null);
    }

    private CellContext(int number, CellOutput output) {
        this.number = number;
        this.output = output;
        this.display = null;
    }

    /** The session that runs this cell, or null while none does. */
    public CellEvaluator evaluator() {
        return evaluator;
    }

    void runsIn(CellEvaluator session) {
        evaluator = session;
    }

    public int number() {
        return number;
    }

    public CellOutput output() {
        CellContext instead = captured;
        return instead == null ? output : instead.output();
    }

    public DisplaySink display() {
        CellContext instead = captured;
        return instead == null ? display : instead.display();
    }

    /**
     * From now on what the cell prints and shows goes there.
     *
     * @return ends it
     */
    public Runnable capture(CellOutput printed, DisplaySink shown) {
        CellContext before = captured;
        output().flush();
        captured = new CellContext(number, printed, shown);
        return () -> {
            printed.flush();
            captured = before;
        };
    }

    boolean isInterrupted() {
        return interrupted;
    }

    void interrupt() {
        interrupted = true;
    }

    /** Where one of its threads was when the interrupt ended what it did, or null if none has met it. */
    Interrupts.CellInterrupted stopped() {
        return stopped;
    }

    void stopped(Interrupts.CellInterrupted where) {
        stopped = where;
    }

    /**
     * From now on this thread, and the threads it will start, work for this cell, or as before for null.
     *
     * @return the cell that it worked for
     */
    static CellContext adopted(CellContext cell) {
        CellContext before = OWNER.get();
        if (cell == null) {
            OWNER.remove();
        } else {
            OWNER.set(cell);
        }
        return before;
    }

    /** Runs something whose output nobody wants, such as what a compiler prints besides its diagnostics. */
    static <T> T quietly(java.util.function.Supplier<T> action) {
        CellContext before = adopted(QUIET);
        try {
            return action.get();
        } finally {
            adopted(before);
        }
    }

    /** For the kernel's own threads: neither this thread nor those that it will start work for any cell. */
    public static void detach() {
        OWNER.set(NONE);
    }

    /** The cell this thread works for, or null if it is none's. */
    public static CellContext current() {
        if (Thread.currentThread() instanceof ForkJoinWorkerThread worker
                && worker.getPool() == ForkJoinPool.commonPool()) {
            return Workers.cell();
        }
        CellContext owner = OWNER.get();
        return owner == NONE ? null : owner != null ? owner : Workers.cell();
    }

    /** Cells that run, one inside another or beside each other. */
    static final class Running {
        private final List<CellContext> cells = new ArrayList<>();
        private volatile CellContext last;

        synchronized void begin(CellContext cell) {
            cells.add(cell);
            last = cell;
            if (this != ANYBODYS) {
                ANYBODYS.begin(cell);
            }
        }

        synchronized void end(CellContext cell) {
            cells.remove(cell);
            if (!cells.isEmpty()) {
                last = cells.get(cells.size() - 1);
            }
            if (this != ANYBODYS) {
                ANYBODYS.end(cell);
            }
        }

        /** The one that began last of those that run, or the last of all if none runs; null before the first. */
        CellContext last() {
            return last;
        }
    }

    /** Threads that belong to no cell. Made when there is the first such. */
    private static final class Workers {
        /** A reference to a method, in place of a lambda, leaves only a hidden frame of its cell. */
        private static final StackWalker STACK =
                StackWalker.getInstance(Set.of(Option.RETAIN_CLASS_REFERENCE, Option.SHOW_HIDDEN_FRAMES));

        static CellContext cell() {
            return STACK.walk(frames -> frames.map(f -> CellClassLoader.of(f.getDeclaringClass()))
                            .filter(Objects::nonNull)
                            .findFirst())
                    .map(loader -> loader.running().last())
                    .orElseGet(ANYBODYS::last);
        }
    }
}
