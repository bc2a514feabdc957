package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
        json.require("decoder_sparse_step", (int) json.number("decoder_sparse_step", 1), 1);
        json.require("mlp_only_layers", json.json().path("mlp_only_layers").size(), 0);
        Experts experts = new Experts(
                json.positive(
                        json.json().has("num_experts") ? "num_experts" : "num_local_experts"), // Transformers 5's name
                json.positive("num_experts_per_tok"),
                json.positive("moe_intermediate_size"),
                json.flag("norm_topk_prob"),
                Optional.empty());
        return json.dense(name())
                .biases(bias, bias)
                .qkNorm(true)
                .layers(json.qwenKinds())
                .experts(experts);
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.decoder(name())
                .experts(new Experts(
                        gguf.positive("expert_count"),
                        gguf.positive("expert_used_count"),
                        gguf.positive("expert_feed_forward_length"),
                        true,
                        Optional.empty()));
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        Experts experts = config.experts().orElseThrow();
        return Map.of(
                "num_experts", experts.count(),
                "num_experts_per_tok", experts.chosen(),
                "moe_intermediate_size", experts.width(),
                "norm_topk_prob", experts.normed(),
                "attention_bias", config.attentionBias());
    }

    /** llama.cpp divides the chosen experts' weights by their sum, whatever the file says. */
    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        return config.experts().orElseThrow().ggufKeys();
    }
}
