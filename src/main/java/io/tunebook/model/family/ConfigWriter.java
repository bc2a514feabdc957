package io.tunebook.model.family;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes {@code config.json} for models whose layers are as Llama's, and for those whose family alone tells what they
 * have beside.
 */
public final class ConfigWriter {
    private static final ObjectMapper JSON = Json.files();

    private ConfigWriter() {}

    /**
     * Writes the file, and reads it again to see that it says the same.
     *
     * @param folder a folder that exists
     * @throws UnsupportedOperationException if the configuration has more than these fields say, such as a scaled
     *     rotary embedding; no file is left then
     */
    public static void write(ModelConfig config, Path folder) throws IOException {
        ObjectNode json = JSON.createObjectNode()
                .put("model_type", config.architecture())
                .put("hidden_size", config.hiddenSize())
                .put("intermediate_size", config.intermediateSize())
                .put("num_hidden_layers", config.layers())
                .put("num_attention_heads", config.heads())
                .put("num_key_value_heads", config.kvHeads())
                .put("head_dim", config.headDim())
                .put("vocab_size", config.vocabularySize())
                .put("max_position_embeddings", config.maxPositions())
                .put("rms_norm_eps", config.rmsNormEps())
                .put("rope_theta", config.ropeTheta())
                .put("tie_word_embeddings", config.tiedEmbeddings())
                .put("hidden_act", "silu")
                .put("torch_dtype", "bfloat16");
        config.family().configJson(config).forEach((field, value) -> json.set(field, JSON.valueToTree(value)));
        Path file = folder.resolve("config.json");
        AtomicFile.write(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
        ModelConfig written = ModelConfig.read(file);
        if (!written.equals(config)) {
            Files.delete(file);
            throw new UnsupportedOperationException(
                    "expected a model whose configuration the usual fields of config.json" + " say, found " + config);
        }
    }
}
