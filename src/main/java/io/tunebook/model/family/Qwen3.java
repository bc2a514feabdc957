package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.List;

/** Qwen3's dense models, and DeepSeek-R1-0528-Qwen3: queries and keys pass an RMSNorm over each head. */
final class Qwen3 implements Family {
    @Override
    public String name() {
        return "qwen3";
    }

    /** The text part of Qwen3-VL. */
    @Override
    public List<String> otherNames() {
        return List.of("qwen3_vl_text", "qwen3vl");
    }

    @Override
    public String gguf() {
        return "qwen3";
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        return json.dense(name()).biases(bias, bias).qkNorm(true).layers(json.qwenKinds());
    }
}
