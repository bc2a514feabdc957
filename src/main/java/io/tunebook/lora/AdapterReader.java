package io.tunebook.lora;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.CheckpointFolder;
import io.tunebook.files.Json;
import io.tunebook.files.Placeholder;
import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.lora.AdapterFile.Settings;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads PEFT's {@code adapter_config.json} and {@code adapter_model.safetensors}; what is not computed here is refused
 * by its name.
 */
final class AdapterReader {
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
            Map.entry("layer_replication", "null"),
            Map.entry("alora_invocation_tokens", "null"),
            Map.entry("use_qalora", "false")));

    private AdapterReader() {}

    /** @see AdapterFile#read */
    static AdapterFile read(Path folder) throws IOException {
        Path config = folder.resolve(AdapterFile.CONFIG);
        Path weights = folder.resolve(AdapterFile.TENSORS);
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
        Optional<Path> newest = Files.exists(config) ? Optional.empty() : CheckpointFolder.newestIn(folder);
        if (newest.isPresent()) {
            throw new ModelFormatException(
                    folder,
                    "expected an adapter, found a trainer's output: its newest checkpoint is "
                            + newest.get().getFileName() + ". Load that: LoraAdapter.load(folder.resolve(\""
                            + newest.get().getFileName() + "\"), model)");
        }
        for (Path file : new Path[] {config, weights}) {
            Optional<Placeholder> placeholder = Files.exists(file) ? Placeholder.at(file) : Optional.empty();
            if (placeholder.isPresent()) {
                throw new ModelFormatException(file, "expected an adapter's data, found " + placeholder.get());
            }
        }
        JsonNode json = parse(config);
        try (Safetensors file = Safetensors.open(weights)) {
            for (var unread : file.unread().entrySet()) {
                throw new ModelFormatException(weights, "tensor " + unread.getKey() + ": " + unread.getValue());
            }
            AdapterEmbeddings embeddings = EmbeddingsReader.read(config, json, weights, file);
            ExpertNames.Named named = ExpertNames.parameters(config, json, factors(weights, file));
            Map<String, Factors> factors = named.factors();
            if (factors.isEmpty() && embeddings.isEmpty()) {
                throw new ModelFormatException(weights, "expected the factors of some layer, found no tensor");
            }
            Settings settings = settings(config, named.json(), adapted(factors, embeddings));
            for (var entry : adapted(factors, embeddings).entrySet()) {
                int expected = settings.rank(entry.getKey());
                int found = entry.getValue().rank();
                if (Experts.parameter(entry.getKey()) ? found % expected != 0 : found != expected) {
                    throw new ModelFormatException(
                            weights,
                            "layer " + entry.getKey() + ": expected rank " + expected + " as " + AdapterFile.CONFIG
                                    + " says, found " + found);
                }
            }
            return new AdapterFile(settings, factors, embeddings);
        }
    }

    /** All that has factors, the embedding and the output too. */
    private static Map<String, Factors> adapted(Map<String, Factors> layers, AdapterEmbeddings embeddings) {
        Map<String, Factors> all = new LinkedHashMap<>(layers);
        for (String module : List.of(AdapterEmbeddings.EMBEDDING, AdapterEmbeddings.OUTPUT)) {
            embeddings.factorsOf(module).ifPresent(f -> all.put(module, f));
        }
        return all;
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
        Map<String, Map<String, GgufTensor>> byModule = new TreeMap<>(AdapterReader::inModelOrder);
        for (GgufTensor tensor : file.tensors().values()) {
            if (EmbeddingsReader.has(tensor.name())) {
                continue;
            }
            Matcher key = KEY.matcher(tensor.name());
            if (!key.matches()) {
                throw new ModelFormatException(
                        path,
                        "tensor " + tensor.name() + ": expected " + AdapterFile.PREFIX
                                + "….lora_A.weight, .lora_B.weight or .lora_magnitude_vector");
            }
            byModule.computeIfAbsent(ModelConfig.textPart(key.group(1)), m -> new TreeMap<>())
                    .put(key.group(2), tensor);
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
            targets.forEach(t -> modules.add(ModelConfig.textPart(t.asText())));
        } else {
            // A pattern: the layers it matched are known by their factors.
            factors.keySet().stream().filter(m -> !Experts.parameter(m)).forEach(modules::add);
        }
        json.path("target_parameters").forEach(t -> modules.add(ModelConfig.textPart(t.asText())));
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
}
