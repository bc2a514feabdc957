package io.tunebook.jinja;

import io.tunebook.jinja.Value.Cycler;
import io.tunebook.jinja.Value.Joiner;
import io.tunebook.jinja.Value.Namespace;
import io.tunebook.jinja.Value.Range;
import io.tunebook.jinja.Value.Text;
import java.time.LocalDateTime;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions that every template can call: Jinja's, and the two that Transformers adds. */
final class Globals {
    /** The longest range a template may ask for, as in Jinja's sandbox. */
    private static final int LONGEST_RANGE = 100_000;

    private static final Map<String, Builtin> ALL = Builtin.table(List.of(
            Builtin.of("range", "start, stop?, step?, /", Globals::range),
            Builtin.of("dict", "mapping?, /, **", (run, a) -> Dict.of(entries(run, a))),
            Builtin.of("namespace", "mapping?, /, **", (run, a) -> {
                Namespace namespace = new Namespace();
                namespace.fields.putAll(entries(run, a));
                return namespace;
            }),
            Builtin.of("cycler", "*", (run, a) -> {
                if (a.rest().isEmpty()) {
                    throw new TemplateException("cycler: expected values");
                }
                return new Cycler(a.rest());
            }),
            Builtin.of("joiner", "sep?", (run, a) -> new Joiner(a.or(0, Text.of(", ")))),
            Builtin.of("raise_exception", "message", (run, a) -> {
                throw new TemplateException("the template refuses this conversation: " + Repr.text(run, a.get(0)));
            }),
            Builtin.of(
                    "strftime_now",
                    "format",
                    (run, a) -> Text.of(run.made(Strftime.format(LocalDateTime.now(), a.string(0)))))));

    private Globals() {}

    static void into(Scope scope) {
        ALL.forEach((name, builtin) -> scope.put(name, builtin.function(null)));
    }

    private static Value range(Run run, Arguments a) {
        long first = a.integer(0, 0);
        long start = a.has(1) ? first : 0;
        long stop = a.has(1) ? a.integer(1, 0) : first;
        long step = a.integer(2, 1);
        if (step == 0) {
            throw new TemplateException("range: expected a step other than 0");
        }
        long span = step > 0 ? stop - start : start - stop;
        if (span > 0 && (span - 1) / Math.abs(step) + 1 > LONGEST_RANGE) {
            throw new TemplateException("range: expected at most " + LONGEST_RANGE + " elements");
        }
        return new Range(start, stop, step);
    }

    private static Map<Value, Value> entries(Run run, Arguments a) {
        Map<Value, Value> entries = new LinkedHashMap<>();
        if (a.has(0) && a.get(0) instanceof Dict dict) {
            entries.putAll(dict.entries());
        } else if (a.has(0)) {
            for (Iterator<Value> pairs = Operators.iterate(run, a.get(0)); pairs.hasNext(); ) {
                List<Value> pair = Operators.list(run, pairs.next());
                if (pair.size() != 2) {
                    throw new TemplateException("dict: expected pairs, found " + pair.size() + " values");
                }
                entries.put(Dict.key(pair.get(0)), pair.get(1));
            }
        }
        a.named().forEach((name, value) -> entries.put(Text.of(name), value));
        return entries;
    }
}
