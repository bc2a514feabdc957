package io.tunebook.ollama;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The JSON schema of a record: strings, numbers, truth values, enums, lists, maps and records in it. */
final class JsonSchema {
    private JsonSchema() {}

    static Map<String, Object> of(Type type) {
        if (type instanceof ParameterizedType p) {
            Class<?> raw = (Class<?>) p.getRawType();
            Type last = p.getActualTypeArguments()[p.getActualTypeArguments().length - 1];
            if (Collection.class.isAssignableFrom(raw)) {
                return Map.of("type", "array", "items", of(last));
            }
            if (Map.class.isAssignableFrom(raw)) {
                return Map.of("type", "object", "additionalProperties", of(last));
            }
        }
        if (type instanceof Class<?> c) {
            if (c.isRecord()) {
                return object(c);
            }
            if (c.isEnum()) {
                return Map.of(
                        "type",
                        "string",
                        "enum",
                        Arrays.stream(c.getEnumConstants())
                                .map(Object::toString)
                                .toList());
            }
            if (c.isArray()) {
                return Map.of("type", "array", "items", of(c.getComponentType()));
            }
            if (c == String.class) {
                return Map.of("type", "string");
            }
            if (c == boolean.class || c == Boolean.class) {
                return Map.of("type", "boolean");
            }
            if (c == int.class || c == long.class || c == Integer.class || c == Long.class) {
                return Map.of("type", "integer");
            }
            if (c == double.class || c == float.class || c == Double.class || c == Float.class) {
                return Map.of("type", "number");
            }
        }
        throw new IllegalArgumentException("no JSON schema for " + type.getTypeName()
                + ": expected strings, numbers, booleans, enums, lists, maps and records of these");
    }

    private static Map<String, Object> object(Class<?> record) {
        Map<String, Object> properties = new LinkedHashMap<>();
        List<String> required = new ArrayList<>();
        for (RecordComponent component : record.getRecordComponents()) {
            properties.put(component.getName(), of(component.getGenericType()));
            required.add(component.getName());
        }
        return Map.of("type", "object", "properties", properties, "required", required);
    }
}
