package io.tunebook.kernel.eval;

import io.tunebook.kernel.eval.Source.Origin;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import jdk.jshell.Snippet;

/**
 * Which line of which cell each generated class comes from. Classes are given these lines when they are loaded, so that
 * every stack trace has them, whoever prints it.
 */
final class CellLines {
    private final Map<Snippet, Origin> snippets = Collections.synchronizedMap(new WeakHashMap<>());
    private final Map<String, Origin> classes = new ConcurrentHashMap<>();
    private final Map<String, Lines> own = new ConcurrentHashMap<>();
    private volatile JShellInternals internals;
    private volatile Origin current;

    void connect(JShellInternals to) {
        internals = to;
    }

    /** What is compiled from now on stands there. */
    void current(Origin origin) {
        current = origin;
    }

    void put(Snippet snippet, Origin origin) {
        snippets.put(snippet, origin);
    }

    /**
     * A class that JShell does not know.
     *
     * @param above how many lines of its source stand above what was typed
     */
    void put(String className, int above, Origin origin) {
        classes.put(className, origin);
        own.put(className, new Lines(origin.source().name(), line -> origin.line(0) + Math.max(line - above - 1, 0)));
    }

    void forget(String className) {
        own.remove(className);
        classes.remove(className);
    }

    Origin of(Snippet snippet) {
        return snippets.getOrDefault(snippet, current);
    }

    /** Where a frame's class was typed, or null if it is not of a cell. */
    Origin of(String className) {
        String wrapper = CellNames.wrapper(className);
        return wrapper == null ? null : classes.get(wrapper);
    }

    void forget(Snippet snippet, String className) {
        snippets.remove(snippet);
        classes.remove(className);
    }

    /** A class is about to be loaded: its lines as typed, or null if they are not known. */
    Lines load(String className) {
        if (own.containsKey(className)) {
            return own.get(className);
        }
        String wrapper = CellNames.wrapper(className);
        JShellInternals.Outer outer = wrapper == null || internals == null ? null : internals.outer(wrapper);
        if (outer == null) {
            return null;
        }
        Origin first =
                outer.snippets().isEmpty() ? current : of(outer.snippets().get(0));
        if (first == null) {
            return null;
        }
        classes.put(wrapper, first);
        return new Lines(first.source().name(), line -> {
            Snippet snippet = outer.snippet(line - 1);
            Origin origin = snippet == null ? first : of(snippet);
            return origin.line(0) + Math.max(outer.snippetLine(line - 1), 0);
        });
    }

    /**
     * A class's file and lines.
     *
     * @param line from the line of the generated class to the line as typed, both counted from 1
     */
    record Lines(String file, java.util.function.IntUnaryOperator line) {}
}
