package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.model.family.ModelConfig.Scales;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Gemma 3, its text models: norms around each branch, GELU, scaled embeddings, and sliding windows with a rotary base
 * of their own in five of six layers.
 */
final class Gemma3 implements Family {
    private static final double LOCAL_THETA = 10000;

    /**
     * What the published files of the larger ones leave out: the defaults of Transformers' {@code Gemma3TextConfig}.
     */
    private static final Map<String, ?> DEFAULTS = Map.of(
            "vocab_size", 262208,
            "num_attention_heads", 8,
            "num_key_value_heads", 4,
            "head_dim", 256,
            "max_position_embeddings", 131072,
            "rope_theta", 1e6,
            "sliding_window", 4096);

    @Override
    public String name() {
        return "gemma3_text";
    }

    @Override
    public String gguf() {
        return "gemma3";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        ConfigJson all = json.orElse(DEFAULTS);
        ModelConfig c = all.dense(name(), "gelu_pytorch_tanh").tiedEmbeddings(all.flag("tie_word_embeddings", true));
        boolean bias = all.flag("attention_bias");
        double scale = Math.pow(all.number("query_pre_attn_scalar", 256), -0.5);
        List<LayerKind> kinds = all.kinds(c.layers(), (int) all.number("sliding_window_pattern", 6));
        return gemma(c.biases(bias, bias).attentionScale(scale), all.localTheta(LOCAL_THETA), kinds);
    }

    /** llama.cpp scales scores by the head's width, but for the 27B model (62 layers), by width over heads. */
    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        double width = c.layers() == 62 ? (double) c.hiddenSize() / c.heads() : c.headDim();
        return gemma(
                c.attentionScale(Math.pow(width, -0.5)),
                gguf.number("rope.freq_base_swa", LOCAL_THETA),
                pattern(gguf.window(), c.layers()));
    }

    private static List<LayerKind> pattern(int window, int layers) {
        return LayerKind.every(6, new LayerKind(0, 0), new LayerKind(1, window), layers);
    }

    private static ModelConfig gemma(ModelConfig c, double localTheta, List<LayerKind> kinds) {
        return c.qkNorm(true)
                .withGelu()
                .scales(new Scales(Math.sqrt(c.hiddenSize()), 1, 1))
                .localRope(localTheta)
                .layers(LayerKind.windowedRotateBy(1, kinds));
    }

    @Override
    public Norm.Placement norms() {
        return Norm.Placement.AROUND;
    }

    /** Gemma's files have the norms' distances from 1. */
    @Override
    public float added(String tensor) {
        return tensor.endsWith("norm.weight") ? 1 : 0;
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        config.requireKinds(pattern(config.slidingWindow(), config.layers()));
        return Map.of("attention.sliding_window", config.slidingWindow());
    }
}
