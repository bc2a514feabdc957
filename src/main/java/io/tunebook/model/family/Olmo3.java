package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.util.List;
import java.util.Map;

/** OLMo 3: OLMo 2 with sliding windows in three of four layers, whose positions are rotated without scaling. */
final class Olmo3 implements Family {
    @Override
    public String name() {
        return "olmo3";
    }

    @Override
    public String gguf() {
        return "olmo2";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        ModelConfig c = json.dense(name()).biases(bias, bias).qkNorm(true);
        return windows(c, json.kinds(c.layers(), 4));
    }

    /** Layers with a window rotate positions without the scaling that the others have. */
    static ModelConfig windows(ModelConfig c, List<LayerKind> kinds) {
        return c.localRope(c.ropeTheta()).layers(LayerKind.windowedRotateBy(1, kinds));
    }

    /** As llama.cpp knows it: every fourth layer sees all. */
    static List<LayerKind> pattern(int window, int layers) {
        return LayerKind.every(4, LayerKind.PLAIN, new LayerKind(1, window), layers);
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        config.requireKinds(pattern(config.slidingWindow(), config.layers()));
        return Map.of("attention.sliding_window", config.slidingWindow());
    }

    @Override
    public Norm.Placement norms() {
        return Norm.Placement.BEHIND;
    }

    @Override
    public boolean normsAllHeads() {
        return true;
    }
}
