package io.tunebook.model;

import io.tunebook.hub.Hub;
import io.tunebook.hub.HubFile;
import io.tunebook.hub.HubSource;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model by its name on a hub: {@code owner/name}, {@code modelscope:owner/name} or {@code huggingface:owner/name};
 * with {@code :Q4_K_M} behind it the GGUF file of that kind.
 *
 * @param id {@code owner/name}
 * @param where the hub that is asked; empty for all in their order
 * @param kind of a GGUF file, such as {@code Q4_K_M}; empty for any
 */
record HubModel(String id, Optional<HubSource> where, Optional<String> kind) {
    private static final Pattern NAME =
            Pattern.compile("(?:(modelscope|huggingface|hf):)?([\\w-][\\w.-]*/[\\w-][\\w.-]*)(?::([\\w.-]+))?");

    /**
     * What lies beside the weights and is read; other weights of the same model, in folders or as pickles, are not
     * fetched.
     */
    private static final Pattern READ = Pattern.compile(
            "(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|model\\.safetensors\\.index)\\.json"
                    + "|chat_template\\.(jinja|json)|model(-\\d+-of-\\d+)?\\.safetensors");

    /** The model of a name, if it can be one. */
    static Optional<HubModel> named(String name) {
        Matcher m = NAME.matcher(name);
        if (!m.matches()) {
            return Optional.empty();
        }
        Optional<HubSource> where = Optional.ofNullable(m.group(1))
                .map(hub -> hub.equals("modelscope") ? HubSource.modelScope() : HubSource.huggingFace());
        return Optional.of(new HubModel(m.group(2), where, Optional.ofNullable(m.group(3))));
    }

    /** The repository. */
    Hub hub() {
        Hub hub = Hub.model(id);
        return where.isPresent() ? hub.from(where.get()) : hub;
    }

    /**
     * Fetches what is read of it, into the cache of huggingface_hub, with progress and checksums.
     *
     * @param say told what the model needs, before its weights are fetched
     * @return the folder of safetensors, or the GGUF file
     * @throws ModelFormatException if it is of a family that is not computed; nothing large has been fetched then
     * @throws IOException if no hub has it, or it has neither safetensors nor a GGUF file of the kind
     */
    Path fetch(Hub hub, Consumer<String> say) throws IOException {
        List<HubFile> files = hub.files();
        List<HubFile> folder =
                files.stream().filter(f -> READ.matcher(f.path()).matches()).toList();
        boolean safetensors = folder.stream().anyMatch(f -> f.path().endsWith(".safetensors"));
        if (safetensors && kind.isEmpty()) {
            ModelConfig config = ModelConfig.read(hub.file("config.json"));
            say.accept(needs(config, bytes(folder)));
            return hub.only(folder.stream().map(f -> "/" + f.path()).toArray(String[]::new))
                    .download();
        }
        HubFile gguf = gguf(files);
        say.accept(String.format(Locale.ROOT, "%s: %s to fetch and, in its blocks, to load", id, size(gguf.bytes())));
        return hub.file(gguf.path());
    }

    /** The one of the kind; without a kind Q4_K_M, as Ollama has it, or the only one. */
    private HubFile gguf(List<HubFile> files) throws IOException {
        List<HubFile> all = files.stream()
                .filter(f -> f.path().endsWith(".gguf") && !f.path().contains("mmproj"))
                .toList();
        String wanted = kind.orElse("Q4_K_M").toLowerCase(Locale.ROOT);
        Pattern end = Pattern.compile(".*(^|[-._/])" + Pattern.quote(wanted) + "\\.gguf");
        return all.stream()
                .filter(f -> end.matcher(f.path().toLowerCase(Locale.ROOT)).matches())
                .findFirst()
                .or(() -> kind.isEmpty() && all.size() == 1 ? Optional.of(all.get(0)) : Optional.empty())
                .orElseThrow(() -> new IOException(
                        id + ": expected safetensors or a GGUF file of the kind " + wanted.toUpperCase(Locale.ROOT)
                                + ", found "
                                + files.stream().map(HubFile::path).limit(20).toList()
                                + ". A kind is named behind the model: " + id + ":Q8_0"));
    }

    private String needs(ModelConfig config, long bytes) {
        long parameters = config.parameters();
        return String.format(
                Locale.ROOT,
                "%s: %,d parameters, %s to fetch; loaded it takes %s in bfloat16 and %s in float32, and training takes more by the batch",
                id,
                parameters,
                size(bytes),
                size(parameters * Precision.BFLOAT16.bytes()),
                size(parameters * Precision.FLOAT32.bytes()));
    }

    private static long bytes(List<HubFile> files) {
        return files.stream().mapToLong(f -> Math.max(0, f.bytes())).sum();
    }

    private static String size(long bytes) {
        return bytes < 0
                ? "a file of unknown size"
                : bytes < 1_000_000_000
                        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
                        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
    }
}
