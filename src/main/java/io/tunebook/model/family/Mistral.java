package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

/** Mistral, and Mistral Small 3: Llama with a width of the heads of its own, and sliding windows in the first one. */
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

    /** llama.cpp rotates neighbours where Hugging Face rotates halves, so q and k are stored permuted. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
