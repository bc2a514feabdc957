package io.tunebook.lora;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A LoRA adapter as plain numbers, and PEFT's two files for it: {@code adapter_config.json} and
 * {@code adapter_model.safetensors}.
 *
 * @param settings what the adapter was trained with
 * @param factors the factors of each adapted linear layer, by the layer's name in the model, such as
 *     {@code model.layers.0.self_attn.q_proj}, in the model's order
 * @param embeddings what it changes in the embedding and the output
 * @see <a href="https://huggingface.co/docs/peft/developer_guides/checkpoint">PEFT's checkpoint format</a>
 */
public record AdapterFile(Settings settings, Map<String, Factors> factors, AdapterEmbeddings embeddings) {
    /** The names of the two files. */
    public static final String CONFIG = "adapter_config.json";

    public static final String TENSORS = "adapter_model.safetensors";
    static final String PREFIX = "base_model.model.";

    /** Keeps its own copy of the map, in its order. */
    public AdapterFile {
        factors = Collections.unmodifiableMap(new LinkedHashMap<>(factors));
    }

    /** An adapter that leaves the embedding and the output as they are. */
    public AdapterFile(Settings settings, Map<String, Factors> factors) {
        this(settings, factors, AdapterEmbeddings.NONE);
    }

    /** Whether some layer has DoRA's magnitudes. */
    public boolean dora() {
        return factors.values().stream().anyMatch(f -> f.magnitude().length > 0);
    }

    /**
     * The two matrices of one layer, and DoRA's magnitudes.
     *
     * @param inFeatures the layer's input width
     * @param outFeatures the layer's output width
     * @param rank the rank r
     * @param a A, of shape [rank, inFeatures], rows after each other
     * @param b B, of shape [outFeatures, rank], rows after each other
     * @param magnitude DoRA's magnitudes, of shape [outFeatures]; empty for plain LoRA
     */
    public record Factors(int inFeatures, int outFeatures, int rank, float[] a, float[] b, float[] magnitude) {
        /** Checks that the arrays have the lengths that the shapes ask for. */
        public Factors {
            length("A", a, (long) rank * inFeatures);
            length("B", b, (long) outFeatures * rank);
            length("the magnitudes", magnitude, magnitude.length == 0 ? 0 : outFeatures);
        }

        /**
         * A row of the layer's weight becomes that of W + s·B·A, with DoRA of m·(W + s·B·A)/‖W + s·B·A‖. The row begins
         * at {@code at}.
         */
        public void mergeRow(float scale, int row, float[] values, int at) {
            float[] delta = new float[inFeatures];
            for (int k = 0; k < rank; k++) {
                float factor = b[row * rank + k];
                int start = k * inFeatures;
                for (int i = 0; i < inFeatures; i++) {
                    delta[i] += factor * a[start + i];
                }
            }
            double squares = 0;
            for (int i = 0; i < inFeatures; i++) {
                float merged = values[at + i] + scale * delta[i];
                values[at + i] = merged;
                squares += (double) merged * merged;
            }
            if (magnitude.length > 0) {
                float factor = (float) (magnitude[row] / Math.sqrt(squares));
                for (int i = 0; i < inFeatures; i++) {
                    values[at + i] *= factor;
                }
            }
        }

        /**
         * The factors of one expert's matrix among those of a parameter of all: A [experts * rank, in], and B [out,
         * rank * experts], where the experts of a place of the rank stand side by side.
         *
         * @param expert which one, from 0
         * @param experts how many there are
         * @param first the row of the parameter that is the matrix's first one
         * @param step how far apart its rows are there
         * @param rows how many it has
         */
        public Factors ofExpert(int expert, int experts, int first, int step, int rows) {
            int each = rank / experts;
            float[] ownB = new float[rows * each];
            for (int i = 0; i < ownB.length; i++) {
                ownB[i] = b[(first + i / each * step) * rank + i % each * experts + expert];
            }
            int start = expert * each * inFeatures;
            return new Factors(
                    inFeatures, rows, each, Arrays.copyOfRange(a, start, start + each * inFeatures), ownB, magnitude);
        }

