package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Generator;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Range;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import io.tunebook.jinja.Value.View;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** What the operators of expressions do with values. */
final class Operators {
    private Operators() {}

    static boolean truth(Value value) {
        if (value instanceof Bool bool) {
            return bool.value();
        }
        if (value instanceof Int number) {
            return number.value().signum() != 0;
        }
        if (value instanceof Real number) {
            return number.value() != 0;
        }
        return !(value instanceof None) && (length(value) != 0);
    }

    /** The number of elements; -1 of what has none. */
    static int length(Value value) {
        if (value instanceof Text text) {
            return Texts.length(text.value());
        }
        if (value instanceof Items items) {
            return items.values.size();
        }
        if (value instanceof Dict dict) {
            return dict.entries().size();
        }
        if (value instanceof View view) {
            return view.of().entries().size();
        }
        return value instanceof Range range ? range.size() : value instanceof Undefined ? 0 : -1;
    }

    /**
     * The elements of a value, each of which counts as a step.
     *
     * @throws TemplateException if it has none
     */
    static Iterator<Value> iterate(Run run, Value value) {
        Iterator<Value> values = iterator(value);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return values.hasNext();
            }

            @Override
            public Value next() {
                run.step();
                return values.next();
            }
        };
    }

    private static Iterator<Value> iterator(Value value) {
        if (value instanceof Items items) {
            return items.values.iterator();
        }
        if (value instanceof Dict dict) {
            return dict.entries().keySet().iterator();
        }
        if (value instanceof Text text) {
            return text.value()
                    .codePoints()
                    .mapToObj(c -> (Value) Text.of(Character.toString(c)))
                    .iterator();
        }
        if (value instanceof View view) {
            return view.values().iterator();
        }
        if (value instanceof Generator generator) {
            return generator.values();
        }
        if (value instanceof Range range) {
            return java.util.stream.IntStream.range(0, range.size())
                    .mapToObj(range::get)
                    .iterator();
        }
        if (value instanceof Undefined) {
            return List.<Value>of().iterator();
        }
        throw new TemplateException("expected something to loop over, found " + Repr.typeName(value));
    }

    static List<Value> list(Run run, Value value) {
        List<Value> all = new ArrayList<>();
        iterate(run, value).forEachRemaining(all::add);
        return all;
    }

    static Value defined(Value value) {
        if (value instanceof Undefined undefined) {
            throw new TemplateException(undefined.complaint());
        }
        return value;
    }

    static Value compute(Run run, String operator, Value left, Value right) {
        if (operator.equals("%") && left instanceof Text format) {
            return new Text(PercentFormat.format(run, format, right), format.markup());
        }
        defined(left);
        defined(right);
        if (Numbers.is(left) && Numbers.is(right)) {
            return Numbers.compute(operator, left, right);
        }
        if (operator.equals("+") && left instanceof Text a && right instanceof Text b) {
            boolean markup = a.markup() || b.markup();
            return new Text(run.made(escaped(a, markup) + escaped(b, markup)), markup);
        }
        if (operator.equals("+") && left instanceof Items a && right instanceof Items b && a.tuple == b.tuple) {
            run.steps(a.values.size() + b.values.size());
            List<Value> joined = new ArrayList<>(a.values);
            joined.addAll(b.values);
            return a.tuple ? Items.tuple(joined) : Items.list(joined);
        }
        if (operator.equals("*")) {
            Value times = Numbers.plain(left instanceof Text || left instanceof Items ? right : left);
            Value repeated = left instanceof Text || left instanceof Items ? left : right;
            if (times instanceof Int && (repeated instanceof Text || repeated instanceof Items)) {
                return repeat(run, repeated, times);
            }
        }
        throw new TemplateException(
                "cannot compute " + Repr.typeName(left) + " " + operator + " " + Repr.typeName(right));
    }

    static String escaped(Text text, boolean markup) {
        return markup && !text.markup() ? Texts.escape(text.value()) : text.value();
    }

    private static Value repeat(Run run, Value repeated, Value times) {
        boolean none = ((Int) times).value().signum() <= 0;
        if (repeated instanceof Text text) {
            return none || text.value().isEmpty()
                    ? new Text("", text.markup())
                    : new Text(Texts.repeat(run, text.value(), Arguments.integer(times)), text.markup());
        }
        Items items = (Items) repeated;
        List<Value> all = new ArrayList<>();
        for (long i = none || items.values.isEmpty() ? 0 : Arguments.integer(times); i > 0; i--) {
            run.steps(items.values.size());
            all.addAll(items.values);
        }
        return items.tuple ? Items.tuple(all) : Items.list(all);
    }

    static boolean compare(Run run, String operator, Value left, Value right) {
        run.steps(Math.min(left.extent().values(), right.extent().values()));
        return switch (operator) {
            case "==" -> left.equals(right);
            case "!=" -> !left.equals(right);
            case "in" -> contains(run, right, left);
            case "not in" -> !contains(run, right, left);
            default -> {
                if (nan(left) && Numbers.is(right) || nan(right) && Numbers.is(left)) {
                    yield false;
                }
                int order = order(left, right);
                yield switch (operator) {
                    case "<" -> order < 0;
                    case "<=" -> order <= 0;
                    case ">" -> order > 0;
                    default -> order >= 0;
                };
            }
        };
    }

    private static boolean nan(Value value) {
        return value instanceof Real real && Double.isNaN(real.value());
    }

    /** @throws TemplateException if there is no order between the two */
    static int order(Value left, Value right) {
        defined(left);
        defined(right);
        if (Numbers.is(left) && Numbers.is(right)) {
            return nan(left) || nan(right) ? Boolean.compare(nan(left), nan(right)) : Numbers.compare(left, right);
        }
        if (left instanceof Text a && right instanceof Text b) {
            return compareCodePoints(a.value(), b.value());
        }
        if (left instanceof Items a && right instanceof Items b && a.tuple == b.tuple) {
            for (int i = 0; i < Math.min(a.values.size(), b.values.size()); i++) {
                if (!a.values.get(i).equals(b.values.get(i))) {
                    return order(a.values.get(i), b.values.get(i));
                }
            }
            return Integer.compare(a.values.size(), b.values.size());
        }
        throw new TemplateException("cannot order " + Repr.typeName(left) + " and " + Repr.typeName(right));
    }

    /** Java orders surrogates before the characters from U+E000 on, Python does not. */
    private static int compareCodePoints(String a, String b) {
        for (int i = 0; i < Math.min(a.length(), b.length()); i++) {
            if (a.charAt(i) != b.charAt(i)) {
                boolean surrogates = Character.isSurrogate(a.charAt(i)) != Character.isSurrogate(b.charAt(i));
                return surrogates
                        ? Character.isSurrogate(a.charAt(i)) ? 1 : -1
                        : Character.compare(a.charAt(i), b.charAt(i));
            }
        }
        return Integer.compare(a.length(), b.length());
    }

    static boolean contains(Run run, Value container, Value item) {
        if (container instanceof Text text) {
            if (item instanceof Text part) {
                run.steps(text.value().length() >> 4);
                return text.value().contains(part.value());
            }
            throw new TemplateException("in a string: expected a string, found " + Repr.typeName(item));
        }
        if (container instanceof Dict dict) {
            return dict.get(item) != null;
        }
        if (container instanceof View view && view.kind().equals("keys")) {
            return view.of().get(item) != null;
        }
        for (Iterator<Value> values = iterate(run, container); values.hasNext(); ) {
            run.steps(item.extent().values());
            if (values.next().equals(item)) {
                return true;
            }
        }
        return false;
    }

    /** {@code value[from:to:step]}, any of them null where absent. */
    static Value slice(Run run, Value value, Value from, Value to, Value step) {
        defined(value);
        if (!(value instanceof Text || value instanceof Items || value instanceof Range)) {
            throw new TemplateException("cannot take a slice of " + Repr.typeName(value));
        }
        int n = length(value);
        long by = step == null || step == None.NONE ? 1 : Arguments.integer(step);
        if (by == 0) {
            throw new TemplateException("a slice's step cannot be 0");
        }
        int low = by > 0 ? 0 : -1;
        int high = by > 0 ? n : n - 1;
        int begin = bound(from, n, low, high, by > 0 ? low : high);
        int end = bound(to, n, low, high, by > 0 ? high : low);
        if (value instanceof Range range) {
            return new Range(
                    range.start() + begin * range.step(), range.start() + end * range.step(), range.step() * by);
        }
        if (value instanceof Text text && by == 1 && text.value().length() == n) {
            return new Text(run.made(text.value().substring(begin, Math.max(begin, end))), text.markup());
        }
        List<Value> all = value instanceof Items items ? items.values : list(run, value);
        List<Value> taken = new ArrayList<>();
        for (long i = begin; by > 0 ? i < end : i > end; i += by) {
            run.step();
            taken.add(all.get((int) i));
        }
        if (value instanceof Text text) {
            StringBuilder out = new StringBuilder();
            taken.forEach(c -> out.append(((Text) c).value()));
            return new Text(run.made(out.toString()), text.markup());
        }
        return ((Items) value).tuple ? Items.tuple(taken) : Items.list(taken);
    }

    private static int bound(Value value, int n, int low, int high, int absent) {
        if (value == null || value == None.NONE) {
            return absent;
        }
        if (!(Numbers.plain(value) instanceof Int whole)) {
            throw new TemplateException("a slice: expected integers, found " + Repr.typeName(value));
        }
        long index = whole.value().bitLength() > 40
                ? whole.value().signum() * (1L << 40)
                : whole.value().longValue();
        return (int) Math.max(low, Math.min(high, index < 0 ? index + n : index));
    }
}
