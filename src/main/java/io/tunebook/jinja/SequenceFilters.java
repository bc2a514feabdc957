package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Generator;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Jinja's filters for lists and mappings. Those that are generators there compute their elements when they are read.
 */
final class SequenceFilters {
    static final List<Builtin> ALL = List.of(
            Builtin.of("length", "obj, /", SequenceFilters::length),
            Builtin.of("count", "obj, /", SequenceFilters::length),
            Builtin.of("list", "value", (run, a) -> Items.list(Operators.list(run, a.get(0)))),
            Builtin.of("first", "seq", (run, a) -> {
                Iterator<Value> values = Operators.iterate(run, a.get(0));
                return values.hasNext() ? values.next() : new Undefined("No first item, sequence was empty.");
            }),
            Builtin.of("last", "seq", (run, a) -> {
                List<Value> all = Operators.list(run, reversible(a.get(0)));
                return all.isEmpty() ? new Undefined("No last item, sequence was empty.") : all.get(all.size() - 1);
            }),
            Builtin.of("reverse", "value", SequenceFilters::reverse),
            Builtin.of("join", "value, d?, attribute?", SequenceFilters::join),
            Builtin.of("items", "value", SequenceFilters::items),
            Builtin.of("sum", "iterable, attribute?, start?", SequenceFilters::sum),
            Builtin.of("min", "value, case_sensitive?, attribute?", (run, a) -> extreme(run, a, 1)),
            Builtin.of("max", "value, case_sensitive?, attribute?", (run, a) -> extreme(run, a, -1)),
            Builtin.of("sort", "value, reverse?, case_sensitive?, attribute?", SequenceFilters::sort),
            Builtin.of("dictsort", "value, case_sensitive?, by?, reverse?", SequenceFilters::dictsort),
            Builtin.of("unique", "value, case_sensitive?, attribute?", SequenceFilters::unique),
            Builtin.of("groupby", "value, attribute, default?, case_sensitive?", SequenceFilters::groupby),
            Builtin.of("batch", "value, linecount, fill_with?", SequenceFilters::batch),
            Builtin.of("slice", "value, slices, fill_with?", SequenceFilters::slice),
            Builtin.of("map", "value, *, **", SequenceFilters::map),
            Builtin.of("select", "value, *, **", (run, a) -> select(run, a, false, true)),
            Builtin.of("reject", "value, *, **", (run, a) -> select(run, a, false, false)),
            Builtin.of("selectattr", "value, *, **", (run, a) -> select(run, a, true, true)),
            Builtin.of("rejectattr", "value, *, **", (run, a) -> select(run, a, true, false)));

    private SequenceFilters() {}

    private static Value length(Run run, Arguments a) {
        int length = a.get(0) instanceof LoopContext loop ? loop.length(run) : Operators.length(a.get(0));
        if (length < 0) {
            throw new TemplateException("expected something with a length, found " + Repr.typeName(a.get(0)));
        }
        return Int.of(length);
    }

    private static Value reversible(Value value) {
        if (value instanceof Generator) {
            throw new TemplateException("a generator has no last element that can be told: put |list before");
        }
        return value;
    }

    private static Value reverse(Run run, Arguments a) {
        if (a.get(0) instanceof Text text) {
            return new Text(run.made(new StringBuilder(text.value()).reverse().toString()), text.markup());
        }
        List<Value> all = Operators.list(run, a.get(0));
        Collections.reverse(all);
        return a.get(0) instanceof Generator ? Items.list(all) : new Generator(all.iterator());
    }

    private static Value join(Run run, Arguments a) {
        StringBuilder out = new StringBuilder();
        String separator = a.has(1) ? Repr.text(run, a.get(1)) : "";
        String before = "";
        for (Iterator<Value> values = Operators.iterate(run, a.get(0)); values.hasNext(); before = separator) {
            String one = Repr.text(run, Attributes.path(run, values.next(), a.or(2, null), null));
            run.characters(before.length() + one.length());
            out.append(before).append(one);
        }
        return Text.of(out.toString());
    }

    private static Value items(Run run, Arguments a) {
        Value value = a.get(0);
        return generator(() -> {
            if (value instanceof Undefined) {
                return Collections.emptyIterator();
            }
            if (!(value instanceof Dict dict)) {
                throw new TemplateException("items: expected a mapping, found " + Repr.typeName(value));
            }
            return new Value.View(dict, "items").values().iterator();
        });
    }

