package io.tunebook.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Hugging Face's {@code config.json}, read with what was expected and what was found. */
public record ConfigJson(Path file, JsonNode json) {
    /**
     * The part of a file that describes the text model: all of it, or what a model that sees keeps in
     * {@code text_config}.
     */
    static ConfigJson of(Path file, JsonNode json) {
        if (!json.path("text_config").isObject()) {
            return new ConfigJson(file, json);
        }
        ObjectNode text = json.get("text_config").deepCopy();
        for (String outside : List.of("tie_word_embeddings", "quantization_config", "bos_token_id", "eos_token_id")) {
            if (json.has(outside)) {
                text.set(outside, json.get(outside));
            }
        }
        return new ConfigJson(file, text);
    }

    /**
     * The same, with values for fields that are missing: published files leave out what Transformers has by default.
     */
    ConfigJson orElse(Map<String, ?> absent) {
        ObjectNode filled = json.deepCopy();
        absent.forEach((field, value) -> {
            if (!json.hasNonNull(field)) {
                filled.set(field, Json.files().valueToTree(value));
            }
        });
        return new ConfigJson(file, filled);
    }

    /** The same with another value for a field. */
    ConfigJson with(String field, int value) {
        return new ConfigJson(file, ((ObjectNode) json.deepCopy()).put(field, value));
    }

    /** What all dense decoders have, without biases, norms over heads and window. */
    ModelConfig dense(String family) throws ModelFormatException {
        return dense(family, "silu");
    }

    /** @param activation of the MLP's gate */
    ModelConfig dense(String family, String activation) throws ModelFormatException {
        String found =
                json.path("hidden_activation").asText(json.path("hidden_act").asText(activation));
        require("hidden_act", found, activation);
        require("mlp_bias", json.path("mlp_bias").asText("false"), "false");
        int hidden = positive("hidden_size");
        int heads = positive("num_attention_heads");
        int positions = positive("max_position_embeddings");
        int headDim = json.hasNonNull("head_dim") ? positive("head_dim") : hidden / heads;
        double rotated = ropeParameters().path("partial_rotary_factor").asDouble(number("partial_rotary_factor", 1));
        ModelConfig config = new ModelConfig(
                family,
                hidden,
                positive("intermediate_size"),
                positive("num_hidden_layers"),
                heads,
                json.hasNonNull("num_key_value_heads") ? positive("num_key_value_heads") : heads,
                headDim,
                positive("vocab_size"),
                positions,
                (float) json.path("rms_norm_eps").asDouble(1e-6),
                theta(),
                scaling(positions),
                flag("tie_word_embeddings"),
                false,
                false,
                false,
                Blocks.PLAIN);
        return rotated == 1 ? config : config.rotaryWidth((int) (headDim * rotated));
    }

    /** A flag that is false where it is not there. */
    boolean flag(String field) {
        return json.path(field).asBoolean(false);
    }

    boolean flag(String field, boolean absent) {
        return json.path(field).asBoolean(absent);
    }

    double number(String field, double absent) {
        return json.path(field).asDouble(absent);
    }

    /** How many tokens back attention reaches, 0 for all. */
    int window() {
        return json.path("sliding_window").asInt(0);
    }

    /**
     * The layers as {@code layer_types} has them; where it is missing, one of so many sees everything, and the others
     * have a window.
     */
    List<LayerKind> kinds(int layers, int interval) {
        return json.has("layer_types")
                ? kinds(layers)
                : LayerKind.every(interval, LayerKind.PLAIN, new LayerKind(0, window()), layers);
    }

