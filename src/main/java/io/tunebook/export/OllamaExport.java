package io.tunebook.export;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.Weights;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tensors.GgufType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes a fine-tuned model in Ollama.
 *
 * <p>The main road is the merged model as one GGUF file, which every server takes. Ollama up to 0.34.0 also takes the adapter by itself
 * and adds it to a model that the server has; from 0.34.1 on it refuses adapters. A base from Ollama's own folder brings its template,
 * parameters, system prompt and licences along.
 */
public final class OllamaExport {
    private static final Pattern VERSION = Pattern.compile("(\\d+)\\.(\\d+)\\.(\\d+).*");

    private OllamaExport() {}

    /**
     * What was made.
     *
     * @param name the model's name in Ollama
     * @param explanation which road was taken, and why
     * @param bytes how much was sent to the server, or was there already
     */
    public record Created(String name, String explanation, long bytes) {
        @Override
        public String toString() {
            return name + ": " + explanation;
        }
    }

    /**
     * Merges an adapter into its base and makes a model of it. Tensors that the adapter touches keep the base's type where it has at
     * least 8 bits, else they get Q8_0, so that a small change is not rounded away.
     *
     * @param ollama the server
     * @param name what the model is to be called
     * @param model the base
     * @param adapter the adapter, as it is now
     */
    public static Created create(Ollama ollama, String name, CausalLM model, LoraAdapter adapter) throws IOException {
        return create(ollama, name, model.path(), adapter.file(), fitting(model.path(), adapter.file()));
    }

