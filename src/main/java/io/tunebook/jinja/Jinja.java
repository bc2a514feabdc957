package io.tunebook.jinja;

import java.util.List;
import java.util.Map;

/**
 * A template in Jinja, as Transformers sets it up for chat templates: {@code trim_blocks} and {@code lstrip_blocks} on,
 * loop controls, {@code generation} blocks, values that templates cannot change, {@code raise_exception},
 * {@code strftime_now} and a {@code tojson} that escapes no HTML. What a template writes can be traced back to the list
 * elements it looped over. Safe for several threads.
 *
 * <p>A template may come from anyone: what it uses of time, memory and depth is limited, and a rendering ends when its
 * thread is interrupted. Every failure is a {@link TemplateException}.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/">Jinja: the language</a>
 */
public final class Jinja {
    /**
     * What was written, and by which loop elements and generation blocks.
     *
     * @param loops in the order in which the turns of the loops ended, inner ones before those around them
     */
    public record Rendered(String text, List<Span> loops, List<Span> generations) {}

    /**
     * Characters {@code start} to {@code end}, exclusive, of the text; {@code element} wrote them in a loop. It is the
     * Java object that was given as a variable or in one, or null where the template made the element itself.
     */
    public record Span(Object element, int start, int end) {}

    private final List<Statement> template;

    private Jinja(List<Statement> template) {
        this.template = template;
    }

    /**
     * Parses a template.
     *
     * @throws TemplateException if it is not one, with the line and the column
     */
    public static Jinja parse(String source) {
        try {
            return new Jinja(new StatementParser(new Lexer(source).tokens()).template());
        } catch (StackOverflowError e) {
            throw new TemplateException(
                    0, "expressions and blocks lie too deep in one another for this thread's stack");
        }
    }

    /**
     * Renders with variables of Java's types: {@link Map}, {@link Iterable}, {@link String}, numbers, {@link Boolean}
     * and null, in one another. Functions and variables that the template's language has can be replaced by them.
     *
     * @throws TemplateException if the template refuses them, fails or goes over a limit, or the thread is interrupted,
     *     with the line and the column
     */
    public Rendered render(Map<String, ?> variables) {
        return render(variables, Limits.DEFAULT);
    }

    Rendered render(Map<String, ?> variables, Limits limits) {
        Run run = new Run(limits);
        try {
            Scope globals = new Scope(null);
            Globals.into(globals);
            variables.forEach((name, value) -> globals.put(name, Values.of(value)));
            return new Interpreter(run, globals).render(template);
        } catch (TemplateException e) {
            throw run.located(e);
        } catch (StackOverflowError e) {
            throw run.located(new TemplateException("blocks and values lie too deep for this thread's stack"));
        }
    }
}