    private static Value sum(Run run, Arguments a) {
        Value sum = a.or(2, Int.of(0));
        if (sum instanceof Text) {
            throw new TemplateException("sum: expected numbers or lists, found a string as start; use join");
        }
        for (Iterator<Value> values = Operators.iterate(run, a.get(0)); values.hasNext(); ) {
            sum = Operators.compute(run, "+", sum, Attributes.path(run, values.next(), a.or(1, null), null));
        }
        return sum;
    }

    /** Jinja's filters do not tell upper from lower case unless asked to. */
    private static Function<Value, Value> key(Run run, Value attribute, boolean caseSensitive, Value otherwise) {
        return item -> {
            Value found = Attributes.path(run, item, attribute, otherwise);
            return !caseSensitive && found instanceof Text text ? Text.of(Texts.lower(text.value())) : found;
        };
    }

    private static Value extreme(Run run, Arguments a, int sign) {
        Function<Value, Value> key = key(run, a.or(2, null), a.truth(1), null);
        Value best = null;
        Value bestKey = null;
        for (Iterator<Value> values = Operators.iterate(run, a.get(0)); values.hasNext(); ) {
            Value value = values.next();
            Value itsKey = key.apply(value);
            if (best == null || sign * Operators.order(itsKey, bestKey) < 0) {
                best = value;
                bestKey = itsKey;
            }
        }
        return best != null ? best : new Undefined("No aggregated item, sequence was empty.");
    }

    private static List<Value> sorted(Run run, List<Value> values, Function<Value, Value> key, boolean reverse) {
        record Keyed(Value key, Value value) {}
        List<Keyed> keyed = new ArrayList<>();
        for (Value value : values) {
            keyed.add(new Keyed(key.apply(value), value));
        }
        Comparator<Keyed> order = (x, y) -> {
            run.step();
            return Operators.order(x.key, y.key);
        };
        keyed.sort(reverse ? order.reversed() : order);
        return new ArrayList<>(keyed.stream().map(Keyed::value).toList());
    }

    private static Value sort(Run run, Arguments a) {
        List<Function<Value, Value>> keys = new ArrayList<>();
        if (a.given(3) && a.get(3) instanceof Text attributes) {
            for (String attribute : attributes.value().split(",", -1)) {
                keys.add(key(run, Text.of(attribute), a.truth(2), null));
            }
        } else {
            keys.add(key(run, a.or(3, null), a.truth(2), null));
        }
        return Items.list(sorted(
                run,
                Operators.list(run, a.get(0)),
                item -> Items.list(keys.stream().map(key -> key.apply(item)).toList()),
                a.truth(1)));
    }

    private static Value dictsort(Run run, Arguments a) {
        String by = a.has(2) ? a.string(2) : "key";
        if (!by.equals("key") && !by.equals("value")) {
            throw new TemplateException("dictsort: expected key or value, found " + by);
        }
        if (!(a.get(0) instanceof Dict dict)) {
            throw new TemplateException("dictsort: expected a mapping, found " + Repr.typeName(a.get(0)));
        }
        Function<Value, Value> key = key(run, Int.of(by.equals("key") ? 0 : 1), a.truth(1), null);
        return Items.list(sorted(run, new Value.View(dict, "items").values(), key, a.truth(3)));
    }

    private static Value unique(Run run, Arguments a) {
        Function<Value, Value> key = key(run, a.or(2, null), a.truth(1), null);
        Set<Value> seen = new HashSet<>();
        return generator(() -> filtered(Operators.iterate(run, a.get(0)), item -> seen.add(Dict.key(key.apply(item)))));
    }

    private static Value groupby(Run run, Arguments a) {
        Value otherwise = a.or(2, null);
        Function<Value, Value> key = key(run, a.get(1), a.truth(3), otherwise);
        List<Value> groups = new ArrayList<>();
        List<Value> group = new ArrayList<>();
        List<Value> sorted = sorted(run, Operators.list(run, a.get(0)), key, false);
        for (int i = 0; i < sorted.size(); i++) {
            group.add(sorted.get(i));
            if (i + 1 == sorted.size() || !key.apply(sorted.get(i + 1)).equals(key.apply(sorted.get(i)))) {
                Value name =
                        a.truth(3) ? key.apply(sorted.get(i)) : Attributes.path(run, group.get(0), a.get(1), otherwise);
                groups.add(Items.named(List.of("grouper", "list"), name, Items.list(group)));
                group = new ArrayList<>();
            }
        }
        return Items.list(groups);
    }

