package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Qwen2's mixtures of experts, such as Qwen1.5-MoE-A2.7B and Qwen2-57B-A14B: {@link Qwen2} with experts in the place of
 * each MLP, one of which all tokens have. The weights of those that are chosen are not divided by their sum.
 */
final class Qwen2Moe implements Family {
    private static final String SHARED = "shared_expert_intermediate_size";

    @Override
    public String name() {
        return "qwen2_moe";
    }

    @Override
    public String gguf() {
        return "qwen2moe";
    }

    @Override
    public List<Target> targets() {
        return Target.WITH_SHARED_EXPERT;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.with("intermediate_size", json.positive(SHARED))
                .dense(name())
                .biases(json.flag("qkv_bias", true), false)
                .layers(json.qwenKinds())
                .experts(Experts.of(json, json.flag("norm_topk_prob"), true));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.decoder(name()).experts(Experts.of(gguf, false, true));
    }

    /** llama.cpp takes the chosen experts' weights as they are, whatever the file says. */
    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        Map<String, Object> keys = new HashMap<>(config.experts().orElseThrow().ggufKeys(false));
        keys.put("expert_shared_feed_forward_length", config.intermediateSize());
        return keys;
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        Experts experts = config.experts().orElseThrow();
        Map<String, Object> fields = new HashMap<>(experts.configJson());
        fields.put("norm_topk_prob", experts.normed());
        fields.put("qkv_bias", config.attentionBias());
        fields.put(SHARED, config.intermediateSize());
        return fields;
    }
}
