package io.tunebook.lora;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A LoRA adapter as plain numbers, and PEFT's two files for it: {@code adapter_config.json} and
 * {@code adapter_model.safetensors}.
 *
 * @param settings what the adapter was trained with
 * @param factors the factors of each adapted linear layer, by the layer's name in the model, such as
 *     {@code model.layers.0.self_attn.q_proj}, in the model's order
 * @see <a href="https://huggingface.co/docs/peft/developer_guides/checkpoint">PEFT's checkpoint format</a>
 */
public record AdapterFile(Settings settings, Map<String, Factors> factors) {
    /** The names of the two files. */
    public static final String CONFIG = "adapter_config.json";

    public static final String TENSORS = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";
    private static final Pattern KEY =
            Pattern.compile("base_model\\.model\\.(.+)\\.(lora_A\\.weight|lora_B\\.weight|lora_magnitude_vector)");
    private static final Pattern START_IN_BASE =
            Pattern.compile("(pissa|olora|corda|lora_ga|loftq).*", Pattern.CASE_INSENSITIVE);
    private static final Pattern NUMBER = Pattern.compile("\\d+");

    /** What PEFT can do and this library does not, with the value that each field has where it is not used. */
    private static final Map<String, String> UNUSED = new TreeMap<>(Map.ofEntries(
            Map.entry("peft_type", "\"LORA\""),
            Map.entry("bias", "\"none\""),
            Map.entry("fan_in_fan_out", "false"),
            Map.entry("lora_bias", "false"),
            Map.entry("modules_to_save", "null"),
            Map.entry("trainable_token_indices", "null"),
            Map.entry("target_parameters", "null"),
            Map.entry("layer_replication", "null"),
            Map.entry("alora_invocation_tokens", "null"),
            Map.entry("use_qalora", "false")));

    /** Keeps its own copy of the map, in its order. */
    public AdapterFile {
        factors = Collections.unmodifiableMap(new LinkedHashMap<>(factors));
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
        Path config = folder.resolve(CONFIG);
        Path weights = folder.resolve(TENSORS);
        if (!Files.exists(weights) && Files.exists(folder.resolve("adapter_model.bin"))) {
            throw new ModelFormatException(
                    folder,
                    "expected adapter_model.safetensors, found adapter_model.bin, a PyTorch pickle: reading one runs"
                            + " whatever code it holds, so it is not opened. Save the adapter with safe_serialization=True");
        }
        if (!Files.exists(weights) && Files.exists(folder.resolve("adapters.safetensors"))) {
            throw new ModelFormatException(
                    folder,
                    "expected PEFT's adapter_model.safetensors, found MLX's adapters.safetensors, whose factors lie and are"
                            + " named otherwise: merge them into the model by mlx_lm.fuse, or train the adapter here");
        }
        JsonNode json = parse(config);
        try (Safetensors file = Safetensors.open(weights)) {
            for (var unread : file.unread().entrySet()) {
                throw new ModelFormatException(weights, "tensor " + unread.getKey() + ": " + unread.getValue());
            }
            Map<String, Factors> factors = factors(weights, file);
            Settings settings = settings(config, json, factors);
            for (var entry : factors.entrySet()) {
                int expected = settings.rank(entry.getKey());
                if (entry.getValue().rank() != expected) {
                    throw new ModelFormatException(
                            weights,
                            "layer " + entry.getKey() + ": expected rank " + expected + " as " + CONFIG
                                    + " says, found " + entry.getValue().rank());
                }
            }
            return new AdapterFile(settings, factors);
        }
    }

    private static JsonNode parse(Path config) throws IOException {
        JsonNode json;
        try {
            json = Json.files().readTree(Files.readAllBytes(config));
        } catch (JacksonException broken) {
            throw new ModelFormatException(config, "expected JSON: " + broken.getMessage(), broken);
        }
        for (var entry : UNUSED.entrySet()) {
            JsonNode value = json.path(entry.getKey());
            boolean absent = value.isMissingNode() || value.isNull() || value.isArray() && value.isEmpty();
            if (!absent && !value.toString().equals(entry.getValue())) {
                throw new ModelFormatException(
                        config,
                        entry.getKey() + ": expected " + entry.getValue() + ", found " + value
                                + ", which is not computed here");
            }
        }
        return json;
    }

    private static Map<String, Factors> factors(Path path, Safetensors file) throws IOException {
        Map<String, Map<String, GgufTensor>> byModule = new TreeMap<>(AdapterFile::inModelOrder);
        for (GgufTensor tensor : file.tensors().values()) {
            Matcher key = KEY.matcher(tensor.name());
            if (!key.matches()) {
                throw new ModelFormatException(
                        path,
                        "tensor " + tensor.name() + ": expected " + PREFIX
                                + "….lora_A.weight, .lora_B.weight or .lora_magnitude_vector");
            }
            byModule.computeIfAbsent(key.group(1), m -> new TreeMap<>()).put(key.group(2), tensor);
        }
        if (byModule.isEmpty()) {
            throw new ModelFormatException(path, "expected the factors of some layer, found no tensor");
        }
        Map<String, Factors> factors = new LinkedHashMap<>();
        for (var entry : byModule.entrySet()) {
            GgufTensor a = entry.getValue().get("lora_A.weight");
            GgufTensor b = entry.getValue().get("lora_B.weight");
            GgufTensor magnitude = entry.getValue().get("lora_magnitude_vector");
            if (a == null || b == null) {
                throw new ModelFormatException(
                        path,
                        "layer " + entry.getKey() + ": expected lora_A.weight and" + " lora_B.weight, found "
                                + entry.getValue().keySet());
            }
            if (a.shape().length != 2
                    || b.shape().length != 2
                    || a.shape()[0] != b.shape()[1]
                    || magnitude != null && magnitude.values() != b.shape()[0]) {
                throw new ModelFormatException(
                        path,
                        "layer " + entry.getKey() + ": expected A [r, in], B [out, r] and magnitudes [out], found "
                                + Arrays.toString(a.shape()) + ", " + Arrays.toString(b.shape())
                                + (magnitude == null ? "" : ", " + Arrays.toString(magnitude.shape())));
            }
            factors.put(
                    entry.getKey(),
                    new Factors(
                            Math.toIntExact(a.shape()[1]),
                            Math.toIntExact(b.shape()[0]),
                            Math.toIntExact(a.shape()[0]),
                            file.read(a),
                            file.read(b),
                            magnitude == null ? new float[0] : file.read(magnitude)));
        }
        return factors;
    }

