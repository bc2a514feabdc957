/**
 * The template language in which models' chat templates are written, as Transformers sets Jinja2 up. A rendering also
 * tells which span of the text came from which element of a loop. Knows nothing of tokenizers or models.
 *
 * <p>In the order of the work: {@code Jinja} reads and renders; {@code Lexer} gives {@code Tokens};
 * {@code StatementParser} and {@code ExpressionParser} make a tree of {@code Node}s; {@code Interpreter} carries out
 * statements and {@code Evaluator} expressions, within the limits of a {@code Run}. What they compute with are
 * {@code Value}s: {@code Operators}, {@code Numbers}, {@code Attributes} and {@code Repr} say what Python does with
 * them. The built-in {@code Filters}, {@code Tests}, {@code Globals} and {@code TextMethods} are tables of
 * {@code Builtin}s.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/">Jinja's template designer documentation</a>
 */
package io.tunebook.jinja;
