package io.tunebook.lora;

import ai.djl.ndarray.NDArray;
import io.tunebook.model.Factors;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import tech.tablesaw.api.LongColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/**
 * Where LoRA's factors lie in the one flat float32 array that holds them all, so that a step casts, clips and updates
 * once. Layer by layer: A of q, k, v joined, B of each; A and B of o; A of gate and up joined, B of each (a target that
 * is fused alone); A and B of down; then DoRA's magnitudes in the same order. {@code adapter.py} cuts it so.
 *
 * @param ranks of the targets of each layer, in the order of {@link ModelConfig#targets(int)}; 0 for one that is not
 *     adapted
 * @param scales that multiply B A, target by target
 * @param dora whether there are magnitudes
 * @param slices the factors of each adapted module, by its name in Hugging Face's form, such as
 *     {@code model.layers.0.self_attn.q_proj}
 */
public record LoraLayout(long[] ranks, double[] scales, boolean dora, Map<String, Slice> slices) {
    /**
     * One module's factors.
     *
     * @param a where A, [rank, in], begins in the flat array
     * @param b where B, [out, rank], begins
     * @param magnitude where DoRA's magnitude, [out], begins; -1 without
     * @param copies how many experts share {@code rank}, each with a part of it; 1 for a module
     */
    public record Slice(
            String module,
            int layer,
            Target target,
            int in,
            int out,
            int rank,
            double scale,
            int a,
            int b,
            int magnitude,
            int copies) {
        /** The number of elements in all. */
        public long parameters() {
            return (long) rank * (in + out) + (magnitude < 0 ? 0 : out);
        }
    }

    /** The rank and scale of a module. */
    public interface Choice {
        /**
         * @return 0 if the module is not adapted; of a parameter of experts what one of them has, times their number
         */
        int rank(String module);

        double scale(String module);
    }

    /** The names of all linear modules of a model, in the order of the layers. */
    public static List<String> modules(ModelConfig config) {
        List<String> all = new ArrayList<>();
        for (int l = 0; l < config.layers(); l++) {
            for (Target target : config.targets(l)) {
                all.add(target.module(l));
            }
        }
        return all;
    }

    /** @throws ArithmeticException if there are more factors than an array can hold */
    public static LoraLayout of(ModelConfig config, Choice choice, boolean dora) {
        int count = 0;
        for (int l = 0; l < config.layers(); l++) {
            count += config.targets(l).size();
        }
        long[] ranks = new long[count];
        double[] scales = new double[ranks.length];
        Map<String, Slice> slices = new LinkedHashMap<>();
        int at = 0;
        int first = 0;
        for (int l = 0; l < config.layers(); l++) {
            List<Target> targets = config.targets(l);
            int[] rank = new int[Target.values().length];
            int[] a = new int[rank.length];
            int[] b = new int[rank.length];
            int[] magnitude = new int[rank.length];
            for (Target t : targets) {
                rank[t.ordinal()] = choice.rank(t.module(l));
            }
            for (Target.Product product : Target.Product.values()) {
                for (Target t : product.targets(config, l)) {
                    a[t.ordinal()] = at;
                    at = Math.addExact(at, Math.multiplyExact(rank[t.ordinal()], t.in(config)));
                }
                for (Target t : product.targets(config, l)) {
                    b[t.ordinal()] = at;
                    at = Math.addExact(at, Math.multiplyExact(rank[t.ordinal()], t.out(config)));
                }
            }
            for (Target t : targets) {
                boolean has = dora && rank[t.ordinal()] > 0;
                magnitude[t.ordinal()] = has ? at : -1;
                at = Math.addExact(at, has ? t.out(config) : 0);
            }
            for (Target t : targets) {
                int i = t.ordinal();
                if (rank[i] > 0) {
                    String module = t.module(l);
                    double scale = choice.scale(module);
                    ranks[first + targets.indexOf(t)] = rank[i];
                    scales[first + targets.indexOf(t)] = scale;
                    slices.put(
                            module,
                            new Slice(
                                    module,
                                    l,
                                    t,
                                    t.in(config),
                                    t.out(config),
                                    rank[i],
                                    scale,
                                    a[i],
                                    b[i],
                                    magnitude[i],
                                    t.copies(config)));
                }
            }
            first += targets.size();
        }
        return new LoraLayout(ranks, scales, dora, slices);
    }

    /** How many weights of a model a module's name stands for: the number of experts, or 1. */
    static int copies(ModelConfig config, String module) {
        return Experts.parameter(module) ? config.experts().orElseThrow().count() : 1;
    }

    /** The number of trained parameters. */
    public int parameters() {
        return (int) slices.values().stream().mapToLong(Slice::parameters).sum();
    }

    /**
     * The factors as the model takes them.
     *
     * @throws IllegalArgumentException if the array has another size
     */
    Factors factors(NDArray flat, Factors.Embeddings embeddings) {
        if (flat.getShape().size() != parameters()) {
            throw new IllegalArgumentException("expected " + parameters() + " factors, found "
                    + flat.getShape().size());
        }
        return new Factors(flat, ranks, scales, dora, embeddings);
    }

    /** What would be trained, module by module, with counts. */
    Table summary() {
        Table table = Table.create(
                "What LoRA trains",
                StringColumn.create("module"),
                LongColumn.create("layers"),
                LongColumn.create("in"),
                LongColumn.create("out"),
                LongColumn.create("rank"),
                LongColumn.create("parameters"));
        Map<String, List<Slice>> byName = slices.values().stream()
                .collect(Collectors.groupingBy(
                        s -> s.module().replaceFirst("model\\.layers\\.\\d+\\.", ""),
                        LinkedHashMap::new,
                        Collectors.toList()));
        byName.forEach((name, slices) -> add(table, name, slices));
        add(table, "all", List.copyOf(slices.values()));
        return table;
    }

    private static void add(Table table, String name, List<Slice> slices) {
        Slice first = slices.get(0);
        boolean all = name.equals("all");
        table.stringColumn("module").append(name);
        table.longColumn("layers")
                .append(slices.stream().mapToInt(Slice::layer).distinct().count());
        if (all) {
            table.longColumn("in").appendMissing();
            table.longColumn("out").appendMissing();
        } else {
            table.longColumn("in").append(first.in());
            table.longColumn("out").append(first.out());
        }
        table.longColumn("rank").append(first.rank() / first.copies());
        table.longColumn("parameters")
                .append(slices.stream().mapToLong(Slice::parameters).sum());
    }
}
