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
    TimedLoop loop(Source code, String setup) throws CellException {
        String text = code.text();
        boolean expression =
                pieces.kinds(text.strip()).stream().allMatch(k -> k == Snippet.Kind.EXPRESSION || k == Snippet.Kind.VAR)
                        && !text.strip().endsWith(";");
        try {
            return expression
                    ? loop(code.name(), setup, "take((\n", text.strip(), "\n));")
                    : loop(code.name(), setup, "", statements(text), "");
        } catch (CellException e) {
            if (!expression || !String.valueOf(e.getMessage()).contains("void")) {
                throw e;
            }
            return loop(code.name(), setup, "", statements(text), "");
        }
    }

    /** What was typed stands on lines of its own, which errors show. */
    private TimedLoop loop(String source, String setup, String before, String typed, String behind)
            throws CellException {
        String name = "TimedLoop$";
        String head = "class " + name + " extends " + TimedLoop.class.getName()
                + " { public long run(long times$) throws Exception {\n" + statements(setup)
                + "\nlong start$ = System.nanoTime(); for (long turn$ = 0; turn$ < times$; turn$++) {\n" + before;
        String whole = head + typed + behind + "\n} return System.nanoTime() - start$; } }";
        int above = (int) head.chars().filter(c -> c == '\n').count();
        evaluator.evaluate(new Source(source, whole, above), 0, whole.length());
        TimedLoop loop = (TimedLoop)
                evaluator.evaluate("new " + name + "()", 0).orElseThrow().value();
        return evaluator.withCompiler(() -> {
            shell.snippets()
                    .filter(s -> s instanceof TypeDeclSnippet t && t.name().equals(name))
                    .filter(s -> shell.status(s).isActive())
                    .toList()
                    .forEach(shell::drop);
            return loop;
        });
    }

    private static String statements(String code) {
        String text = code.strip();
        return text.isEmpty() || text.endsWith(";") || text.endsWith("}") ? code : code + ";";
    }
}
