package io.tunebook.model.family;

import java.util.List;

/**
 * The linear modules of layers, which LoRA may adapt; a family says which of them it has. Those that share their input
 * are computed by one product.
 */
public enum Target {
    Q("self_attn.q_proj", "attn_q", Product.QKV),
    K("self_attn.k_proj", "attn_k", Product.QKV),
    V("self_attn.v_proj", "attn_v", Product.QKV),
    O("self_attn.o_proj", "attn_output", Product.O),
    GATE("mlp.gate_proj", "ffn_gate", Product.GATE_UP),
    UP("mlp.up_proj", "ffn_up", Product.GATE_UP),
    DOWN("mlp.down_proj", "ffn_down", Product.DOWN),
    /** Queries, keys and values as one module, where a family has them so. */
    QKV("self_attn.qkv_proj", "attn_qkv", Product.QKV),
    /** Gate and up as one module. */
    GATE_UP("mlp.gate_up_proj", "ffn_up", Product.GATE_UP),
    /**
     * Gate and up of all experts of a layer: a parameter, not a module, which PEFT has in {@code target_parameters}.
     */
    EXPERTS_GATE_UP("mlp.experts.gate_up_proj", "ffn_gate_up_exps", Product.EXPERTS_GATE_UP),
    EXPERTS_DOWN("mlp.experts.down_proj", "ffn_down_exps", Product.EXPERTS_DOWN),
    /** The MLP of an expert that all tokens have. */
    SHARED_GATE("mlp.shared_expert.gate_proj", "ffn_gate_shexp", Product.GATE_UP),
    SHARED_UP("mlp.shared_expert.up_proj", "ffn_up_shexp", Product.GATE_UP),
    SHARED_DOWN("mlp.shared_expert.down_proj", "ffn_down_shexp", Product.DOWN),
    /** The modules of Gated DeltaNet, in the order in which the decoder's text has their outputs. */
    DELTA_QKV("linear_attn.in_proj_qkv", "attn_qkv", Product.QKV),
    DELTA_Z("linear_attn.in_proj_z", "attn_gate", Product.QKV),
    DELTA_B("linear_attn.in_proj_b", "ssm_beta", Product.QKV),
    DELTA_A("linear_attn.in_proj_a", "ssm_alpha", Product.QKV),
    DELTA_OUT("linear_attn.out_proj", "ssm_out", Product.O);

    /** Each as a module of its own, in the order of a layer. */
    static final List<Target> APART = List.of(Q, K, V, O, GATE, UP, DOWN);

    /** Of models with experts in the place of the MLP. */
    static final List<Target> WITH_EXPERTS = List.of(Q, K, V, O, EXPERTS_GATE_UP, EXPERTS_DOWN);

    /** Of layers with Gated DeltaNet in the place of attention. */
    static final List<Target> DELTA = List.of(DELTA_QKV, DELTA_Z, DELTA_B, DELTA_A, DELTA_OUT, GATE, UP, DOWN);

    /** The same two where experts, one of them shared, stand in the place of the MLP. */
    static final List<Target> WITH_SHARED_EXPERT =
            List.of(Q, K, V, O, SHARED_GATE, SHARED_UP, SHARED_DOWN, EXPERTS_GATE_UP, EXPERTS_DOWN);

    static final List<Target> DELTA_WITH_SHARED_EXPERT = List.of(
            DELTA_QKV,
            DELTA_Z,
            DELTA_B,
            DELTA_A,
            DELTA_OUT,
            SHARED_GATE,
            SHARED_UP,
            SHARED_DOWN,
            EXPERTS_GATE_UP,
            EXPERTS_DOWN);

    private final String module;
    private final String gguf;
    private final Product product;

    /** What is computed at once, in the order of a layer. */
    public enum Product {
        QKV,
        O,
        GATE_UP,
        DOWN,
        EXPERTS_GATE_UP,
        EXPERTS_DOWN;

        /** The targets of a layer whose weights lie below one another. */
        public List<Target> targets(ModelConfig config, int layer) {
            return config.targets(layer).stream().filter(t -> t.product == this).toList();
        }
    }

    Target(String module, String gguf, Product product) {
        this.module = module;
        this.gguf = gguf;
        this.product = product;
    }

    /** Hugging Face's name within a layer, such as {@code self_attn.q_proj}. */
    public String module() {
        return module;
    }

    /** Hugging Face's whole name, such as {@code model.layers.0.self_attn.q_proj}. */
    public String module(int layer) {
        return "model.layers." + layer + "." + module;
    }

    /** llama.cpp's name within a block, such as {@code attn_q}. */
    public String gguf() {
        return gguf;
    }

    public Product product() {
        return product;
    }

    /** Its place among the targets of its product. */
    public int index(ModelConfig config) {
        List<Target> all = config.family().targets().contains(this)
                ? config.family().targets()
                : config.family().deltaTargets();
        return all.stream().filter(t -> t.product == product).toList().indexOf(this);
    }

    /**
     * Whether it is a parameter of all experts, which have factors of their own: A is [experts * rank, in], B [out,
     * rank * experts].
     */
    public boolean ofExperts() {
        return this == EXPERTS_GATE_UP || this == EXPERTS_DOWN;
    }

    /** How many weights it has of these widths: the number of experts, or 1. */
    public int copies(ModelConfig c) {
        return ofExperts() ? c.experts().orElseThrow().count() : 1;
    }

    /** The width of its input. */
    public int in(ModelConfig c) {
        return switch (this) {
            case O -> c.heads() * c.headDim();
            case DELTA_OUT -> c.delta().orElseThrow().values();
            case DOWN, SHARED_DOWN -> c.intermediateSize();
            case EXPERTS_DOWN -> c.innerSize();
            default -> c.hiddenSize();
        };
    }

    /** The width of its output. */
    public int out(ModelConfig c) {
        return switch (this) {
            case Q -> (c.family().gated() ? 2 : 1) * c.heads() * c.headDim();
            case DELTA_QKV -> c.delta().orElseThrow().channels();
            case DELTA_Z -> c.delta().orElseThrow().values();
            case DELTA_A, DELTA_B -> c.delta().orElseThrow().valueHeads();
            case K, V -> c.kvHeads() * c.headDim();
            case QKV -> (c.heads() + 2 * c.kvHeads()) * c.headDim();
            case GATE, UP, SHARED_GATE, SHARED_UP -> c.intermediateSize();
            case GATE_UP -> 2 * c.intermediateSize();
            case EXPERTS_GATE_UP -> 2 * c.innerSize();
            default -> c.hiddenSize();
        };
    }
}
