package io.tunebook.export;

import io.tunebook.files.TemporaryFolder;
import io.tunebook.model.ModelSource;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.OllamaException;
import io.tunebook.ollama.server.EmbeddedOllama;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tensors.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * A server that has a model: the Ollama at {@code OLLAMA_HOST} where one answers, else an {@link EmbeddedOllama} in
 * this JVM, so that a notebook reads the same either way. {@link #close} ends the second and leaves the first alone.
 */
public final class ModelServer implements AutoCloseable {
    private static final String CONVERTED = "model.gguf";

    private final Ollama ollama;
    private final String model;
    private final String account;
    private final Optional<EmbeddedOllama> embedded;
    private final Optional<TemporaryFolder> converted;

    private ModelServer(
            Ollama ollama,
            String model,
            String account,
            Optional<EmbeddedOllama> embedded,
            Optional<TemporaryFolder> converted) {
        this.ollama = ollama;
        this.model = model;
        this.account = account;
        this.embedded = embedded;
        this.converted = converted;
    }

    /**
     * Finds or starts a server for a model. An Ollama that does not have it gets it, as one GGUF file.
     *
     * @throws IOException if the model cannot be read, sent or served
     */
    public static ModelServer of(ModelSource source) throws IOException {
        return of(source, Ollama.connect());
    }

    /** The same with the Ollama to ask first. */
    static ModelServer of(ModelSource source, Ollama first) throws IOException {
        return first.running() ? there(source, first) : here(source, first.url());
    }

    private static ModelServer there(ModelSource source, Ollama ollama) throws IOException {
        String account = "Ollama " + ollama.version() + " at " + ollama.url();
        String stored = source.name().equals(source.path().toString()) ? name(source.path()) : source.name();
        if (has(ollama, stored)) {
            return new ModelServer(ollama, stored, account + " has " + stored, Optional.empty(), Optional.empty());
        }
        String name = source.stored().isPresent() ? stored : name(source.path());
        OllamaExport.asItIs(ollama, name, source, Quantization.Q8_0);
        return new ModelServer(
                ollama,
                name,
                account + " did not have " + name + " and was sent it",
                Optional.empty(),
                Optional.empty());
    }

    private static ModelServer here(ModelSource source, String asked) throws IOException {
        Optional<TemporaryFolder> converted = converted(source.path());
        Path file = converted.map(folder -> folder.path().resolve(CONVERTED)).orElse(source.path());
        String name = source.stored().map(StoredModel::name).orElseGet(() -> name(source.path()));
        EmbeddedOllama embedded = null;
        try {
            embedded = EmbeddedOllama.start(file, name);
            Ollama ollama = Ollama.connect(embedded.url());
            String model = ollama.list().get(0).name();
            // a bare GGUF gets the template that Ollama finds for it, which may leave the model's own system prompt out
            OllamaExport.settle(ollama, model, source);
            return new ModelServer(
                    ollama,
                    model,
                    "No Ollama answers at " + asked + ", so this notebook serves " + model + " itself at "
                            + ollama.url(),
                    Optional.of(embedded),
                    converted);
        } catch (Throwable failure) {
            if (embedded != null) {
                embedded.close();
            }
            converted.ifPresent(TemporaryFolder::close);
            throw failure;
        }
    }

    private static boolean has(Ollama ollama, String name) throws IOException {
        try {
            ollama.show(name);
            return true;
        } catch (OllamaException.ModelNotFound e) {
            return false;
        }
    }

    /**
     * A folder of safetensors or a split GGUF as one GGUF file in a folder of its own; nothing for what is one already.
     */
    private static Optional<TemporaryFolder> converted(Path model) throws IOException {
        boolean folder = Files.isDirectory(model);
        if (!folder && !GgufFile.isSplit(model)) {
            return Optional.empty();
        }
        TemporaryFolder made = new TemporaryFolder();
        try {
            Path file = made.path().resolve(CONVERTED);
            MergedGguf.quantize(model, folder ? Quantization.Q8_0 : Quantization.AS_BASE, file, done -> {});
            return Optional.of(made);
        } catch (Throwable failure) {
            made.close();
            throw failure;
        }
    }

    private static String name(Path model) {
        return model.getFileName()
                .toString()
                .toLowerCase(Locale.ROOT)
                .replaceFirst("\\.gguf$", "")
                .replaceAll("[^a-z0-9_.-]", "-");
    }

    /** Speaks with the server. */
    public Ollama ollama() {
        return ollama;
    }

    /** What the server calls the model. */
    public String model() {
        return model;
    }

    /** Which server it is, and how the model came there. */
    @Override
    public String toString() {
        return account;
    }

    @Override
    public void close() {
        embedded.ifPresent(EmbeddedOllama::close);
        converted.ifPresent(TemporaryFolder::close);
    }
}
