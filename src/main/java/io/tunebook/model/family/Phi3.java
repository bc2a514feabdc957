package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: one module for queries, keys and values, one for gate and up, and LongRoPE in
 * the long ones.
 */
final class Phi3 implements Family {
    @Override
    public String name() {
        return "phi3";
    }

    @Override
    public String gguf() {
        return "phi3";
    }

    @Override
    public List<Target> targets() {
        return List.of(Target.QKV, Target.O, Target.GATE_UP, Target.DOWN);
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.dense(name()).slidingWindow(json.window());
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        return c.biases(gguf.has("blk.0.attn_qkv.bias"), c.outputBias());
    }

    /** llama.cpp has the window in its metadata, though it does not compute it (2025). */
    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        return config.layer(0).equals(LayerKind.PLAIN)
                ? Map.of()
                : Map.of("attention.sliding_window", config.slidingWindow());
    }
}