    private static Value batch(Run run, Arguments a) {
        return generator(() -> {
            long size = a.integer(1, 1);
            List<Value> batches = new ArrayList<>();
            List<Value> batch = new ArrayList<>();
            for (Iterator<Value> values = Operators.iterate(run, a.get(0)); values.hasNext(); ) {
                if (batch.size() == size) {
                    batches.add(Items.list(batch));
                    batch = new ArrayList<>();
                }
                batch.add(values.next());
            }
            while (!batch.isEmpty() && a.given(2) && batch.size() < size) {
                run.step();
                batch.add(a.get(2));
            }
            if (!batch.isEmpty()) {
                batches.add(Items.list(batch));
            }
            return batches.iterator();
        });
    }

    private static Value slice(Run run, Arguments a) {
        return generator(() -> {
            List<Value> all = Operators.list(run, a.get(0));
            long slices = a.integer(1, 1);
            if (slices == 0) {
                throw new TemplateException("slice: expected a number of slices other than 0");
            }
            List<Value> parts = new ArrayList<>();
            int offset = 0;
            for (long i = 0; i < slices; i++) {
                run.step();
                int n = (int) (all.size() / slices + (i < all.size() % slices ? 1 : 0));
                List<Value> part = new ArrayList<>(all.subList(offset, offset + n));
                offset += n;
                if (a.given(2) && i >= all.size() % slices) {
                    part.add(a.get(2));
                }
                parts.add(Items.list(part));
            }
            return parts.iterator();
        });
    }

    private static Value map(Run run, Arguments a) {
        return generator(() -> {
            if (!Operators.truth(a.get(0))) {
                return Collections.emptyIterator();
            }
            Function<Value, Value> change;
            if (a.rest().isEmpty() && a.named().containsKey("attribute")) {
                if (a.named().size() > (a.named().containsKey("default") ? 2 : 1)) {
                    throw new TemplateException("map: expected attribute and default, found "
                            + a.named().keySet());
                }
                change = item -> Attributes.path(
                        run, item, a.named().get("attribute"), a.named().get("default"));
            } else if (a.rest().isEmpty()) {
                throw new TemplateException("map: expected the name of a filter or attribute=…");
            } else {
                String name = Repr.text(run, a.rest().get(0));
                Arguments more = Arguments.of(a.rest().subList(1, a.rest().size()), a.named());
                change = item -> Filters.get(name).call(run, more.after(item));
            }
            Iterator<Value> values = Operators.iterate(run, a.get(0));
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return values.hasNext();
                }

                @Override
                public Value next() {
                    return change.apply(values.next());
                }
            };
        });
    }

    private static Value select(Run run, Arguments a, boolean byAttribute, boolean keep) {
        return generator(() -> {
            if (!Operators.truth(a.get(0))) {
                return Collections.emptyIterator();
            }
            if (byAttribute && a.rest().isEmpty()) {
                throw new TemplateException("expected the name of an attribute");
            }
            int off = byAttribute ? 1 : 0;
            Value attribute = byAttribute ? a.rest().get(0) : null;
            boolean tests = a.rest().size() > off;
            String name = tests ? Repr.text(run, a.rest().get(off)) : null;
            Arguments more =
                    tests ? Arguments.of(a.rest().subList(off + 1, a.rest().size()), a.named()) : null;
            return filtered(Operators.iterate(run, a.get(0)), item -> {
                Value value = Attributes.path(run, item, attribute, null);
                return keep == (tests ? Tests.holds(run, name, more.after(value)) : Operators.truth(value));
            });
        });
    }

    /** What a supplier gives when the first element is asked for. */
    private static Generator generator(Supplier<Iterator<Value>> values) {
        return new Generator(new Iterator<>() {
            private Iterator<Value> started;

            private Iterator<Value> started() {
                if (started == null) {
                    started = values.get();
                }
                return started;
            }

            @Override
            public boolean hasNext() {
                return started().hasNext();
            }

            @Override
            public Value next() {
                return started().next();
            }
        });
    }

    private static Iterator<Value> filtered(Iterator<Value> values, java.util.function.Predicate<Value> kept) {
        return new Iterator<>() {
            private Value next;

            @Override
            public boolean hasNext() {
                while (next == null && values.hasNext()) {
                    Value value = values.next();
                    next = kept.test(value) ? value : null;
                }
                return next != null;
            }

            @Override
            public Value next() {
                if (!hasNext()) {
                    throw new java.util.NoSuchElementException();
                }
                Value value = next;
                next = null;
                return value;
            }
        };
    }
}
