package io.tunebook.kernel.eval;

import io.tunebook.kernel.eval.CellEvaluator.Result;
import io.tunebook.kernel.eval.Pieces.Piece;
import io.tunebook.kernel.eval.Source.Origin;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.Diag;
import jdk.jshell.ExpressionSnippet;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.Snippet.Kind;
import jdk.jshell.Snippet.Status;
import jdk.jshell.Snippet.SubKind;
import jdk.jshell.SnippetEvent;
import jdk.jshell.UnresolvedReferenceException;
import jdk.jshell.VarSnippet;
import jdk.jshell.spi.ExecutionControl.ClassBytecodes;
import jdk.jshell.spi.ExecutionControl.ExecutionControlException;

/** Runs one snippet, and tells what became of it in the words of the cell. */
final class Snippets {
    private static final Pattern IMPORT = Pattern.compile("import\\s+(?:static\\s+)?[\\w.\\s]*?([\\w]+|\\*)\\s*;?");
    private static final Pattern SYMBOL = Pattern.compile("symbol:\\s+\\w+ (\\w+)");

    private final JShell shell;
    private final JShellInternals internals;
    private final CellExecution execution;
    private final CellClassLoader loader;
    private final CellLines lines;
    private final Pieces pieces;
    private final Variables variables;
    private final StatementCompiler statements;

    Snippets(
            JShell shell,
            JShellInternals internals,
            CellExecution execution,
            CellClassLoader loader,
            CellLines lines,
            Pieces pieces,
            Variables variables) {
        this.shell = shell;
        this.internals = internals;
        this.execution = execution;
        this.loader = loader;
        this.lines = lines;
        this.pieces = pieces;
        this.variables = variables;
        statements = new StatementCompiler(internals);
    }

    /**
     * What became of a snippet: not compiled, or done.
     *
     * @param type of the result, null where there is none
     */
    record Outcome(CellException rejected, Optional<Result> result, String type, List<Snippet> unresolved) {}

    Outcome run(Piece piece) throws CellException {
        if (execution.isInterrupted()) { // while something was compiled, or the cell has caught it
            throw Traceback.interrupted(new StackTraceElement[0], lines);
        }
        Optional<Outcome> done = runStatement(piece);
        return done.isPresent() ? done.get() : runSnippet(piece);
    }

    /** Runs what JShell need not know, if it is such a thing. */
    private Optional<Outcome> runStatement(Piece piece) throws CellException {
        if (anyUnresolved()) {
            return Optional.empty(); // JShell knows what is missing where it is called
        }
        Set<String> others = loader.statements();
        lines.current(piece.origin());
        loader.loadsFor(execution.here());
        Optional<StatementCompiler.Compiled> compiled = CellContext.quietly(() -> statements.compile(piece));
        if (compiled.isEmpty()) {
            return Optional.empty();
        }
        String name = compiled.get().code().name();
        lines.put(name, compiled.get().above(), piece.origin());
        try {
            execution.load(new ClassBytecodes[] {compiled.get().code()});
            execution.invoke(name, "do_it$");
            Optional<Result> result =
                    compiled.get().isExpression() ? Optional.of(new Result(execution.takeValue())) : Optional.empty();
            return Optional.of(new Outcome(null, result, compiled.get().type(), List.of()));
        } catch (ExecutionControlException e) {
            throw failed(e);
        } finally {
            loader.takeStatements(execution.here(), others).forEach(lines::forget);
        }
    }

    /** Throws if a thread of the cell was stopped by an interrupt, even if nothing that was run has told so. */
    void requireNotStopped() throws CellException {
        try {
            execution.here().requireNotStopped();
        } catch (Interrupts.CellInterrupted e) {
            throw Traceback.interrupted(e.getStackTrace(), lines);
        }
    }

