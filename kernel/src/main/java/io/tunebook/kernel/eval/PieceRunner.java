package io.tunebook.kernel.eval;

import io.tunebook.kernel.eval.CellEvaluator.Result;
import io.tunebook.kernel.eval.Pieces.Piece;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;

/** Cuts a cell into pieces and runs them one after the other; declarations come before what needs them. */
final class PieceRunner {
    private final JShell shell;
    private final JShellInternals internals;
    private final Pieces pieces;
    private final Variables variables;
    private final Snippets snippets;
    private final Results results;
    private final PackageCells packages;

    PieceRunner(
            JShell shell,
            JShellInternals internals,
            Pieces pieces,
            Variables variables,
            Snippets snippets,
            Results results,
            PackageCells packages) {
        this.shell = shell;
        this.internals = internals;
        this.pieces = pieces;
        this.variables = variables;
        this.snippets = snippets;
        this.results = results;
        this.packages = packages;
    }

    /** Runs a part of a cell, in the turn of the caller. */
    Optional<Result> run(Source source, int from, int to) throws CellException {
        if (PackageCells.isPackage(source.text().substring(from, to))) {
            packages.define(source, from, to);
            return Optional.empty();
        }
        List<Piece> rest = split(source, from, to);
        Optional<Result> result = Optional.empty();
        List<Snippet> unresolved = new ArrayList<>();
        while (!rest.isEmpty()) {
            Piece piece = rest.remove(0);
            if (!unresolved.isEmpty() && !pieces.declares(piece)) {
                declare(rest, unresolved); // perhaps what it calls needs what is declared further down
            }
            Snippets.Outcome outcome = snippets.run(piece);
            if (outcome.rejected() != null && declare(rest, unresolved)) {
                outcome = snippets.run(piece);
            }
            if (outcome.rejected() != null) {
                throw snippets.withErrorsBehind(piece, rest, outcome.rejected());
            }
            unresolved.addAll(outcome.unresolved());
            result = rest.isEmpty() && !piece.endsWithSemicolon() ? outcome.result() : Optional.empty();
            results.type(outcome.type());
        }
        snippets.requireNotStopped();
        unresolved.stream()
                .filter(s -> Snippets.isUnresolved(shell.status(s)))
                .forEach(s -> System.err.println(snippets.waiting(s) + "."));
        return result;
    }

    private List<Piece> split(Source source, int from, int to) throws CellException {
        List<Piece> all;
        try {
            all = pieces.split(source, from, to, name -> variables.field(name).isPresent() ? null : results.code(name));
        } catch (RuntimeException | Error e) {
            internals.renewCompiler();
            throw Traceback.compiler(
                    DeepStack.isOverflow(e) ? "it is nested too deeply, or too long" : String.valueOf(e.getMessage()),
                    new Source.Origin(source, from, List.of()));
        }
        Piece last = all.isEmpty() ? null : all.get(all.size() - 1);
        if (last != null && last.isErroneous()) {
            // Nothing of a cell runs that cannot be parsed to its end.
            CellException rejected = snippets.run(last).rejected();
            throw rejected != null ? rejected : Traceback.compiler("it cannot be parsed", last.origin());
        }
        return all;
    }

    /**
     * Runs the declarations among the pieces ahead.
     *
     * @return whether there are any
     */
    private boolean declare(List<Piece> rest, List<Snippet> unresolved) throws CellException {
        List<Piece> declarations = rest.stream().filter(pieces::declares).toList();
        for (Piece d : declarations) {
            Snippets.Outcome outcome = snippets.run(d);
            if (outcome.rejected() != null) {
                throw outcome.rejected();
            }
            unresolved.addAll(outcome.unresolved());
        }
        rest.removeAll(declarations);
        return !declarations.isEmpty();
    }
}