        /**
         * Checks that a layer has the widths of its factors.
         *
         * @param shape the layer's [out, in]; null where the base has no such layer
         * @throws IllegalArgumentException if they do not fit
         */
        public void requireFits(String module, long[] shape) {
            if (shape == null) {
                throw new IllegalArgumentException(
                        "the adapter changes the layer " + module + ", which the base does not have"
                                + (module.equals("lm_head") ? ": its output layer is the embedding" : ""));
            }
            long[] expected = {outFeatures, inFeatures};
            if (!Arrays.equals(shape, expected)) {
                throw new IllegalArgumentException("the adapter was made for another model: layer " + module
                        + " has the shape " + Arrays.toString(expected) + " there, in the base it is "
                        + Arrays.toString(shape));
            }
        }

        private static void length(String what, float[] values, long expected) {
            if (values.length != expected) {
                throw new IllegalArgumentException(what + ": expected " + expected + " values, found " + values.length);
            }
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Factors f
                    && inFeatures == f.inFeatures
                    && outFeatures == f.outFeatures
                    && rank == f.rank
                    && Arrays.equals(a, f.a)
                    && Arrays.equals(b, f.b)
                    && Arrays.equals(magnitude, f.magnitude);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(a);
        }

        @Override
        public String toString() {
            return "Factors[in=" + inFeatures + ", out=" + outFeatures + ", rank=" + rank + ", dora="
                    + (magnitude.length > 0) + "]";
        }
    }

    /**
     * What {@code adapter_config.json} says.
     *
     * @param rank the rank r where {@code rankPattern} names no other
     * @param alpha the numerator of the scale where {@code alphaPattern} names no other
     * @param dropout the probability with which training dropped an input of A
     * @param targetModules the adapted layers: last parts of their names, or whole names
     * @param rslora whether the scale is alpha/√r in place of alpha/r (rsLoRA, arXiv:2312.03732)
     * @param dora whether the layers have magnitudes (DoRA, arXiv:2402.09353)
     * @param initialization PEFT's {@code init_lora_weights}: {@code true}, {@code false} or a method's name
     * @param rankPattern other ranks, by a regular expression that the end of a layer's name matches
     * @param alphaPattern other alphas, in the same way
     * @param baseModel the base model's name or path; empty where none was noted
     */
    public record Settings(
            int rank,
            double alpha,
            double dropout,
            List<String> targetModules,
            boolean rslora,
            boolean dora,
            String initialization,
            Map<String, Integer> rankPattern,
            Map<String, Double> alphaPattern,
            String baseModel) {
        /** Keeps its own copies. */
        public Settings {
            targetModules = List.copyOf(targetModules);
            rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
            alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        }

        /** The rank of a layer. */
        public int rank(String module) {
            return ModulePattern.first(rankPattern, module, rank);
        }

        /** The alpha of a layer. */
        public double alpha(String module) {
            return ModulePattern.first(alphaPattern, module, alpha);
        }

        /** What B·A is multiplied by in a layer: alpha/r, or alpha/√r with rsLoRA. */
        public double scale(String module) {
            int r = rank(module);
            return alpha(module) / (rslora ? Math.sqrt(r) : r);
        }
    }

    /**
     * Reads PEFT's two files.
     *
     * @param folder the folder they are in
     * @throws ModelFormatException if a file is broken, a factor has no counterpart or another rank than the settings
     *     say, or the adapter uses what this library does not compute
     */
    public static AdapterFile read(Path folder) throws IOException {
        return AdapterReader.read(folder);
    }

    /**
     * Writes PEFT's two files, each beside and then moved into place, float32, so that
     * {@code PeftModel.from_pretrained} loads them.
     *
     * @param folder where they go; made if it is not there
     */
    public void write(Path folder) throws IOException {
        write(folder, ModelConfig.TEXT);
    }