    private Outcome runSnippet(Piece piece) throws CellException {
        Map<String, Variables.Held> held = variables.hold();
        Set<String> others = loader.statements();
        int before = execution.invocations();
        List<SnippetEvent> events;
        try {
            events = eval(piece);
        } catch (CellException e) {
            return new Outcome(e, Optional.empty(), null, List.of());
        }
        Optional<Result> result = Optional.empty();
        String type = null;
        List<Snippet> unresolved = new ArrayList<>();
        Set<String> declared = new HashSet<>();
        for (SnippetEvent e : events) {
            Snippet s = e.snippet();
            if (e.causeSnippet() != null) {
                continue;
            }
            lines.put(s, piece.origin());
            if (isRefused(s, e.status())) {
                CellException rejected = rejected(s, piece.origin());
                if (shell.diagnostics(s).anyMatch(d -> d.getCode().startsWith("compiler.err.limit."))) {
                    internals.renewCompiler(); // javac would report it again with the next snippet
                }
                if (e.status() != Status.REJECTED) {
                    shell.drop(s);
                }
                return new Outcome(rejected, result, type, unresolved);
            }
            if (s instanceof VarSnippet v) {
                declared.add(v.name());
            }
            if (isUnresolved(e.status())) {
                unresolved.add(s);
            }
            Object value = execution.takeValue();
            if (e.exception() != null) {
                CellException failure = failed(e.exception());
                forget(s, others);
                throw failure;
            }
            boolean temporary = s.subKind() == SubKind.TEMP_VAR_EXPRESSION_SUBKIND;
            if (execution.invocations() == before
                    && (temporary || s.kind() == Kind.EXPRESSION || s.kind() == Kind.STATEMENT)) {
                internals.renewCompiler();
                throw Traceback.compiler("nothing of it was run", piece.origin());
            }
            if (s instanceof ExpressionSnippet || temporary) {
                result = Optional.of(new Result(value));
                type = s instanceof ExpressionSnippet x ? x.typeName() : ((VarSnippet) s).typeName();
            }
            if (temporary) {
                shell.drop(s); // nobody knows its name, and what it holds would stay
            }
            forget(s, others);
        }
        if (events.size() > 1) { // others than this snippet have changed
            variables.restore(held, declared);
        }
        return new Outcome(null, result, type, unresolved);
    }

    /**
     * Methods and types may wait for what a later cell declares, and for nothing else; the initialiser of a variable
     * would never run.
     */
    private boolean isRefused(Snippet s, Status status) {
        return status == Status.REJECTED
                || isUnresolved(status)
                        && (s.kind() != Kind.METHOD && s.kind() != Kind.TYPE_DECL
                                || missing(s).isEmpty());
    }

    private List<SnippetEvent> eval(Piece piece) throws CellException {
        lines.current(piece.origin());
        loader.loadsFor(execution.here());
        boolean adds = addsNames(piece.source());
        try {
            // Again only if nothing has run: what a cell throws does not come out here.
            return execution.isRunner()
                    ? CellContext.quietly(() -> shell.eval(piece.source()))
                    : DeepStack.call(
                            () -> CellContext.quietly(() -> adds
                                    ? internals.withoutDependencies(() -> shell.eval(piece.source()))
                                    : shell.eval(piece.source())),
                            internals::renewCompiler);
        } catch (RuntimeException | Error e) {
            internals.renewCompiler();
            throw Traceback.compiler(
                    DeepStack.isOverflow(e) ? "it is nested too deeply, or too long" : String.valueOf(e.getMessage()),
                    piece.origin());
        }
    }

    /**
     * Whether this is an import that changes nothing of what was declared before: no name gets another meaning, and
     * nothing waits for one.
     */
    private boolean addsNames(String source) {
        Matcher m = IMPORT.matcher(source.strip());
        return m.matches()
                && !anyUnresolved()
                && shell.imports()
                        .noneMatch(i -> !i.name().equals("*") && i.name().equals(m.group(1)));
    }

    private boolean anyUnresolved() {
        return shell.snippets().anyMatch(s -> isUnresolved(shell.status(s)));
    }

    static boolean isUnresolved(Status status) {
        return status == Status.RECOVERABLE_DEFINED || status == Status.RECOVERABLE_NOT_DEFINED;
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
        for (String className : loader.takeStatements(execution.here(), others)) {
            if (!declares) {
                internals.forget(s, className);
                lines.forget(s, className);
            }
        }
    }

    // ---- errors

    CellException rejected(Snippet s, Origin origin) {
        List<Diag> errors = shell.diagnostics(s).filter(Diag::isError).toList();
        CellException error = Traceback.compilation(errors, missing(s), s.source(), origin);
        List<String> more = new ArrayList<>(error.traceback());
        for (Diag d : errors) {
            Matcher m = SYMBOL.matcher(String.valueOf(d.getMessage(null)));
            if (m.find()) {
                shell.snippets()
                        .filter(x -> x instanceof DeclarationSnippet n
                                && n.name().equals(m.group(1))
                                && shell.status(x) == Status.RECOVERABLE_NOT_DEFINED)
                        .forEach(x -> more.add("       " + waiting(x)));
            }
        }
        return new CellException(error.name(), error.getMessage(), more, null);
    }

