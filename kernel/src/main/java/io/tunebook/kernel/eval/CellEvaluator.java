package io.tunebook.kernel.eval;

import java.io.File;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.Diag;
import jdk.jshell.EvalException;
import jdk.jshell.ExpressionSnippet;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.Snippet.Kind;
import jdk.jshell.Snippet.Status;
import jdk.jshell.Snippet.SubKind;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.UnresolvedReferenceException;
import jdk.jshell.VarSnippet;
import jdk.jshell.spi.ExecutionControl;
import jdk.jshell.spi.ExecutionControlProvider;
import jdk.jshell.spi.ExecutionEnv;

/**
 * Runs the Java of cells. A variable keeps its value whatever is imported or redefined later; where the new type cannot hold it, the cell says which one was
 * reset. One cell runs at a time; {@link #interrupt} may be called from any thread.
 */
public final class CellEvaluator implements AutoCloseable {
    private final CellClassLoader loader;
    private final CellExecution execution;
    private final JShell shell;
    private final SourceCodeAnalysis analysis;
    private final JShellInternals internals;
    private final Map<String, Traceback.Origin> origins = new HashMap<>();
    private String imports = "";
    private volatile Function<Path, Optional<Path>> sources = jar -> Optional.empty();

    /**
     * @param classPath entries of the user's class path, jars and folders
     * @param compilerOptions options of javac, such as {@code --enable-preview}
     */
    public CellEvaluator(List<String> classPath, List<String> compilerOptions) {
        loader = new CellClassLoader(CellEvaluator.class.getClassLoader());
        execution = new CellExecution(loader);
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
                .compilerOptions(compilerOptions.toArray(String[]::new))
                .build();
        analysis = shell.sourceCodeAnalysis();
        internals = JShellInternals.of(shell);
        // Not as an option: what is added later would not count.
        if (!classPath.isEmpty()) {
            shell.addToClasspath(String.join(File.pathSeparator, classPath));
        }
    }

    /** A cell's result; {@code value} may be null. */
    public record Result(Object value) {}

    // ---- running

    /** From now on code runs for this cell. */
    public void begin(CellContext cell) {
        execution.begin(cell);
    }

    /** The cell has ended. */
    public void end(CellContext cell) {
        execution.end();
        cell.output().flush();
    }

    /** Asks the running code to end; it does within a second, or its thread is left behind. */
    public void interrupt() {
        execution.interrupt();
    }

    /** Runs something on the thread of cells. */
    public <T> T call(java.util.concurrent.Callable<T> action) throws CellException {
        try {
            @SuppressWarnings("unchecked") // it is what the action gave
            T result = (T) execution.call(action::call);
            return result;
        } catch (CellException e) {
            throw e;
        } catch (Throwable t) {
            throw execution.isInterrupted()
                    ? Traceback.interrupted(new StackTraceElement[0], id -> null)
                    : Traceback.runtime(t, t.getStackTrace(), id -> null);
        }
    }

    /**
     * Runs a cell, or a part of it.
     *
     * @param cell the whole cell as it was typed, for line numbers
     * @param from where the code begins in it
     * @param to where it ends
     * @param number the cell's number
     * @return the value of the last expression, unless a semicolon follows it
     * @throws CellException if it does not compile, throws, or is interrupted; what ran before stays done
     */
    public Optional<Result> evaluate(String cell, int from, int to, int number) throws CellException {
        List<Piece> pieces = split(cell, from, to, number);
        Optional<Result> result = Optional.empty();
        List<Snippet> unresolved = new ArrayList<>();
        while (!pieces.isEmpty()) {
            Piece piece = pieces.remove(0);
            Outcome outcome = run(piece);
            if (outcome.rejected() != null) {
                // Perhaps what it needs is declared further down.
                List<Piece> declarations =
                        pieces.stream().filter(this::declares).toList();
                if (!declarations.isEmpty()) {
                    for (Piece d : declarations) {
                        Outcome o = run(d);
                        if (o.rejected() != null) {
                            throw o.rejected();
                        }
                        unresolved.addAll(o.unresolved());
                    }
                    pieces.removeAll(declarations);
                    outcome = run(piece);
                }
            }
            if (outcome.rejected() != null) {
                throw withErrorsBehind(piece, pieces, outcome.rejected());
            }
            unresolved.addAll(outcome.unresolved());
            result = pieces.isEmpty() && !piece.endsWithSemicolon() ? outcome.result() : Optional.empty();
        }
        for (Snippet s : unresolved) {
            Status status = shell.status(s);
            if (status == Status.RECOVERABLE_DEFINED || status == Status.RECOVERABLE_NOT_DEFINED) {
                throw rejected(s, origins.get(s.id()));
            }
        }
        return result;
    }