    /**
     * Merges an adapter into a base and makes a model of it.
     *
     * @param base a GGUF file, a blob of Ollama's folder, or a folder of safetensors
     * @param quantization the types of the tensors that are written anew
     */
    public static Created create(Ollama ollama, String name, Path base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        String version = ollama.version();
        Path file = Files.createTempFile("tunebook", ".gguf");
        try {
            MergedGguf.write(base, adapter, quantization, file);
            return create(
                    ollama,
                    name,
                    base,
                    file,
                    "the adapter merged into the model, one GGUF file of " + Files.size(file) / 1_000_000 + " MB ("
                            + quantization + "), which Ollama " + version
                            + (takesAdapters(version)
                                    ? " takes as every version does"
                                    : " needs, as it refuses adapters"));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /**
     * Makes a model of a base as it is, for a server that does not have it: to ask both the same question.
     *
     * @param base a GGUF file, a blob of Ollama's folder, or a folder of safetensors, which is sent as one GGUF file of the same types
     */
    public static Created create(Ollama ollama, String name, Path base) throws IOException {
        if (!Files.isDirectory(base)) {
            return create(ollama, name, base, base, "the model as it is, one GGUF file");
        }
        Path file = Files.createTempFile("tunebook", ".gguf");
        try {
            MergedGguf.quantize(base, Quantization.AS_BASE, file, done -> {});
            return create(ollama, name, base, file, "the model as it is, written as one GGUF file");
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private static Created create(Ollama ollama, String name, Path base, Path file, String explanation)
            throws IOException {
        Map<String, Object> settings = settings(carried(base));
        settings.put("files", Map.of("model.gguf", upload(ollama, file, "model")));
        ollama.create(name, settings, status -> {});
        return new Created(name, explanation, Files.size(file));
    }

    /**
     * Sends the adapter alone and has the server add it to a model that it has.
     *
     * @param baseName the base's name on the server
     * @param model the same base here, for its dimensions
     * @throws UnsupportedOperationException if the server's version refuses adapters
     * @throws IllegalArgumentException if the adapter has DoRA's magnitudes
     */
    public static Created createFromAdapter(
            Ollama ollama, String name, String baseName, CausalLM model, AdapterFile adapter) throws IOException {
        String version = ollama.version();
        if (!takesAdapters(version)) {
            throw new UnsupportedOperationException(
                    "Ollama " + version
                            + " refuses adapters (0.34.0 was the last version that took them): make the merged model with OllamaExport.create");
        }
        Path file = Files.createTempFile("tunebook", ".gguf");
        try {
            AdapterGguf.write(model.config(), adapter, file);
            String digest = upload(ollama, file, "adapter");
            ollama.create(name, Map.of("from", baseName, "adapters", Map.of("adapter.gguf", digest)), status -> {});
            return new Created(
                    name,
                    "the adapter on top of " + baseName + ", which Ollama " + version
                            + " takes (from 0.34.1 on it refuses adapters)",
                    Files.size(file));
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /**
     * Writes the merged model and a Modelfile for {@code ollama create NAME -f Modelfile}; beside them, unless the adapter has DoRA's
     * magnitudes, the adapter as GGUF for llama.cpp, with {@code adapter.Modelfile} for Ollama up to 0.34.0.
     *
     * @param folder where the files go; made if it is not there
     * @param base a GGUF file or blob, or a folder of safetensors
     */
    public static void write(Path folder, Path base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        Files.createDirectories(folder);
        MergedGguf.write(base, adapter, quantization, folder.resolve("model.gguf"));
        Optional<StoredModel> stored = carried(base);
        modelfile("./model.gguf", Optional.empty(), stored).write(folder.resolve("Modelfile"));
        boolean dora = adapter.factors().values().stream().anyMatch(f -> f.magnitude().length > 0);
        if (!dora) {
            try (Weights weights = Weights.open(base)) {
                AdapterGguf.write(weights.config(), adapter, folder.resolve("adapter.gguf"));
            }
            String from =
                    stored.map(StoredModel::name).orElse(base.toAbsolutePath().toString());
            modelfile(from, Optional.of("./adapter.gguf"), stored).write(folder.resolve("adapter.Modelfile"));
        }
    }

    private static Modelfile modelfile(String from, Optional<String> adapter, Optional<StoredModel> stored) {
        return new Modelfile(
                from,
                adapter,
                stored.flatMap(StoredModel::template),
                stored.flatMap(StoredModel::system),
                stored.map(StoredModel::parameters).orElse(Map.of()),
                stored.map(StoredModel::license).orElse(List.of()),
                stored.map(StoredModel::engine).orElse(Map.of()));
    }

    private static Map<String, Object> settings(Optional<StoredModel> stored) {
        Map<String, Object> settings = new LinkedHashMap<>();
        stored.ifPresent(model -> {
            model.template().ifPresent(t -> settings.put("template", t));
            model.system().ifPresent(s -> settings.put("system", s));
            if (!model.parameters().isEmpty()) {
                settings.put("parameters", model.parameters());
            }
            if (!model.license().isEmpty()) {
                settings.put("license", model.license());
            }
            settings.putAll(model.engine());
        });
        return settings;
    }

    /** The model of Ollama's folder whose weights the base is, where it lies in such a folder. */
    private static Optional<StoredModel> carried(Path base) throws IOException {
        Path blobs = base.toAbsolutePath().getParent();
        if (blobs == null || !blobs.endsWith("blobs") || !Files.isDirectory(blobs.resolveSibling("manifests"))) {
            return Optional.empty();
        }
        ModelStore store = ModelStore.open(blobs.getParent());
        for (ModelStore.Entry entry : store.list()) {
            if (entry.problem().isEmpty()) {
                StoredModel model = store.model(entry.name());
                if (Files.isSameFile(model.gguf(), base)) {
                    return Optional.of(model);
                }
            }
        }
        return Optional.empty();
    }

    static String upload(Ollama ollama, Path file, String what) throws IOException {
        try (Progress progress = Display.progress(Files.size(file), "sending the " + what)) {
            return ollama.uploadBlob(file, progress::at);
        }
    }

    private static Quantization fitting(Path base, AdapterFile adapter) throws IOException {
        try (Weights weights = Weights.open(base)) {
            boolean coarse = adapter.factors().keySet().stream()
                    .map(module -> weights.tensors().get(module + ".weight"))
                    .anyMatch(t -> t != null && bits(t.type()) < 8);
            return coarse ? Quantization.Q8_0 : Quantization.AS_BASE;
        }
    }

    private static double bits(GgufType type) {
        return 8.0 * type.blockBytes() / type.blockSize();
    }

    /** Whether a version of Ollama takes adapters; one that calls itself 0.0.0 was built from newer sources. */
    static boolean takesAdapters(String version) {
        Matcher m = VERSION.matcher(version);
        if (!m.matches()) {
            return false;
        }
        long number =
                Long.parseLong(m.group(1)) * 1_000_000 + Long.parseLong(m.group(2)) * 1000 + Long.parseLong(m.group(3));
        return number > 0 && number <= 34_000;
    }
}
