package io.tunebook.jinja;

import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values made of Java's objects. */
final class Values {
    private Values() {}

    /** @throws TemplateException if templates have no value for it */
    static Value of(Object object) {
        if (object == null) {
            return None.NONE;
        }
        if (object instanceof String text) {
            return Text.of(text);
        }
        if (object instanceof Boolean bool) {
            return Bool.of(bool);
        }
        if (object instanceof BigInteger whole) {
            return new Int(whole);
        }
        if (object instanceof Long || object instanceof Integer || object instanceof Short || object instanceof Byte) {
            return Int.of(((Number) object).longValue());
        }
        if (object instanceof Double || object instanceof Float || object instanceof BigDecimal) {
            return new Real(((Number) object).doubleValue());
        }
        if (object instanceof Map<?, ?> map) {
            Map<Value, Value> entries = new LinkedHashMap<>();
            map.forEach((key, value) -> entries.put(Dict.key(of(key)), of(value)));
            return Dict.of(object, entries);
        }
        if (object instanceof Iterable<?> items) {
            List<Value> values = new ArrayList<>();
            items.forEach(item -> values.add(of(item)));
            return Items.of(object, values);
        }
        throw new TemplateException("expected maps, lists, strings, numbers and booleans, found a "
                + object.getClass().getName());
    }

    /** The Java object that a value was made of; for lists and mappings that a template made null. */
    static Object origin(Value value) {
        if (value instanceof Dict dict) {
            return dict.origin;
        }
        if (value instanceof Items items) {
            return items.origin;
        }
        return value instanceof Text text ? text.value() : null;
    }
}