    /**
     * The error of a piece together with those of the pieces behind it, which do not run any more: as the body of a method that nobody calls they are
     * compiled, and no further.
     */
    private CellException withErrorsBehind(Piece first, List<Piece> behind, CellException known) {
        StringBuilder body = new StringBuilder("void behind$() throws Throwable {\n");
        NavigableMap<Integer, Piece> starts = new TreeMap<>();
        List<Piece> all = new ArrayList<>(behind);
        all.add(0, first);
        for (Piece p : all) {
            Kind kind = analysis.sourceToSnippets(p.source()).stream()
                    .map(Snippet::kind)
                    .findFirst()
                    .orElse(Kind.ERRONEOUS);
            if (kind != Kind.IMPORT && kind != Kind.METHOD && kind != Kind.TYPE_DECL) {
                starts.put(body.length(), p);
                body.append(p.source()).append(p.source().stripTrailing().endsWith(";") ? "\n" : ";\n");
            }
        }
        if (starts.size() < 2) {
            return known;
        }
        List<String> lines = new ArrayList<>(known.traceback());
        for (SnippetEvent e : shell.eval(body.append('}').toString())) {
            if (e.causeSnippet() != null) {
                continue;
            }
            List<Diag> errors = shell.diagnostics(e.snippet())
                    .filter(d -> d.isError() && !"compiler.err.not.stmt".equals(d.getCode()))
                    .toList();
            for (Diag d : errors) {
                Map.Entry<Integer, Piece> at = starts.floorEntry((int) d.getPosition());
                if (at != null && at.getValue() != first) {
                    Traceback.Origin o = at.getValue().origin();
                    Traceback.Origin shifted = new Traceback.Origin(o.cell(), o.source(), o.offset() - at.getKey());
                    lines.addAll(Traceback.compilation(List.of(d), List.of(), "", shifted)
                            .traceback());
                }
            }
            if (shell.status(e.snippet()).isActive()) {
                shell.drop(e.snippet());
            }
        }
        return new CellException(known.name(), known.getMessage(), lines, null);
    }

    /**
     * Declares imports, all of them as one snippet: JShell takes the text behind the first one as it stands, and one compilation instead of a dozen is a
     * quarter of a start.
     *
     * @param text the first import is the snippet's name, so it must be one that no cell writes
     */
    public void declareImports(String text) {
        imports = text;
        shell.eval(text.replace('\n', ' '));
    }

    /** Runs code that stands in no cell. */
    public Optional<Result> evaluate(String code, int number) throws CellException {
        return evaluate(code, 0, code.length(), number);
    }

    /** Whether code can be followed by something that is not Java: nothing in it is left open. */
    public boolean isWhole(String code) {
        String rest = code;
        while (!rest.isBlank()) {
            SourceCodeAnalysis.CompletionInfo info = analysis.analyzeCompletion(rest);
            if (info.completeness() == Completeness.EMPTY) {
                return true;
            } else if (info.completeness() == Completeness.DEFINITELY_INCOMPLETE || info.source() == null) {
                return false;
            }
            String remaining = info.remaining() == null ? "" : info.remaining();
            if (info.completeness() != Completeness.COMPLETE && remaining.isBlank()) {
                return info.completeness() == Completeness.CONSIDERED_INCOMPLETE;
            }
            if (remaining.isBlank()) {
                String last = lastCharacter(rest);
                return last.equals(";") || last.equals("}");
            }
            rest = remaining;
        }
        return true;
    }

    /** One snippet of a cell. */
    private record Piece(String source, Traceback.Origin origin, boolean endsWithSemicolon) {}

    /** What became of it: not compiled, or done. */
    private record Outcome(CellException rejected, Optional<Result> result, List<Snippet> unresolved) {}

    private List<Piece> split(String cell, int from, int to, int number) throws CellException {
        List<Piece> pieces = new ArrayList<>();
        String rest = cell.substring(from, to);
        while (true) {
            SourceCodeAnalysis.CompletionInfo info = analysis.analyzeCompletion(rest);
            Completeness completeness = info.completeness();
            if (completeness == Completeness.EMPTY) {
                return pieces;
            }
            String remaining = info.remaining() == null ? "" : info.remaining();
            boolean whole = info.source() == null
                    || completeness == Completeness.DEFINITELY_INCOMPLETE
                    || completeness == Completeness.UNKNOWN;
            String source = whole ? rest : info.source();
            String raw = whole ? rest : rest.substring(0, rest.length() - remaining.length());
            int blank = leadingBlank(source); // JShell counts a snippet's lines from its first character
            Piece piece = new Piece(
                    source.substring(blank),
                    new Traceback.Origin(number, cell, to - rest.length() + blank),
                    endsWithSemicolon(raw));
            if (whole && analysis.sourceToSnippets(source).stream().anyMatch(s -> s.kind() == Kind.ERRONEOUS)) {
                // Nothing of a cell runs that cannot be parsed to its end.
                throw run(piece).rejected();
            }
            pieces.add(piece);
            if (whole || remaining.isBlank()) {
                return pieces;
            }
            rest = remaining;
        }
    }

