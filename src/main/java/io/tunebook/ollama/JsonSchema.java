package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON schema of a record: strings, numbers, truth values, enums, lists, maps and records in it. Jackson's
 * {@code @JsonProperty} gives a component another name, {@code @JsonPropertyDescription} tells the model what it means.
 */
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
            JsonProperty named = component.getAccessor().getAnnotation(JsonProperty.class);
            String name = named == null || named.value().isEmpty() ? component.getName() : named.value();
            Map<String, Object> schema = new LinkedHashMap<>(of(component.getGenericType()));
            JsonPropertyDescription meaning = component.getAccessor().getAnnotation(JsonPropertyDescription.class);
            if (meaning != null) {
                schema.put("description", meaning.value());
            }
            properties.put(name, schema);
            required.add(name);
        }
        return Map.of("type", "object", "properties", properties, "required", required);
    }
}
