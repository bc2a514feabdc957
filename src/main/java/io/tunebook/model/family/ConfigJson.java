package io.tunebook.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.Optional;

/** Hugging Face's {@code config.json}, read with what was expected and what was found. */
public record ConfigJson(Path file, JsonNode json) {
    /** What all dense decoders have, without biases, norms over heads and window. */
    ModelConfig dense(String family) throws ModelFormatException {
        JsonNode quantized = json.path("quantization_config");
        if (quantized.isObject()) {
            throw new ModelFormatException(
                    file,
                    "expected weights in float32, float16 or bfloat16, found weights quantised by "
                            + quantized.path("quant_method").asText("a method without a name")
                            + ": load the model that they were made from, or a GGUF file of it");
        }
        require("hidden_act", json.path("hidden_act").asText("silu"), "silu");
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
                0);
    }

    /** A flag that is false where it is not there. */
    boolean flag(String field) {
        return json.path(field).asBoolean(false);
    }

    /** How many tokens back attention reaches, 0 for all. */
    int window() {
        return json.path("sliding_window").asInt(0);
    }

    /** Transformers 5 keeps theta with the scaling in {@code rope_parameters}, earlier ones beside it. */
    private double theta() {
        return json.path("rope_parameters")
                .path("rope_theta")
                .asDouble(json.path("rope_theta").asDouble(10000));
    }

    private Optional<RopeScaling> scaling(int positions) throws ModelFormatException {
        JsonNode s = json.hasNonNull("rope_parameters") ? json.get("rope_parameters") : json.path("rope_scaling");
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
