package io.tunebook.jinja;

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
     * @param signature names between commas as Python writes them: {@code ?} after one that may be absent, {@code /} after
     *     those that have no name outside, {@code *} and {@code **} for any further ones
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
}
