package io.tunebook.ollama;

import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.util.Map;
import java.util.function.Function;

/** A Java method that a model may call. */
public final class Tool {
    private static final ObjectMapper JSON = Json.wire();

    private final String name;
    private final String description;
    private final Map<String, Object> parameters;
    private final Function<Map<String, Object>, Object> call;

    private Tool(
            String name,
            String description,
            Map<String, Object> parameters,
            Function<Map<String, Object>, Object> call) {
        this.name = name;
        this.description = description;
        this.parameters = parameters;
        this.call = call;
    }

    /**
     * Offers a method: {@code record City(String name) {}} and {@code Tool.of("weather", "The weather in a city",
     * City.class, c -> …)}.
     *
     * @param name what the model calls it by
     * @param description what it does, for the model
     * @param parameters a record whose components are the arguments
     * @param method the method
     */
    public static <T extends Record> Tool of(
            String name, String description, Class<T> parameters, Function<T, ?> method) {
        return new Tool(name, description, JsonSchema.of(parameters), arguments -> {
            T value;
            try {
                value = JSON.convertValue(arguments, parameters);
            } catch (IllegalArgumentException unfit) {
                return "error: expected arguments that fit " + JsonSchema.of(parameters) + ", found " + arguments;
            }
            return method.apply(value);
        });
    }

    /** What the model calls it by. */
    public String name() {
        return name;
    }

    /**
     * Calls the method; arguments that do not fit are told to the model, what the method itself throws goes to the
     * caller.
     */
    Object call(Map<String, Object> arguments) {
        return call.apply(arguments == null ? Map.of() : arguments);
    }

    @JsonValue
    Map<String, Object> json() {
        return Map.of(
                "type",
                "function",
                "function",
                Map.of("name", name, "description", description, "parameters", parameters));
    }
}