    /** The layers as {@code layer_types} has them; where it is missing, all see everything. */
    List<LayerKind> kinds(int layers) {
        List<LayerKind> kinds = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            boolean windowed =
                    json.path("layer_types").path(i).asText("full_attention").equals("sliding_attention");
            kinds.add(new LayerKind(0, windowed ? window() : 0));
        }
        return kinds;
    }

    /** Qwen's: windows only with {@code use_sliding_window}, and from the layer {@code max_window_layers} on. */
    List<LayerKind> qwenKinds() throws ModelFormatException {
        int layers = positive("num_hidden_layers");
        if (!flag("use_sliding_window")) {
            return List.of();
        }
        int first = json.path("max_window_layers").asInt(layers);
        return json.has("layer_types")
                ? kinds(layers)
                : IntStream.range(0, layers)
                        .mapToObj(i -> new LayerKind(0, i >= first ? window() : 0))
                        .toList();
    }

    /** The rotary base of the layers with a sliding window. */
    double localTheta(double absent) {
        return json.path("rope_parameters")
                .path("sliding_attention")
                .path("rope_theta")
                .asDouble(number("rope_local_base_freq", absent));
    }

    /**
     * Transformers 5 keeps theta with the scaling in {@code rope_parameters}, maybe by the kinds of layers; earlier
     * ones keep it beside it.
     */
    private JsonNode ropeParameters() {
        JsonNode parameters = json.path("rope_parameters");
        return parameters.has("full_attention") ? parameters.get("full_attention") : parameters;
    }

    private double theta() {
        return ropeParameters().path("rope_theta").asDouble(number("rope_theta", 10000));
    }

    /** What the field of the rope's parameters holds. */
    double rope(String field, double absent) {
        JsonNode s = json.hasNonNull("rope_parameters") ? ropeParameters() : json.path("rope_scaling");
        return s.path(field).asDouble(absent);
    }

    private Optional<RopeScaling> scaling(int positions) throws ModelFormatException {
        JsonNode s = json.hasNonNull("rope_parameters") ? ropeParameters() : json.path("rope_scaling");
        String kind = s.path("rope_type").asText(s.path("type").asText("default"));
        int original = s.path("original_max_position_embeddings").asInt(positions);
        return switch (kind) {
            // with one position a token, as text has it, the sections of Qwen's multimodal rotation are all alike
            case "default", "mrope" -> Optional.empty();
            case "longrope", "su" -> Optional.of(longRope(s, positions));
            case "dynamic" -> dynamic(s);
            case "linear" -> Optional.of(new RopeScaling.Linear(s.path("factor").asDouble(1)));
            case "llama3" ->
                Optional.of(new RopeScaling.Llama3(
                        s.path("factor").asDouble(),
                        s.path("low_freq_factor").asDouble(),
                        s.path("high_freq_factor").asDouble(),
                        original));
            case "yarn" -> Optional.of(yarn(s, positions, original));
            default ->
                throw new ModelFormatException(
                        file, "rope scaling: expected default, linear, llama3, yarn or longrope, found " + kind);
        };
    }

    /** Hunyuan's: a fixed alpha, which has changed theta already. */
    private Optional<RopeScaling> dynamic(JsonNode s) throws ModelFormatException {
        if (!s.hasNonNull("alpha") || s.path("factor").asDouble(1) != 1) {
            throw new ModelFormatException(
                    file, "rope scaling: expected dynamic with an alpha and factor 1, found " + s);
        }
        return Optional.empty();
    }

    private RopeScaling longRope(JsonNode s, int positions) throws ModelFormatException {
        int original = s.path("original_max_position_embeddings")
                .asInt(json.path("original_max_position_embeddings").asInt(positions));
        double stretch = s.path("factor").asDouble((double) positions / original);
        double attention = s.path("attention_factor").asDouble(RopeScaling.LongRope.attentionFactor(stretch, original));
        return new RopeScaling.LongRope(divisors(s, "short_factor"), divisors(s, "long_factor"), original, attention);
    }

    private List<Float> divisors(JsonNode s, String field) throws ModelFormatException {
        List<Float> found = new ArrayList<>();
        for (JsonNode divisor : s.path(field)) {
            if (!divisor.isNumber()) {
                throw new ModelFormatException(file, field + ": expected numbers, found " + divisor);
            }
            found.add(divisor.floatValue());
        }
        return List.copyOf(found);
    }

    private static RopeScaling yarn(JsonNode s, int positions, int original) {
        double factor = s.path("factor").asDouble((double) positions / original);
        double scale = s.path("mscale").asDouble(0);
        double scaleOfAll = s.path("mscale_all_dim").asDouble(0);
        double attention = scale != 0 && scaleOfAll != 0
                ? RopeScaling.Yarn.attentionFactor(factor, scale) / RopeScaling.Yarn.attentionFactor(factor, scaleOfAll)
                : RopeScaling.Yarn.attentionFactor(factor, 1);
        double fast = s.path("beta_fast").asDouble(0);
        double slow = s.path("beta_slow").asDouble(0);
        return new RopeScaling.Yarn(
                factor,
                fast == 0 ? 32 : fast,
                slow == 0 ? 1 : slow,
                original,
                s.path("attention_factor").asDouble(attention),
                s.path("truncate").asBoolean(true));
    }

    int positive(String field) throws ModelFormatException {
        JsonNode value = json.path(field);
        if (!value.canConvertToInt() || value.intValue() < 1) {
            throw new ModelFormatException(
                    file,
                    field + ": expected a positive integer, found " + (value.isMissingNode() ? "nothing" : value));
        }
        return value.intValue();
    }

    void require(String field, Object found, Object expected) throws ModelFormatException {
        if (!found.equals(expected)) {
            throw new ModelFormatException(file, field + ": expected " + expected + ", found " + found);
        }
    }
}
