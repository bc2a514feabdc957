package io.tunebook.kernel.eval;

import java.util.List;
import java.util.function.Predicate;
import jdk.jshell.DeclarationSnippet;
import jdk.jshell.JShell;
import jdk.jshell.Snippet;

/** What cells have declared and what still counts of it. */
public final class Declarations {
    private final CellEvaluator evaluator;
    private final JShell shell;

    Declarations(CellEvaluator evaluator, JShell shell) {
        this.evaluator = evaluator;
        this.shell = shell;
    }

    /** The signatures of all methods, in the order of their declaration. */
    public List<String> methods() {
        return evaluator.withCompiler(() -> shell.methods()
                .filter(m -> shell.status(m).isActive())
                .map(m -> m.signature().replaceFirst("^(\\(.*\\))(.*)$", "$2 ")
                        + m.name()
                        + m.signature().replaceFirst("^(\\(.*\\)).*$", "$1"))
                .map(CellNames::clean)
                .toList());
    }

    /** The declarations of one kind, in the order in which they came, as they were typed. */
    public List<String> of(Snippet.Kind kind) {
        return all(s -> s.kind() == kind);
    }

    /** The declaration of a method or type as it was typed; several of methods of one name. */
    public List<String> of(String name) {
        return all(s -> s instanceof DeclarationSnippet d && d.name().equals(name));
    }

    private List<String> all(Predicate<Snippet> which) {
        return evaluator.withCompiler(() -> shell.snippets()
                .filter(s -> which.test(s) && shell.status(s).isActive())
                .map(s -> s.source().strip())
                .toList());
    }
}
