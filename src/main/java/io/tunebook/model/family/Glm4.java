package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.List;

/**
 * GLM-4-0414: norms around each branch, gate and up in one module, and half of a head's dimensions rotated, neighbours
 * together.
 */
final class Glm4 implements Family {
    static final List<Target> TARGETS = List.of(Target.Q, Target.K, Target.V, Target.O, Target.GATE_UP, Target.DOWN);

    @Override
    public String name() {
        return "glm4";
    }

    @Override
    public String gguf() {
        return "glm4";
    }

    @Override
    public List<Target> targets() {
        return TARGETS;
    }

    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        return json.orElse(Glm.DEFAULTS).dense(name()).biases(json.flag("attention_bias", true), false);
    }

    @Override
    public Norm.Placement norms() {
        return Norm.Placement.AROUND;
    }

    @Override
    public String module(Norm norm) {
        return switch (norm) {
            case ATTENTION_OUT -> "post_self_attn_layernorm";
            case MLP -> "post_attention_layernorm";
            case MLP_OUT -> "post_mlp_layernorm";
            default -> norm.module(norms());
        };
    }

    @Override
    public boolean rotatesNeighbours() {
        return true;
    }
}
