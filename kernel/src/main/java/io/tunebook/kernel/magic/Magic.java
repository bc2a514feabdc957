package io.tunebook.kernel.magic;

import java.util.List;
import java.util.Objects;

/**
 * One magic.
 *
 * @param name with its percent signs: one for a line's, two for a cell's
 * @param arguments how its arguments read, for the help
 * @param help what it does, in one sentence
 * @param completion what its arguments may be
 */
record Magic(String name, String arguments, String help, Completion completion, Action action) {
    Magic {
        Objects.requireNonNull(name);
        Objects.requireNonNull(action);
    }

    /** A magic whose arguments are files, if it has any. */
    Magic(String name, String arguments, String help, Action action) {
        this(name, arguments, help, null, action);
    }

    /** What it does. */
    interface Action {
        /**
         * Runs the magic.
         *
         * @param arguments the words after the name
         * @param rest the line after the name, as it is typed
         * @param body the lines below, for a cell's magic; else empty
         * @return the cell's result, or null for none
         * @throws Exception what went wrong, in words for the person who typed it
         */
        Object run(List<String> arguments, String rest, String body) throws Exception;
    }

    /** Knows what a word may become. */
    interface Completion {
        /** The words that begin so. */
        List<String> complete(String typed);
    }
}
