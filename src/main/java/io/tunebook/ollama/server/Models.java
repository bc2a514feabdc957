package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.ollama.store.ModelName;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** The models that are served, by name. */
final class Models {
    private final Map<String, ServedModel> models = new ConcurrentHashMap<>();

    /** What models are found by: Ollama does not tell upper case from lower. */
    static String key(String name) {
        return ModelName.of(name).toString().toLowerCase(Locale.ROOT);
    }

    /** The name in a request: of {@code model} and the older {@code name} the first that is not empty, as clients send both. */
    static String name(JsonNode body) {
        String name = body.path("model").asText("");
        return name.isEmpty() ? body.path("name").asText("") : name;
    }

    /** The same, which must be there. */
    static String requireName(JsonNode body) {
        String name = name(body);
        if (name.isEmpty()) {
            throw new LocalHttp.Refusal(400, "model is required");
        }
        return name;
    }

    /** The name, if it is one. */
    static String valid(String name) {
        try {
            ModelName.of(name);
            return name;
        } catch (IllegalArgumentException none) {
            throw new LocalHttp.Refusal(400, "invalid model name");
        }
    }

    void put(String name, ServedModel model) {
        models.put(key(name), model);
    }

    /** The model, or null where there is none. */
    ServedModel find(String name) {
        return models.get(key(name));
    }

    /**
     * The model.
     *
     * @throws LocalHttp.Refusal if there is none
     */
    ServedModel get(String name) {
        ServedModel model = null;
        try {
            model = find(name);
        } catch (IllegalArgumentException noName) {
            if (!name.isEmpty()) {
                throw new LocalHttp.Refusal(400, "invalid model name");
            }
        }
        if (model == null) {
            throw new LocalHttp.Refusal(404, "model '" + name + "' not found");
        }
        return model;
    }

    void remove(String name) {
        models.remove(key(name));
    }

    /** Whether a model needs this file. */
    boolean uses(Path file) {
        return models.values().stream()
                .anyMatch(m -> m.gguf().equals(file) || m.adapters().contains(file));
    }

    /** All of them by name. */
    Map<String, ServedModel> all() {
        return new TreeMap<>(models);
    }
}
