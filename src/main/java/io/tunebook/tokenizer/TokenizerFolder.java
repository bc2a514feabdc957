package io.tunebook.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.file.Path;

/** A model's tokenizer as the files that Transformers and this library read in a folder. */
public final class TokenizerFolder {
    private static final ObjectMapper JSON = Json.files();

    private TokenizerFolder() {}

    /**
     * Writes {@code tokenizer.json} and {@code tokenizer_config.json}, the latter with the special tokens and the chat
     * template.
     *
     * @param model a GGUF file, or a folder with a tokenizer
     * @param folder a folder that exists
     * @throws io.tunebook.tensors.ModelFormatException if the model's tokenizer cannot be read
     */
    public static void write(Path model, Path folder) throws IOException {
        Vocabulary vocabulary = Vocabulary.read(model);
        ObjectNode config = JSON.createObjectNode().put("tokenizer_class", "PreTrainedTokenizerFast");
        vocabulary.named().forEach(config::put);
        if (vocabulary.templates().size() == 1) {
            config.put(
                    "chat_template", vocabulary.templates().values().iterator().next());
        } else if (!vocabulary.templates().isEmpty()) {
            var all = config.putArray("chat_template");
            vocabulary.templates().forEach((name, template) -> all.addObject()
                    .put("name", name)
                    .put("template", template));
        }
        AtomicFile.write(folder.resolve("tokenizer.json"), vocabulary.json());
        AtomicFile.write(
                folder.resolve("tokenizer_config.json"),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(config));
    }
}
