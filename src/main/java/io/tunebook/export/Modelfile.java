package io.tunebook.export;

import io.tunebook.files.AtomicFile;
import io.tunebook.model.ModelSource;
import io.tunebook.ollama.store.StoredModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The text that {@code ollama create NAME -f Modelfile} reads.
 *
 * @param from a GGUF file beside the Modelfile, such as {@code ./model.gguf}, or a model's name
 * @param adapter an adapter's GGUF file, for Ollama up to 0.34.0
 * @param template the prompt's template in Go's syntax; without it Ollama takes the one in the GGUF file
 * @param system the system prompt
 * @param parameters settings by Ollama's names, such as {@code temperature}; a collection gives one line for each
 * element
 * @param licenses the base's licences
 * @param engine which of Ollama's own {@code renderer} and {@code parser} serve the model, where the template does not
 * @see <a href="https://docs.ollama.com/modelfile">Ollama's reference</a>
 */
public record Modelfile(
        String from,
        Optional<String> adapter,
        Optional<String> template,
        Optional<String> system,
        Map<String, Object> parameters,
        List<String> licenses,
        Map<String, String> engine) {
    /**
     * The file's text.
     *
     * @throws IllegalArgumentException if a value holds three quotation marks in a row, which the format cannot say
     */
    public String text() {
        StringBuilder out = new StringBuilder();
        line(out, "FROM", from);
        adapter.ifPresent(a -> line(out, "ADAPTER", a));
        template.ifPresent(t -> line(out, "TEMPLATE", quoted(t)));
        system.ifPresent(s -> line(out, "SYSTEM", quoted(s)));
        parameters.forEach((name, value) -> {
            for (Object each : value instanceof Collection<?> many ? many : List.of(value)) {
                line(out, "PARAMETER " + name, each instanceof String s ? quoted(s) : each.toString());
            }
        });
        new TreeMap<>(engine).forEach((name, value) -> line(out, name.toUpperCase(Locale.ROOT), value));
        licenses.forEach(l -> line(out, "LICENSE", quoted(l)));
        return out.toString();
    }

    /** Writes the text, UTF-8, beside its place and then moved. */
    public void write(Path file) throws IOException {
        AtomicFile.write(file, text().getBytes(StandardCharsets.UTF_8));
    }

    private static void line(StringBuilder out, String command, String value) {
        out.append(command).append(' ').append(value).append('\n');
    }

    /** Nothing is escaped in a Modelfile: what stands between the marks is taken as it is. */
    private static String quoted(String value) {
        if (value.contains("\"\"\"")) {
            throw new IllegalArgumentException("a Modelfile cannot hold three quotation marks in a row: " + value);
        }
        return value.contains("\n") || value.contains("\"") ? "\"\"\"" + value + "\"\"\"" : "\"" + value + "\"";
    }

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
            stored.ifPresent(s -> all.putAll(s.options()));
            return all;
        }

        private List<String> license() {
            return stored.map(StoredModel::license).orElse(List.of());
        }

        /**
         * A parser of Ollama's reads what the model says; a renderer of Ollama's would write another text than the
         * training's.
         */
        private Map<String, String> engine() {
            Map<String, String> all =
                    new LinkedHashMap<>(stored.map(StoredModel::engine).orElse(Map.of()));
            if (prompt.template().isPresent()) {
                all.remove("renderer");
            }
            return all;
        }
    }
}
