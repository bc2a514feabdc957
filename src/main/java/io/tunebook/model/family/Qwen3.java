package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/** Qwen3's dense models, and DeepSeek-R1-0528-Qwen3: queries and keys pass an RMSNorm over each head. */
final class Qwen3 implements Family {
    @Override
    public String name() {
        return "qwen3";
    }

    @Override
    public String gguf() {
        return "qwen3";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        return json.dense(name())
                .biases(bias, bias)
                .qkNorm(true)
                .slidingWindow(json.flag("use_sliding_window") ? json.window() : 0);
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.dense(name())
                .biases(gguf.has("blk.0.attn_q.bias"), gguf.has("blk.0.attn_output.bias"))
                .qkNorm(true)
                .slidingWindow(gguf.window());
    }

    @Override
    public Map<String, long[]> tensors(ModelConfig config) {
        return DenseTensors.shapes(config);
    }

    @Override
    public String ggufName(String tensor) {
        return DenseTensors.ggufName(tensor);
    }

    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return 0;
    }
}
