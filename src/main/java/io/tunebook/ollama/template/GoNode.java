package io.tunebook.ollama.template;

import java.util.List;

/** The parts of a parsed template. Lines count from 1. */
sealed interface GoNode {
    /** Text that is written as it is. */
    record Text(String text) implements GoNode {}

    /** {@code {{ pipe }}}: the value is written, unless the pipe sets a variable. */
    record Action(Pipe pipe) implements GoNode {}

    /** {@code if}, {@code with} and {@code range}, each with what comes after {@code else}. */
    record Branch(String keyword, Pipe pipe, List<GoNode> then, List<GoNode> otherwise) implements GoNode {}

    /** {@code {{ template "name" pipe }}}; the pipe is null without one. */
    record Call(String name, Pipe pipe, int line) implements GoNode {}

    /** {@code break} or {@code continue}. */
    record Jump(boolean leaves) implements GoNode {}

    /**
     * Commands whose results go from one to the next.
     *
     * @param names the variables that get the value, with their dollar sign; mostly none
     * @param declares whether the variables are new ({@code :=}) or changed ({@code =})
     */
    record Pipe(List<String> names, boolean declares, List<List<Operand>> commands, int line) {}

    /** One word of a command. */
    sealed interface Operand {}

    /** {@code .Messages}, {@code .Function.Name}; no names for {@code .} itself. */
    record Field(List<String> names) implements Operand {}

    /** {@code $m.Content}; {@code $} alone is what the template was given. */
    record Variable(String name, List<String> fields) implements Operand {}

    /** A text, number or truth value; null for {@code nil}. */
    record Literal(Object value) implements Operand {}

    /** A function's name. */
    record Function(String name) implements Operand {}

    /** {@code (pipe).Field}. */
    record Parens(Pipe pipe, List<String> fields) implements Operand {}
}
