package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** All filters by name, and those for numbers and values of any kind. */
final class Filters {
    private static final Map<String, Builtin> ALL = all();

    private Filters() {}

    /**
     * A filter by its name.
     *
     * @throws TemplateException if there is none
     */
    static Builtin get(String name) {
        Builtin filter = ALL.get(name);
        if (filter == null) {
            throw new TemplateException("expected a filter that is known, found |" + name);
        }
        return filter;
    }

    static boolean has(String name) {
        return ALL.containsKey(name);
    }

    private static Map<String, Builtin> all() {
        List<Builtin> all = new ArrayList<>(TextFilters.ALL);
        all.addAll(SequenceFilters.ALL);
        Builtin otherwise = Builtin.of(
                "default",
                "value, default_value?, boolean?",
                (run, a) -> a.get(0) instanceof Undefined || a.truth(2) && !Operators.truth(a.get(0))
                        ? a.or(1, Text.EMPTY)
                        : a.get(0));
        all.add(otherwise);
        all.add(otherwise.named("d"));
        all.add(Builtin.of("abs", "x, /", (run, a) -> absolute(a.get(0))));
        all.add(Builtin.of("int", "value, default?, base?", Filters::toInt));
        all.add(Builtin.of("float", "value, default?", (run, a) -> toFloat(run, a.get(0), a.or(1, new Real(0)))));
        all.add(Builtin.of("round", "value, precision?, method?", Filters::round));
        all.add(Builtin.of("attr", "obj, name", (run, a) -> {
            String name = a.string(1);
            Value found = Attributes.own(run, a.get(0), name);
            return found != null
                    ? found
                    : new Undefined(Repr.typeName(a.get(0)) + " has no attribute " + Repr.repr(run, a.get(1)));
        }));
        return Builtin.table(all);
    }

    private static Value absolute(Value value) {
        Value plain = Numbers.plain(value);
        if (plain instanceof Int whole) {
            return new Int(whole.value().abs());
        }
        if (plain instanceof Real real) {
            return new Real(Math.abs(real.value()));
        }
        throw new TemplateException("abs: expected a number, found " + Repr.typeName(value));
    }

    private static Value toInt(Run run, Arguments a) {
        Value value = Operators.defined(a.get(0));
        Value plain = Numbers.plain(value);
        if (plain instanceof Int) {
            return plain;
        }
        long base = a.integer(2, 10);
        if (value instanceof Text text) {
            if (base != 0 && (base < 2 || base > 36)) {
                return toIntOfFloat(run, value, a.or(1, Int.of(0)));
            }
            BigInteger parsed = Numbers.parse(text.value(), (int) base);
            if (parsed != null) {
                return new Int(parsed);
            }
        } else if (plain instanceof Real real && Double.isInfinite(real.value())) {
            throw new TemplateException("cannot make an integer of " + Repr.decimal(real.value()));
        }
        return toIntOfFloat(run, value, a.or(1, Int.of(0)));
    }

    private static Value toIntOfFloat(Run run, Value value, Value otherwise) {
        return toFloat(run, value, otherwise) instanceof Real real && parsed(value) && Double.isFinite(real.value())
                ? new Int(Numbers.truncate(real.value()))
                : otherwise;
    }

    private static boolean parsed(Value value) {
        return value instanceof Text text ? Numbers.parseReal(text.value()) != null : Numbers.is(value);
    }

    /** As a float; {@code otherwise} if it is none, or a failure if that is null. */
    static Value toFloat(Run run, Value value, Value otherwise) {
        Operators.defined(value);
        if (Numbers.is(value)) {
            return new Real(Numbers.real(value));
        }
        Double parsed = value instanceof Text text ? Numbers.parseReal(text.value()) : null;
        if (parsed == null && otherwise == null) {
            throw new TemplateException("expected a number, found " + Repr.typeName(value));
        }
        return parsed != null ? new Real(parsed) : otherwise;
    }

    private static Value round(Run run, Arguments a) {
        Value value = Numbers.plain(Operators.defined(a.get(0)));
        String method = a.has(2) ? a.string(2) : "common";
        if (!List.of("common", "ceil", "floor").contains(method)) {
            throw new TemplateException("round: expected common, ceil or floor, found " + method);
        }
        if (!Numbers.is(value)) {
            throw new TemplateException("round: expected a number, found " + Repr.typeName(value));
        }
        if (!method.equals("common")) {
            Value scale = Numbers.compute("**", Int.of(10), a.or(1, Int.of(0)));
            Value scaled = Numbers.compute("*", value, scale);
            if (scaled instanceof Real real) {
                double up = method.equals("ceil") ? Math.ceil(real.value()) : Math.floor(real.value());
                scaled = new Int(Numbers.truncate(up));
            }
            return Numbers.compute("/", scaled, scale);
        }
        boolean none = a.has(1) && a.get(1) == None.NONE;
        long precision = none ? 0 : a.integer(1, 0);
        if (value instanceof Int whole) {
            if (precision >= 0) {
                return whole;
            }
            int digits = (int) Math.max(precision, -5000);
            return new Int(new BigDecimal(whole.value())
                    .setScale(digits, RoundingMode.HALF_EVEN)
                    .toBigInteger());
        }
        double real = ((Real) value).value();
        if (!Double.isFinite(real)) {
            if (none) {
                Numbers.truncate(real);
            }
            return value;
        }
        if (precision > 340) {
            return value;
        }
        BigDecimal rounded = new BigDecimal(real).setScale((int) Math.max(precision, -400), RoundingMode.HALF_EVEN);
        return none ? new Int(rounded.toBigInteger()) : new Real(Math.copySign(rounded.doubleValue(), real));
    }
}
