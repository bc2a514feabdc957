package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/** Llama 1 to 3, and the many models that are built alike: SmolLM2, TinyLlama, Yi, DeepSeek-R1-Distill-Llama. */
final class Llama implements Family {
    @Override
    public String name() {
        return "llama";
    }

    @Override
    public String gguf() {
        return "llama";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        return json.dense(name()).biases(bias, bias);
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

    /** llama.cpp rotates neighbours where Hugging Face rotates halves, so q and k are stored permuted. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
