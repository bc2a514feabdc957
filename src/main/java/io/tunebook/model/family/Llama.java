package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

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

    /** llama.cpp rotates neighbours where Hugging Face rotates halves, so q and k are stored permuted. */
    @Override
    public int permutedHeads(ModelConfig config, String tensor) {
        return DenseTensors.permutedHeads(config, tensor);
    }
}
