package io.tunebook.kernel.debug;

import io.tunebook.kernel.eval.CellException;
import java.lang.reflect.Field;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** What the debugger needs of a session. */
public interface DebugTarget {
    /** The class loader of cells. */
    ClassLoader loader();

    /** Changes the bytecode of cells, of those that are loaded already too. Called once. */
    void instrument(UnaryOperator<byte[]> how);

    /**
     * The static fields that hold the variables of cells, by the variables' names in the order of their declaration.
     * Not while something is compiled.
     */
    Map<String, Field> variables();

    /**
     * Runs Java on the calling thread, among what cells have declared.
     *
     * @return the value of an expression; may be null
     */
    Object evaluate(String code) throws CellException;

    /** The representations of a value: MIME type to content. */
    Optional<Map<String, Object>> render(Object value);
}