    private static Settings settings(Path config, JsonNode json, Map<String, Factors> factors) throws IOException {
        JsonNode targets = json.path("target_modules");
        List<String> modules = new ArrayList<>();
        if (targets.isArray()) {
            targets.forEach(t -> modules.add(t.asText()));
        } else {
            // A pattern: the layers it matched are known by their factors.
            modules.addAll(factors.keySet());
        }
        Map<String, Integer> ranks = new LinkedHashMap<>();
        json.path("rank_pattern")
                .properties()
                .forEach(e -> ranks.put(e.getKey(), e.getValue().asInt()));
        Map<String, Double> alphas = new LinkedHashMap<>();
        json.path("alpha_pattern")
                .properties()
                .forEach(e -> alphas.put(e.getKey(), e.getValue().asDouble()));
        try {
            for (String module : factors.keySet()) {
                ModulePattern.first(ranks, module, 0);
                ModulePattern.first(alphas, module, 0.0);
            }
        } catch (IllegalArgumentException broken) {
            throw new ModelFormatException(config, broken.getMessage(), broken);
        }
        String start = json.path("init_lora_weights").asText("true");
        if (START_IN_BASE.matcher(start).matches()) {
            throw new ModelFormatException(
                    config,
                    "init_lora_weights: expected true, false, gaussian, orthogonal or eva, found " + start
                            + ", which has changed the base model's weights as well; save the adapter again in PEFT with"
                            + " path_initial_model_for_weight_conversion");
        }
        if (!json.path("r").canConvertToInt() || json.path("r").intValue() < 1) {
            throw new ModelFormatException(config, "r: expected a positive integer, found " + json.path("r"));
        }
        if (!json.path("lora_alpha").isNumber()) {
            throw new ModelFormatException(config, "lora_alpha: expected a number, found " + json.path("lora_alpha"));
        }
        return new Settings(
                json.path("r").intValue(),
                json.path("lora_alpha").doubleValue(),
                json.path("lora_dropout").asDouble(0),
                modules,
                json.path("use_rslora").asBoolean(false),
                json.path("use_dora").asBoolean(false),
                start,
                ranks,
                alphas,
                json.path("base_model_name_or_path").asText(""));
    }

    /** Layer 10 after layer 9: runs of digits count as numbers. */
    private static int inModelOrder(String a, String b) {
        String x = NUMBER.matcher(a)
                .replaceAll(m -> "0".repeat(Math.max(0, 6 - m.group().length())) + m.group());
        String y = NUMBER.matcher(b)
                .replaceAll(m -> "0".repeat(Math.max(0, 6 - m.group().length())) + m.group());
        return x.equals(y) ? a.compareTo(b) : x.compareTo(y);
    }

    /**
     * Writes PEFT's two files, each beside and then moved into place, float32, so that {@code PeftModel.from_pretrained}
     * loads them.
     *
     * @param folder where they go; made if it is not there
     */
    public void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        factors.forEach((module, f) -> {
            String key = PREFIX + module;
            tensors.put(key + ".lora_A.weight", new Safetensors.Values(new long[] {f.rank(), f.inFeatures()}, f.a()));
            tensors.put(key + ".lora_B.weight", new Safetensors.Values(new long[] {f.outFeatures(), f.rank()}, f.b()));
            if (f.magnitude().length > 0) {
                tensors.put(
                        key + ".lora_magnitude_vector",
                        new Safetensors.Values(new long[] {f.outFeatures()}, f.magnitude()));
            }
        });
        Safetensors.write(folder.resolve(TENSORS), tensors, Map.of("format", "pt"));
        AtomicFile.write(
                folder.resolve(CONFIG),
                Json.files().writerWithDefaultPrettyPrinter().writeValueAsBytes(config()));
    }

    private ObjectNode config() {
        ObjectNode json = Json.files().createObjectNode();
        json.put("peft_type", "LORA").put("task_type", "CAUSAL_LM").put("inference_mode", true);
        json.put("base_model_name_or_path", settings.baseModel.isEmpty() ? null : settings.baseModel);
        json.put("r", settings.rank);
        number(json, "lora_alpha", settings.alpha);
        json.put("lora_dropout", settings.dropout);
        var targets = json.putArray("target_modules");
        settings.targetModules.forEach(targets::add);
        json.put("use_rslora", settings.rslora).put("use_dora", settings.dora);
        switch (settings.initialization) {
            case "true", "false" -> json.put("init_lora_weights", Boolean.parseBoolean(settings.initialization));
            default -> json.put("init_lora_weights", settings.initialization);
        }
        ObjectNode ranks = json.putObject("rank_pattern");
        settings.rankPattern.forEach(ranks::put);
        ObjectNode alphas = json.putObject("alpha_pattern");
        settings.alphaPattern.forEach((pattern, alpha) -> number(alphas, pattern, alpha));
        return json.put("bias", "none").put("fan_in_fan_out", false).putNull("modules_to_save");
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
