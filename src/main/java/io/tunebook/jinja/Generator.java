package io.tunebook.jinja;

import java.util.Iterator;

/**
 * A sequence that is computed when it is read, and can be read once: what {@code map}, {@code select} and other filters
 * give. It is true in a condition, and has no length.
 */
final class Generator implements Value {
    private final Iterator<Value> values;

    Generator(Iterator<Value> values) {
        this.values = values;
    }

    Iterator<Value> values() {
        return values;
    }
}
