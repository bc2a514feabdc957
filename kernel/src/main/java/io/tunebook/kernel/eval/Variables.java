package io.tunebook.kernel.eval;

import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import jdk.jshell.JShell;
import jdk.jshell.Snippet.Status;
import jdk.jshell.VarSnippet;

/** The variables of cells, which keep their values whatever is imported or redefined. */
final class Variables {
    private final JShell shell;
    private final CellExecution execution;

    Variables(JShell shell, CellExecution execution) {
        this.shell = shell;
        this.execution = execution;
    }

    /** A variable before a declaration: the field that held it, its type and its value. */
    record Held(Field field, String type, Object value) {}

    /** All variables as they are now. */
    Map<String, Held> hold() {
        Map<String, Held> held = new LinkedHashMap<>();
        shell.variables().forEach(v -> field(v).ifPresent(f -> held.put(v.name(), new Held(f, v.typeName(), get(f)))));
        return held;
    }

    /**
     * JShell makes the holders of variables anew when something they mention changes, and leaves them empty: put the
     * values back.
     */
    void restore(Map<String, Held> held, Set<String> declared) {
        held.forEach((name, was) -> {
            if (declared.contains(name) || was.value() == null) {
                return;
            }
            Optional<VarSnippet> now = active(name);
            if (now.isEmpty()) { // declared with var: its initialiser no longer compiles, its type is known
                CellContext.quietly(() -> shell.eval(was.type() + " " + name + ";"));
                now = active(name);
            }
            Optional<Field> field = now.flatMap(this::field);
            if (field.filter(was.field()::equals).isPresent()) {
                return;
            }
            try {
                field.orElseThrow(IllegalArgumentException::new).set(null, was.value());
            } catch (IllegalArgumentException | IllegalAccessException e) {
                System.err.println(name + " was reset: its type, " + CellNames.clean(was.type())
                        + ", has changed so that the former value does not fit.");
            }
        });
    }

    /** The names and types of all variables, in the order of their declaration. */
    Map<String, String> types() {
        Map<String, String> all = new LinkedHashMap<>();
        shell.variables().filter(v -> shell.status(v) == Status.VALID).forEach(v -> all.put(v.name(), v.typeName()));
        return all;
    }

    /** The field of a variable, or empty if there is none of this name. */
    Optional<Field> field(String name) {
        return active(name).flatMap(this::field);
    }

    private Optional<Field> field(VarSnippet v) {
        if (shell.status(v) != Status.VALID) {
            return Optional.empty();
        }
        shell.varValue(v);
        return Optional.ofNullable(execution.takeField());
    }

    private Optional<VarSnippet> active(String name) {
        return shell.variables()
                .filter(v -> v.name().equals(name) && shell.status(v) == Status.VALID)
                .findFirst();
    }

    static Object get(Field f) {
        try {
            return f.get(null);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // field(v) made it accessible
        }
    }
}
