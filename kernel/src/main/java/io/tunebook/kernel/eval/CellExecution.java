package io.tunebook.kernel.eval;

import java.lang.instrument.ClassDefinition;
import java.lang.instrument.UnmodifiableClassException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import jdk.jshell.execution.DirectExecutionControl;
import jdk.jshell.spi.SPIResolutionException;

/**
 * JShell's execution engine in this process. Values are kept as objects, classes are redefined where the JVM can, and
 * code runs on a thread of its own that can be given up.
 */
final class CellExecution extends DirectExecutionControl {
    private final CellClassLoader loader;
    /** A cell that interrupts its group meets its own threads. */
    private final ThreadGroup group = new ThreadGroup("cells");

    private final Turn turn = new Turn();
    private final CellRunner main;
    private final Set<CellRunner> runners = ConcurrentHashMap.newKeySet();
    private volatile int invocations;

    private volatile Consumer<Throwable> whenThrown = t -> {};
    private Object value;
    private Throwable thrown;
    private Field field;

    CellExecution(CellClassLoader loader) {
        super(loader.delegate());
        this.loader = loader;
        main = runner();
    }

    // ---- what the evaluator asks

    /** Whose turn it is to use JShell. Values and errors of invocations are there for whoever has it. */
    Turn turn() {
        return turn;
    }

    /** One more thread for cells. */
    CellRunner runner() {
        CellRunner made = new CellRunner(group, loader);
        runners.add(made);
        return made;
    }

    void close(CellRunner runner) {
        runners.remove(runner);
        runner.close();
    }

    /** The runner that the session began with. */
    CellRunner main() {
        return main;
    }

    /** That of the calling thread, if it runs cells, or of the one who has the turn. */
    CellRunner here() {
        CellRunner own = CellRunner.ofThisThread();
        CellRunner holder = turn.runner();
        return own != null ? own : holder != null ? holder : main;
    }

    /** Whether somebody asked the cell that runs to end. */
    boolean isInterrupted() {
        return here().isInterrupted();
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

    /**
     * Runs something on the thread of cells. What the user wrote may take long: the caller's turn is lent meanwhile.
     */
    Object call(CellRunner.Action action) throws Throwable {
        return turn.isMine() ? lending(action) : here().call(action, whenThrown);
    }

    private Object lending(CellRunner.Action action) throws Throwable {
        CellRunner runner = here();
        Turn.Held lent = turn.lend();
        try {
            return runner.call(action, whenThrown);
        } finally {
            turn.takeBack(lent);
        }
    }

    /** Asks all cells that run to end. Called from another thread. */
    void interrupt() {
        runners.forEach(CellRunner::interrupt);
    }

    /** Asks this cell to end, if it still runs. */
    void interrupt(CellContext cell) {
        runners.forEach(r -> r.interrupt(cell));
    }

    // ---- what JShell asks

    @Override
    protected String invoke(Method method) throws Exception {
        invocations++;
        CellRunner runner = here();
        Object result = null;
        Throwable problem = null;
        long start = System.nanoTime();
        try {
            result = lending(
                    () -> { // JShell was asked in somebody's turn, perhaps by a thread that only helps
                        try {
                            return method.invoke(null);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
            return "";
        } catch (SPIResolutionException e) {
            problem = e;
            e.setStackTrace(new StackTraceElement[0]);
            throw new InvocationTargetException(e);
        } catch (Throwable t) {
            problem = t;
            // The frames are right as they are: classes carry the lines of their cells.
            throw new UserException(String.valueOf(t.getMessage()), t.getClass().getName(), new StackTraceElement[0]);
        } finally {
            // In the turn again: what other cells left here meanwhile is theirs no more.
            value = result;
            thrown = problem;
            runner.ran(System.nanoTime() - start);
        }
    }

    /** How often code was run. */
    int invocations() {
        return invocations;
    }

    /** How long code ran, in nanoseconds, without its compilation. */
    long nanos() {
        return here().nanos();
    }

    /** Whether this thread is the one that runs cells. */
    boolean isRunner() {
        return CellRunner.ofThisThread() != null;
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
        runners.forEach(CellRunner::close);
    }
}
