package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;

/** OLMo 2: norms behind attention and MLP, and over all heads of queries and of keys. */
final class Olmo2 implements Family {
    @Override
    public String name() {
        return "olmo2";
    }

    @Override
    public String gguf() {
        return "olmo2";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        return json.dense(name()).biases(bias, bias).qkNorm(true);
    }

    /** OLMo 3 has the same architecture in GGUF; its window is what tells them apart. */
    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        ModelConfig c = gguf.dense(name());
        return gguf.window() == 0 ? c : Olmo3.windows(c, Olmo3.pattern(gguf.window(), c.layers()));
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
