package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * OpenAI's gpt-oss: attention with sinks, windows in every second layer from the first on, biases, YaRN, and experts
 * whose SwiGLU is clamped. The router's softmax goes over the chosen experts alone, which is the same as dividing their
 * shares of the whole by their sum.
 */
final class GptOss implements Family {
    private static final double ALPHA = 1.702;
    private static final double LIMIT = 7;

    @Override
    public String name() {
        return "gpt_oss";
    }

    @Override
    public String gguf() {
        return "gpt-oss";
    }

    /** In the files of Ollama's own converter, which names some tensors otherwise and leaves keys out. */
    @Override
    public List<String> otherNames() {
        return List.of("gptoss");
    }

    @Override
    public String otherGgufName(String tensor) {
        return ggufName(tensor)
                .replace(".attn_output.", ".attn_out.")
                .replace(".attn_sinks.weight", ".attn_sinks")
                .replace(".post_attention_norm.", ".ffn_norm.");
    }

    @Override
    public List<Target> targets() {
        return Target.WITH_EXPERTS;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias", true);
        ModelConfig c = json.orElse(Map.of("head_dim", 64)).dense(name());
        Experts experts = new Experts(
                json.positive("num_local_experts"),
                json.positive(json.json().has("num_experts_per_tok") ? "num_experts_per_tok" : "experts_per_token"),
                c.intermediateSize(),
                true,
                false,
                Optional.of(new Experts.Clamp(json.number("swiglu_alpha", ALPHA), json.number("swiglu_limit", LIMIT))));
        return c.biases(bias, bias).layers(json.kinds(c.layers(), 2)).experts(experts);
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.decoder(name(), "yarn");
        boolean outputBias = c.outputBias() || gguf.has("blk.0.attn_out.bias");
        return c.biases(c.attentionBias(), outputBias)
                .layers(pattern(gguf.window(), c.layers()))
                .experts(new Experts(
                        gguf.positive("expert_count"),
                        gguf.positive("expert_used_count"),
                        gguf.positive("expert_feed_forward_length", c.intermediateSize()),
                        true,
                        false,
                        Optional.of(new Experts.Clamp(ALPHA, LIMIT))));
    }

    private static List<LayerKind> pattern(int window, int layers) {
        return LayerKind.every(2, LayerKind.PLAIN, new LayerKind(0, window), layers);
    }

    @Override
    public boolean sinks() {
        return true;
    }

    /** In llama.cpp the norm before the MLP has the name that others have for one behind attention. */
    @Override
    public String gguf(Norm norm) {
        return norm == Norm.MLP ? Norm.ATTENTION_OUT.gguf() : norm.gguf();
    }

    /**
     * The files have YaRN without rounded places, and llama.cpp rounds them; its converter writes the files all the
     * same.
     */
    @Override
    public Optional<RopeScaling> ggufScaling(ModelConfig config) {
        return config.ropeScaling().map(s -> s instanceof RopeScaling.Yarn yarn ? yarn.truncated() : s);
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        Experts experts = config.experts().orElseThrow();
        Experts.Clamp clamp = experts.clamp().orElseThrow();
        Map<String, Object> fields = new HashMap<>(Map.of(
                "num_local_experts", experts.count(),
                "num_experts_per_tok", experts.chosen(),
                "intermediate_size", experts.width(),
                "swiglu_alpha", clamp.alpha(),
                "swiglu_limit", clamp.limit(),
                "attention_bias", config.attentionBias(),
                "sliding_window", config.slidingWindow(),
                "layer_types",
                        IntStream.range(0, config.layers())
                                .mapToObj(l -> config.layer(l).window() > 0 ? "sliding_attention" : "full_attention")
                                .toList()));
        if (config.ropeScaling().orElse(null) instanceof RopeScaling.Yarn yarn) {
            fields.put(
                    "rope_scaling",
                    Map.of(
                            "rope_type", "yarn",
                            "factor", yarn.factor(),
                            "beta_fast", yarn.betaFast(),
                            "beta_slow", yarn.betaSlow(),
                            "original_max_position_embeddings", yarn.originalMaxPositions(),
                            "attention_factor", yarn.attentionFactor(),
                            "truncate", yarn.truncate()));
        }
        return fields;
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        config.requireKinds(pattern(config.slidingWindow(), config.layers()));
        Experts experts = config.experts().orElseThrow();
        Experts.Clamp clamp = experts.clamp().orElseThrow();
        if (clamp.alpha() != ALPHA || clamp.limit() != LIMIT) {
            throw new IllegalArgumentException("swiglu_alpha and swiglu_limit: expected " + ALPHA + " and " + LIMIT
                    + ", which llama.cpp computes with, found " + clamp.alpha() + " and " + clamp.limit()
                    + ": the model cannot be written to a GGUF file");
        }
        Map<String, Object> keys = new HashMap<>(experts.ggufKeys(true));
        keys.put("attention.sliding_window", config.slidingWindow());
        return keys;
    }
}
