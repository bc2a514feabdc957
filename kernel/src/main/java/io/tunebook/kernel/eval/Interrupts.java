package io.tunebook.kernel.eval;

import java.lang.invoke.CallSite;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.MutableCallSite;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the bytecode of cells calls at method entries and before backward branches. The question "was an interrupt asked
 * for?" is a call site that the JIT treats as the constant {@code false}, so a hot loop pays nothing; asking for an
 * interrupt changes the site, which deoptimises the loop.
 */
public final class Interrupts {
    /**
     * One for the process: the JIT has one constant for all loops of all cells. Whose cell is to end is asked behind
     * it.
     */
    private static final MutableCallSite SITE = new MutableCallSite(MethodType.methodType(void.class));

    private static final MethodHandle NO = MethodHandles.empty(SITE.type());
    private static final MethodHandle YES;
    /** The cells of all sessions that were asked to end and have not. */
    private static final Set<CellContext> INTERRUPTED = ConcurrentHashMap.newKeySet();

    static {
        try {
            YES = MethodHandles.lookup().findStatic(Interrupts.class, "check", SITE.type());
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
        SITE.setTarget(NO);
    }

    private Interrupts() {}

    /** Links a poll; all polls of all cells are one call site. */
    public static CallSite link(MethodHandles.Lookup caller, String name, MethodType type) {
        return SITE;
    }

    /** Throws in threads of an interrupted cell, and does nothing in others. */
    public static void check() {
        CellContext cell = CellContext.current();
        if (cell != null && INTERRUPTED.contains(cell)) {
            throw stopped(cell);
        }
    }

    /**
     * Throws if the cell of this thread was asked to end. For a thread that an interrupt has just woken: the cell is
     * marked before its thread is woken, and what {@link #check} reads is only written after that.
     */
    public static void checkWoken() {
        CellContext cell = CellContext.current();
        if (cell != null && cell.isInterrupted()) {
            throw stopped(cell);
        }
    }

    /**
     * The cell is told first: whatever becomes of this throwable, in this thread or in those that wait for it, the cell
     * was stopped.
     */
    private static CellInterrupted stopped(CellContext cell) {
        CellInterrupted thrown = new CellInterrupted();
        cell.stopped(thrown);
        return thrown;
    }

    /** What calls of {@code System.exit} in cells became: the cell ends, the kernel lives. */
    public static void exit(int status) {
        throw new CellExit(status);
    }

    /** The same for {@code Runtime.exit}; {@code halt} stays what it is, the way to end the process. */
    public static void exit(Runtime runtime, int status) {
        throw new CellExit(status);
    }

    static synchronized void request(CellContext cell) {
        cell.interrupt();
        if (INTERRUPTED.add(cell) && INTERRUPTED.size() == 1) {
            set(YES);
        }
    }

    /** No thread of this cell runs any more. */
    static synchronized void clear(CellContext cell) {
        if (INTERRUPTED.remove(cell) && INTERRUPTED.isEmpty()) {
            set(NO);
        }
    }

    private static void set(MethodHandle answer) {
        SITE.setTarget(answer);
        MutableCallSite.syncAll(new MutableCallSite[] {SITE});
    }

    /** Not an Exception, so that a cell's {@code catch (Exception e)} does not swallow it. */
    static final class CellInterrupted extends Error {
        private static final long serialVersionUID = 1;

        CellInterrupted() {
            super("interrupted");
        }
    }

    static final class CellExit extends Error {
        private static final long serialVersionUID = 1;

        CellExit(int status) {
            super("System.exit(" + status
                    + ") was called: the cell ended, the kernel goes on. To end the kernel, shut it down.");
        }
    }
}
