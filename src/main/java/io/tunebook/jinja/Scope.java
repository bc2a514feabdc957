package io.tunebook.jinja;

import java.util.HashMap;
import java.util.Map;

/** Variables: those of this block, then those around it. */
final class Scope {
    private final Map<String, Value> variables = new HashMap<>();
    private final Scope around;

    Scope(Scope around) {
        this.around = around;
    }

    Value get(String name) {
        for (Scope scope = this; scope != null; scope = scope.around) {
            Value value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return Value.Undefined.named(name);
    }

    void put(String name, Value value) {
        variables.put(name, value);
    }
}
