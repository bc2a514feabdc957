package io.tunebook.lora;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import io.tunebook.tensors.Safetensors.Values;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads what PEFT's two files say of the embedding and the output. */
final class EmbeddingsReader {
    private static final Pattern KEY = Pattern.compile("base_model\\.model\\.((model\\.embed_tokens|lm_head)\\.(.+))");
    private static final List<String> MATRICES = List.of(
            "weight",
            "modules_to_save.weight",
            "original_module.weight",
            "base_layer.weight",
            "token_adapter.base_layer.weight",
            "token_adapter.trainable_tokens_delta");
    private static final List<String> EMBEDDING_FACTORS =
            List.of("lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector");
    private static final List<String> OUTPUT_FACTORS =
            List.of("lora_A.weight", "lora_B.weight", "lora_magnitude_vector");
    private static final List<String> MODULES = List.of("embed_tokens", "lm_head");
    private static final String DELTA = ".token_adapter.trainable_tokens_delta";

    private EmbeddingsReader() {}

    /** Whether a tensor is one of the embedding's or the output's. */
    static boolean has(String tensor) {
        return KEY.matcher(tensor).matches();
    }

    /**
     * @throws ModelFormatException if a tensor is none of PEFT's, has no counterpart or another shape than it should
     */
    static AdapterEmbeddings read(Path config, JsonNode json, Path weights, Safetensors file) throws IOException {
        List<String> saved = saved(config, json.path("modules_to_save"));
        Map<String, List<Integer>> tokens = tokens(config, json.path("trainable_token_indices"));
        Map<String, Values> tensors = new LinkedHashMap<>();
        for (GgufTensor tensor : file.tensors().values()) {
            Matcher key = KEY.matcher(tensor.name());
            if (!key.matches()) {
                continue;
            }
            boolean embedding = key.group(2).equals(AdapterEmbeddings.EMBEDDING);
            List<String> factors = embedding ? EMBEDDING_FACTORS : OUTPUT_FACTORS;
            if (!MATRICES.contains(key.group(3)) && !factors.contains(key.group(3))) {
                throw new ModelFormatException(
                        weights,
                        "tensor " + tensor.name() + ": expected one of " + MATRICES + " and " + factors + " of "
                                + key.group(2) + ", found " + key.group(3) + ", which is not computed here");
            }
            int dimensions = key.group(3).equals("lora_magnitude_vector") ? 1 : 2;
            if (tensor.shape().length != dimensions) {
                throw new ModelFormatException(
                        weights,
                        "tensor " + tensor.name() + ": expected " + dimensions + " dimensions, found "
                                + Arrays.toString(tensor.shape()));
            }
            tensors.put(key.group(1), new Values(tensor.shape(), file.read(tensor)));
        }
        AdapterEmbeddings all = new AdapterEmbeddings(
                tensors, tokens, saved, json.path("ensure_weight_tying").asBoolean(false));
        checkFactors(weights, all);
        checkTokens(weights, all);
        checkSaved(weights, all);
        return all;
    }

    private static List<String> saved(Path config, JsonNode given) throws ModelFormatException {
        List<String> saved = new ArrayList<>();
        for (JsonNode module : given.isTextual() ? List.of(given) : given) {
            String name = module.asText().replaceFirst(".*\\.", "");
            if (!MODULES.contains(name)) {
                throw new ModelFormatException(
                        config,
                        "modules_to_save: expected " + MODULES + ", found " + module + ", and a module of another kind"
                                + " that was trained whole is not computed here: merge the adapter by PEFT"
                                + " (merge_and_unload) and load the folder that this makes");
            }
            saved.add(name);
        }
        return saved;
    }

    /** A list is the embedding's; an object has lists by modules. */
    private static Map<String, List<Integer>> tokens(Path config, JsonNode given) throws ModelFormatException {
        Map<String, List<Integer>> tokens = new LinkedHashMap<>();
        if (given.isArray() && !given.isEmpty()) {
            tokens.put("embed_tokens", ids(config, given));
        } else if (given.isObject()) {
            for (var entry : given.properties()) {
                String name = entry.getKey().replaceFirst(".*\\.", "");
                if (!MODULES.contains(name)) {
                    throw new ModelFormatException(
                            config, "trainable_token_indices: expected " + MODULES + ", found " + entry.getKey());
                }
                tokens.put(name, ids(config, entry.getValue()));
            }
        } else if (!given.isMissingNode() && !given.isNull() && !given.isArray()) {
            throw new ModelFormatException(
                    config, "trainable_token_indices: expected ids, or ids by module, found " + given);
        }
        return tokens;
    }