    /** The length of the blanks and comments that a text begins with. */
    private static int leadingBlank(String code) {
        int i = 0;
        while (i < code.length()) {
            if (Character.isWhitespace(code.charAt(i))) {
                i++;
            } else if (code.startsWith("//", i) && code.indexOf('\n', i) >= 0) {
                i = code.indexOf('\n', i) + 1;
            } else if (code.startsWith("/*", i) && code.indexOf("*/", i + 2) >= 0) {
                i = code.indexOf("*/", i + 2) + 2;
            } else {
                break;
            }
        }
        return i;
    }

    private boolean declares(Piece piece) {
        return analysis.sourceToSnippets(piece.source()).stream()
                .allMatch(s -> s.kind() == Kind.METHOD || s.kind() == Kind.TYPE_DECL || s.kind() == Kind.IMPORT);
    }

    private Outcome run(Piece piece) throws CellException {
        Map<String, Held> held = hold();
        Set<String> others = loader.statements();
        List<SnippetEvent> events = shell.eval(piece.source());
        Optional<Result> result = Optional.empty();
        List<Snippet> unresolved = new ArrayList<>();
        Set<String> declared = new HashSet<>();
        for (SnippetEvent e : events) {
            Snippet s = e.snippet();
            if (e.causeSnippet() != null) {
                continue;
            }
            origins.put(s.id(), piece.origin());
            if (e.status() == Status.REJECTED) {
                return new Outcome(rejected(s, piece.origin()), result, unresolved);
            }
            if (s instanceof VarSnippet v) {
                declared.add(v.name());
            }
            if (e.status() == Status.RECOVERABLE_DEFINED || e.status() == Status.RECOVERABLE_NOT_DEFINED) {
                unresolved.add(s);
            }
            Object value = execution.takeValue();
            if (e.exception() != null) {
                CellException failure = failed(e.exception());
                forget(s, others);
                throw failure;
            }
            if (s instanceof ExpressionSnippet || s.subKind() == SubKind.TEMP_VAR_EXPRESSION_SUBKIND) {
                result = Optional.of(new Result(value));
            }
            if (s.subKind() == SubKind.TEMP_VAR_EXPRESSION_SUBKIND) {
                shell.drop(s); // nobody knows its name, and what it holds would stay
            }
            forget(s, others);
        }
        if (events.size() > 1) { // others than this snippet have changed
            restore(held, declared);
        }
        return new Outcome(null, result, unresolved);
    }

    /**
     * A statement that has run is kept by nobody, unless code that may still be called stands in it.
     *
     * @param others classes of statements that still run, and evaluate code themselves
     */
    private void forget(Snippet s, Set<String> others) {
        boolean declares = s.kind() != Kind.STATEMENT
                && s.kind() != Kind.EXPRESSION
                && s.subKind() != SubKind.TEMP_VAR_EXPRESSION_SUBKIND;
        for (String className : loader.takeStatements(others)) {
            if (!declares) {
                internals.forget(s, className);
                origins.remove(s.id());
            }
        }
    }

    private CellException rejected(Snippet s, Traceback.Origin origin) {
        List<Diag> errors = shell.diagnostics(s).filter(Diag::isError).toList();
        List<String> missing = s instanceof DeclarationSnippet d && shell.status(s) != Status.REJECTED
                ? shell.unresolvedDependencies(d).toList()
                : List.of();
        return Traceback.compilation(errors, missing, s.source(), origin);
    }

    private CellException failed(Exception e) {
        Throwable thrown = execution.takeThrown();
        if (e instanceof UnresolvedReferenceException u) {
            return new CellException(
                    "CompilationError",
                    u.getSnippet().name() + " needs what is not declared",
                    rejected(u.getSnippet(), origins.get(u.getSnippet().id())).traceback(),
                    null);
        }
        if (execution.isInterrupted()) {
            StackTraceElement[] own = e.getStackTrace();
            int frames = thrown == null ? 0 : Math.min(thrown.getStackTrace().length, own.length);
            return Traceback.interrupted(java.util.Arrays.copyOf(own, frames), origins::get);
        }
        Throwable shown = thrown != null ? thrown : e;
        return Traceback.runtime(
                shown, e instanceof EvalException ? e.getStackTrace() : shown.getStackTrace(), origins::get);
    }

    // ---- variables keep their values

    /** A variable before a declaration: the field that held it, its type and its value. */
    private record Held(Field field, String type, Object value) {}

    private Optional<Field> field(VarSnippet v) {
        if (shell.status(v) != Status.VALID) {
            return Optional.empty();
        }
        shell.varValue(v);
        return Optional.ofNullable(execution.takeField());
    }

