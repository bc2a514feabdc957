package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import java.math.BigInteger;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A value as templates see it, which is as Python has it. Two values are {@code equals} where Python's {@code ==} holds
 * for them, so {@code 1}, {@code 1.0} and {@code true} are one key of a mapping.
 */
sealed interface Value
        permits Value.Dict,
                Value.Generator,
                LoopContext,
                Value.Bool,
                Value.Cycler,
                Value.Function,
                Value.Int,
                Value.Items,
                Value.Joiner,
                Value.Namespace,
                Value.None,
                Value.Range,
                Value.Real,
                Value.Text,
                Value.Undefined,
                Value.View {
    /** How deeply lists and mappings lie in one another, and how many values one holds, those of its parts included. */
    int DEEPEST = 500;

    long LARGEST = 1 << 22;

    default Size extent() {
        return Size.ONE;
    }

    /**
     * How deep and how large a value is. A template can put a list twice into another, and that twice into the next, so
     * that a few steps make a value that takes years to compare or print: such a one is refused when it is made.
     */
    record Size(int depth, long values) {
        static final Size ONE = new Size(0, 1);

        /** @throws TemplateException if a container of these is too deep or too large */
        static Size around(Iterable<Value> items) {
            int depth = 0;
            long values = 1;
            for (Value item : items) {
                depth = Math.max(depth, item.extent().depth);
                values += item.extent().values;
            }
            if (depth >= DEEPEST || values > LARGEST) {
                throw new TemplateException("expected lists and mappings of at most " + LARGEST + " values, " + DEEPEST
                        + " deep in one another");
            }
            return new Size(depth + 1, values);
        }
    }

    enum None implements Value {
        NONE
    }

    record Bool(boolean value) implements Value {
        static final Bool TRUE = new Bool(true);
        static final Bool FALSE = new Bool(false);

        static Bool of(boolean value) {
            return value ? TRUE : FALSE;
        }

        @Override
        public boolean equals(Object other) {
            return Numbers.equal(this, other);
        }

        @Override
        public int hashCode() {
            return value ? 1 : 0;
        }
    }

    /** An integer of any size. */
    record Int(BigInteger value) implements Value {
        static Int of(long value) {
            return new Int(BigInteger.valueOf(value));
        }

        @Override
        public boolean equals(Object other) {
            return Numbers.equal(this, other);
        }

        @Override
        public int hashCode() {
            return Double.hashCode(value.doubleValue());
        }
    }

    record Real(double value) implements Value {
        @Override
        public boolean equals(Object other) {
            return Numbers.equal(this, other);
        }

        @Override
        public int hashCode() {
            return Double.hashCode(value == 0 ? 0.0 : value);
        }
    }

    /** Text; {@code markup} is what the filters {@code safe} and {@code escape} give: text added to it is escaped. */
    record Text(String value, boolean markup) implements Value {
        static final Text EMPTY = new Text("", false);

        static Text of(String value) {
            return new Text(value, false);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Text text && text.value.equals(value);
        }

        @Override
        public int hashCode() {
            return value.hashCode();
        }
    }

    /**
     * A list or a tuple. {@code names} are the fields of a named tuple, {@code origin} the Java object it was made of.
     */
    final class Items implements Value {
        static final Items EMPTY = list(List.of());

        final List<Value> values;
        final boolean tuple;
        final List<String> names;
        final Object origin;
        private final Size size;

        private Items(List<Value> values, boolean tuple, List<String> names, Object origin) {
            this.values = values;
            this.tuple = tuple;
            this.names = names;
            this.origin = origin;
            this.size = Size.around(values);
        }

        static Items list(List<Value> values) {
            return new Items(values, false, List.of(), null);
        }

        static Items of(Object origin, List<Value> values) {
            return new Items(values, false, List.of(), origin);
        }

        static Items tuple(List<Value> values) {
            return new Items(values, true, List.of(), null);
        }

        static Items tuple(Value... values) {
            return tuple(List.of(values));
        }

        static Items named(List<String> names, Value... values) {
            return new Items(List.of(values), true, names, null);
        }

        @Override
        public Size extent() {
            return size;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Items items && items.tuple == tuple && items.values.equals(values);
        }

        @Override
        public int hashCode() {
            return values.hashCode();
        }
    }

    /** The integers from {@code start} to before {@code stop}. */
    record Range(long start, long stop, long step) implements Value {
        int size() {
            long span = step > 0 ? stop - start : start - stop;
            return span <= 0 ? 0 : (int) ((span - 1) / Math.abs(step) + 1);
        }

        Value get(int index) {
            return Int.of(start + index * step);
        }
    }

    /** What a mapping's {@code keys()}, {@code values()} and {@code items()} give. */
    record View(Dict of, String kind) implements Value {
        List<Value> values() {
            return switch (kind) {
                case "keys" -> List.copyOf(of.entries().keySet());
                case "values" -> List.copyOf(of.entries().values());
                default ->
                    of.entries().entrySet().stream()
                            .map(e -> (Value) Items.tuple(e.getKey(), e.getValue()))
                            .toList();
            };
        }

        @Override
        public Size extent() {
            return of.extent();
        }
    }

    /** What {@code namespace()} makes: fields that inner blocks may set. */
    final class Namespace implements Value {
        final Map<Value, Value> fields = new LinkedHashMap<>();
    }

    /** Takes the arguments of a call. */
    interface Body {
        Value call(Run run, Arguments arguments);
    }

    /** What can be called; {@code fields} are those of a macro. */
    record Function(String name, Body body, Map<String, Value> fields) implements Value {
        Function(String name, Body body) {
            this(name, body, Map.of());
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    /** Gives its values in turn. */
    final class Cycler implements Value {
        final List<Value> values;
        int at;

        Cycler(List<Value> values) {
            this.values = values;
        }
    }

    /** Empty at its first call, the separator afterwards. */
    final class Joiner implements Value {
        final Value separator;
        boolean used;

        Joiner(Value separator) {
            this.separator = separator;
        }
    }

    /** A variable, field or element that is not there; {@code complaint} is what using it fails with. */
    record Undefined(String complaint) implements Value {
        static Undefined named(String name) {
            return new Undefined("'" + name + "' is undefined");
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Undefined;
        }

        @Override
        public int hashCode() {
            return 0;
        }
    }

    /**
     * A sequence that is computed when it is read, and can be read once: what {@code map}, {@code select} and other
     * filters give. It is true in a condition, and has no length.
     */
    final class Generator implements Value {
        private final Iterator<Value> values;

        Generator(Iterator<Value> values) {
            this.values = values;
        }

        Iterator<Value> values() {
            return values;
        }
    }

    /** A mapping, in the order of its entries. {@code origin} is the Java object it was made of. */
    final class Dict implements Value {
        private final Map<Value, Value> entries;
        private final Size size;
        final Object origin;

        private Dict(Map<Value, Value> entries, Object origin) {
            this.entries = entries;
            this.origin = origin;
            this.size = Size.around(entries.values());
        }

        static Dict of(Map<Value, Value> entries) {
            return new Dict(entries, null);
        }

        static Dict of(Object origin, Map<Value, Value> entries) {
            return new Dict(entries, origin);
        }

        static Dict ofNamed(Map<String, Value> named) {
            Map<Value, Value> entries = new LinkedHashMap<>();
            named.forEach((name, value) -> entries.put(Text.of(name), value));
            return of(entries);
        }

        Map<Value, Value> entries() {
            return entries;
        }

        /** The value of a key; null if there is none. */
        Value get(Value key) {
            return entries.get(key(key));
        }

        /**
         * A value that can be a key.
         *
         * @throws TemplateException if it is a list, a mapping or holds one
         */
        static Value key(Value value) {
            if (value instanceof Dict || value instanceof Items items && !items.tuple) {
                throw new TemplateException(Repr.typeName(value) + " cannot be the key of a mapping");
            }
            if (value instanceof Items tuple) {
                tuple.values.forEach(Dict::key);
            }
            return value;
        }

        @Override
        public Size extent() {
            return size;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Dict dict && dict.entries.equals(entries);
        }

        @Override
        public int hashCode() {
            return entries.hashCode();
        }
    }
}
