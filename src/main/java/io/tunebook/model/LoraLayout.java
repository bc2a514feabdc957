package io.tunebook.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where LoRA's factors lie in the one flat float32 array that holds them all, so that a step casts, clips and updates once. Layer by layer: A of q, k, v
 * joined, B of each; A and B of o; A of gate and up joined, B of each; A and B of down; then DoRA's magnitudes in the same order.
 *
 * @param sizes of the {@value #PIECES} pieces of each layer, in elements
 * @param columns of each piece, 0 for a vector
 * @param ranks of the {@value #TARGETS} targets of each layer, 0 for one that is not adapted
 * @param scales that multiply B A, target by target
 * @param slices the factors of each adapted module, by its name in Hugging Face's form, such as {@code model.layers.0.self_attn.q_proj}
 */
public record LoraLayout(long[] sizes, long[] columns, long[] ranks, double[] scales, Map<String, Slice> slices) {
    static final int PIECES = 15;
    static final int TARGETS = 7;
    private static final List<String> NAMES = List.of(
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj");

    /**
     * One module's factors.
     *
     * @param a where A, [rank, in], begins in the flat array
     * @param b where B, [out, rank], begins
     * @param magnitude where DoRA's magnitude, [out], begins; -1 without
     */
    public record Slice(
            String module, int layer, int in, int out, int rank, double scale, int a, int b, int magnitude) {
        /** The number of elements in all. */
        public long parameters() {
            return (long) rank * (in + out) + (magnitude < 0 ? 0 : out);
        }
    }

    /** The rank and scale of a module. */
    public interface Choice {
        /** @return 0 if the module is not adapted */
        int rank(String module);

        double scale(String module);
    }

    /** The names of all linear modules of a model, in the order of the layers. */
    public static List<String> modules(ModelConfig config) {
        List<String> all = new ArrayList<>();
        for (int l = 0; l < config.layers(); l++) {
            for (String name : NAMES) {
                all.add("model.layers." + l + "." + name);
            }
        }
        return all;
    }

    /** @throws ArithmeticException if there are more factors than an array can hold */
    public static LoraLayout of(ModelConfig config, Choice choice, boolean dora) {
        int h = config.hiddenSize();
        int q = config.heads() * config.headDim();
        int kv = config.kvHeads() * config.headDim();
        int i = config.intermediateSize();
        int[] in = {h, h, h, q, h, h, i};
        int[] out = {q, kv, kv, h, i, i, h};
        int[][] groups = {{0, 1, 2}, {3}, {4, 5}, {6}};
        long[] sizes = new long[config.layers() * PIECES];
        long[] columns = new long[sizes.length];
        long[] ranks = new long[config.layers() * TARGETS];
        double[] scales = new double[ranks.length];
        Map<String, Slice> slices = new LinkedHashMap<>();
        List<String> modules = modules(config);
        int at = 0;
        for (int l = 0; l < config.layers(); l++) {
            int[] a = new int[TARGETS];
            int[] b = new int[TARGETS];
            int piece = l * PIECES;
            for (int[] group : groups) {
                for (int t : group) {
                    int rank = choice.rank(modules.get(l * TARGETS + t));
                    ranks[l * TARGETS + t] = rank;
                    scales[l * TARGETS + t] = rank == 0 ? 0 : choice.scale(modules.get(l * TARGETS + t));
                    a[t] = at;
                    at = Math.addExact(at, rank * in[t]);
                    sizes[piece] += (long) rank * in[t];
                }
                columns[piece++] = in[group[0]];
                for (int t : group) {
                    int rank = (int) ranks[l * TARGETS + t];
                    b[t] = at;
                    at = Math.addExact(at, rank * out[t]);
                    sizes[piece] = (long) rank * out[t];
                    columns[piece++] = rank;
                }
            }
            int[] magnitude = new int[TARGETS];
            for (int[] group : groups) {
                for (int t : group) {
                    magnitude[t] = -1;
                    if (dora && ranks[l * TARGETS + t] > 0) {
                        magnitude[t] = at;
                        at = Math.addExact(at, out[t]);
                        sizes[piece] += out[t];
                    }
                }
                piece++;
            }
            for (int t = 0; t < TARGETS; t++) {
                String module = modules.get(l * TARGETS + t);
                int rank = (int) ranks[l * TARGETS + t];
                if (rank > 0) {
                    slices.put(
                            module,
                            new Slice(
                                    module, l, in[t], out[t], rank, scales[l * TARGETS + t], a[t], b[t], magnitude[t]));
                }
            }
        }
        return new LoraLayout(sizes, columns, ranks, scales, slices);
    }

    /** The number of trained parameters. */
    public int parameters() {
        return (int) slices.values().stream().mapToLong(Slice::parameters).sum();
    }
}
