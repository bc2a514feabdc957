package io.tunebook.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.train.Reference;
import java.nio.file.Files;
import java.nio.file.Path;

/** The references' models in forms that they do not lie in. */
final class TinyModels {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TinyModels() {}

    /** A reference's folder with a tokenizer that GGUF has a name for: a real one, cut to the model's vocabulary. */
    static Path withWords(Path temp, String family, String changes) throws Exception {
        Path from = Reference.path(family);
        Path words = Path.of(TinyModels.class
                .getResource("/io/tunebook/export/llama/hub/tokenizer.json")
                .toURI());
        Files.copy(from.resolve("model.safetensors"), temp.resolve("model.safetensors"));
        ObjectNode config = (ObjectNode) JSON.readTree(Files.readAllBytes(from.resolve("config.json")));
        Files.write(temp.resolve("config.json"), JSON.writeValueAsBytes(config.setAll((ObjectNode)
                JSON.readTree(changes))));
        int rows = config.path("vocab_size").intValue();
        ObjectNode tokenizer = (ObjectNode) JSON.readTree(Files.readAllBytes(words));
        ObjectNode model = (ObjectNode) tokenizer.get("model");
        ObjectNode vocabulary = (ObjectNode) model.get("vocab");
        vocabulary.properties().removeIf(e -> e.getValue().intValue() >= rows);
        model.set("merges", JSON.createArrayNode());
        ArrayNode added = JSON.createArrayNode();
        for (var token : tokenizer.path("added_tokens")) {
            if (token.path("id").intValue() < rows) {
                added.add(token);
            }
        }
        tokenizer.set("added_tokens", added);
        Files.write(temp.resolve("tokenizer.json"), JSON.writeValueAsBytes(tokenizer));
        return temp;
    }
}
