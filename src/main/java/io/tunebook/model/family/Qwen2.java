package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.List;

/** Qwen2 and Qwen2.5, and DeepSeek-R1-Distill-Qwen: queries, keys and values have biases. */
final class Qwen2 implements Family {
    @Override
    public String name() {
        return "qwen2";
    }

    /** The text parts of Qwen2-VL and Qwen2.5-VL. */
    @Override
    public List<String> otherNames() {
        return List.of("qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2vl");
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
