package io.tunebook.model.family;

/** The RMSNorms of a layer, in the order of {@code Norms} in {@code layer.py}. */
public enum Norm {
    ATTENTION("attn_norm"),
    Q("attn_q_norm"),
    K("attn_k_norm"),
    ATTENTION_OUT("post_attention_norm"),
    MLP("ffn_norm"),
    MLP_OUT("post_ffw_norm");

    /** Where a family has the norms of a branch. */
    enum Placement {
        BEFORE,
        AROUND,
        BEHIND
    }

    private final String gguf;

    Norm(String gguf) {
        this.gguf = gguf;
    }

    /** llama.cpp's usual name within a block, such as {@code attn_norm}. */
    String gguf() {
        return gguf;
    }

    /**
     * Hugging Face's usual name within a layer, such as {@code input_layernorm}. The norm before the MLP is called
     * {@code post_attention_layernorm} where there is none behind attention.
     */
    String module(Placement placement) {
        return switch (this) {
            case ATTENTION -> "input_layernorm";
            case Q -> "self_attn.q_norm";
            case K -> "self_attn.k_norm";
            case ATTENTION_OUT -> placement == Placement.BEFORE ? "none" : "post_attention_layernorm";
            case MLP -> placement == Placement.BEFORE ? "post_attention_layernorm" : "pre_feedforward_layernorm";
            case MLP_OUT -> "post_feedforward_layernorm";
        };
    }

    /** Its length, 0 where the model has no such norm. */
    public int width(ModelConfig c) {
        Placement placement = c.family().norms();
        return switch (this) {
            case ATTENTION, MLP -> placement == Placement.BEHIND ? 0 : c.hiddenSize();
            case ATTENTION_OUT, MLP_OUT -> placement == Placement.BEFORE ? 0 : c.hiddenSize();
            case Q -> c.qkNorm() ? c.headDim() * (c.family().normsAllHeads() ? c.heads() : 1) : 0;
            case K -> c.qkNorm() ? c.headDim() * (c.family().normsAllHeads() ? c.kvHeads() : 1) : 0;
        };
    }
}
