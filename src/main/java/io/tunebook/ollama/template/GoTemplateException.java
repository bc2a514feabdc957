package io.tunebook.ollama.template;

/** A template that is no template, or that cannot be rendered with the values given; the message names the line. */
public final class GoTemplateException extends RuntimeException {
    GoTemplateException(int line, String message) {
        super(line > 0 ? "template, line " + line + ": " + message : "template: " + message);
    }
}
