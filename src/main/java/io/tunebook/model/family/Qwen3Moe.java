package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Qwen3's mixtures of experts, such as Qwen3-30B-A3B: {@link Qwen3} with experts in the place of each MLP. LoRA adapts
 * their attention and, where it is told to, experts; routers are frozen.
 */
final class Qwen3Moe implements Family {
    @Override
    public String name() {
        return "qwen3_moe";
    }

    @Override
    public String gguf() {
        return "qwen3moe";
    }

    @Override
    public List<Target> targets() {
        return Target.WITH_EXPERTS;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        return json.dense(name())
                .biases(bias, bias)
                .qkNorm(true)
                .layers(json.qwenKinds())
                .experts(Experts.of(json, json.flag("norm_topk_prob"), false));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.decoder(name()).experts(Experts.of(gguf, true, false));
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        Experts experts = config.experts().orElseThrow();
        Map<String, Object> fields = new HashMap<>(experts.configJson());
        fields.put("norm_topk_prob", experts.normed());
        fields.put("attention_bias", config.attentionBias());
        return fields;
    }

    /** llama.cpp divides the chosen experts' weights by their sum, whatever the file says. */
    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        return config.experts().orElseThrow().ggufKeys(true);
    }
}
