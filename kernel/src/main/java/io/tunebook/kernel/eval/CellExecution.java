package io.tunebook.kernel.eval;

import java.lang.instrument.ClassDefinition;
import java.lang.instrument.UnmodifiableClassException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
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
    private volatile CellThread thread;
    private volatile CellContext cell;
    private volatile long interruptedAt;
    private volatile int invocations;
    private volatile long nanos;
    private Object value;
    private Throwable thrown;
    private Field field;

    CellExecution(CellClassLoader loader) {
        super(loader.delegate());
        this.loader = loader;
    }

    // ---- what the evaluator asks

    void begin(CellContext context) {
        cell = Objects.requireNonNull(context);
        interruptedAt = 0;
        CellContext.setForeground(context);
    }

    /** The cell has ended; an interrupt that comes from now on finds nothing to end. */
    void end() {
        CellContext ended = cell;
        cell = null;
        interruptedAt = 0;
        if (ended.isInterrupted() && thread != null) {
            // Its other threads, workers of a parallel stream among them, need a moment to notice.
            LockSupport.parkNanos(STRAGGLERS);
            Interrupts.clear(ended);
        }
    }

    /** Whether somebody asked the cell that runs to end. */
    boolean isInterrupted() {
        CellContext running = cell;
        return running != null && running.isInterrupted();
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
            thread = new CellThread(loader);
        }
        CellThread runner = thread;
        if (Thread.currentThread() == runner) {
            CellContext before = CellContext.adopted(cell);
            try {
                return action.call(); // a cell that evaluates code itself
            } finally {
                CellContext.adopted(before);
            }
        }
        CompletableFuture<Object> done = new CompletableFuture<>();
        CellContext context = cell;
        runner.queue.add(() -> {
            try {
                CellContext.adopted(context);
                done.complete(action.call());
            } catch (Throwable t) {
                done.completeExceptionally(t);
            }
        });
        while (true) {
            try {
                return done.get(100, TimeUnit.MILLISECONDS);
            } catch (ExecutionException e) {
                throw e.getCause();
            } catch (TimeoutException e) {
                long since = interruptedAt;
                if (since != 0 && System.nanoTime() - since > PATIENCE) {
                    thread = null;
                    Interrupts.CellInterrupted where = new Interrupts.CellInterrupted();
                    where.setStackTrace(runner.getStackTrace());
                    runner.abandon(context);
                    throw where;
                } else if (since != 0) {
                    runner.interrupt();
                }
            }
        }
    }

    /** Asks the running cell to end. Called from another thread. */
    void interrupt() {
        CellContext running = cell;
        if (running != null) {
            Interrupts.request(running);
            interruptedAt = System.nanoTime();
            CellThread runner = thread;
            if (runner != null) {
                runner.interrupt();
            }
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
            runner.abandon(cell);
        }
    }

    /** A {@link java.util.concurrent.Callable} that may throw anything. */
    interface Callable {
        Object call() throws Throwable;
    }

    /** One thread for all cells, so that what libraries keep by thread stays; a new one after a cell that did not end. */
    private static final class CellThread extends Thread {
        private final LinkedBlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
        private volatile boolean abandoned;
        private volatile CellContext last;

        CellThread(ClassLoader loader) {
            super("cells");
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
