package io.tunebook.kernel.eval;

import io.tunebook.kernel.display.CommTable;
import java.io.File;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import jdk.jshell.JShell;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.spi.ExecutionControl;
import jdk.jshell.spi.ExecutionControlProvider;
import jdk.jshell.spi.ExecutionEnv;

/**
 * Runs the Java of cells. A variable keeps its value whatever is imported or redefined later; where the new type cannot
 * hold it, the cell says which one was reset. Cells of one {@link CellRunner} run one after another, those of several
 * at once; {@link #interrupt} may be called from any thread.
 */
public final class CellEvaluator implements AutoCloseable {
    private final CellLines lines = new CellLines();
    private final CellClassLoader loader;
    private final CellExecution execution;
    private volatile Commands commands;
    private final JShell shell;
    private final JShellInternals internals;
    private final Pieces pieces;
    private final Variables variables;
    private final PieceRunner runner;
    private final Results results = new Results();
    private final Declarations declarations;
    private final CommTable comms = new CommTable();
    private final PackageCells packages;
    private String imports = "";
    private final LibrarySources sources = new LibrarySources();

    /**
     * @param classPath entries of the user's class path, jars and folders
     * @param compilerOptions options of javac, such as {@code --enable-preview}
     */
    public CellEvaluator(List<String> classPath, List<String> compilerOptions) {
        loader = new CellClassLoader(CellEvaluator.class.getClassLoader(), lines);
        execution = new CellExecution(loader);
        List<String> options = new ArrayList<>(compilerOptions);
        options.add("-g"); // so that messages name local variables and parameters
        shell = JShell.builder()
                .executionEngine(
                        new ExecutionControlProvider() {
                            @Override
                            public String name() {
                                return "tunebook";
                            }

                            @Override
                            public ExecutionControl generate(ExecutionEnv env, Map<String, String> parameters) {
                                return execution;
                            }
                        },
                        Map.of())
                .compilerOptions(options.toArray(String[]::new))
                .build();
        internals = JShellInternals.of(shell);
        lines.connect(internals);
        pieces = new Pieces(shell.sourceCodeAnalysis());
        variables = new Variables(shell, execution);
        declarations = new Declarations(this, shell);
        Snippets snippets = new Snippets(shell, internals, execution, loader, lines, pieces, variables);
        packages = new PackageCells(loader, this, compilerOptions);
        runner = new PieceRunner(shell, internals, pieces, variables, snippets, results, packages);
        // Not as an option: what is added later would not count.
        if (!classPath.isEmpty()) {
            shell.addToClasspath(String.join(File.pathSeparator, classPath));
        }
        internals.renewCompiler();
    }

    /** A cell's result; {@code value} may be null. */
    public record Result(Object value) {}

    // ---- running

    /**
     * Waits until nothing is compiled. From now on code runs for this cell, what this thread prints and shows belongs
     * to it, and an interrupt ends it, also while it waits.
     */
    public void begin(CellContext cell, CellRunner on) {
        cell.runsIn(this);
        on.begin(cell);
        execution.turn().take(on);
        try {
            packages.refresh();
        } catch (RuntimeException | Error e) {
            end(on);
            throw e;
        }
    }

    /** The cell has ended. */
    public void end(CellRunner on) {
        try {
            on.end();
        } finally {
            execution.turn().giveBack();
        }
    }

    /** The thread of cells that the session began with. */
    public CellRunner mainRunner() {
        return execution.main();
    }

    /** One more thread of cells, for a subshell. Cells of several run at once, but are compiled in turn. */
    public CellRunner newRunner() {
        return execution.runner();
    }

    /** Ends such a thread, and what it runs. */
    public void close(CellRunner runner) {
        runner.interrupt();
        execution.close(runner);
    }

    /** Does something that needs the compiler, when nobody else uses it. */
    public <T> T withCompiler(Supplier<T> work) {
        return execution.turn().in(execution.here(), work);
    }

    /** In the midst of that, does what may take long and needs no compiler: a cell need not wait for the network. */
    public <T> T withoutCompiler(Supplier<T> work) {
        Turn turn = execution.turn();
        if (!turn.isMine() || CellContext.current() != null) {
            return work.get();
        }
        Turn.Held held = turn.lend();
        try {
            return work.get();
        } finally {
            turn.takeBack(held);
        }
    }

    /** Asks all running cells to end; they do within a second, or their threads are left behind. */
    public void interrupt() {
        execution.interrupt();
    }

    /** Asks this cell to end, if it is still the one that runs. */
    public void interrupt(CellContext cell) {
        execution.interrupt(cell);
    }

    /** Is told what cells throw before anything else is done with it. */
    public void whenThrown(Consumer<Throwable> listener) {
        execution.whenThrown(listener);
    }

    /** Runs something on the thread of cells, where an interrupt reaches it. */
    public <T> T call(java.util.concurrent.Callable<T> action) throws CellException {
        try {
            @SuppressWarnings("unchecked") // it is what the action gave
            T result = (T) execution.call(action::call);
            return result;
        } catch (CellException e) {
            throw e;
        } catch (Throwable t) {
            throw execution.isInterrupted()
                    ? Traceback.interrupted(t.getStackTrace(), lines)
                    : Traceback.runtime(t, lines);
        }
    }

    /** Whether the running cell was asked to end. */
    public boolean isInterrupted() {
        return execution.isInterrupted();
    }

    /** How long code of cells has run so far, in nanoseconds, without its compilation. */
    public long nanosRun() {
        return execution.nanos();
    }

    /** Runs a cell. */
    public Optional<Result> evaluate(String cell, int number) throws CellException {
        return evaluate(Source.cell(number, cell), 0, cell.length());
    }

