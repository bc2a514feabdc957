package io.tunebook.model.family;

import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** SmolLM3: Llama, in which every fourth layer does not rotate positions (NoPE: Kazemnejad et al., 2023). */
final class SmolLM3 implements Family {
    @Override
    public String name() {
        return "smollm3";
    }

    @Override
    public String gguf() {
        return "smollm3";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        ModelConfig c = json.dense(name()).biases(bias, bias);
        List<LayerKind> kinds = new ArrayList<>();
        for (int i = 0; i < c.layers(); i++) {
            int rotates = json.json().path("no_rope_layers").path(i).asInt((i + 1) % 4 == 0 ? 0 : 1);
            kinds.add(new LayerKind(
                    rotates == 1 ? 0 : LayerKind.NO_ROPE,
                    json.kinds(c.layers()).get(i).window()));
        }
        return c.layers(kinds);
    }

    /** llama.cpp knows no other interval than four. */
    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        return c.layers(pattern(c.layers()));
    }

    private static List<LayerKind> pattern(int layers) {
        return LayerKind.every(4, new LayerKind(LayerKind.NO_ROPE, 0), LayerKind.PLAIN, layers);
    }

    @Override
    public Map<String, Object> ggufKeys(ModelConfig config) {
        config.requireKinds(pattern(config.layers()));
        return Map.of();
    }

    /** llama.cpp rotates neighbours where Hugging Face rotates halves, so q and k are stored permuted. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
