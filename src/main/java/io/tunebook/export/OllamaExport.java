package io.tunebook.export;

import io.tunebook.export.Modelfile.ExportSettings;
import io.tunebook.files.TemporaryFolder;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.AdapterGguf;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.ModelSource;
import io.tunebook.model.Weights;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufType;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Makes a fine-tuned model in Ollama.
 *
 * <p>The main road is the merged model as one GGUF file, which every server takes. Ollama up to 0.34.0 also takes the
 * adapter by itself and adds it to a model that the server has; from 0.34.1 on it refuses adapters. Either goes with a
 * template that makes the server render conversations as the model was trained on them.
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
     * Merges an adapter into its base and makes a model of it. Tensors that the adapter touches keep the base's type
     * where it has at least 8 bits, else they get Q8_0, so that a small change is not rounded away. A base that was
     * loaded by a name of Ollama's brings its parameters and licences along.
     *
     * @param ollama the server
     * @param name what the model is to be called
     * @param model the base
     * @param adapter the adapter, as it is now
     * @throws IllegalStateException if the server would render conversations otherwise than the model was trained on
     *     them
     * @throws IllegalArgumentException if the adapter was trained with tokens that the base does not have
     */
    public static Created create(Ollama ollama, String name, CausalLM model, LoraAdapter adapter) throws IOException {
        ExportSettings settings = ExportSettings.of(model.source());
        if (adapter.tokenizer().isPresent()) {
            Tokenizer own = adapter.tokenizer().get();
            if (!own.checksum().equals(model.ownTokenizer().checksum())) {
                throw new IllegalArgumentException("the adapter was trained with the tokens of " + own.source()
                        + ", and the merged file would have those of "
                        + model.ownTokenizer().source()
                        + ". Merge it by PEFT's merge_and_unload, save the model and that tokenizer in one folder, and"
                        + " export the folder: OllamaExport.create(ollama, name, folder)");
            }
            if (own.hasChatTemplate()) {
                settings = new ExportSettings(OllamaTemplate.of(own, own.chatTemplate()), settings.stored());
            }
        }
        AdapterFile file = adapter.file();
        return merged(ollama, name, model.path(), file, fitting(model.path(), file), settings);
    }

    /**
     * Merges an adapter into a base and makes a model of it. The server gets a template that renders conversations as
     * the base's chat template does, see {@link OllamaTemplate}.
     *
     * @param base a GGUF file, a blob of Ollama's folder, or a folder of safetensors
     * @param quantization the types of the tensors that are written anew
     * @throws IllegalStateException if the server would render conversations otherwise than the model was trained on
     *     them
     */
    public static Created create(Ollama ollama, String name, Path base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        return merged(ollama, name, base, adapter, quantization, ExportSettings.of(base));
    }

    /**
     * The same for a model that a person named; one that Ollama has stored brings its parameters and licences along.
     */
    public static Created create(
            Ollama ollama, String name, ModelSource base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        return merged(ollama, name, base.path(), adapter, quantization, ExportSettings.of(base));
    }

    /**
     * The same for a model that Ollama has stored, which brings its parameters and licences along, and its template and
     * system prompt where they render conversations as its chat template does.
     */
    public static Created create(
            Ollama ollama, String name, StoredModel base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        return merged(ollama, name, base.gguf(), adapter, quantization, ExportSettings.of(base));
    }

    /**
     * The same with a template of one's own, or with one that differs: {@code OllamaTemplate.of(base).anyway()}.
     *
     * @throws IllegalStateException if the template differs from the training's and is not to be sent anyway
     */
    public static Created create(
            Ollama ollama,
            String name,
            Path base,
            AdapterFile adapter,
            Quantization quantization,
            OllamaTemplate template)
            throws IOException {
        return merged(ollama, name, base, adapter, quantization, new ExportSettings(template, Optional.empty()));
    }

    private static Created merged(
            Ollama ollama,
            String name,
            Path base,
            AdapterFile adapter,
            Quantization quantization,
            ExportSettings settings)
            throws IOException {
        settings.prompt().require();
        String version = ollama.version();
        try (TemporaryFolder folder = new TemporaryFolder()) {
            Path file = folder.path().resolve("model.gguf");
            Rounding rounding = MergedGguf.write(base, adapter, quantization, file);
            if (rounding.little()) {
                System.err.println("Warning: " + rounding
                        + ". The model is likely to answer as its base does: take Q8_0 or F16 instead of "
                        + quantization + ".");
            }
            return send(
                    ollama,
                    name,
                    file,
                    settings,
                    "the adapter merged into the model, one GGUF file of " + Files.size(file) / 1_000_000 + " MB ("
                            + quantization + "), which Ollama " + version
                            + (takesAdapters(version)
                                    ? " takes as every version does"
                                    : " needs, as it refuses adapters")
                            + "; " + rounding);
        }
    }

    /**
     * Makes a model of a base as it is, for a server that does not have it: to ask both the same question.
     *
     * @param base a GGUF file, a blob of Ollama's folder, or a folder of safetensors, which is sent as one GGUF file of
     *     the same types
     */
    public static Created create(Ollama ollama, String name, Path base) throws IOException {
        return asItIs(ollama, name, ModelSource.of(base), Quantization.AS_BASE);
    }

    static Created asItIs(Ollama ollama, String name, ModelSource source, Quantization ofAFolder) throws IOException {
        // It was not trained here: what a server makes of it is worth knowing, but no reason to stop.
        ExportSettings settings = ExportSettings.of(source);
        Path base = source.path();
        if (!Files.isDirectory(base) && !GgufFile.isSplit(base)) {
            return send(ollama, name, base, settings, "the model as it is, one GGUF file");
        }
        try (TemporaryFolder folder = new TemporaryFolder()) {
            Path file = folder.path().resolve("model.gguf");
            MergedGguf.quantize(base, Files.isDirectory(base) ? ofAFolder : Quantization.AS_BASE, file, done -> {});
            return send(ollama, name, file, settings, "the model as it is, written as one GGUF file");
        }
    }

    /** Says outright how a model that a server has renders conversations: as its own chat template does. */
    static void settle(Ollama ollama, String name, ModelSource base) throws IOException {
        Map<String, Object> request = ExportSettings.of(base).forCreate();
        request.put("from", name);
        ollama.create(name, request, status -> {});
    }

    private static Created send(Ollama ollama, String name, Path file, ExportSettings settings, String explanation)
            throws IOException {
        Map<String, Object> request = settings.forCreate();
        request.put("files", Map.of("model.gguf", upload(ollama, file, "model")));
        ollama.create(name, request, status -> {});
        return new Created(name, explanation + "; " + settings.prompt(), Files.size(file));
    }

    /**
     * Sends the adapter alone and has the server add it to a model that it has.
     *
     * @param baseName the base's name on the server
     * @param model the same base here, for its dimensions and its chat template
     * @throws UnsupportedOperationException if the server's version refuses adapters
     * @throws IllegalStateException if the server would render conversations otherwise than the model was trained on
     *     them
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
        ExportSettings settings = ExportSettings.of(model.source());
        settings.prompt().require();
        try (TemporaryFolder folder = new TemporaryFolder()) {
            Path file = folder.path().resolve("model.gguf");
            AdapterGguf.write(model.config(), adapter, file);
            Map<String, Object> request = settings.forCreate();
            request.put("from", baseName);
            request.put("adapters", Map.of("adapter.gguf", upload(ollama, file, "adapter")));
            ollama.create(name, request, status -> {});
            return new Created(
                    name,
                    "the adapter on top of " + baseName + ", which Ollama " + version
                            + " takes (from 0.34.1 on it refuses adapters); " + settings.prompt(),
                    Files.size(file));
        }
    }

    /**
     * Writes the merged model and a Modelfile for {@code ollama create NAME -f Modelfile}; beside them, unless the
     * adapter has DoRA's magnitudes or changes the embedding or the output, the adapter as GGUF for llama.cpp, with
     * {@code adapter.Modelfile} for Ollama up to 0.34.0.
     *
     * @param folder where the files go; made if it is not there
     * @param base a GGUF file or blob, or a folder of safetensors
     * @return how much of the adapter is left after rounding
     * @throws IllegalStateException if the server would render conversations otherwise than the model was trained on
     *     them
     */
    public static Rounding write(Path folder, Path base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        return write(folder, base, adapter, quantization, ExportSettings.of(base));
    }

    /**
     * The same for a model that Ollama has stored, see {@link #create(Ollama, String, StoredModel, AdapterFile,
     * Quantization)}.
     */
    public static Rounding write(Path folder, StoredModel base, AdapterFile adapter, Quantization quantization)
            throws IOException {
        return write(folder, base.gguf(), adapter, quantization, ExportSettings.of(base));
    }

    private static Rounding write(
            Path folder, Path base, AdapterFile adapter, Quantization quantization, ExportSettings settings)
            throws IOException {
        settings.prompt().require();
        Files.createDirectories(folder);
        Rounding rounding = MergedGguf.write(base, adapter, quantization, folder.resolve("model.gguf"));
        settings.modelfile("./model.gguf", Optional.empty()).write(folder.resolve("Modelfile"));
        if (!adapter.dora() && adapter.embeddings().isEmpty()) {
            try (Weights weights = Weights.open(base)) {
                AdapterGguf.write(weights.config(), adapter, folder.resolve("adapter.gguf"));
            }
            String from = settings.stored()
                    .map(StoredModel::name)
                    .orElse(base.toAbsolutePath().toString());
            settings.modelfile(from, Optional.of("./adapter.gguf")).write(folder.resolve("adapter.Modelfile"));
        }
        return rounding;
    }

    static String upload(Ollama ollama, Path file, String what) throws IOException {
        try (Progress progress = Display.progress(Files.size(file), "sending the " + what)) {
            return ollama.uploadBlob(file, progress::at);
        }
    }

    private static Quantization fitting(Path base, AdapterFile adapter) throws IOException {
        try (Weights weights = Weights.open(base)) {
            Stream<String> ends =
                    adapter.embeddings().isEmpty() ? Stream.of() : Stream.of("model.embed_tokens", "lm_head");
            boolean coarse = Stream.concat(adapter.factors().keySet().stream(), ends)
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
