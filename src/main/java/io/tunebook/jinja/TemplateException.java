package io.tunebook.jinja;

/**
 * A chat template does not read as one, or refuses its variables, or goes over a limit. The message names the line and
 * the column.
 */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String reason;
    private final int line;
    private final int column;

    /** Without a place: the interpreter, which knows where it is, gives it one. */
    TemplateException(String reason) {
        this(0, 0, reason, reason, null);
    }

    TemplateException(int line, int column, String reason) {
        this(line, column, reason, "line " + line + ", column " + column + ": " + reason, null);
    }

    /** Of a whole template rather than of one place in it. */
    public TemplateException(int line, String reason) {
        this(line, line > 0 ? 1 : 0, reason, reason, null);
    }

    /** As {@code cause}, with the name of the model or file that the template belongs to. */
    public TemplateException(String template, TemplateException cause) {
        this(cause.line, cause.column, cause.reason, "chat template of " + template + ", " + cause.place(), cause);
    }

    private TemplateException(int line, int column, String reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = reason;
        this.line = line;
        this.column = column;
    }

    private String place() {
        return line > 0 && column > 0 ? "line " + line + ", column " + column + ": " + reason : getMessage();
    }

    /** The line of the template, from 1; 0 where the whole template is meant. */
    public int line() {
        return line;
    }

    /** The column of the line in characters, from 1; 0 where the whole template is meant. */
    public int column() {
        return column;
    }

    /** What is wrong, without the place. */
    public String reason() {
        return reason;
    }
}
