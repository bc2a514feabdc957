package io.tunebook.model.family;

import io.tunebook.model.family.GgufForm.Order;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.Map;

/**
 * Gated DeltaNet (Yang, Kautz and Hatamizadeh, 2024), which stands in the place of attention in some layers:
 * {@code delta.py} has what it computes.
 *
 * @param kernel how many tokens the convolution sees
 * @param keyHeads the number of query and key heads, each for {@code valueHeads / keyHeads} value heads
 * @param keyDim the width of a query or key
 * @param valueDim the width of a value
 */
public record DeltaNet(int kernel, int keyHeads, int valueHeads, int keyDim, int valueDim) {
    private static final String MODULE = "linear_attn.";

    /** llama.cpp's names within a block, by Hugging Face's within a layer, of what is no matrix. */
    private static final Map<String, String> GGUF = Map.of(
            MODULE + "conv1d.weight", "ssm_conv1d.weight",
            MODULE + "dt_bias", "ssm_dt.bias",
            MODULE + "A_log", "ssm_a",
            MODULE + "norm.weight", "ssm_norm.weight");

    /** The width of all queries, or of all keys. */
    public int keys() {
        return keyHeads * keyDim;
    }

    public int values() {
        return valueHeads * valueDim;
    }

    /** Queries, keys and values together, which the convolution passes over. */
    public int channels() {
        return 2 * keys() + values();
    }

    /**
     * The tensors that are no matrices, in the order in which the decoder's text takes them: convolution, what is added
     * to a, the decay's rate, norm.
     */
    public static String[] tensors(int layer) {
        String before = "model.layers." + layer + "." + MODULE;
        return new String[] {before + "conv1d.weight", before + "dt_bias", before + "A_log", before + "norm.weight"};
    }

    void shapes(int layer, Map<String, long[]> out) {
        String[] names = tensors(layer);
        out.put(names[0], new long[] {channels(), 1, kernel});
        out.put(names[1], new long[] {valueHeads});
        out.put(names[2], new long[] {valueHeads});
        out.put(names[3], new long[] {valueDim});
    }

    /** llama.cpp's name of one of these tensors; null for others. */
    static String ggufName(String tensor) {
        int at = tensor.indexOf(MODULE);
        String own = at < 0 ? null : GGUF.get(tensor.substring(at));
        return own == null ? null : "blk." + tensor.replaceFirst("model\\.layers\\.(\\d+)\\..*", "$1") + "." + own;
    }

    /** llama.cpp has the value heads of all key heads in turns. */
    GgufForm form(String tensor) {
        String name = tensor.substring(tensor.indexOf(MODULE) + MODULE.length());
        Order heads = order(0, 1);
        Order values = order(0, valueDim);
        Order behindKeys = order(2 * keys(), valueDim);
        return switch (name) {
            case "in_proj_qkv.weight", "conv1d.weight" -> new GgufForm(behindKeys, Order.AS_IS, false);
            case "in_proj_z.weight" -> new GgufForm(values, Order.AS_IS, false);
            case "in_proj_a.weight", "in_proj_b.weight", "dt_bias" -> new GgufForm(heads, Order.AS_IS, false);
            case "A_log" -> new GgufForm(heads, Order.AS_IS, true);
            case "out_proj.weight" -> new GgufForm(Order.AS_IS, values, false);
            default -> GgufForm.AS_IS;
        };
    }

    /** Whether a tensor is the convolution's, [channels, 1, kernel]. */
    public static boolean isConvolution(String tensor) {
        return tensor.endsWith("." + MODULE + "conv1d.weight");
    }

    static boolean has(String tensor) {
        return tensor.contains("." + MODULE);
    }

    private Order order(int kept, int inner) {
        return new Order(kept, 1, keyHeads, valueHeads / keyHeads, inner);
    }

    /** @throws IllegalArgumentException if llama.cpp has no such layers */
    Map<String, Object> ggufKeys() {
        if (keyDim != valueDim) {
            throw new IllegalArgumentException("linear_key_head_dim and linear_value_head_dim: expected one width, as"
                    + " llama.cpp has it, found " + keyDim + " and " + valueDim
                    + ": the model cannot be written to a GGUF file");
        }
        return Map.of(
                "ssm.conv_kernel",
                kernel,
                "ssm.state_size",
                keyDim,
                "ssm.group_count",
                keyHeads,
                "ssm.time_step_rank",
                valueHeads,
                "ssm.inner_size",
                values());
    }

    DeltaNet checked(Path file) throws ModelFormatException {
        if (valueHeads % keyHeads != 0) {
            throw new ModelFormatException(
                    file,
                    "expected value heads that key heads divide, found " + valueHeads + " and " + keyHeads
                            + " in the linear attention");
        }
        return this;
    }
}
