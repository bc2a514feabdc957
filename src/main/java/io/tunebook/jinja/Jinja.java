package io.tunebook.jinja;

import io.tunebook.jinja.Node.Statement;
import io.tunebook.jinja.Run.Scope;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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

    /**
     * What a rendering may use, so that a template from elsewhere cannot fill the memory or run for ever.
     *
     * @param steps nodes evaluated and elements looped over or collected
     * @param characters characters of all texts that are made on the way, the output among them
     * @param depth expressions, statements and calls within one another
     */
    record Limits(long steps, long characters, int depth) {
        /** About a second of work, 256 MiB of text; Python's own limit of depth is about the same. */
        static final Limits DEFAULT = new Limits(50_000_000, 1L << 28, 1000);

        /** The deepest nesting that is parsed: CPython, which Jinja compiles to, has the same limit for parentheses. */
        static final int PARSED_DEPTH = 200;
    }

    /** Values made of Java's objects. */
    static final class Values {
        private Values() {}

        /** @throws TemplateException if templates have no value for it */
        static Value of(Object object) {
            if (object == null) {
                return None.NONE;
            }
            if (object instanceof String text) {
                return Text.of(text);
            }
            if (object instanceof Boolean bool) {
                return Bool.of(bool);
            }
            if (object instanceof BigInteger whole) {
                return new Int(whole);
            }
            if (object instanceof Long
                    || object instanceof Integer
                    || object instanceof Short
                    || object instanceof Byte) {
                return Int.of(((Number) object).longValue());
            }
            if (object instanceof Double || object instanceof Float || object instanceof BigDecimal) {
                return new Real(((Number) object).doubleValue());
            }
            if (object instanceof Map<?, ?> map) {
                Map<Value, Value> entries = new LinkedHashMap<>();
                map.forEach((key, value) -> entries.put(Dict.key(of(key)), of(value)));
                return Dict.of(object, entries);
            }
            if (object instanceof Iterable<?> items) {
                List<Value> values = new ArrayList<>();
                items.forEach(item -> values.add(of(item)));
                return Items.of(object, values);
            }
            throw new TemplateException("expected maps, lists, strings, numbers and booleans, found a "
                    + object.getClass().getName());
        }

        /** The Java object that a value was made of; for lists and mappings that a template made null. */
        static Object origin(Value value) {
            if (value instanceof Dict dict) {
                return dict.origin;
            }
            if (value instanceof Items items) {
                return items.origin;
            }
            return value instanceof Text text ? text.value() : null;
        }
    }
}
