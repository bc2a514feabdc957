package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;

/**
 * Tencent's dense Hunyuan: norms over each head behind the rotation, and a rotary base that a fixed alpha stretches.
 */
final class Hunyuan implements Family {
    @Override
    public String name() {
        return "hunyuan_v1_dense";
    }

    @Override
    public String gguf() {
        return "hunyuan-dense";
    }

    /**
     * alpha is that of NTK-aware scaling: {@code theta alpha^(d / (d - 2))} for heads of width d. GGUF has the result.
     */
    @Override
    public ModelConfig read(ConfigJson json) throws ModelFormatException {
        boolean bias = json.flag("attention_bias");
        ModelConfig c = json.dense(name()).biases(bias, bias).qkNorm(true);
        double alpha = json.rope("alpha", 1);
        return c.ropeTheta(c.ropeTheta() * Math.pow(alpha, c.headDim() / (c.headDim() - 2.0)));
    }

    @Override
    public String module(Norm norm) {
        return switch (norm) {
            case Q -> "self_attn.query_layernorm";
            case K -> "self_attn.key_layernorm";
            default -> norm.module(norms());
        };
    }

    @Override
    public boolean normsBehindRotation() {
        return true;
    }
}
