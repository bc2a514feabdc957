package io.tunebook.kernel.eval;

import jdk.jshell.Snippet;

/** Compiles code that is to be timed. */
final class LoopCompiler {
    private final CellEvaluator evaluator;
    private final Pieces pieces;

    LoopCompiler(CellEvaluator evaluator, Pieces pieces) {
        this.evaluator = evaluator;
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
        String type = TimedLoop.class.getName();
        String head = "(" + type + ") new " + type + "() { public long run(long times$) throws Exception {\n"
                + statements(setup)
                + "\nlong start$ = System.nanoTime(); for (long turn$ = 0; turn$ < times$; turn$++) {\n" + before;
        String whole = head + typed + behind + "\n} return System.nanoTime() - start$; } }";
        int above = (int) head.chars().filter(c -> c == '\n').count();
        return (TimedLoop) evaluator
                .evaluate(new Source(source, whole, above), 0, whole.length())
                .orElseThrow()
                .value();
    }

    private static String statements(String code) {
        String text = code.strip();
        return text.isEmpty() || text.endsWith(";") || text.endsWith("}") ? code : code + ";";
    }
}
