package io.tunebook.kernel.eval;

import java.lang.instrument.ClassDefinition;
import java.lang.instrument.UnmodifiableClassException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Objects;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import jdk.jshell.execution.DirectExecutionControl;
import jdk.jshell.spi.SPIResolutionException;

/**
 * JShell's execution engine in this process. Values are kept as objects, classes are redefined where the JVM can, and code runs on a thread of its own
 * that can be given up.
 */
final class CellExecution extends DirectExecutionControl {
    /** How long an interrupted cell may take to end before its thread is left behind. */
    private static final long PATIENCE = TimeUnit.MILLISECONDS.toNanos(800);

    private static final long STRAGGLERS = TimeUnit.MILLISECONDS.toNanos(50);

    private final CellClassLoader loader;
    /** A cell that interrupts its group meets its own threads. */
    private final ThreadGroup group = new ThreadGroup("cells");

    private volatile CellThread thread;
    private volatile int invocations;
    private volatile long nanos;
    /** Guards that an interrupt and the end of its cell do not cross. */
    private final Object gate = new Object();

    private volatile Run run;
    private volatile Consumer<Throwable> whenThrown = t -> {};
    private Object value;
    private Throwable thrown;
    private Field field;

    CellExecution(CellClassLoader loader) {
        super(loader.delegate());
        this.loader = loader;
    }

    // ---- what the evaluator asks

    /** A cell that runs, and since when it has been asked to end; 0 if it has not. */
    private static final class Run {
        private final CellContext cell;
        private volatile long interruptedAt;

        Run(CellContext cell) {
            this.cell = Objects.requireNonNull(cell);
        }
    }

    void begin(CellContext context) {
        synchronized (gate) {
            run = new Run(context);
        }
        CellContext.setForeground(context);
    }

    /** The cell has ended; an interrupt of it that comes from now on finds nothing to end. */
    void end() {
        CellContext ended;
        synchronized (gate) {
            ended = run.cell;
            run = null;
        }
        if (ended.isInterrupted() && thread != null) {
            // Its other threads, workers of a parallel stream among them, need a moment to notice.
            LockSupport.parkNanos(STRAGGLERS);
            Interrupts.clear(ended);
        }
    }

    /** Whether somebody asked the cell that runs to end. */
    boolean isInterrupted() {
        Run running = run;
        return running != null && running.cell.isInterrupted();
    }

    /** Is told what a cell throws, before anything else is done with it: the heap may be full. */
    void whenThrown(Consumer<Throwable> listener) {
        whenThrown = Objects.requireNonNull(listener);
    }

    /** What the last expression gave. */
    Object takeValue() {
        Object v = value;
        value = null;
        return v;
    }

    /** What the last invocation threw, or null. */
    Throwable takeThrown() {
        Throwable t = thrown;
        thrown = null;
        return t;
    }

    /** The static field that holds the variable which JShell was last asked the value of. */
    Field takeField() {
        Field f = field;
        field = null;
        return f;
    }

    /** Runs something on the thread of cells, where thread-locals and the class loader are those of the user's code. */
    Object call(Callable action) throws Throwable {
        if (thread == null) {
            thread = new CellThread(group, loader);
        }
        CellThread runner = thread;
        Run running = run;
        CellContext context = running == null ? CellContext.NONE : running.cell;
        if (Thread.currentThread() == runner) {
            CellContext before = CellContext.adopted(context);
            try {
                return action.call(); // a cell that evaluates code itself
            } finally {
                CellContext.adopted(before);
            }
        }
        Job job = new Job(action, context, whenThrown);
        runner.queue.add(job);
        while (!job.await(100)) {
            long since = running == null ? 0 : running.interruptedAt;
            if (since != 0 && System.nanoTime() - since > PATIENCE) {
                thread = null;
                Interrupts.CellInterrupted where = new Interrupts.CellInterrupted();
                where.setStackTrace(runner.getStackTrace());
                runner.abandon(context);
                throw where;
            } else if (since != 0) {
                runner.interrupt();
            } else if (!runner.isAlive()) {
                thread = null;
                throw new IllegalStateException("the thread of the cells has ended");
            }
        }
        return job.result();
    }