    private Map<String, Held> hold() {
        Map<String, Held> held = new LinkedHashMap<>();
        shell.variables().forEach(v -> field(v).ifPresent(f -> held.put(v.name(), new Held(f, v.typeName(), get(f)))));
        return held;
    }

    /** JShell makes the holders of variables anew when something they mention changes, and leaves them empty: put the values back. */
    private void restore(Map<String, Held> held, Set<String> declared) {
        held.forEach((name, was) -> {
            if (declared.contains(name) || was.value() == null) {
                return;
            }
            Optional<VarSnippet> now = active(name);
            if (now.isEmpty()) { // declared with var: its initialiser no longer compiles, its type is known
                shell.eval(was.type() + " " + name + ";");
                now = active(name);
            }
            Optional<Field> field = now.flatMap(this::field);
            if (field.filter(was.field()::equals).isPresent()) {
                return;
            }
            try {
                field.orElseThrow(IllegalArgumentException::new).set(null, was.value());
            } catch (IllegalArgumentException | IllegalAccessException e) {
                System.err.println(name + " was reset: its type, " + was.type()
                        + ", has changed so that the former value does not fit.");
            }
        });
    }

    private Optional<VarSnippet> active(String name) {
        return shell.variables()
                .filter(v -> v.name().equals(name) && shell.status(v) == Status.VALID)
                .findFirst();
    }

    private static Object get(Field f) {
        try {
            return f.get(null);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // field(v) made it accessible
        }
    }

    // ---- the rest

    /** The names and types of all variables, in the order of their declaration. */
    public Map<String, String> variables() {
        Map<String, String> all = new LinkedHashMap<>();
        shell.variables().filter(v -> shell.status(v) == Status.VALID).forEach(v -> all.put(v.name(), v.typeName()));
        return all;
    }

    /** A variable's value, or empty if there is none of this name. */
    public Optional<Result> variable(String name) {
        return shell.variables()
                .filter(v -> v.name().equals(name))
                .findFirst()
                .flatMap(this::field)
                .map(f -> new Result(get(f)));
    }

    /** Forgets all that cells have declared; the class path and the first imports stay. */
    public void reset() {
        shell.snippets().filter(s -> shell.status(s).isActive()).toList().forEach(shell::drop);
        declareImports(imports);
    }

    /** Adds a jar or a folder to the class path, from the next cell on. */
    public void addToClassPath(String entry) {
        shell.addToClasspath(Objects.requireNonNull(entry));
        io.tunebook.kernel.display.Renderers.reload();
    }

    /** Whoever knows where jars come from finds their sources; called when somebody asks for help. */
    public void findSources(Function<Path, Optional<Path>> finder) {
        sources = finder;
    }

    /** The {@code -sources.jar} of a jar on the class path: beside it, or from where the jar came. */
    Optional<Path> sources(Path jar) {
        Path beside = Path.of(jar.toString().replaceFirst("\\.jar$", "-sources.jar"));
        return !beside.equals(jar) && Files.isRegularFile(beside) ? Optional.of(beside) : sources.apply(jar);
    }

    /** The jars and folders of the user's class path. */
    List<Path> classPath() {
        return loader.entries();
    }

    /** The user's class loader. */
    public ClassLoader loader() {
        return loader;
    }

    /** JShell's analysis with the index that completion and help need. */
    SourceCodeAnalysis indexed() {
        internals.index(true);
        return analysis;
    }

    SourceCodeAnalysis analysis() {
        return analysis;
    }

    @Override
    public void close() {
        internals.index(false); // other sessions of this process wait for it too
        shell.close();
    }

    private static boolean endsWithSemicolon(String code) {
        return lastCharacter(code).equals(";");
    }

    /** The last character that is neither blank nor part of a comment. */
    private static String lastCharacter(String code) {
        char last = ' ';
        for (int i = 0; i < code.length(); i++) {
            char c = code.charAt(i);
            if (c == '/' && code.startsWith("//", i)) {
                int end = code.indexOf('\n', i);
                i = end < 0 ? code.length() : end;
            } else if (c == '/' && code.startsWith("/*", i)) {
                int end = code.indexOf("*/", i + 2);
                i = end < 0 ? code.length() : end + 1;
            } else if (code.startsWith("\"\"\"", i)) {
                int end = code.indexOf("\"\"\"", i + 3);
                i = end < 0 ? code.length() : end + 2;
                last = c;
            } else if (c == '"' || c == '\'') {
                for (i++; i < code.length() && code.charAt(i) != c; i++) {
                    i += code.charAt(i) == '\\' ? 1 : 0;
                }
                last = c;
            } else if (!Character.isWhitespace(c)) {
                last = c;
            }
        }
        return String.valueOf(last);
    }
}
