package io.tunebook.kernel.eval;

import java.util.Objects;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * A thread for cells, and the cell that runs there. A session has one, and one more for each subshell. The thread is
 * the same for all cells, so that what libraries keep by thread stays; a cell that does not end when it is interrupted
 * keeps it, and the next one gets another.
 */
public final class CellRunner {
    /** How long an interrupted cell may take to end before its thread is left behind. */
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(800);

    private static final long STRAGGLERS = TimeUnit.MILLISECONDS.toNanos(50);

    private final ThreadGroup group;
    private final CellClassLoader loader;
    private volatile CellThread thread;
    private volatile Run run;
    private volatile long nanos;
    /** Guards that an interrupt and the end of its cell do not cross. */
    private final Object gate = new Object();

    CellRunner(ThreadGroup group, CellClassLoader loader) {
        this.group = group;
        this.loader = loader;
    }

    /** A cell that runs, and since when it has been asked to end; 0 if it has not. */
    private static final class Run {
        private final CellContext cell;
        private final CellContext before;
        private volatile long interruptedAt;

        Run(CellContext cell, CellContext before) {
            this.cell = Objects.requireNonNull(cell);
            this.before = before;
        }
    }

    /** That whose thread this is, or null. */
    static CellRunner ofThisThread() {
        return Thread.currentThread() instanceof CellThread own ? own.runner : null;
    }

    /** From now on code runs for this cell, and what this thread prints and shows belongs to it. */
    void begin(CellContext cell) {
        synchronized (gate) {
            run = new Run(cell, CellContext.adopted(cell));
        }
        loader.running().begin(cell);
    }

    /** The cell has ended; an interrupt of it that comes from now on finds nothing to end. */
    void end() {
        Run ended;
        synchronized (gate) {
            ended = run;
            run = null;
        }
        if (ended.cell.isInterrupted() && thread != null) {
            // Its other threads, workers of a parallel stream among them, need a moment to notice.
            LockSupport.parkNanos(STRAGGLERS);
            Interrupts.clear(ended.cell);
        }
        ended.cell.output().flush();
        loader.running().end(ended.cell);
        CellContext.adopted(ended.before);
    }

    /** Whether somebody asked the cell that runs to end. */
    boolean isInterrupted() {
        Run running = run;
        return running != null && running.cell.isInterrupted();
    }

    /** How long code of cells has run here, in nanoseconds. */
    long nanos() {
        return nanos;
    }

    void ran(long nanoseconds) {
        nanos += nanoseconds;
    }

    /** Runs something on the thread of cells, where thread-locals and the class loader are those of the user's code. */
    Object call(Action action, Consumer<Throwable> whenThrown) throws Throwable {
        Run running = run;
        CellContext context = running == null ? CellContext.NONE : running.cell;
        if (ofThisThread() == this && Thread.currentThread() == thread) {
            CellContext before = CellContext.adopted(context);
            try {
                return action.call(); // a cell that evaluates code itself
            } finally {
                CellContext.adopted(before);
            }
        }
        if (thread == null) {
            thread = new CellThread(this);
        }
        CellThread worker = thread;
        Job job = new Job(action, context, whenThrown);
        worker.queue.add(job);
        while (!job.await(100)) {
            long since = running == null ? 0 : running.interruptedAt;
            if (since != 0 && System.nanoTime() - since > PATIENCE) {
                thread = null;
                Interrupts.CellInterrupted where = new Interrupts.CellInterrupted();
                where.setStackTrace(worker.getStackTrace());
                worker.abandon(context);
                throw where;
            } else if (since != 0) {
                worker.interrupt();
            } else if (!worker.isAlive()) {
                thread = null;
                throw new IllegalStateException("the thread of the cells has ended");
            }
        }
        Object result = job.result();
        requireNotStopped(context);
        return result;
    }

