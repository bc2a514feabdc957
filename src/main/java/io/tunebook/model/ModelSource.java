package io.tunebook.model;

import io.tunebook.model.family.ModelConfig;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tokenizer.Tokenizer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a model lies on this machine.
 *
 * @param name as the person wrote it
 * @param path a GGUF file, or a folder of safetensors with {@code config.json}
 * @param stored the model of Ollama's that was named, whose settings belong to it; nothing for a file or folder, though
 *     it may be a blob of one
 */
public record ModelSource(String name, Path path, Optional<StoredModel> stored) {
    /** A file or folder, under a name. */
    public ModelSource(String name, Path path) {
        this(name, path, Optional.empty());
    }

    /**
     * Finds a model. One of a hub is fetched if the cache does not have it; what it needs is printed before.
     *
     * @param name a GGUF file, a folder of safetensors, the name of a model that Ollama has pulled, or one on a hub:
     *     {@code owner/name}, {@code modelscope:owner/name} or {@code huggingface:owner/name}, with {@code :Q4_K_M}
     *     behind it for a GGUF file of that kind
     * @throws FileNotFoundException if it is none of these
     * @throws IOException if Ollama's folder cannot be read, or a hub's model not be fetched
     * @throws IllegalArgumentException if Ollama's model has an adapter on top of its weights
     */
    public static ModelSource of(String name) throws IOException {
        try {
            Path path = Path.of(name);
            if (Files.exists(path)) {
                return new ModelSource(name, path.toAbsolutePath());
            }
            if (name.endsWith(".gguf") || name.startsWith(".") || path.isAbsolute()) {
                throw new FileNotFoundException(
                        "expected a GGUF file or a folder of safetensors, found nothing at " + path.toAbsolutePath());
            }
        } catch (InvalidPathException e) {
            // On Windows a name such as qwen2.5:1.5b is no path: it is Ollama's.
        }
        Optional<HubModel> model = HubModel.named(name);
        if (model.isPresent() && (model.get().where().isPresent() || !isStored(name))) {
            return new ModelSource(name, model.get().fetch(model.get().hub(), System.out::println));
        }
        return of(ModelStore.open().model(name));
    }

    /** Whether Ollama has pulled it: its names may have an owner too. */
    private static boolean isStored(String name) {
        try {
            ModelStore.open().model(name);
            return true;
        } catch (IOException | IllegalArgumentException e) {
            return false;
        }
    }

    /** A GGUF file, or a folder of safetensors. */
    public static ModelSource of(Path path) {
        return new ModelSource(path.toString(), path);
    }

    /**
     * The model that Ollama has stored.
     *
     * @throws IllegalArgumentException if it has an adapter on top of its weights
     */
    public static ModelSource of(StoredModel stored) {
        if (!stored.adapters().isEmpty()) {
            throw new IllegalArgumentException(stored.name() + " has an adapter on top of its weights ("
                    + stored.adapters().get(0)
                    + "), without which it is another model: load the model that it was made from, or the weights alone by "
                    + stored.gguf());
        }
        return new ModelSource(stored.name(), stored.gguf(), Optional.of(stored));
    }

    /**
     * The model that {@code TUNEBOOK_MODEL} names, else the default model of the set-up.
     *
     * @throws IllegalStateException if neither is set
     */
    public static ModelSource fromEnvironment() throws IOException {
        Optional<String> chosen =
                Optional.ofNullable(System.getenv("TUNEBOOK_MODEL")).filter(v -> !v.isBlank());
        String name = chosen.or(() -> Optional.ofNullable(System.getenv("TUNEBOOK_DEFAULT_MODEL")))
                .orElseThrow(() -> new IllegalStateException(
                        "expected the environment variable TUNEBOOK_MODEL (a name of Ollama's or a hub's, a GGUF file or a folder of safetensors), found"
                                + " none; a kernel that the set-up installed has a default in TUNEBOOK_DEFAULT_MODEL"));
        return of(name.strip());
    }

    /**
     * Its weights, which the caller closes.
     *
     * @throws IOException if they cannot be read, or are not what they should be; the message names tensor, expectation
     *     and finding
     */
    public Weights weights() throws IOException {
        return Weights.open(path);
    }

    /** The tokenizer that belongs to the weights, which the caller closes. */
    Tokenizer tokenizer(Weights weights) throws IOException {
        Tokenizer tokenizer =
                weights.gguf().isPresent() ? Tokenizer.of(weights.gguf().get()) : Tokenizer.load(path);
        try {
            tokenizer.requireFits(
                    path.getFileName().toString(), weights.config().vocabularySize(), ModelConfig.specialIds(path));
            return tokenizer;
        } catch (Throwable failure) {
            tokenizer.close();
            throw failure;
        }
    }

    /**
     * The GGUF file.
     *
     * @throws IllegalStateException if this is a folder of safetensors
     */
    public Path gguf() {
        if (Files.isDirectory(path)) {
            throw new IllegalStateException("expected a GGUF file, found the folder " + path);
        }
        return path;
    }

    @Override
    public String toString() {
        return name.equals(path.toString()) ? name : name + " (" + path + ")";
    }
}
