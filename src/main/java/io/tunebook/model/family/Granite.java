package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.Scales;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/**
 * IBM's Granite 3 and the dense ones of Granite 4: Llama with factors for embeddings, branches, scores and logits (Yang
 * et al., 2022).
 */
final class Granite implements Family {
    @Override
    public String name() {
        return "granite";
    }

    @Override
    public String gguf() {
        return "granite";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        ModelConfig c = json.dense(name()).biases(bias, bias);
        return c.attentionScale(json.number("attention_multiplier", 1))
                .scales(new Scales(
                        json.number("embedding_multiplier", 1),
                        json.number("residual_multiplier", 1),
                        1 / json.number("logits_scaling", 1)));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.dense(name())
                .attentionScale(gguf.number("attention.scale", 0))
                .scales(new Scales(
                        gguf.number("embedding_scale", 1),
                        gguf.number("residual_scale", 1),
                        1 / gguf.number("logit_scale", 1)));
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        return Map.of(
                "attention.scale", (float) config.attentionScale(),
                "embedding_scale", (float) config.scales().embedding(),
                "residual_scale", (float) config.scales().residual(),
                "logit_scale", (float) (1 / config.scales().logits()));
    }

    /** llama.cpp rotates neighbours where Hugging Face rotates halves, so q and k are stored permuted. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