    /** What a declaration needs that no cell has declared, as JShell names it, such as {@code method f(int)}. */
    private List<String> missing(Snippet s) {
        return s instanceof DeclarationSnippet d && isUnresolved(shell.status(s))
                ? shell.unresolvedDependencies(d).map(CellNames::clean).toList()
                : List.of();
    }

    /** Says of a declaration that is not complete what it waits for. */
    String waiting(Snippet s) {
        List<String> missing = missing(s);
        String what = missing.isEmpty()
                ? shell.diagnostics(s)
                        .map(d -> d.getMessage(null).lines().findFirst().orElse(""))
                        .findFirst()
                        .orElse("something")
                : String.join(" and ", missing);
        String name = ((DeclarationSnippet) s).name();
        String until = " until " + what + (missing.size() > 1 ? " are" : " is") + " declared";
        return s.kind() == Kind.METHOD
                ? "method " + name + " is defined; it cannot be called" + until
                : shell.status(s) == Status.RECOVERABLE_DEFINED
                        ? "class " + name + " is defined; it cannot be instantiated" + until
                        : "class " + name + " is defined; it cannot be used" + until;
    }

    private CellException failed(Exception e) {
        Throwable thrown = execution.takeThrown();
        if (e instanceof UnresolvedReferenceException u) {
            Snippet s = u.getSnippet();
            String needs = ((DeclarationSnippet) s).name() + (s.kind() == Kind.METHOD ? "()" : "") + " needs "
                    + String.join(" and ", missing(s)) + ", which no cell has declared";
            List<String> shown = new ArrayList<>();
            shown.add(needs);
            shown.addAll(rejected(s, lines.of(s)).traceback());
            return new CellException("CompilationError", needs, shown, null);
        }
        Throwable shown = thrown != null ? thrown : e;
        return execution.isInterrupted()
                ? Traceback.interrupted(shown.getStackTrace(), lines)
                : Traceback.runtime(shown, lines);
    }

    /**
     * The error of a piece together with those of the pieces behind it, which do not run any more: as the body of a
     * method that nobody calls they are compiled, and no further.
     */
    CellException withErrorsBehind(Piece first, List<Piece> behind, CellException known) {
        StringBuilder body = new StringBuilder("void behind$() throws Throwable {\n");
        NavigableMap<Integer, Piece> starts = new TreeMap<>();
        List<Piece> all = new ArrayList<>(behind);
        all.add(0, first);
        for (Piece p : all) {
            Set<Kind> kinds;
            try {
                kinds = pieces.kinds(p.source());
            } catch (RuntimeException | InternalError e) { // the compiler falls over it once more: what is known is all
                internals.renewCompiler();
                return known;
            }
            if (!kinds.contains(Kind.IMPORT) && !kinds.contains(Kind.METHOD) && !kinds.contains(Kind.TYPE_DECL)) {
                starts.put(body.length(), p);
                body.append(p.source()).append(p.source().stripTrailing().endsWith(";") ? "\n" : ";\n");
            }
        }
        if (starts.size() < 2) {
            return known;
        }
        List<String> shown = new ArrayList<>(known.traceback());
        List<SnippetEvent> events;
        try {
            events = eval(new Piece(body.append('}').toString(), first.origin(), false, false));
        } catch (CellException e) {
            return known;
        }
        for (SnippetEvent e : events) {
            if (e.causeSnippet() != null) {
                continue;
            }
            List<Diag> errors = shell.diagnostics(e.snippet())
                    .filter(d -> d.isError() && !"compiler.err.not.stmt".equals(d.getCode()))
                    .toList();
            for (Diag d : errors) {
                Map.Entry<Integer, Piece> at = starts.floorEntry((int) d.getPosition());
                if (at != null && at.getValue() != first) {
                    Origin o = at.getValue().origin();
                    shown.addAll(
                            Traceback.compilation(List.of(d), at.getKey(), o).traceback());
                }
            }
            if (shell.status(e.snippet()).isActive()) {
                shell.drop(e.snippet());
            }
        }
        return new CellException(known.name(), known.getMessage(), shown, null);
    }
}
