package io.tunebook.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.model.family.ModelConfig.LayerKind;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Hugging Face's {@code config.json}, read with what was expected and what was found. */
public record ConfigJson(Path file, JsonNode json) {
    /** What all dense decoders have, without biases, norms over heads and window. */
    ModelConfig dense(String family) throws ModelFormatException {
        return dense(family, "silu");
    }

    /** @param activation of the MLP's gate */
    ModelConfig dense(String family, String activation) throws ModelFormatException {
        JsonNode quantized = json.path("quantization_config");
        if (quantized.isObject()) {
            throw new ModelFormatException(
                    file,
                    "expected weights in float32, float16 or bfloat16, found weights quantised by "
                            + quantized.path("quant_method").asText("a method without a name")
                            + ": load the model that they were made from, or a GGUF file of it");
        }
        String found =
                json.path("hidden_activation").asText(json.path("hidden_act").asText(activation));
        require("hidden_act", found, activation);
        require("mlp_bias", json.path("mlp_bias").asText("false"), "false");
        require("partial_rotary_factor", json.path("partial_rotary_factor").asDouble(1), 1.0);
        int hidden = positive("hidden_size");
        int heads = positive("num_attention_heads");
        int positions = positive("max_position_embeddings");
        return new ModelConfig(
                family,
                hidden,
                positive("intermediate_size"),
                positive("num_hidden_layers"),
                heads,
                json.hasNonNull("num_key_value_heads") ? positive("num_key_value_heads") : heads,
                json.hasNonNull("head_dim") ? positive("head_dim") : hidden / heads,
                positive("vocab_size"),
                positions,
                (float) json.path("rms_norm_eps").asDouble(1e-6),
                theta(),
                scaling(positions),
                flag("tie_word_embeddings"),
                false,
                false,
                false,
                ModelConfig.Blocks.PLAIN);
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

    /** Transformers 5 keeps theta with the scaling in {@code rope_parameters}, maybe by the kinds of layers; earlier ones keep it beside it. */
    private JsonNode ropeParameters() {
        JsonNode parameters = json.path("rope_parameters");
        return parameters.has("full_attention") ? parameters.get("full_attention") : parameters;
    }

    private double theta() {
        return ropeParameters().path("rope_theta").asDouble(number("rope_theta", 10000));
    }

    private Optional<RopeScaling> scaling(int positions) throws ModelFormatException {
        JsonNode s = json.hasNonNull("rope_parameters") ? ropeParameters() : json.path("rope_scaling");
        String kind = s.path("rope_type").asText(s.path("type").asText("default"));
        int original = s.path("original_max_position_embeddings").asInt(positions);
        return switch (kind) {
            case "default" -> Optional.empty();
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
                        file, "rope scaling: expected default, linear, llama3 or yarn, found " + kind);
        };
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

    private int positive(String field) throws ModelFormatException {
        JsonNode value = json.path(field);
        if (!value.canConvertToInt() || value.intValue() < 1) {
            throw new ModelFormatException(
                    file,
                    field + ": expected a positive integer, found " + (value.isMissingNode() ? "nothing" : value));
        }
        return value.intValue();
    }

    private void require(String field, Object found, Object expected) throws ModelFormatException {
        if (!found.equals(expected)) {
            throw new ModelFormatException(file, field + ": expected " + expected + ", found " + found);
        }
    }
}
