package io.tunebook.lora;

import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tech.tablesaw.api.Table;

/**
 * What LoRA adds to a model. The names are PEFT's.
 *
 * @param rank of the factors A and B
 * @param alpha scales what is learned: B A counts alpha / rank times, with rsLoRA alpha / sqrt(rank) times
 * @param dropout the probability with which an input of A is dropped in training
 * @param targetModules which linear modules are adapted: the last parts of their names, such as {@code q_proj}; or one
 *     regular expression for the whole name; or {@code all-linear}. Experts are no modules: see
 *     {@link #targetParameters}
 * @param rslora whether the scale is alpha / sqrt(rank) (Kalajdzievski, 2023)
 * @param dora whether the magnitude of each output is trained beside its direction (Liu et al., 2024)
 * @param initialization how the factors start
 * @param patterns which modules are left out, and which have another rank or alpha
 */
public record LoraConfig(
        int rank,
        double alpha,
        double dropout,
        List<String> targetModules,
        boolean rslora,
        boolean dora,
        Initialization initialization,
        Patterns patterns) {
    /** All linear modules of the layers; the embedding and the output stay as they are. */
    public static final String ALL_LINEAR = "all-linear";

    /**
     * What differs from module to module. The names are PEFT's, and so is the meaning.
     *
     * @param excludeModules which target modules stay as they are: last parts of their names, or one regular expression
     *     for the whole name
     * @param layersToTransform the layers that are adapted, counted from 0; empty for all
     * @param layersPattern regular expressions for the part of a name before the layer's number, such as
     *     {@code layers}; empty for any. Where a name has several numbers, this says which is the layer's
     * @param rankPattern other ranks, by a regular expression that the end of a module's name matches from one of its
     *     parts on; the first that matches counts
     * @param alphaPattern other alphas, in the same way
     */
    public record Patterns(
            List<String> excludeModules,
            List<Integer> layersToTransform,
            List<String> layersPattern,
            Map<String, Integer> rankPattern,
            Map<String, Double> alphaPattern) {
        /** None: all target modules are adapted alike. */
        public static final Patterns NONE = new Patterns(List.of(), List.of(), List.of(), Map.of(), Map.of());

        /** Keeps its own copies. */
        public Patterns {
            excludeModules = List.copyOf(excludeModules);
            layersToTransform = List.copyOf(layersToTransform);
            layersPattern = List.copyOf(layersPattern);
            rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
            alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
            if (!layersPattern.isEmpty() && layersToTransform.isEmpty()) {
                throw new IllegalArgumentException("layersPattern: expected layersToTransform beside it, found none");
            }
            rankPattern.forEach((pattern, rank) -> {
                if (rank < 1) {
                    throw new IllegalArgumentException(
                            "rankPattern " + pattern + ": expected rank >= 1, found " + rank);
                }
            });
            alphaPattern.forEach((pattern, alpha) -> {
                if (!(alpha > 0)) {
                    throw new IllegalArgumentException(
                            "alphaPattern " + pattern + ": expected alpha > 0, found " + alpha);
                }
            });
        }

        private boolean excludes(String module) {
            return named(excludeModules, module);
        }

        private boolean inLayers(String module) {
            if (layersToTransform.isEmpty()) {
                return true;
            }
            List<String> before = layersPattern.isEmpty()
                    ? List.of(".*?\\.[^.]*")
                    : layersPattern.stream()
                            .map(p -> "(?:.*?\\.)?(?:" + p + ")")
                            .toList();
            for (String pattern : before) {
                Optional<String> number = ModulePattern.number(pattern, module);
                if (number.isPresent()) {
                    return layersToTransform.contains(Integer.valueOf(number.get()));
                }
            }
            return false;
        }

        /** Whether a list of last parts of names, or a list of one regular expression, has a module. */
        private static boolean named(List<String> names, String module) {
            return names.stream()
                    .anyMatch(t -> module.equals(t)
                            || module.endsWith("." + t)
                            || names.size() == 1 && isPattern(t) && ModulePattern.matches(t, module));
        }
    }

    private static boolean isPattern(String target) {
        return !target.matches("\\w+(\\.\\w+)*") && !target.equals(ALL_LINEAR);
    }

    /** How the factors start. Each leaves the model as it was: B A is zero. */
    public enum Initialization {
        /** A uniform within 1 / sqrt(inputs), B zero, as PEFT's {@code init_lora_weights=True}. */
        KAIMING_UNIFORM("true"),
        /** A normal with deviation 1 / rank, B zero, as PEFT's {@code init_lora_weights="gaussian"}. */
        GAUSSIAN("gaussian"),
        /**
         * Neither is zero: A lies in the odd rows of a random orthogonal matrix and B in the even ones, as PEFT's
         * {@code init_lora_weights="orthogonal"}. The rank must be even.
         */
        ORTHOGONAL("orthogonal");

        private final String peft;

        Initialization(String peft) {
            this.peft = peft;
        }

        /** What PEFT calls it. */
        public String peftName() {
            return peft;
        }

        /**
         * The initialisation of a name of PEFT's.
         *
         * @throws IllegalArgumentException for those that are not made here; the message says why
         */
        public static Initialization of(String peftName) {
            String name = peftName.toLowerCase(Locale.ROOT);
            for (Initialization i : values()) {
                if (i.peft.equals(name)) {
                    return i;
                }
            }
            String why =
                    switch (name.replaceFirst("_niter_\\d+", "")) {
                        case "pissa", "olora", "corda", "lora_ga" ->
                            "it takes the factors out of the base model's weights, so that the adapter would not fit the model that is served";
                        case "loftq" -> "it starts from the error of quantising the base model anew";
                        case "eva" -> "it wants a pass over the data first, and ranks of their own for the layers";
                        case "mica" -> "it trains B alone";
                        case "false" -> "its B A is not zero, so that the model would be damaged before the first step";
                        default -> "PEFT has none of this name";
                    };
            throw new IllegalArgumentException(
                    "initialization: expected true, gaussian or orthogonal, found " + peftName + ": " + why);
        }
    }

    public LoraConfig {
        if (rank < 1 || !(alpha > 0) || !(dropout >= 0 && dropout < 1) || targetModules.isEmpty()) {
            throw new IllegalArgumentException(
                    "expected rank >= 1, alpha > 0, 0 <= dropout < 1 and a target module, found rank " + rank
                            + ", alpha " + alpha + ", dropout " + dropout + ", targets " + targetModules);
        }
        if (initialization == Initialization.ORTHOGONAL) {
            even(rank);
            patterns.rankPattern().values().forEach(LoraConfig::even);
        }
        targetModules = List.copyOf(targetModules);
        if (!patterns.layersToTransform().isEmpty() && targetModules.size() == 1 && isPattern(targetModules.get(0))) {
            throw new IllegalArgumentException(
                    "layersToTransform: expected target modules by name, found the regular expression "
                            + targetModules.get(0) + ", which can name the layers itself");
        }
    }

    private static void even(int rank) {
        if (rank % 2 != 0) {
            throw new IllegalArgumentException("orthogonal initialization: expected an even rank, found " + rank);
        }
    }

    /** This rank on all linear modules, with alpha twice the rank, as most recipes have it. */
    public static LoraConfig rank(int rank) {
        return new LoraConfig(
                rank, 2.0 * rank, 0, List.of(ALL_LINEAR), false, false, Initialization.KAIMING_UNIFORM, Patterns.NONE);
    }

    public LoraConfig alpha(double value) {
        return new LoraConfig(rank, value, dropout, targetModules, rslora, dora, initialization, patterns);
    }

    public LoraConfig dropout(double probability) {
        return new LoraConfig(rank, alpha, probability, targetModules, rslora, dora, initialization, patterns);
    }

    public LoraConfig targetModules(String... names) {
        return new LoraConfig(rank, alpha, dropout, List.of(names), rslora, dora, initialization, patterns);
    }

    /**
     * Adapts parameters of all experts of a layer as well: {@code mlp.experts.gate_up_proj} and
     * {@code mlp.experts.down_proj}. Each expert has factors of its own of this rank. Without dropout, DoRA and
     * orthogonal initialization, as in PEFT.
     *
     * @throws IllegalArgumentException for other names
     */
    public LoraConfig targetParameters(String... names) {
        List<String> all = new ArrayList<>(targetModules);
        for (String name : names) {
            if (!Experts.parameter(name)) {
                throw new IllegalArgumentException(
                        "targetParameters: expected mlp.experts.gate_up_proj or mlp.experts.down_proj, found " + name);
            }
            all.add(name);
        }
        return targetModules(all.toArray(String[]::new));
    }

    public LoraConfig rslora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targetModules, on, dora, initialization, patterns);
    }

    public LoraConfig dora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targetModules, rslora, on, initialization, patterns);
    }

    /** By PEFT's name: {@code true}, {@code gaussian} or {@code orthogonal}. */
    public LoraConfig initialization(String peftName) {
        return initialization(Initialization.of(peftName));
    }

    public LoraConfig initialization(Initialization how) {
        return new LoraConfig(rank, alpha, dropout, targetModules, rslora, dora, how, patterns);
    }

    /**
     * Leaves modules out: last parts of their names, such as {@code k_proj}, or one regular expression for the whole
     * name.
     */
    public LoraConfig excludeModules(String... names) {
        return with(new Patterns(
                List.of(names),
                patterns.layersToTransform,
                patterns.layersPattern,
                patterns.rankPattern,
                patterns.alphaPattern));
    }

    /** Adapts these layers alone, counted from 0. */
    public LoraConfig layersToTransform(int... layers) {
        return with(new Patterns(
                patterns.excludeModules,
                Arrays.stream(layers).boxed().toList(),
                patterns.layersPattern,
                patterns.rankPattern,
                patterns.alphaPattern));
    }

    /** Says what stands before the layer's number in a module's name; after {@link #layersToTransform}. */
    public LoraConfig layersPattern(String... names) {
        return with(new Patterns(
                patterns.excludeModules,
                patterns.layersToTransform,
                List.of(names),
                patterns.rankPattern,
                patterns.alphaPattern));
    }

    /** Other ranks for some modules, by regular expressions; see {@link Patterns}. */
    public LoraConfig rankPattern(Map<String, Integer> ranks) {
        return with(new Patterns(
                patterns.excludeModules,
                patterns.layersToTransform,
                patterns.layersPattern,
                ranks,
                patterns.alphaPattern));
    }

    /** Other alphas for some modules, by regular expressions; see {@link Patterns}. */
    public LoraConfig alphaPattern(Map<String, Double> alphas) {
        return with(new Patterns(
                patterns.excludeModules,
                patterns.layersToTransform,
                patterns.layersPattern,
                patterns.rankPattern,
                alphas));
    }

    private LoraConfig with(Patterns other) {
        return new LoraConfig(rank, alpha, dropout, targetModules, rslora, dora, initialization, other);
    }

    /** The rank of a module. */
    public int rank(String module) {
        return ModulePattern.first(patterns.rankPattern, module, rank);
    }

    /** What B A is multiplied with, in modules that no pattern names. */
    public double scale() {
        return scaled(alpha, rank);
    }

    /** What B A of a module is multiplied with. */
    public double scale(String module) {
        return scaled(ModulePattern.first(patterns.alphaPattern, module, alpha), rank(module));
    }

    private double scaled(double alpha, int rank) {
        return alpha / (rslora ? Math.sqrt(rank) : rank);
    }

    /** Whether a module of this full name is adapted. */
    public boolean targets(String module) {
        boolean named = Experts.parameter(module)
                ? targetModules.stream()
                        .anyMatch(t -> Experts.parameter(t) && (module.equals(t) || module.endsWith("." + t)))
                : targetModules.contains(ALL_LINEAR)
                        || Patterns.named(
                                targetModules.stream()
                                        .filter(t -> !Experts.parameter(t))
                                        .toList(),
                                module);
        return named && patterns.inLayers(module) && !patterns.excludes(module);
    }

    /**
     * The factors' layout for a model.
     *
     * @throws IllegalArgumentException if no module is a target; the message lists those there are
     */
    public LoraLayout layout(ModelConfig model) {
        LoraLayout layout = LoraLayout.of(
                model,
                new LoraLayout.Choice() {
                    @Override
                    public int rank(String module) {
                        return targets(module) ? LoraConfig.this.rank(module) * LoraLayout.copies(model, module) : 0;
                    }

                    @Override
                    public double scale(String module) {
                        return LoraConfig.this.scale(module);
                    }
                },
                dora);
        boolean plain = dropout == 0 && !dora && initialization != Initialization.ORTHOGONAL;
        if (!plain && layout.slices().keySet().stream().anyMatch(Experts::parameter)) {
            throw new IllegalArgumentException(
                    "targetParameters: expected no dropout, no DoRA and no orthogonal initialization, found " + this
                            + "; PEFT has none of them for parameters of experts");
        }
        if (layout.slices().isEmpty()) {
            throw new IllegalArgumentException("the target modules " + targetModules
                    + (patterns.equals(Patterns.NONE) ? "" : " with " + patterns)
                    + " match none of the model's, such as "
                    + LoraLayout.modules(model).subList(0, model.targets(0).size()));
        }
        return layout;
    }

    /** What would be trained, module by module, with counts. */
    public Table summary(ModelConfig model) {
        return layout(model).summary();
    }
}
