package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Qwen3.5's mixtures of experts, such as Qwen3.5-35B-A3B, their text models: {@link Qwen35} with experts in the place
 * of each MLP, one of which all tokens have. LoRA adapts attention, linear attention, the shared expert and, where it
 * is told to, the others; routers and the shared expert's gate are frozen.
 */
final class Qwen35Moe implements Family {
    private static final String SHARED = "shared_expert_intermediate_size";

    private final Family dense = new Qwen35();

    @Override
    public String name() {
        return "qwen3_5_moe_text";
    }

    @Override
    public String gguf() {
        return "qwen35moe";
    }

    @Override
    public List<Target> targets() {
        return Target.WITH_SHARED_EXPERT;
    }

    @Override
    public List<Target> deltaTargets() {
        return Target.DELTA_WITH_SHARED_EXPERT;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        ConfigJson own = json.with("intermediate_size", json.positive(SHARED));
        return Qwen35.read(own, name()).experts(Experts.of(json, true, true));
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return Qwen35.read(gguf, gguf.decoder(name())).experts(Experts.of(gguf, true, true));
    }

    @Override
    public boolean gated() {
        return dense.gated();
    }

    @Override
    public float added(String tensor) {
        return dense.added(tensor);
    }

    @Override
    public String gguf(Norm norm) {
        return dense.gguf(norm);
    }

    @Override
    public String ggufName(String tensor) {
        String own = DeltaNet.ggufName(tensor);
        return own != null ? own : DenseTensors.ggufName(tensor, this);
    }

    @Override
    public GgufForm ggufForm(ModelConfig config, String tensor) {
        return dense.ggufForm(config, tensor);
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        Map<String, Object> keys = new HashMap<>(dense.ggufKeys(config));
        keys.putAll(config.experts().orElseThrow().ggufKeys(true));
        keys.put("expert_shared_feed_forward_length", config.intermediateSize());
        return keys;
    }

    @Override
    public Map<String, Object> configJson(ModelConfig config) {
        Map<String, Object> fields = new HashMap<>(dense.configJson(config));
        fields.putAll(config.experts().orElseThrow().configJson());
        fields.put(SHARED, config.intermediateSize());
        return fields;
    }
}