    /**
     * What it was to do is not done, though its own thread may not have noticed: another thread was stopped, whose work
     * it waited for.
     */
    private static void requireNotStopped(CellContext cell) {
        Interrupts.CellInterrupted stopped = cell.stopped();
        if (stopped != null) {
            Interrupts.CellInterrupted where = new Interrupts.CellInterrupted();
            where.setStackTrace(stopped.getStackTrace());
            throw where;
        }
    }

    /** Throws if a thread of the cell that runs was stopped. */
    void requireNotStopped() {
        Run running = run;
        if (running != null) {
            requireNotStopped(running.cell);
        }
    }

    /** Asks the running cell to end. Called from another thread. */
    void interrupt() {
        Run running = run;
        if (running != null) {
            interrupt(running.cell);
        }
    }

    /** Asks this cell to end, if it still runs here: the next one is none of the caller's business. */
    void interrupt(CellContext cell) {
        synchronized (gate) {
            Run running = run;
            if (running == null || running.cell != cell) {
                return;
            }
            // Its own thread first: were a thread that it waits for to end before, the wait would end well, and the
            // cell with it.
            cell.interrupt();
            running.interruptedAt = System.nanoTime();
            CellThread worker = thread;
            if (worker != null) {
                worker.interrupt();
            }
            Interrupts.request(cell);
        }
    }

    void close() {
        CellThread worker = thread;
        if (worker != null) {
            Run running = run;
            worker.abandon(running == null ? null : running.cell);
        }
    }

    /** A {@link java.util.concurrent.Callable} that may throw anything. */
    interface Action {
        Object call() throws Throwable;
    }

    /** Something that the thread of cells does, and what came of it. Its end takes no memory, for there may be none. */
    private static final class Job implements Runnable {
        private final Action action;
        private final CellContext context;
        private final Consumer<Throwable> whenThrown;
        private Object value;
        private Throwable thrown;
        private boolean done;

        Job(Action action, CellContext context, Consumer<Throwable> whenThrown) {
            this.action = action;
            this.context = context;
            this.whenThrown = whenThrown;
        }

        @Override
        public void run() {
            Object result = null;
            Throwable problem = null;
            try {
                CellContext.adopted(context);
                result = action.call();
            } catch (Throwable t) {
                problem = t;
                whenThrown.accept(t);
            } finally {
                end(result, problem);
            }
        }

        private synchronized void end(Object result, Throwable problem) {
            value = result;
            thrown = problem;
            done = true;
            notifyAll();
        }

        /**
         * Waits for the end.
         *
         * @return whether it has come within so many milliseconds
         */
        synchronized boolean await(long milliseconds) {
            if (!done) {
                try {
                    wait(milliseconds);
                } catch (InterruptedException e) {
                    return done; // by a cell that interrupts every thread it finds; the caller waits on
                }
            }
            return done;
        }

        synchronized Object result() throws Throwable {
            if (thrown != null) {
                throw thrown;
            }
            return value;
        }
    }

    private static final class CellThread extends Thread {
        private final LinkedBlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
        private final CellRunner runner;
        private volatile boolean abandoned;
        private volatile CellContext last;

        CellThread(CellRunner runner) {
            super(runner.group, "cells");
            this.runner = runner;
            setDaemon(true);
            setContextClassLoader(runner.loader);
            start();
        }

        @Override
        public void run() {
            while (!abandoned) {
                try {
                    Runnable next = queue.take();
                    interrupted(); // an interrupt that came too late is not for the next cell
                    next.run();
                } catch (InterruptedException e) {
                    continue; // between two cells there is nothing to interrupt
                } catch (Throwable t) {
                    continue; // the job knows of it, and the next one must find a thread
                }
            }
            if (last != null) {
                Interrupts.clear(last);
            }
        }

        void abandon(CellContext cell) {
            last = cell;
            abandoned = true;
            setPriority(MIN_PRIORITY);
            interrupt();
        }
    }
}
