package io.tunebook.ollama.store;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Ollama's folder, read without a server: {@code manifests/HOST/NAMESPACE/MODEL/TAG} lists layers, each of which is a
 * file {@code blobs/sha256-HEX}. Why Transformers finds no {@code config.json} there: all of it is inside one GGUF
 * blob.
 */
public final class ModelStore {
    private static final Pattern DIGEST = Pattern.compile("sha256[:-][0-9a-fA-F]{64}");
    private static final String LAYER = "application/vnd.ollama.image.";
    /** Ollama's own folder of manifests, and before it two that newer versions may write instead (its change 15735). */
    private static final List<String> LAYOUTS = List.of("manifest-v2", "manifests-v2", "manifests");

    private static final String CONFIG = "application/vnd.docker.container.image.v1+json";

    private final Path folder;

    /**
     * One line of {@link #list}.
     *
     * @param name the model's name
     * @param bytes how much its blobs take, shared ones included; 0 where the manifest cannot be read
     * @param problem why the model cannot be used, if so
     */
    public record Entry(String name, long bytes, Optional<String> problem) {}

    private record Layer(String kind, Path blob, long bytes) {}

    private ModelStore(Path folder) {
        this.folder = folder;
    }

    /**
     * Opens the folder that Ollama uses on this machine: {@code OLLAMA_MODELS}, else {@code .ollama/models} in the home
     * folder (on Linux, macOS and Windows alike), else that of the Linux service.
     *
     * @throws NoSuchFileException if there is none
     */
    public static ModelStore open() throws IOException {
        return open(folder(
                System.getenv("OLLAMA_MODELS"),
                Path.of(System.getProperty("user.home")),
                Path.of("/usr/share/ollama/.ollama/models")));
    }

    /**
     * Where Ollama keeps its models ({@code envconfig/config.go}; the service's folder: {@code scripts/install.sh}).
     */
    static Path folder(String named, Path home, Path service) {
        // As Ollama reads its variables: spaces and quotation marks around a value are not of it.
        String set = named == null
                ? ""
                : named.strip().replaceAll("^[\"']+|[\"']+$", "").strip();
        if (!set.isEmpty()) {
            return Path.of(set);
        }
        Path own = home.resolve(".ollama").resolve("models");
        return !Files.isDirectory(own) && Files.isDirectory(service) ? service : own;
    }

    /**
     * Opens a folder laid out as Ollama's.
     *
     * @throws NoSuchFileException if it is not there or has no manifests
     */
    public static ModelStore open(Path folder) throws IOException {
        if (LAYOUTS.stream().noneMatch(l -> Files.isDirectory(folder.resolve(l)))) {
            throw new NoSuchFileException(
                    folder.toString(),
                    null,
                    "no models of Ollama here (expected a folder manifests): set OLLAMA_MODELS to its models folder, or pull a"
                            + " model first with: ollama pull smollm2:135m");
        }
        return new ModelStore(folder);
    }

    /** The folder. */
    public Path folder() {
        return folder;
    }

    /**
     * A model's files and settings.
     *
     * @param name as Ollama writes it, such as {@code smollm2:135m} or {@code hf.co/owner/model:Q8_0}
     * @throws NoSuchFileException if there is no such model, with those that there are, or if a blob is missing
     * @throws ModelFormatException if the manifest is broken or has no GGUF layer
     */
    public StoredModel model(String name) throws IOException {
        ModelName wanted = ModelName.of(name);
        return read(wanted.toString(), manifest(wanted));
    }

    /** Every model, those that cannot be used with the reason. */
    public List<Entry> list() throws IOException {
        List<Entry> out = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (Path manifest : manifests()) {
            String name = name(manifest);
            if (!seen.add(name)) {
                continue;
            }
            try {
                out.add(new Entry(name, read(name, manifest).bytes(), Optional.empty()));
            } catch (IOException problem) {
                out.add(new Entry(name, 0, Optional.of(problem.getMessage())));
            }
        }
        return out;
    }

