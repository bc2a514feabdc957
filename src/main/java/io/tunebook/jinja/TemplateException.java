package io.tunebook.jinja;

/** A chat template does not read as one, or refuses the conversation; the message names the template and the line. */
public final class TemplateException extends RuntimeException {
    private final int line;

    public TemplateException(int line, String message) {
        super(message);
        this.line = line;
    }

    public TemplateException(String template, TemplateException cause) {
        super("chat template of " + template + ", line " + cause.line + ": " + cause.getMessage(), cause);
        this.line = cause.line;
    }

    /** The line of the template, from 1; 0 where it is not known. */
    public int line() {
        return line;
    }
}
