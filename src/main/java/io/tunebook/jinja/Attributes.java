package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Cycler;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Function;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Namespace;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Range;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import io.tunebook.jinja.Value.View;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** {@code value.name} and {@code value[key]}, which fall back to one another as in Jinja's sandbox. */
final class Attributes {
    private Attributes() {}

    /** {@code value.name}: a method or field, else an element. */
    static Value attribute(Run run, Value value, String name) {
        Value own = own(run, value, name);
        if (own != null) {
            return own;
        }
        Value element = value instanceof Dict dict ? dict.get(Text.of(name)) : null;
        return element != null ? element : missing(value, Repr.repr(run, Text.of(name)));
    }

    /** {@code value[key]}: an element, else a method or field. */
    static Value item(Run run, Value value, Value key) {
        Operators.defined(value);
        Value element = element(run, value, key);
        if (element == null && key instanceof Text name) {
            element = own(run, value, name.value());
        }
        return element != null ? element : missing(value, Repr.repr(run, key));
    }

    private static Undefined missing(Value value, String key) {
        return new Undefined(Repr.typeName(value) + " has no element or attribute " + key);
    }

    private static Value element(Run run, Value value, Value key) {
        if (value instanceof Dict dict) {
            return key instanceof Dict || key instanceof Items items && !items.tuple ? null : dict.get(key);
        }
        int n = Operators.length(value);
        if (!(Numbers.plain(key) instanceof Int index) || n < 0 || value instanceof Value.View) {
            return null;
        }
        if (index.value().bitLength() > 31) {
            return null;
        }
        long at = index.value().longValue();
        at = at < 0 ? at + n : at;
        if (at < 0 || at >= n) {
            return null;
        }
        if (value instanceof Text text) {
            run.steps(n >> 4);
            int from = text.value().offsetByCodePoints(0, (int) at);
            return new Text(text.value().substring(from, text.value().offsetByCodePoints(from, 1)), text.markup());
        }
        return value instanceof Items items ? items.values.get((int) at) : ((Range) value).get((int) at);
    }

    /** What Python's {@code getattr} finds; null if that is nothing. */
    static Value own(Run run, Value value, String name) {
        Operators.defined(value);
        if (value instanceof Text text) {
            return method(TextMethods.ALL.get(name), text);
        }
        if (value instanceof Dict dict) {
            return ListMethods.CHANGING_MAPPINGS.contains(name)
                    ? changing(name)
                    : method(ListMethods.OF_MAPPINGS.get(name), dict);
        }
        if (value instanceof Items items) {
            int field = items.names.indexOf(name);
            if (field >= 0) {
                return items.values.get(field);
            }
            return !items.tuple && ListMethods.CHANGING_LISTS.contains(name)
                    ? changing(name)
                    : name.equals("copy") && items.tuple ? null : method(ListMethods.OF_LISTS.get(name), items);
        }
        if (value instanceof Namespace namespace) {
            return namespace.fields.get(Text.of(name));
        }
        if (value instanceof LoopContext loop) {
            return loop.get(run, name);
        }
        if (value instanceof Cycler cycler) {
            return cycler(cycler, name);
        }
        if (value instanceof Function function) {
            return function.fields().get(name);
        }
        if (value instanceof Range range) {
            return switch (name) {
                case "start" -> Int.of(range.start());
                case "stop" -> Int.of(range.stop());
                case "step" -> Int.of(range.step());
                default -> name.equals("copy") ? null : method(ListMethods.OF_LISTS.get(name), range);
            };
        }
        return number(value, name);
    }

    private static Value number(Value value, String name) {
        if (value instanceof Real real && name.equals("is_integer")) {
            return new Function(
                    name,
                    (r, a) -> Bool.of(real.value() == Math.rint(real.value()) && !Double.isInfinite(real.value())));
        }
        if (Numbers.plain(value) instanceof Int whole && name.equals("bit_length")) {
            return new Function(name, (r, a) -> Int.of(whole.value().abs().bitLength()));
        }
        return null;
    }

    private static Value method(Builtin method, Value object) {
        return method == null ? null : method.function(object);
    }

    /** As in the sandbox, such a method is there, but whoever uses it fails. */
    private static Value changing(String name) {
        return new Undefined("." + name + "() changes a value, which chat templates may not");
    }

    private static Value cycler(Cycler cycler, String name) {
        List<Value> values = cycler.values;
        return switch (name) {
            case "current" -> values.get(cycler.at);
            case "pos" -> Int.of(cycler.at);
            case "next" ->
                new Function(name, (run, arguments) -> {
                    Value next = values.get(cycler.at);
                    cycler.at = (cycler.at + 1) % values.size();
                    return next;
                });
            case "reset" ->
                new Function(name, (run, arguments) -> {
                    cycler.at = 0;
                    return Value.None.NONE;
                });
            default -> null;
        };
    }

    /** An attribute path such as {@code function.name} or {@code 0.name}, as the filters take them. */
    static Value path(Run run, Value item, Value attribute, Value otherwise) {
        Value found = item;
        if (attribute == null || attribute == Value.None.NONE) {
            return item;
        }
        if (!(attribute instanceof Text dotted)) {
            return otherwise(item(run, found, attribute), otherwise);
        }
        for (String part : dotted.value().split("\\.", -1)) {
            boolean number = !part.isEmpty() && part.codePoints().allMatch(Character::isDigit);
            found = otherwise(item(run, found, number ? new Int(Numbers.parse(part, 10)) : Text.of(part)), otherwise);
        }
        return found;
    }

    private static Value otherwise(Value found, Value otherwise) {
        return found instanceof Undefined && otherwise != null && otherwise != Value.None.NONE ? otherwise : found;
    }

    /** The methods of Python's lists, tuples, ranges and mappings. */
    private static final class ListMethods {
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
            for (long i = Math.max(0, start < 0 ? start + n : start);
                    i < Math.min(n, stop < 0 ? stop + n : stop);
                    i++) {
                if (all.get((int) i).equals(a.get(1))) {
                    return Int.of(i);
                }
            }
            throw new TemplateException(Repr.repr(run, a.get(1)) + " is not in the list");
        }
    }
}
