package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/** Qwen2 and Qwen2.5, and DeepSeek-R1-Distill-Qwen: queries, keys and values have biases. */
final class Qwen2 implements Family {
    @Override
    public String name() {
        return "qwen2";
    }

    @Override
    public String gguf() {
        return "qwen2";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.dense(name())
                .biases(true, false)
                .slidingWindow(json.flag("use_sliding_window") ? json.window() : 0);
    }

    @Override
    public ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.dense(name())
                .biases(gguf.has("blk.0.attn_q.bias"), gguf.has("blk.0.attn_output.bias"))
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
