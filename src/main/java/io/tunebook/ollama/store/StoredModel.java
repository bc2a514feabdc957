package io.tunebook.ollama.store;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model as it lies in Ollama's folder.
 *
 * @param name its name, the tag with it
 * @param gguf the weights, configuration and tokenizer in one GGUF file
 * @param template the prompt's template in Go's syntax, where the manifest has one
 * @param options its settings by Ollama's names, such as {@code stop}: what a Modelfile says by PARAMETER
 * @param system its system prompt
 * @param license its licences' texts
 * @param adapters LoRA adapters as GGUF files
 * @param engine which of Ollama's own {@code renderer} and {@code parser} writes its prompts and reads its answers,
 *     where it is not the template
 * @param bytes how much all its blobs take, shared ones included
 */
public record StoredModel(
        String name,
        Path gguf,
        Optional<String> template,
        Map<String, Object> options,
        Optional<String> system,
        List<String> license,
        List<Path> adapters,
        Map<String, String> engine,
        long bytes) {

    /** Its name, size and file; no licence texts, which are long. */
    @Override
    public String toString() {
        return name + ", " + ModelStore.size(bytes) + ", parameters " + options
                + (adapters.isEmpty() ? "" : ", " + adapters.size() + " adapters") + ", " + gguf;
    }
}