    /**
     * The same for a model whose modules' names begin otherwise.
     *
     * @param prefix what stands before {@code layers}, see {@link ModelConfig#prefix}
     */
    public void write(Path folder, String prefix) throws IOException {
        Files.createDirectories(folder);
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        factors.forEach((module, f) -> {
            String key = PREFIX + named(ExpertNames.wrapper(module, factors.keySet()), prefix);
            tensors.put(key + ".lora_A.weight", new Safetensors.Values(new long[] {f.rank(), f.inFeatures()}, f.a()));
            tensors.put(key + ".lora_B.weight", new Safetensors.Values(new long[] {f.outFeatures(), f.rank()}, f.b()));
            if (f.magnitude().length > 0) {
                tensors.put(
                        key + ".lora_magnitude_vector",
                        new Safetensors.Values(new long[] {f.outFeatures()}, f.magnitude()));
            }
        });
        embeddings.tensors().forEach((name, values) -> tensors.put(PREFIX + name, values));
        Safetensors.write(folder.resolve(TENSORS), tensors, Map.of("format", "pt"));
        AtomicFile.write(
                folder.resolve(CONFIG),
                Json.files().writerWithDefaultPrettyPrinter().writeValueAsBytes(config(prefix)));
    }

    private static String named(String module, String prefix) {
        return module.startsWith(ModelConfig.TEXT) ? prefix + module.substring(ModelConfig.TEXT.length()) : module;
    }

    private ObjectNode config(String prefix) {
        ObjectNode json = Json.files().createObjectNode();
        json.put("peft_type", "LORA").put("task_type", "CAUSAL_LM").put("inference_mode", true);
        json.put("base_model_name_or_path", settings.baseModel.isEmpty() ? null : settings.baseModel);
        json.put("r", settings.rank);
        number(json, "lora_alpha", settings.alpha);
        json.put("lora_dropout", settings.dropout);
        for (boolean parameters : new boolean[] {false, true}) {
            List<String> names = settings.targetModules.stream()
                    .filter(t -> Experts.parameter(t) == parameters)
                    .toList();
            if (parameters && names.isEmpty()) {
                continue; // versions of PEFT before 0.17 do not know the field
            }
            var targets = json.putArray(parameters ? "target_parameters" : "target_modules");
            names.forEach(t -> targets.add(named(t, prefix)));
        }
        json.put("use_rslora", settings.rslora).put("use_dora", settings.dora);
        switch (settings.initialization) {
            case "true", "false" -> json.put("init_lora_weights", Boolean.parseBoolean(settings.initialization));
            default -> json.put("init_lora_weights", settings.initialization);
        }
        ObjectNode ranks = json.putObject("rank_pattern");
        settings.rankPattern.forEach(ranks::put);
        ObjectNode alphas = json.putObject("alpha_pattern");
        settings.alphaPattern.forEach((pattern, alpha) -> number(alphas, pattern, alpha));
        json.put("bias", "none").put("fan_in_fan_out", false);
        if (embeddings.saved().isEmpty()) {
            json.putNull("modules_to_save");
        } else {
            embeddings.saved().forEach(json.putArray("modules_to_save")::add);
        }
        if (!embeddings.tokens().isEmpty()) {
            ObjectNode tokens = json.putObject("trainable_token_indices");
            embeddings.tokens().forEach((module, ids) -> ids.forEach(tokens.withArray(module)::add));
        }
        if (embeddings.keptTied()) {
            json.put("ensure_weight_tying", true); // versions of PEFT before 0.18 do not know it
        }
        return json;
    }

    /** Whole numbers are written as integers: Ollama's reader of {@code lora_alpha} takes nothing else. */
    private static void number(ObjectNode json, String field, double value) {
        if (value == Math.rint(value) && Math.abs(value) < Integer.MAX_VALUE) {
            json.put(field, (int) value);
        } else {
            json.put(field, value);
        }
    }
}
