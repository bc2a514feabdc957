package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Generator;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** Jinja's tests, {@code value is name}. */
final class Tests {
    private static final Map<String, Builtin> ALL = all();

    private Tests() {}

    /** @throws TemplateException if there is no such test, or it does not take these arguments */
    static boolean holds(Run run, String name, Arguments arguments) {
        Builtin test = ALL.get(name);
        if (test == null) {
            throw new TemplateException("expected a test that is known, found is " + name);
        }
        return Operators.truth(test.call(run, arguments));
    }

    private static Builtin test(String name, Predicate<Value> test) {
        return Builtin.of(name, "value", (run, a) -> Bool.of(test.test(a.get(0))));
    }

    private static Map<String, Builtin> all() {
        List<Builtin> all = new ArrayList<>(List.of(
                test("defined", v -> !(v instanceof Undefined)),
                test("undefined", v -> v instanceof Undefined),
                test("none", v -> v == None.NONE),
                test("boolean", v -> v instanceof Bool),
                test("true", v -> v instanceof Bool bool && bool.value()),
                test("false", v -> v instanceof Bool bool && !bool.value()),
                test("integer", v -> v instanceof Int),
                test("float", v -> v instanceof Real),
                test("number", Numbers::is),
                test("string", v -> v instanceof Text),
                test("mapping", v -> v instanceof Dict),
                test("sequence", v -> Operators.length(v) >= 0 && !(v instanceof Value.View)),
                test("iterable", v -> Operators.length(v) >= 0 || v instanceof Generator || v instanceof LoopContext),
                test(
                        "callable",
                        v -> v instanceof Value.Function
                                || v instanceof Undefined
                                || v instanceof LoopContext
                                || v instanceof Value.Joiner),
                test("escaped", v -> v instanceof Text text && text.markup()),
                Builtin.of("lower", "value", (run, a) -> Bool.of(Texts.isCase(Repr.text(run, a.get(0)), false))),
                Builtin.of("upper", "value", (run, a) -> Bool.of(Texts.isCase(Repr.text(run, a.get(0)), true))),
                Builtin.of("odd", "value", (run, a) -> remainder(run, a.get(0), Int.of(2), 1)),
                Builtin.of("even", "value", (run, a) -> remainder(run, a.get(0), Int.of(2), 0)),
                Builtin.of("divisibleby", "value, num", (run, a) -> remainder(run, a.get(0), a.get(1), 0)),
                Builtin.of("in", "value, seq", (run, a) -> Bool.of(Operators.contains(run, a.get(1), a.get(0)))),
                Builtin.of("sameas", "value, other", (run, a) -> Bool.of(same(a.get(0), a.get(1)))),
                Builtin.of(
                        "filter",
                        "value",
                        (run, a) -> Bool.of(Dict.key(a.get(0)) instanceof Text t && Filters.has(t.value()))),
                Builtin.of(
                        "test",
                        "value",
                        (run, a) ->
                                Bool.of(Dict.key(a.get(0)) instanceof Text t && Tests.ALL.containsKey(t.value())))));
        Map<String, List<String>> comparisons = Map.of(
                "==", List.of("eq", "equalto"),
                "!=", List.of("ne"),
                "<", List.of("lt", "lessthan"),
                "<=", List.of("le"),
                ">", List.of("gt", "greaterthan"),
                ">=", List.of("ge"));
        comparisons.forEach((operator, names) -> {
            Builtin comparison = Builtin.of(
                    operator, "a, b, /", (run, a) -> Bool.of(Operators.compare(run, operator, a.get(0), a.get(1))));
            all.add(comparison);
            names.forEach(name -> all.add(comparison.named(name)));
        });
        return Builtin.table(all);
    }

    private static Bool remainder(Run run, Value value, Value by, int expected) {
        return Bool.of(Operators.compute(run, "%", value, by).equals(Int.of(expected)));
    }

    /** Whether two are one object, as far as values here can be told apart. */
    private static boolean same(Value a, Value b) {
        if (a == b) {
            return true;
        }
        boolean plain = a instanceof Bool || a instanceof Int || a instanceof Text;
        return plain && a.getClass() == b.getClass() && a.equals(b)
                || a instanceof Items x
                        && b instanceof Items y
                        && x.tuple
                        && y.tuple
                        && x.values.isEmpty()
                        && y.values.isEmpty();
    }
}
