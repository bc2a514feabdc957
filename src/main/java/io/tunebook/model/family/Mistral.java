package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.Map;

/** Mistral 7B and its relatives: a Llama, as llama.cpp calls it too, whose attention may reach back a window only. */
final class Mistral implements Family {
    @Override
    public String name() {
        return "mistral";
    }

    @Override
    public String gguf() {
        return "llama";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.dense(name()).biases(json.flag("attention_bias"), false).slidingWindow(json.window());
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

    /** As {@link Llama}'s. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
