package io.tunebook.export;

import io.tunebook.model.ModelSource;
import io.tunebook.ollama.store.StoredModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What goes to Ollama beside the weights.
 *
 * @param prompt how conversations are rendered
 * @param stored the stored model that the weights are of, where it was named; its parameters and licences go along
 */
record ExportSettings(OllamaTemplate prompt, Optional<StoredModel> stored) {
    /** Of a file or folder, whose chat template is all that is known of it. */
    static ExportSettings of(Path base) throws IOException {
        return new ExportSettings(OllamaTemplate.of(base), Optional.empty());
    }

    static ExportSettings of(StoredModel stored) throws IOException {
        return new ExportSettings(OllamaTemplate.of(stored), Optional.of(stored));
    }

    /** Of a model that a person named: the stored one's, else those of its file or folder. */
    static ExportSettings of(ModelSource source) throws IOException {
        return source.stored().isPresent() ? of(source.stored().get()) : of(source.path());
    }

    /** For {@code /api/create}. */
    Map<String, Object> forCreate() {
        Map<String, Object> settings = new LinkedHashMap<>();
        prompt.template().ifPresent(t -> settings.put("template", t));
        prompt.system().ifPresent(s -> settings.put("system", s));
        if (!parameters().isEmpty()) {
            settings.put("parameters", parameters());
        }
        if (!license().isEmpty()) {
            settings.put("license", license());
        }
        settings.putAll(engine());
        return settings;
    }

    Modelfile modelfile(String from, Optional<String> adapter) {
        return new Modelfile(from, adapter, prompt.template(), prompt.system(), parameters(), license(), engine());
    }

    private Map<String, Object> parameters() {
        Map<String, Object> all = new LinkedHashMap<>();
        if (!prompt.stops().isEmpty()) {
            all.put("stop", prompt.stops());
        }
        stored.ifPresent(s -> all.putAll(s.parameters()));
        return all;
    }

    private List<String> license() {
        return stored.map(StoredModel::license).orElse(List.of());
    }

    /** A parser of Ollama's reads what the model says; a renderer of Ollama's would write another text than the training's. */
    private Map<String, String> engine() {
        Map<String, String> all =
                new LinkedHashMap<>(stored.map(StoredModel::engine).orElse(Map.of()));
        if (prompt.template().isPresent()) {
            all.remove("renderer");
        }
        return all;
    }
}
