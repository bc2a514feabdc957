package io.tunebook.kernel.eval;

import java.util.List;

/** A cell failed: it did not compile, it threw, or it was interrupted. */
public final class CellException extends Exception {
    private static final long serialVersionUID = 1;

    private final String name;
    private final transient List<String> traceback;

    /**
     * @param name the exception's class, or {@code CompilationError}
     * @param message its message
     * @param traceback lines to show, in ANSI colours
     * @param cause what was thrown, or null
     */
    public CellException(String name, String message, List<String> traceback, Throwable cause) {
        super(message, cause);
        this.name = name;
        this.traceback = List.copyOf(traceback);
    }

    public String name() {
        return name;
    }

    public List<String> traceback() {
        return traceback;
    }
}
