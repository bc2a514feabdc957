package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

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
        return json.dense(name()).biases(true, false).layers(json.qwenKinds());
    }
}
