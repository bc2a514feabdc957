package io.tunebook.jinja;

import io.tunebook.jinja.Jinja.Limits;
import java.util.HashMap;
import java.util.Map;

/** One rendering: where it is in the template and what it has used of its limits. */
final class Run {
    private final Limits limits;
    private Node node;
    private long steps;
    private long characters;
    private int depth;

    Run(Limits limits) {
        this.limits = limits;
    }

    /** Says where the rendering is, for the messages of what fails there. */
    void at(Node here) {
        node = here;
    }

    /** Enters a node; {@link #leave} leaves it. */
    void enter(Node here) {
        node = here;
        if (++depth > limits.depth()) {
            throw new TemplateException(
                    "expressions, blocks and macros lie more than " + limits.depth() + " deep in one another");
        }
        step();
    }

    void leave() {
        depth--;
    }

    void step() {
        steps(1);
    }

    void steps(long n) {
        long before = steps;
        steps += n;
        if (steps > limits.steps()) {
            throw new TemplateException("expected at most " + limits.steps() + " steps, but the template goes on");
        }
        if (steps >> 10 != before >> 10 && Thread.currentThread().isInterrupted()) {
            throw new TemplateException("interrupted");
        }
    }

    /** Counts text before it is made. */
    void characters(long n) {
        characters += n;
        if (n < 0 || characters > limits.characters()) {
            throw new TemplateException(
                    "expected at most " + limits.characters() + " characters of text, but the template makes more");
        }
        steps(n >> 6);
    }

    /** Counts a text that was made. */
    String made(String text) {
        characters(text.length());
        return text;
    }

    TemplateException located(TemplateException e) {
        return e.line() > 0 || node == null ? e : new TemplateException(node.line(), node.column(), e.reason());
    }

    /** Variables: those of this block, then those around it. */
    static final class Scope {
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
}
