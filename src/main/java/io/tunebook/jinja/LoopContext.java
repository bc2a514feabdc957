package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The variable {@code loop}: where a loop is, which is read ahead only when the template asks. */
final class LoopContext implements Value {
    private Iterator<Value> values;
    private int length;
    private final int depth0;
    private final Body recursion;
    private int index0 = -1;
    private Value before;
    private Value current;
    private Value after;
    private List<Value> lastChanged;

    /**
     * @param length of the sequence; -1 if it has none before it is read
     * @param recursion what {@code loop(…)} does; null in a loop that is not recursive
     */
    LoopContext(Iterator<Value> values, int length, int depth0, Body recursion) {
        this.values = values;
        this.length = length;
        this.depth0 = depth0;
        this.recursion = recursion;
    }

    /** The next element; null after the last. */
    Value next() {
        Value next = peek();
        after = null;
        if (next != null) {
            index0++;
            before = current;
            current = next;
        }
        return next;
    }

    private Value peek() {
        if (after == null && values.hasNext()) {
            after = values.next();
        }
        return after;
    }

    int index() {
        return index0 + 1;
    }

    int length(Run run) {
        if (length < 0) {
            List<Value> rest = new ArrayList<>();
            while (values.hasNext()) {
                run.step();
                rest.add(values.next());
            }
            values = rest.iterator();
            length = rest.size() + index() + (after == null ? 0 : 1);
        }
        return length;
    }

    int depth0() {
        return depth0;
    }

    Value call(Run run, Arguments arguments) {
        if (recursion == null) {
            throw new TemplateException("expected {% for … recursive %} around loop(…)");
        }
        return recursion.call(run, arguments);
    }

    /** An attribute of {@code loop}; null if there is none of that name. */
    Value get(Run run, String name) {
        return switch (name) {
            case "index" -> Int.of(index());
            case "index0" -> Int.of(index0);
            case "revindex" -> Int.of(length(run) - index0);
            case "revindex0" -> Int.of(length(run) - index());
            case "first" -> Bool.of(index0 == 0);
            case "last" -> Bool.of(peek() == null);
            case "length" -> Int.of(length(run));
            case "depth" -> Int.of(depth0 + 1);
            case "depth0" -> Int.of(depth0);
            case "previtem" -> before == null ? new Undefined("there is no previous item") : before;
            case "nextitem" -> peek() == null ? new Undefined("there is no next item") : peek();
            case "cycle" ->
                new Function("cycle", (r, a) -> {
                    if (a.size() == 0) {
                        throw new TemplateException("loop.cycle: expected values");
                    }
                    return a.get(index0 % a.size());
                });
            case "changed" ->
                new Function("changed", (r, a) -> {
                    boolean changed = !a.positional().equals(lastChanged);
                    lastChanged = a.positional();
                    return Bool.of(changed);
                });
            default -> null;
        };
    }
}
