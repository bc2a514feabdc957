package io.tunebook.kernel.eval;

import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/**
 * Whose turn it is to use JShell, which takes one caller at a time. The code of cells runs without the turn, so that
 * cells of several subshells run at once and completion works beside them.
 */
final class Turn {
    private final Semaphore free = new Semaphore(1, true);
    private volatile Thread owner;
    private int depth;
    private CellRunner runner;

    /** What {@link #lend} gave away, to be taken back. */
    record Held(Thread owner, int depth, CellRunner runner) {}

    /**
     * Waits for the turn. A thread that has it may take it again.
     *
     * @param on where code runs that is compiled in it
     */
    void take(CellRunner on) {
        if (isMine()) {
            depth++;
            return;
        }
        free.acquireUninterruptibly();
        set(new Held(Thread.currentThread(), 1, on));
    }

    void giveBack() {
        if (--depth == 0) {
            lend();
        }
    }

    boolean isMine() {
        return owner == Thread.currentThread();
    }

    /** The runner of the one who has the turn. Only to be asked in it. */
    CellRunner runner() {
        return runner;
    }

    /** Gives the turn away for a while, in the name of the thread that has it. */
    Held lend() {
        Held held = new Held(owner, depth, runner);
        set(new Held(null, 0, null));
        free.release();
        return held;
    }

    void takeBack(Held held) {
        free.acquireUninterruptibly();
        set(held);
    }

    private void set(Held held) {
        runner = held.runner();
        depth = held.depth();
        owner = held.owner();
    }

    <T> T in(CellRunner on, Supplier<T> work) {
        take(on);
        try {
            return work.get();
        } finally {
            giveBack();
        }
    }
}
