package io.tunebook.jinja;

import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.View;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The methods of Python's lists, tuples, ranges and mappings. */
final class ListMethods {
    static final Set<String> CHANGING_LISTS =
            Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");
    static final Set<String> CHANGING_MAPPINGS = Set.of("clear", "pop", "popitem", "setdefault", "update");

    static final Map<String, Builtin> OF_LISTS = Builtin.table(List.of(
            Builtin.of("index", "self, value, start?, stop?, /", ListMethods::index),
            Builtin.of("count", "self, value, /", (run, a) -> {
                long n = 0;
                for (Iterator<Value> values = Operators.iterate(run, a.get(0)); values.hasNext(); ) {
                    n += values.next().equals(a.get(1)) ? 1 : 0;
                }
                return Int.of(n);
            }),
            Builtin.of("copy", "self, /", (run, a) -> Items.list(((Items) a.get(0)).values))));

    static final Map<String, Builtin> OF_MAPPINGS = Builtin.table(List.of(
            Builtin.of("items", "self, /", (run, a) -> new View((Dict) a.get(0), "items")),
            Builtin.of("keys", "self, /", (run, a) -> new View((Dict) a.get(0), "keys")),
            Builtin.of("values", "self, /", (run, a) -> new View((Dict) a.get(0), "values")),
            Builtin.of("get", "self, key, default?, /", (run, a) -> {
                Value found = ((Dict) a.get(0)).get(a.get(1));
                return found != null ? found : a.or(2, None.NONE);
            }),
            Builtin.of("copy", "self, /", (run, a) -> a.get(0)),
            Builtin.of("fromkeys", "self, keys, value?, /", (run, a) -> {
                Map<Value, Value> entries = new LinkedHashMap<>();
                Operators.iterate(run, a.get(1))
                        .forEachRemaining(key -> entries.put(Dict.key(key), a.or(2, None.NONE)));
                return Dict.of(entries);
            })));

    private ListMethods() {}

    private static Value index(Run run, Arguments a) {
        List<Value> all = Operators.list(run, a.get(0));
        long n = all.size();
        long start = a.integer(2, 0);
        long stop = a.integer(3, n);
        for (long i = Math.max(0, start < 0 ? start + n : start); i < Math.min(n, stop < 0 ? stop + n : stop); i++) {
            if (all.get((int) i).equals(a.get(1))) {
                return Int.of(i);
            }
        }
        throw new TemplateException(Repr.repr(run, a.get(1)) + " is not in the list");
    }
}