    private static List<Integer> ids(Path config, JsonNode given) throws ModelFormatException {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : given) {
            if (!id.canConvertToInt() || id.intValue() < 0) {
                throw new ModelFormatException(config, "trainable_token_indices: expected ids, found " + id);
            }
            ids.add(id.intValue());
        }
        if (ids.isEmpty() || new HashSet<>(ids).size() < ids.size()) {
            throw new ModelFormatException(config, "trainable_token_indices: expected ids that differ, found " + given);
        }
        return ids;
    }

    private static void checkFactors(Path weights, AdapterEmbeddings all) throws ModelFormatException {
        for (String module : List.of(AdapterEmbeddings.EMBEDDING, AdapterEmbeddings.OUTPUT)) {
            boolean embedding = module.equals(AdapterEmbeddings.EMBEDDING);
            Optional<Values> a = value(all, module + (embedding ? ".lora_embedding_A" : ".lora_A.weight"));
            Optional<Values> b = value(all, module + (embedding ? ".lora_embedding_B" : ".lora_B.weight"));
            Optional<Values> magnitude = value(all, module + ".lora_magnitude_vector");
            boolean whole = a.isPresent() == b.isPresent() && (a.isPresent() || magnitude.isEmpty());
            if (!whole
                    || a.isPresent()
                            && (a.get().shape()[0] != b.get().shape()[1]
                                    || magnitude.isPresent()
                                            && magnitude.get().shape()[0]
                                                    != b.get().shape()[0])) {
                throw new ModelFormatException(
                        weights,
                        module + ": expected A [r, in], B [out, r] and magnitudes [out], found " + shape(a) + ", "
                                + shape(b) + ", " + shape(magnitude));
            }
        }
    }

    private static void checkTokens(Path weights, AdapterEmbeddings all) throws ModelFormatException {
        for (String module : List.of(AdapterEmbeddings.EMBEDDING, AdapterEmbeddings.OUTPUT)) {
            Optional<Values> rows = value(all, module + DELTA);
            List<Integer> ids = all.tokens().get(module.replaceFirst(".*\\.", ""));
            if (rows.isPresent() && (ids == null || ids.size() != rows.get().shape()[0])) {
                // The output of a tied model has the embedding's rows
                List<Integer> tied = all.tokens().get("embed_tokens");
                if (ids == null && tied != null && tied.size() == rows.get().shape()[0]) {
                    continue;
                }
                throw new ModelFormatException(
                        weights,
                        "tensor " + module + DELTA + ": expected a row for each id of trainable_token_indices " + ids
                                + ", found " + shape(rows));
            }
        }
    }

    /** What was trained must be there; a tied output may be left out, since it is the embedding. */
    private static void checkSaved(Path weights, AdapterEmbeddings all) throws ModelFormatException {
        for (String name : MODULES) {
            String module = name.equals("lm_head") ? AdapterEmbeddings.OUTPUT : AdapterEmbeddings.EMBEDDING;
            boolean output = name.equals("lm_head");
            boolean whole =
                    hasWhole(all, module) || output && all.keptTied() && hasWhole(all, AdapterEmbeddings.EMBEDDING);
            boolean rows = value(all, module + DELTA).isPresent()
                    || output && value(all, AdapterEmbeddings.EMBEDDING + DELTA).isPresent();
            if (all.saved().contains(name) && !whole || all.tokens().containsKey(name) && !rows) {
                throw new ModelFormatException(
                        weights,
                        "expected the weights of " + name + ", which " + AdapterFile.CONFIG
                                + " says were trained, found none: they were not saved");
            }
        }
    }

    private static boolean hasWhole(AdapterEmbeddings all, String module) {
        return value(all, module + ".weight").isPresent()
                || value(all, module + ".modules_to_save.weight").isPresent();
    }

    private static Optional<Values> value(AdapterEmbeddings all, String name) {
        return Optional.ofNullable(all.tensors().get(name));
    }

    private static String shape(Optional<Values> values) {
        return values.map(v -> Arrays.toString(v.shape())).orElse("nothing");
    }
}
