package io.tunebook.model.family;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The experts of a layer in the place of its MLP, and the router that chooses among them. Hugging Face's files have three matrices for each expert, under the names
 * below; GGUF has the same matrices of all experts as one tensor [experts, rows, columns].
 *
 * @param count how many a layer has
 * @param chosen how many a token has
 * @param width between the two products of an expert
 * @param normed whether the weights of those that are chosen are divided by their sum
 */
public record Experts(int count, int chosen, int width, boolean normed) {
    private static final String ROUTER = "mlp.gate";
    private static final Pattern EXPERT =
            Pattern.compile("(?:.*\\.)?mlp\\.experts\\.(\\d+)\\.(\\w+)_proj(?:\\.weight)?");

    /** The router's tensor. */
    public static String router(int layer) {
        return "model.layers." + layer + "." + ROUTER + ".weight";
    }

    /**
     * A tensor of one expert.
     *
     * @param part {@code gate}, {@code up} or {@code down}
     */
    public static String tensor(int layer, int expert, String part) {
        return "model.layers." + layer + ".mlp.experts." + expert + "." + part + "_proj.weight";
    }

    /** Which expert a tensor is of, from 0; -1 if it is of none. */
    public static int number(String tensor) {
        Matcher expert = EXPERT.matcher(tensor);
        return expert.matches() ? Integer.parseInt(expert.group(1)) : -1;
    }

    /** llama.cpp's name within a block, such as {@code ffn_up_exps}, for Hugging Face's within a layer; null if it is none of these. */
    static String gguf(String module) {
        Matcher expert = EXPERT.matcher(module);
        return module.equals(ROUTER) ? "ffn_gate_inp" : expert.matches() ? "ffn_" + expert.group(2) + "_exps" : null;
    }

    void shapes(ModelConfig c, int layer, Map<String, long[]> out) {
        out.put(router(layer), new long[] {count, c.hiddenSize()});
        for (String part : new String[] {"gate", "up", "down"}) {
            long[] shape =
                    part.equals("down") ? new long[] {c.hiddenSize(), width} : new long[] {width, c.hiddenSize()};
            for (int expert = 0; expert < count; expert++) {
                out.put(tensor(layer, expert, part), shape);
            }
        }
    }
}