    /**
     * Runs a cell, or a part of it. A method or class may refer to what a later cell declares; it is said in one line.
     *
     * @param source the whole cell as it was typed, for line numbers
     * @param from where the code begins in it
     * @param to where it ends
     * @return the value of the last expression, unless a semicolon follows it
     * @throws CellException if it does not compile, throws, or is interrupted; what ran before stays done
     */
    public Optional<Result> evaluate(Source source, int from, int to) throws CellException {
        execution.turn().take(execution.here());
        try {
            return runner.run(source, from, to);
        } finally {
            execution.turn().giveBack();
        }
    }

    /**
     * Declares imports, all of them as one snippet: JShell takes the text behind the first one as it stands, and one
     * compilation instead of a dozen is a quarter of a start.
     *
     * @param text the first import is the snippet's name, so it must be one that no cell writes
     */
    public void declareImports(String text) {
        imports = text;
        shell.eval(text.replace('\n', ' '));
    }

    /** Whether code can be followed by something that is not Java: nothing in it is left open. */
    public boolean isWhole(String code) {
        return pieces.isWhole(code);
    }

    // ---- what cells have made

    /** The session's magics. */
    public Commands commands() {
        return commands;
    }

    /** From now on these are the session's magics. */
    public void commands(Commands magics) {
        commands = Objects.requireNonNull(magics);
    }

    /** The results of cells, by {@code _}, {@code Out} and the like. */
    public Results results() {
        return results;
    }

    /** The session's channels to code in the frontend. */
    public CommTable comms() {
        return comms;
    }

    /** The environment variables of the session. */
    public Environment environment() {
        return loader.environment();
    }

    /** The names and types of all variables, in the order of their declaration. */
    public Map<String, String> variables() {
        Map<String, String> all = new LinkedHashMap<>();
        withCompiler(variables::types).forEach((name, type) -> all.put(name, CellNames.clean(type)));
        return all;
    }

    /** What cells have declared, as it was typed. */
    public Declarations declarations() {
        return declarations;
    }

    /** A variable's value, or empty if there is none of this name. */
    public Optional<Result> variable(String name) {
        return withCompiler(() -> variables.field(name)).map((Field f) -> new Result(Variables.get(f)));
    }

    /**
     * Compiles code into a loop.
     *
     * @param code an expression, whose value is taken so that it is computed, or statements
     * @param setup statements that run before the loop
     */
    public TimedLoop loop(Source code, String setup) throws CellException {
        return new LoopCompiler(this, pieces).loop(code, setup);
    }

    /** Declares a variable, as a cell's declaration would, of a type as Java writes it. */
    public void define(String name, String type, Object value) throws CellException {
        if (!javax.lang.model.SourceVersion.isName(name)) {
            throw new IllegalArgumentException("expected the name of a variable, found " + name);
        }
        evaluate(type + " " + name + ";", 0);
        try {
            variables.field(name).orElseThrow().set(null, value);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // it was made accessible
        }
    }

    /** The static fields that hold the variables, by their names in the order of their declaration. */
    public Map<String, Field> fields() {
        return withCompiler(() -> {
            Map<String, Field> all = new LinkedHashMap<>();
            variables.types().keySet().forEach(name -> variables.field(name).ifPresent(f -> all.put(name, f)));
            return all;
        });
    }

    /** From now on this changes cells' bytecode, and that of classes already loaded. To be called once. */
    public void probe(java.util.function.UnaryOperator<byte[]> how) {
        loader.probe(how);
    }

    /** Forgets all that cells have declared; the class path and the first imports stay. */
    public void reset() {
        withCompiler(() -> {
            forgetAll();
            return null;
        });
    }

    private void forgetAll() {
        shell.snippets().filter(s -> shell.status(s).isActive()).toList().forEach(shell::drop);
        internals.renewCompiler();
        results.clear();
        declareImports(imports);
    }

    // ---- the class path

    /** Adds a jar or a folder to the class path, from the next snippet on. */
    public void addToClassPath(String entry) {
        withCompiler(() -> {
            shell.addToClasspath(Objects.requireNonNull(entry));
            internals.renewCompiler();
            return null;
        });
        loader.renderers().reload();
        SqlDrivers.register(Path.of(entry), loader);
    }

    /** Takes an entry from the class path again. Returns false if a class of it is loaded: it stays. */
    public boolean removeFromClassPath(Path entry) {
        if (loader.libraries().isUsed(entry)) {
            return false;
        }
        loader.libraries().remove(entry);
        StringBuilder path = new StringBuilder(System.getProperty("java.class.path"));
        classPath().forEach(e -> path.append(File.pathSeparator).append(e));
        return withCompiler(() -> {
            internals.classPath(path.toString());
            internals.renewCompiler();
            return true;
        });
    }

    /** Whether annotation processors on the class path run from now on. */
    public void processors(boolean on) {
        withCompiler(() -> {
            packages.processors(on);
            internals.processing(on ? packages::processing : null);
            return null;
        });
    }

    /** What has changed on the class path counts from now on. */
    void classPathChanged() {
        withCompiler(() -> {
            internals.renewCompiler();
            return null;
        });
    }

    /** Where the sources of libraries are. */
    public LibrarySources sources() {
        return sources;
    }

    /** The jars and folders of the user's class path. */
    public List<Path> classPath() {
        return loader.libraries().entries();
    }

    /** The user's class loader. */
    public ClassLoader loader() {
        return loader;
    }

    /** JShell's analysis with the index that completion and help need. */
    SourceCodeAnalysis indexed() {
        internals.index(true);
        return analysis();
    }

    SourceCodeAnalysis analysis() {
        return shell.sourceCodeAnalysis();
    }

    @Override
    public void close() {
        internals.index(false); // other sessions of this process wait for it too
        shell.close();
        packages.close();
    }
}
