package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The experts of a layer in the place of its MLP, and the router that chooses among them. Here each expert has matrices
 * of its own, under the names below, as in Qwen's files; GGUF has the same matrices of all experts as one tensor
 * [experts, rows, columns].
 *
 * @param count how many a layer has
 * @param chosen how many a token has
 * @param width between the two products of an expert
 * @param normed whether the weights of those that are chosen are divided by their sum
 * @param shared whether all tokens have one more, as wide as {@link ModelConfig#intermediateSize}, times the sigmoid of
 *     a gate
 * @param clamp gpt-oss's form; none: SwiGLU without biases
 */
public record Experts(int count, int chosen, int width, boolean normed, boolean shared, Optional<Clamp> clamp) {
    private static final String SHARED_GATE = "mlp.shared_expert_gate";
    private static final Pattern EXPERT =
            Pattern.compile("(?:.*\\.)?mlp\\.experts\\.(\\d+)\\.(\\w+)_proj(?:\\.(?:weight|bias))?");
    private static final Pattern PARAMETER = Pattern.compile("(?:.*\\.)?mlp\\.experts\\.(gate_up|down)_proj");

    /**
     * gpt-oss's form: SwiGLU with clamped values, biases of experts and router, and Hugging Face's parameters of all
     * experts have a row of gate and one of up in turns.
     *
     * @param alpha what the gate is multiplied with in the sigmoid
     * @param limit of the gate, and of up to both sides
     */
    public record Clamp(double alpha, double limit) {}

    /** Qwen's, with SwiGLU as it is. */
    static Experts of(ConfigJson json, boolean normed, boolean shared) throws ModelFormatException {
        json.require("decoder_sparse_step", (int) json.number("decoder_sparse_step", 1), 1);
        json.require("mlp_only_layers", json.json().path("mlp_only_layers").size(), 0);
        return new Experts(
                json.positive(
                        json.json().has("num_experts") ? "num_experts" : "num_local_experts"), // Transformers 5's name
                json.positive("num_experts_per_tok"),
                json.positive("moe_intermediate_size"),
                normed,
                shared,
                Optional.empty());
    }

    static Experts of(ConfigGguf gguf, boolean normed, boolean shared) throws ModelFormatException {
        return new Experts(
                gguf.positive("expert_count"),
                gguf.positive("expert_used_count"),
                gguf.positive("expert_feed_forward_length"),
                normed,
                shared,
                Optional.empty());
    }

    /** The router's module. */
    public String router(int layer) {
        return "model.layers." + layer + (clamp.isPresent() ? ".mlp.router" : ".mlp.gate");
    }

    /** The weight of the shared expert's gate, [1, width of the residual]. */
    public static String sharedGate(int layer) {
        return "model.layers." + layer + "." + SHARED_GATE + ".weight";
    }

    /** Whether a tensor is such a gate, which GGUF has as a vector. */
    public static boolean isSharedGate(String tensor) {
        return tensor.endsWith("." + SHARED_GATE + ".weight");
    }

    /**
     * A tensor of one expert.
     *
     * @param part {@code gate}, {@code up} or {@code down}
     * @param kind {@code weight} or {@code bias}
     */
    public static String tensor(int layer, int expert, String part, String kind) {
        return "model.layers." + layer + ".mlp.experts." + expert + "." + part + "_proj." + kind;
    }

    /** Which expert a tensor is of, from 0; -1 if it is of none. */
    public static int number(String tensor) {
        Matcher expert = EXPERT.matcher(tensor);
        return expert.matches() ? Integer.parseInt(expert.group(1)) : -1;
    }

    /**
     * Whether a name is that of a parameter of all experts, as Transformers and PEFT have it, such as
     * {@code mlp.experts.gate_up_proj}.
     */
    public static boolean parameter(String module) {
        return PARAMETER.matcher(module).matches();
    }

    /**
     * The parameter of all experts that has an expert's matrix, such as
     * {@code model.layers.0.mlp.experts.gate_up_proj}; none for other tensors.
     */
    public static Optional<String> parameterOf(String tensor) {
        Matcher expert = EXPERT.matcher(tensor);
        if (!expert.matches() || tensor.endsWith(".bias")) {
            return Optional.empty();
        }
        String before = tensor.substring(0, tensor.indexOf(".mlp.experts.") + ".mlp.experts.".length());
        return Optional.of(before + (expert.group(2).equals("down") ? "down_proj" : "gate_up_proj"));
    }

    /** Which row of the parameter of all experts is the first one of an expert's matrix. */
    public int firstRow(String tensor) {
        return tensor.contains(".up_proj") ? clamp.isPresent() ? 1 : width : 0;
    }

    /** How far apart its rows are there. */
    public int rowStep(String tensor) {
        return clamp.isPresent() && !tensor.contains(".down_proj") ? 2 : 1;
    }

    /**
     * llama.cpp's name within a block, such as {@code ffn_up_exps}, for Hugging Face's within a layer; null if it is
     * none of these.
     */
    static String gguf(String module) {
        if (module.equals(SHARED_GATE)) {
            return "ffn_gate_inp_shexp";
        }
        Matcher expert = EXPERT.matcher(module);
        boolean router = module.equals("mlp.gate") || module.equals("mlp.router");
        return router ? "ffn_gate_inp" : expert.matches() ? "ffn_" + expert.group(2) + "_exps" : null;
    }

    void shapes(ModelConfig c, int layer, Map<String, long[]> out) {
        out.put(router(layer) + ".weight", new long[] {count, c.hiddenSize()});
        if (clamp.isPresent()) {
            out.put(router(layer) + ".bias", new long[] {count});
        }
        if (shared) {
            out.put(sharedGate(layer), new long[] {1, c.hiddenSize()});
        }
        for (String part : new String[] {"gate", "up", "down"}) {
            int rows = part.equals("down") ? c.hiddenSize() : width;
            int columns = part.equals("down") ? width : c.hiddenSize();
            for (int expert = 0; expert < count; expert++) {
                out.put(tensor(layer, expert, part, "weight"), new long[] {rows, columns});
            }
            for (int expert = 0; expert < count && clamp.isPresent(); expert++) {
                out.put(tensor(layer, expert, part, "bias"), new long[] {rows});
            }
        }
    }

    /** What {@link #of(ConfigJson, boolean, boolean)} reads by names that all of Qwen's mixtures have. */
    Map<String, Object> configJson() {
        return Map.of("num_experts", count, "num_experts_per_tok", chosen, "moe_intermediate_size", width);
    }

    /**
     * @param normedThere whether llama.cpp divides the weights of the chosen experts by their sum
     * @throws IllegalArgumentException if the model is computed otherwise
     */
    Map<String, Object> ggufKeys(boolean normedThere) {
        if (normed != normedThere) {
            throw new IllegalArgumentException("norm_topk_prob is " + normed + " in this model's configuration, which"
                    + " llama.cpp does not compute: it cannot be written to a GGUF file");
        }
        return Map.of("expert_count", count, "expert_used_count", chosen, "expert_feed_forward_length", width);
    }
}