    /** Asks the running cell to end. Called from another thread. */
    void interrupt() {
        Run running = run;
        if (running != null) {
            interrupt(running.cell);
        }
    }

    /** Asks this cell to end, if it still runs: the next one is none of the caller's business. */
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
            CellThread runner = thread;
            if (runner != null) {
                runner.interrupt();
            }
            Interrupts.request(cell);
        }
    }

    // ---- what JShell asks

    @Override
    protected String invoke(Method method) throws Exception {
        invocations++;
        thrown = null;
        value = null;
        long start = System.nanoTime();
        try {
            value = call(() -> {
                try {
                    return method.invoke(null);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            });
            return "";
        } catch (SPIResolutionException e) {
            thrown = e;
            e.setStackTrace(new StackTraceElement[0]);
            throw new InvocationTargetException(e);
        } catch (Throwable t) {
            thrown = t;
            // The frames are right as they are: classes carry the lines of their cells.
            throw new UserException(String.valueOf(t.getMessage()), t.getClass().getName(), new StackTraceElement[0]);
        } finally {
            nanos += System.nanoTime() - start;
        }
    }

    /** How often code was run. */
    int invocations() {
        return invocations;
    }

    /** How long code ran, in nanoseconds, without its compilation. */
    long nanos() {
        return nanos;
    }

    /** Whether this thread is the one that runs cells. */
    boolean isRunner() {
        return Thread.currentThread() == thread;
    }

    @Override
    public String varValue(String className, String name)
            throws RunException, EngineTerminationException, InternalException {
        try {
            field = findClass(className).getDeclaredField(name);
            field.setAccessible(true);
            return "";
        } catch (ReflectiveOperationException e) {
            throw new InternalException(className + "." + name + ": " + e);
        }
    }

    @Override
    public void redefine(ClassBytecodes[] classes)
            throws ClassInstallException, NotImplementedException, EngineTerminationException {
        var instrumentation = RedefinitionAgent.instrumentation()
                .orElseThrow(() -> new NotImplementedException("no instrumentation"));
        try {
            ClassDefinition[] definitions = new ClassDefinition[classes.length];
            for (int i = 0; i < classes.length; i++) {
                definitions[i] = new ClassDefinition(findClass(classes[i].name()), loader.transform(classes[i]));
            }
            instrumentation.redefineClasses(definitions);
            loader.delegate().classesRedefined(classes);
        } catch (ClassNotFoundException | UnmodifiableClassException | UnsupportedOperationException | LinkageError e) {
            throw new ClassInstallException(e.toString(), new boolean[classes.length]); // JShell then makes new classes
        }
    }

    @Override
    public void stop() {
        interrupt();
    }

    @Override
    public void close() {
        CellThread runner = thread;
        if (runner != null) {
            Run running = run;
            runner.abandon(running == null ? null : running.cell);
        }
    }

    /** A {@link java.util.concurrent.Callable} that may throw anything. */
    interface Callable {
        Object call() throws Throwable;
    }

    /** Something that the thread of cells does, and what came of it. Its end takes no memory, for there may be none. */
    private static final class Job implements Runnable {
        private final Callable action;
        private final CellContext context;
        private final Consumer<Throwable> whenThrown;
        private Object value;
        private Throwable thrown;
        private boolean done;

        Job(Callable action, CellContext context, Consumer<Throwable> whenThrown) {
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

        /** Waits for the end. @return whether it has come within so many milliseconds */
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

    /** One thread for all cells, so that what libraries keep by thread stays; a new one after a cell that did not end. */
    private static final class CellThread extends Thread {
        private final LinkedBlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
        private volatile boolean abandoned;
        private volatile CellContext last;

        CellThread(ThreadGroup group, ClassLoader loader) {
            super(group, "cells");
            setDaemon(true);
            setContextClassLoader(loader);
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
