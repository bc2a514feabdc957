package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.DisplaySink;
import java.util.Objects;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;

/**
 * The cell that a thread works for. Threads inherit it from the thread that started them, so what they print lands under that cell, and an interrupt
 * reaches them. Workers of the common pool belong to nobody and count for the cell that runs now.
 */
public final class CellContext {
    private static final InheritableThreadLocal<CellContext> OWNER = new InheritableThreadLocal<>();
    /** No cell: its threads print to the process's own streams. */
    static final CellContext NONE = new CellContext();

    private static final CellContext QUIET = new CellContext(0, new CellOutput((error, text) -> {}, Long.MAX_VALUE));
    private static volatile CellContext foreground;

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

    /** From now on this thread, and the threads it will start, work for this cell, or as before for null. @return the cell that it worked for */
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

    static void setForeground(CellContext cell) {
        foreground = cell;
    }

    /** The cell this thread works for, or null if it is none's. */
    public static CellContext current() {
        if (Thread.currentThread() instanceof ForkJoinWorkerThread worker
                && worker.getPool() == ForkJoinPool.commonPool()) {
            return foreground;
        }
        CellContext owner = OWNER.get();
        return owner == NONE ? null : owner != null ? owner : foreground;
    }
}
