package io.tunebook.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** A mapping, in the order of its entries. {@code origin} is the Java object it was made of. */
final class Dict implements Value {
    private final Map<Value, Value> entries;
    private final Size size;
    final Object origin;

    private Dict(Map<Value, Value> entries, Object origin) {
        this.entries = entries;
        this.origin = origin;
        this.size = Size.around(entries.values());
    }

    static Dict of(Map<Value, Value> entries) {
        return new Dict(entries, null);
    }

    static Dict of(Object origin, Map<Value, Value> entries) {
        return new Dict(entries, origin);
    }

    static Dict ofNamed(Map<String, Value> named) {
        Map<Value, Value> entries = new LinkedHashMap<>();
        named.forEach((name, value) -> entries.put(Text.of(name), value));
        return of(entries);
    }

    Map<Value, Value> entries() {
        return entries;
    }

    /** The value of a key; null if there is none. */
    Value get(Value key) {
        return entries.get(key(key));
    }

    /**
     * A value that can be a key.
     *
     * @throws TemplateException if it is a list, a mapping or holds one
     */
    static Value key(Value value) {
        if (value instanceof Dict || value instanceof Items items && !items.tuple) {
            throw new TemplateException(Repr.typeName(value) + " cannot be the key of a mapping");
        }
        if (value instanceof Items tuple) {
            tuple.values.forEach(Dict::key);
        }
        return value;
    }

    @Override
    public Size extent() {
        return size;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Dict dict && dict.entries.equals(entries);
    }

    @Override
    public int hashCode() {
        return entries.hashCode();
    }
}
