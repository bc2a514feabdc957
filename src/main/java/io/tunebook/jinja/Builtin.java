package io.tunebook.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A filter, a test, a function or a method: its name, what it takes and what it does.
 *
 * @param parameters names, of which those with {@code ?} may be absent
 * @param byPosition how many of them can be given by their position only
 * @param rest whether further arguments are taken
 * @param more whether further named arguments are taken
 */
record Builtin(String name, List<String> parameters, int byPosition, boolean rest, boolean more, Value.Body body) {
    /**
     * @param signature names between commas as Python writes them: {@code ?} after one that may be absent, {@code /}
     *     after those that have no name outside, {@code *} and {@code **} for any further ones
     */
    static Builtin of(String name, String signature, Value.Body body) {
        List<String> all = signature.isEmpty() ? List.of() : Arrays.asList(signature.split(", "));
        List<String> parameters =
                all.stream().filter(p -> !List.of("/", "*", "**").contains(p)).toList();
        return new Builtin(
                name, parameters, Math.max(0, all.indexOf("/")), all.contains("*"), all.contains("**"), body);
    }

    /** Puts several into a table by name. */
    static Map<String, Builtin> table(List<Builtin> builtins) {
        Map<String, Builtin> table = new LinkedHashMap<>();
        builtins.forEach(b -> table.put(b.name, b));
        return table;
    }

    Builtin named(String other) {
        return new Builtin(other, parameters, byPosition, rest, more, body);
    }

    Value call(Run run, Arguments given) {
        return body.call(run, bind(given));
    }

    /** As a value, with its object, if it is a method, in front of its arguments. */
    Value.Function function(Value object) {
        return new Value.Function(name, (run, given) -> call(run, object == null ? given : given.after(object)));
    }

    private Arguments bind(Arguments given) {
        int n = parameters.size();
        if (given.size() > n && !rest) {
            throw new TemplateException(name + ": expected at most " + n + " arguments, found " + given.size());
        }
        List<Value> bound = new ArrayList<>(given.positional().subList(0, Math.min(n, given.size())));
        Map<String, Value> named = new LinkedHashMap<>(given.named());
        for (int i = 0; i < n; i++) {
            boolean optional = parameters.get(i).endsWith("?");
            String parameter = parameters.get(i).replace("?", "");
            Value value = i < byPosition ? null : named.remove(parameter);
            if (i < bound.size()) {
                if (value != null) {
                    throw new TemplateException(name + ": expected " + parameter + " once, found it twice");
                }
                continue;
            }
            if (value == null && !optional) {
                throw new TemplateException(name + ": expected the argument " + parameter + ", found none");
            }
            bound.add(value);
        }
        if (!named.isEmpty() && !more) {
            throw new TemplateException(name + ": expected no argument of the name "
                    + named.keySet().iterator().next());
        }
        List<Value> further = given.size() > n ? given.positional().subList(n, given.size()) : List.of();
        return new Arguments(bound, named, further);
    }

    /**
     * The arguments of a call: as they were given, or bound to parameters, in which case they are read by position,
     * absent ones are null, {@code rest} has the further ones and {@code named} those with names that are no
     * parameters.
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
}
