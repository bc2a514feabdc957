package io.tunebook.kernel.eval;

import jdk.jshell.JShell;
import jdk.jshell.Snippet;
import jdk.jshell.TypeDeclSnippet;

/** Compiles code that is to be timed. */
final class LoopCompiler {
    private final CellEvaluator evaluator;
    private final JShell shell;
    private final Pieces pieces;

    LoopCompiler(CellEvaluator evaluator, JShell shell, Pieces pieces) {
        this.evaluator = evaluator;
        this.shell = shell;
        this.pieces = pieces;
    }

    /** A loop over an expression, whose value is taken so that it is computed, or over statements. */
    TimedLoop loop(String code, String setup) throws CellException {
        boolean expression =
                pieces.kinds(code.strip()).stream().allMatch(k -> k == Snippet.Kind.EXPRESSION || k == Snippet.Kind.VAR)
                        && !code.strip().endsWith(";");
        try {
            return loop(expression ? "take((" + code.strip() + "));" : code, setup, 0);
        } catch (CellException e) {
            if (!expression || !String.valueOf(e.getMessage()).contains("void")) {
                throw e;
            }
            return loop(code, setup, 0);
        }
    }

    private TimedLoop loop(String body, String setup, int number) throws CellException {
        String name = "TimedLoop$";
        evaluator.evaluate(
                "class " + name + " extends " + TimedLoop.class.getName()
                        + " { public long run(long times$) throws Exception {\n" + setup
                        + (setup.isBlank()
                                        || setup.strip().endsWith(";")
                                        || setup.strip().endsWith("}")
                                ? ""
                                : ";")
                        + "\nlong start$ = System.nanoTime(); for (long turn$ = 0; turn$ < times$; turn$++) {\n" + body
                        + (body.strip().endsWith(";") || body.strip().endsWith("}") ? "" : ";")
                        + "\n} return System.nanoTime() - start$; } }",
                number);
        TimedLoop loop = (TimedLoop)
                evaluator.evaluate("new " + name + "()", number).orElseThrow().value();
        return evaluator.withCompiler(() -> {
            shell.snippets()
                    .filter(s -> s instanceof TypeDeclSnippet t && t.name().equals(name))
                    .filter(s -> shell.status(s).isActive())
                    .toList()
                    .forEach(shell::drop);
            return loop;
        });
    }
}
