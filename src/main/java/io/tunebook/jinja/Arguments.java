package io.tunebook.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The arguments of a call: as they were given, or bound to parameters, in which case they are read by position, absent
 * ones are null, {@code rest} has the further ones and {@code named} those with names that are no parameters.
 */
record Arguments(List<Value> positional, Map<String, Value> named, List<Value> rest) {
    static Arguments of(List<Value> positional, Map<String, Value> named) {
        return new Arguments(positional, named, List.of());
    }

    /** With a first one before them: the value of a filter, the object of a method. */
    Arguments after(Value first) {
        List<Value> all = new ArrayList<>(positional.size() + 1);
        all.add(first);
        all.addAll(positional);
        return new Arguments(all, named, rest);
    }

    Arguments with(String name, Value value) {
        Map<String, Value> all = new LinkedHashMap<>(named);
        if (all.put(name, value) != null) {
            throw new TemplateException("expected " + name + " once, found it twice");
        }
        return new Arguments(positional, all, rest);
    }

    int size() {
        return positional.size();
    }

    Value get(int i) {
        return positional.get(i);
    }

    boolean has(int i) {
        return positional.get(i) != null;
    }

    /** Whether it is there and not none. */
    boolean given(int i) {
        return has(i) && get(i) != Value.None.NONE;
    }

    Value or(int i, Value otherwise) {
        return has(i) ? get(i) : otherwise;
    }

    /** Text that must be text. */
    String string(int i) {
        if (get(i) instanceof Value.Text text) {
            return text.value();
        }
        throw new TemplateException("expected a string, found " + Repr.typeName(get(i)));
    }

    /** Text, or null if it is absent or none. */
    String stringOrNull(int i) {
        return given(i) ? string(i) : null;
    }

    boolean truth(int i) {
        return has(i) && Operators.truth(get(i));
    }

    long integer(int i, long otherwise) {
        return has(i) ? integer(get(i)) : otherwise;
    }

    /** @throws TemplateException if a value is no integer, or one of more than 62 bits */
    static long integer(Value value) {
        if (Numbers.plain(value) instanceof Value.Int number) {
            BigInteger whole = number.value();
            if (whole.bitLength() > 62) {
                throw new TemplateException("expected a smaller integer, found " + Repr.digits(number));
            }
            return whole.longValue();
        }
        throw new TemplateException("expected an integer, found " + Repr.typeName(value));
    }
}
