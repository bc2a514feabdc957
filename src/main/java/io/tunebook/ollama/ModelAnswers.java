package io.tunebook.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads what a server tells about its models. Any field may be absent. */
final class ModelAnswers {
    private ModelAnswers() {}

    /** Of {@code /api/tags}. */
    static List<Ollama.Model> stored(JsonNode answer) {
        List<Ollama.Model> out = new ArrayList<>();
        for (JsonNode m : answer.path("models")) {
            out.add(new Ollama.Model(
                    name(m),
                    m.path("size").asLong(),
                    m.path("digest").asText(),
                    time(m.path("modified_at")),
                    map(m.path("details"))));
        }
        return out;
    }

    /** Of {@code /api/ps}. */
    static List<Ollama.RunningModel> running(JsonNode answer) {
        List<Ollama.RunningModel> out = new ArrayList<>();
        for (JsonNode m : answer.path("models")) {
            out.add(new Ollama.RunningModel(
                    name(m),
                    m.path("size").asLong(),
                    m.path("size_vram").asLong(),
                    m.path("context_length").asInt(),
                    time(m.path("expires_at"))));
        }
        return out;
    }

    private static String name(JsonNode model) {
        return model.path("name").asText(model.path("model").asText());
    }

    /** RFC 3339 as Go writes it; the epoch where it is absent or otherwise. */
    private static Instant time(JsonNode text) {
        try {
            return OffsetDateTime.parse(text.asText()).toInstant();
        } catch (DateTimeParseException other) {
            return Instant.EPOCH;
        }
    }

    /** Of {@code /api/show}. */
    static Ollama.Info info(JsonNode i) {
        List<String> capabilities = new ArrayList<>();
        i.path("capabilities").forEach(c -> capabilities.add(c.asText()));
        return new Ollama.Info(
                i.path("modelfile").asText(),
                i.path("template").asText(),
                i.path("parameters").asText(),
                i.path("system").asText(),
                i.path("license").asText(),
                map(i.path("model_info")),
                capabilities);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(JsonNode json) {
        return json.isObject() ? Json.wire().convertValue(json, Map.class) : Map.of();
    }
}
