package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/**
 * Ministral 3: Mistral with YaRN. Beyond the length that it was first trained on queries are scaled by their positions,
 * which is not computed: longer texts are refused.
 */
final class Ministral3 implements Family {
    @Override
    public String name() {
        return "ministral3";
    }

    @Override
    public String gguf() {
        return "mistral3";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        ModelConfig c = json.dense(name()).slidingWindow(json.window());
        return c.atMost((int) json.rope("original_max_position_embeddings", c.maxPositions()));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        return c.atMost((int) gguf.number("rope.scaling.original_context_length", c.maxPositions()));
    }

    /** llama.cpp's converter stores queries and keys as for Llama. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        return config.slidingWindow() == 0 ? Map.of() : Map.of("attention.sliding_window", config.slidingWindow());
    }
}