    /** How much all blobs take, in bytes; what models share counts once. */
    public long bytes() throws IOException {
        Path blobs = folder.resolve("blobs");
        if (!Files.isDirectory(blobs)) {
            return 0;
        }
        long sum = 0;
        try (Stream<Path> files = Files.list(blobs)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                sum += Files.size(file);
            }
        }
        return sum;
    }

    /**
     * Reads all of a model's blobs and compares their SHA-256 with their names.
     *
     * @throws ModelFormatException if one is damaged, with the digest found
     */
    public void verify(String name) throws IOException {
        ModelName wanted = ModelName.of(name);
        for (Layer layer : layers(wanted.toString(), manifest(wanted))) {
            String found = "sha256-" + Sha256.hex(layer.blob());
            if (!layer.blob().getFileName().toString().equalsIgnoreCase(found)) {
                throw new ModelFormatException(
                        layer.blob(),
                        "damaged: expected its name's digest, found " + found + "; remove and pull it again");
            }
        }
    }

    /** What is on disk and how large, a line for each model. */
    @Override
    public String toString() {
        try {
            StringBuilder out = new StringBuilder(folder + ": " + size(bytes()) + " in blobs");
            for (Entry e : list()) {
                out.append(String.format(
                        Locale.ROOT,
                        "%n%10s  %s%s",
                        size(e.bytes()),
                        e.name(),
                        e.problem().map(p -> ": " + p).orElse("")));
            }
            return out.toString();
        } catch (IOException unreadable) {
            return folder + ": " + unreadable.getMessage();
        }
    }

    /** Bytes as Ollama's tools write them, in powers of 1000. */
    static String size(long bytes) {
        return bytes < 1_000_000
                ? String.format(Locale.ROOT, "%.1f kB", bytes / 1e3)
                : bytes < 1_000_000_000
                        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
                        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
    }

    private StoredModel read(String name, Path manifest) throws IOException {
        List<Layer> layers = layers(name, manifest);
        long bytes = layers.stream().mapToLong(Layer::bytes).sum();
        List<Path> models = blobs(layers, "model");
        Map<String, String> words = new HashMap<>();
        for (Layer layer : layers) {
            if (layer.kind().equals(CONFIG)) {
                JsonNode config = json(layer.blob());
                for (String key : List.of("renderer", "parser")) {
                    if (!config.path(key).asText("").isEmpty()) {
                        words.put(key, config.get(key).asText());
                    }
                }
            }
        }
        if (models.size() != 1) {
            throw new ModelFormatException(
                    manifest,
                    "expected one layer " + LAYER + "model (a GGUF file), found " + models.size()
                            + (models.isEmpty() ? ": a model of Ollama's own engine or of its cloud" : ""));
        }
        Map<String, Object> options = new HashMap<>();
        for (Path blob : blobs(layers, "params")) {
            JsonNode json = json(blob);
            for (var entry : json.properties()) {
                if (entry.getValue().isNull()) {
                    continue; // as Ollama, for which it is not set
                }
                options.put(entry.getKey(), Json.files().convertValue(entry.getValue(), Object.class));
            }
        }
        return new StoredModel(
                name,
                models.get(0),
                text(layers, "template"),
                Map.copyOf(options),
                text(layers, "system"),
                texts(layers, "license"),
                blobs(layers, "adapter"),
                Map.copyOf(words),
                bytes);
    }

    private List<Layer> layers(String name, Path manifest) throws IOException {
        JsonNode json = json(manifest);
        // Ollama's newer layout may list a manifest for each of its engines: GGUF's is the one.
        for (JsonNode each : json.path("manifests")) {
            if (each.path("format").asText().equals("gguf")) {
                Path one = blob(name, manifest, each);
                return layers(name, one, json(one));
            }
        }
        return layers(name, manifest, json);
    }

    /** Of a manifest that lists layers; what lists manifests inside a manifest, itself perhaps, is none. */
    private List<Layer> layers(String name, Path manifest, JsonNode json) throws IOException {
        if (!json.path("layers").isArray()) {
            throw new ModelFormatException(manifest, "expected a manifest with layers; pull " + name + " again");
        }
        List<Layer> layers = new ArrayList<>();
        // What tells format and engine is a blob like the others; some tools that write manifests leave it out.
        if (json.path("config").has("digest")) {
            Path blob = blob(name, manifest, json.get("config"));
            layers.add(new Layer(CONFIG, blob, Files.size(blob)));
        }
        for (JsonNode layer : json.path("layers")) {
            Path blob = blob(name, manifest, layer);
            layers.add(new Layer(layer.path("mediaType").asText(), blob, Files.size(blob)));
        }
        return layers;
    }

    private Path blob(String name, Path manifest, JsonNode layer) throws IOException {
        String digest = layer.path("digest").asText();
        if (!DIGEST.matcher(digest).matches()) {
            throw new ModelFormatException(manifest, "expected a digest such as sha256:…, found " + digest);
        }
        Path blob = folder.resolve("blobs").resolve(digest.replace(':', '-'));
        if (!Files.exists(blob)) {
            throw new NoSuchFileException(
                    blob.toString(),
                    null,
                    "a layer (" + layer.path("mediaType").asText() + ") of " + name
                            + " is missing: complete it with: ollama pull " + name);
        }
        return blob;
    }

    private static JsonNode json(Path file) throws IOException {
        try {
            JsonNode json = Json.files().readTree(Files.readAllBytes(file));
            if (!json.isObject()) {
                throw new ModelFormatException(file, "expected a JSON object");
            }
            return json;
        } catch (JacksonException broken) {
            throw new ModelFormatException(file, "expected JSON: " + broken.getOriginalMessage(), broken);
        }
    }

    private static List<Path> blobs(List<Layer> layers, String kind) {
        return layers.stream()
                .filter(l -> l.kind().equals(LAYER + kind))
                .map(Layer::blob)
                .toList();
    }

    private static List<String> texts(List<Layer> layers, String kind) throws IOException {
        List<String> texts = new ArrayList<>();
        for (Path blob : blobs(layers, kind)) {
            // As Ollama, which takes bytes that are no UTF-8.
            texts.add(new String(Files.readAllBytes(blob), StandardCharsets.UTF_8));
        }
        return texts;
    }

    private static Optional<String> text(List<Layer> layers, String kind) throws IOException {
        return texts(layers, kind).stream().findFirst();
    }

    private Path manifest(ModelName wanted) throws IOException {
        List<Path> all = manifests();
        for (Path manifest : all) {
            // Ollama does not tell upper case from lower.
            if (name(manifest).equalsIgnoreCase(wanted.toString())) {
                return manifest;
            }
        }
        throw new NoSuchFileException(
                folder.toString(),
                null,
                "no model " + wanted + " here: pull it with: ollama pull " + wanted
                        + (all.isEmpty()
                                ? ""
                                : "; there are "
                                        + String.join(
                                                ", ",
                                                all.stream().map(this::name).toList())));
    }

    /** The manifests, four folders deep: host, namespace, model, tag. */
    private List<Path> manifests() throws IOException {
        List<Path> out = new ArrayList<>();
        for (String layout : LAYOUTS) {
            Path root = folder.resolve(layout);
            if (Files.isDirectory(root)) {
                try (Stream<Path> files = Files.walk(root, 4)) {
                    files.filter(f -> root.relativize(f).getNameCount() == 4 && Files.isRegularFile(f))
                            .filter(f -> !f.getFileName().toString().startsWith("."))
                            .sorted()
                            .forEach(out::add);
                }
            }
        }
        return out;
    }

    private String name(Path manifest) {
        Path model = manifest.getParent();
        Path namespace = model.getParent();
        String host = namespace.getParent().getFileName().toString().toLowerCase(Locale.ROOT);
        return new ModelName(
                        // The newer layout's name for the same registry.
                        host.equals("ollama.com") ? "registry.ollama.ai" : host,
                        namespace.getFileName().toString(),
                        model.getFileName().toString(),
                        manifest.getFileName().toString())
                .toString();
    }
}
