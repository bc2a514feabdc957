/**
 * Evaluates cells on JShell, in this process: values are objects, variables survive, everything can be interrupted.
 * Knows nothing of magics, of sessions and of Jupyter's messages.
 *
 * <p>In order: {@code CellEvaluator} takes a {@code Source}; {@code PieceRunner} cuts it into {@code Pieces}, and
 * {@code Snippets} runs each, by {@code StatementCompiler} or by JShell, with {@code JShellInternals} for what that has
 * no call for; {@code CellExecution} runs the classes, which {@code CellClassLoader} holds and {@code CellTransformer}
 * made interruptible, on the thread of a {@code CellRunner}; {@code Results} are what they gave, and {@code Traceback}
 * tells errors. {@code CellContext} says whose cell a thread works for. {@code Completer} and {@code Inspector} help
 * with code that is being written; {@code PackageCells} and {@code Libraries} are the class path.
 */
package io.tunebook.kernel.eval;
