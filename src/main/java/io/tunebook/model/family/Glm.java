package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.List;
import java.util.Map;

/** GLM-4-9B of 2024 in Hugging Face's form: {@link Glm4} with norms before each branch alone. */
final class Glm implements Family {
    /**
     * Published files say nothing of the half that is rotated: it is the default of Transformers' {@code GlmConfig}.
     */
    static final Map<String, ?> DEFAULTS = Map.of("partial_rotary_factor", 0.5);

    @Override
    public String name() {
        return "glm";
    }

    @Override
    public String gguf() {
        return "chatglm";
    }

    @Override
    public List<Target> targets() {
        return Glm4.TARGETS;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.orElse(DEFAULTS).dense(name()).biases(json.flag("attention_bias", true), false);
    }

    @Override
    public boolean rotatesNeighbours() {
        return true;
    }
}
