package io.tunebook.model;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The dimensions of a dense decoder of the Llama family, from {@code config.json} or GGUF's metadata.
 *
 * @param architecture {@code llama}, {@code mistral}, {@code qwen2} or {@code qwen3}; GGUF calls Mistral's {@code llama}
 * @param hiddenSize the width of the residual stream
 * @param intermediateSize the width of the feed-forward layer
 * @param layers the number of decoder layers
 * @param heads the number of query heads
 * @param kvHeads the number of key and value heads, each shared by {@code heads / kvHeads} query heads
 * @param headDim the width of a head; {@code heads * headDim} may differ from {@code hiddenSize}
 * @param vocabularySize the rows of the embedding, padding included
 * @param maxPositions the longest sequence the model was made for, in tokens
 * @param rmsNormEps what RMSNorm adds to the mean square
 * @param ropeTheta the base of the rotary embedding's frequencies
 * @param ropeScaling how those frequencies are stretched for long sequences, if they are
 * @param tiedEmbeddings whether the output layer is the embedding itself
 * @param attentionBias whether the query, key and value projections have biases
 * @param outputBias whether the attention's output projection has a bias
 * @param qkNorm whether queries and keys pass an RMSNorm over each head (Qwen3)
 * @param slidingWindow how many tokens back attention reaches in some layer, 0 for all
 */
public record ModelConfig(
        String architecture,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int vocabularySize,
        int maxPositions,
        float rmsNormEps,
        double ropeTheta,
        Optional<RopeScaling> ropeScaling,
        boolean tiedEmbeddings,
        boolean attentionBias,
        boolean outputBias,
        boolean qkNorm,
        int slidingWindow) {

    private static final ObjectMapper JSON = Json.files();
    private static final int MAX_LAYERS = 4096;

    /** What this library's decoder computes. */
    static final List<String> ARCHITECTURES = List.of("llama", "mistral", "qwen2", "qwen3");

    /**
     * How rotary frequencies are stretched.
     *
     * @param kind the rule
     * @param factor what low frequencies are divided by; unused by {@link Kind#FACTORS}
     * @param lowFrequencyFactor {@link Kind#LLAMA3}: wavelengths over the original length divided by this are stretched in full
     * @param highFrequencyFactor {@link Kind#LLAMA3}: wavelengths under the original length divided by this stay as they are
     * @param originalMaxPositions {@link Kind#LLAMA3}: the length the model was first trained on, in tokens
     * @param factors {@link Kind#FACTORS}: what each frequency is divided by, {@code headDim / 2} of them
     */
    public record RopeScaling(
            Kind kind,
            double factor,
            double lowFrequencyFactor,
            double highFrequencyFactor,
            int originalMaxPositions,
            List<Float> factors) {
        /** The rules that are known. */
        public enum Kind {
            /** Every frequency is divided by the factor. */
            LINEAR,
            /** Llama 3's: low frequencies are divided, high ones kept, those between blended. */
            LLAMA3,
            /** GGUF's {@code rope_freqs.weight}: each frequency has its own divisor. */
            FACTORS
        }
    }

    /**
     * The rotary embedding's frequencies, scaling applied: {@code theta^(-2i/headDim)} for i from 0 to
     * {@code headDim / 2 - 1}, in radians a position.
     *
     * @return {@code headDim / 2} values
     */
    public float[] inverseFrequencies() {
        float[] out = new float[headDim / 2];
        for (int i = 0; i < out.length; i++) {
            double frequency = 1 / Math.pow(ropeTheta, (float) (2 * i) / headDim);
            out[i] = (float) (ropeScaling.isPresent() ? scaled(ropeScaling.get(), frequency, i) : frequency);
        }
        return out;
    }

    /** What cosines and sines are multiplied with: 1. */
    float rotaryScale() {
        return 1;
    }

    /** As {@code _compute_llama3_parameters} in Transformers' {@code modeling_rope_utils.py} for {@link RopeScaling.Kind#LLAMA3}. */
    private static double scaled(RopeScaling s, double frequency, int i) {
        return switch (s.kind()) {
            case LINEAR -> frequency / s.factor();
            case FACTORS -> frequency / s.factors().get(i);
            case LLAMA3 -> {
                double turns = s.originalMaxPositions() * frequency / (2 * Math.PI);
                if (turns < s.lowFrequencyFactor()) {
                    yield frequency / s.factor();
                }
                if (turns > s.highFrequencyFactor()) {
                    yield frequency;
                }
                double kept = (turns - s.lowFrequencyFactor()) / (s.highFrequencyFactor() - s.lowFrequencyFactor());
                yield (1 - kept) * frequency / s.factor() + kept * frequency;
            }
        };
    }

    /**
     * Refuses a sequence that a sliding window would cut: attention here always reaches back to the first token, which
     * is the same only within the window.
     *
     * @throws IllegalArgumentException if {@code tokens} is more than {@link #slidingWindow}
     */
    public void requireLength(int tokens) {
        if (slidingWindow > 0 && tokens > slidingWindow) {
            throw new IllegalArgumentException("this model attends within a sliding window of " + slidingWindow
                    + " tokens, which is not computed here: keep sequences within " + slidingWindow + " tokens, found "
                    + tokens);
        }
    }

    /** The number of parameters of such a model. */
    public long parameters() {
        return tensors().values().stream()
                .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
                .sum();
    }

    /** The tensors that such a model has, by Hugging Face's names, with their shapes (the slowest dimension first). */
    public Map<String, long[]> tensors() {
        Map<String, long[]> out = new LinkedHashMap<>();
        long queries = (long) heads * headDim;
        long keys = (long) kvHeads * headDim;
        out.put("model.embed_tokens.weight", new long[] {vocabularySize, hiddenSize});
        for (int i = 0; i < layers; i++) {
            String layer = "model.layers." + i + ".";
            String attention = layer + "self_attn.";
            out.put(layer + "input_layernorm.weight", new long[] {hiddenSize});
            out.put(attention + "q_proj.weight", new long[] {queries, hiddenSize});
            out.put(attention + "k_proj.weight", new long[] {keys, hiddenSize});
            out.put(attention + "v_proj.weight", new long[] {keys, hiddenSize});
            out.put(attention + "o_proj.weight", new long[] {hiddenSize, queries});
            if (attentionBias) {
                out.put(attention + "q_proj.bias", new long[] {queries});
                out.put(attention + "k_proj.bias", new long[] {keys});
                out.put(attention + "v_proj.bias", new long[] {keys});
            }
            if (outputBias) {
                out.put(attention + "o_proj.bias", new long[] {hiddenSize});
            }
            if (qkNorm) {
                out.put(attention + "q_norm.weight", new long[] {headDim});
                out.put(attention + "k_norm.weight", new long[] {headDim});
            }
            out.put(layer + "post_attention_layernorm.weight", new long[] {hiddenSize});
            out.put(layer + "mlp.gate_proj.weight", new long[] {intermediateSize, hiddenSize});
            out.put(layer + "mlp.up_proj.weight", new long[] {intermediateSize, hiddenSize});
            out.put(layer + "mlp.down_proj.weight", new long[] {hiddenSize, intermediateSize});
        }
        out.put("model.norm.weight", new long[] {hiddenSize});
        if (!tiedEmbeddings) {
            out.put("lm_head.weight", new long[] {vocabularySize, hiddenSize});
        }
        return out;
    }

    /**
     * Reads Hugging Face's {@code config.json}.
     *
     * @throws ModelFormatException if the architecture is unknown, a field is missing or holds what is not computed here
     */
    public static ModelConfig read(Path configJson) throws IOException {
        JsonNode json;
        try {
            json = JSON.readTree(Files.readAllBytes(configJson));
        } catch (JacksonException broken) {
            throw new ModelFormatException(configJson, "expected JSON: " + broken.getMessage(), broken);
        }
        return new FromJson(configJson, json).config();
    }

    /**
     * Reads GGUF's metadata, and from the tensors what the metadata leaves open (vocabulary, biases, tied embeddings).
     *
     * @throws ModelFormatException if the architecture is unknown, a key is missing or holds what is not computed here
     */
    public static ModelConfig read(GgufFile gguf) throws IOException {
        return new FromGguf(gguf).config();
    }

    /**
     * The ids that a folder's {@code config.json} gives a meaning: beginning, end of sequence, padding. None for a GGUF
     * file, whose tokenizer they are a part of.
     */
    static int[] specialIds(Path model) throws IOException {
        Path file = model.resolve("config.json");
        if (!Files.isRegularFile(file)) {
            return new int[0];
        }
        JsonNode json = JSON.readTree(Files.readAllBytes(file));
        return Stream.of("bos_token_id", "eos_token_id", "pad_token_id")
                .map(json::path)
                .flatMap(node -> node.isArray() ? node.valueStream() : Stream.of(node))
                .filter(JsonNode::isInt)
                .mapToInt(JsonNode::intValue)
                .distinct()
                .toArray();
    }

    private ModelConfig checked(Path file) throws ModelFormatException {
        if (heads % kvHeads != 0) {
            throw new ModelFormatException(
                    file, "expected query heads that key heads divide, found " + heads + " and " + kvHeads);
        }
        if (headDim < 2 || headDim % 2 != 0) {
            throw new ModelFormatException(file, "expected an even head width, found " + headDim);
        }
        if (layers > MAX_LAYERS) {
            throw new ModelFormatException(file, "expected at most " + MAX_LAYERS + " layers, found " + layers);
        }
        return this;
    }

    private static ModelFormatException unknownArchitecture(Path file, String found) {
        return new ModelFormatException(file, "expected an architecture of " + ARCHITECTURES + ", found " + found);
    }

    private record FromJson(Path file, JsonNode json) {
        ModelConfig config() throws ModelFormatException {
            String type = json.path("model_type").asText("nothing");
            if (!ARCHITECTURES.contains(type)) {
                throw unknownArchitecture(file, type);
            }
            require("hidden_act", json.path("hidden_act").asText("silu"), "silu");
            require("mlp_bias", json.path("mlp_bias").asText("false"), "false");
            require("partial_rotary_factor", json.path("partial_rotary_factor").asDouble(1), 1.0);
            int hidden = positive("hidden_size");
            int heads = positive("num_attention_heads");
            boolean qwen2 = type.equals("qwen2");
            boolean bias = json.path("attention_bias").asBoolean(false);
            return new ModelConfig(
                            type,
                            hidden,
                            positive("intermediate_size"),
                            positive("num_hidden_layers"),
                            heads,
                            json.hasNonNull("num_key_value_heads") ? positive("num_key_value_heads") : heads,
                            json.hasNonNull("head_dim") ? positive("head_dim") : hidden / heads,
                            positive("vocab_size"),
                            positive("max_position_embeddings"),
                            (float) json.path("rms_norm_eps").asDouble(1e-6),
                            theta(),
                            scaling(),
                            json.path("tie_word_embeddings").asBoolean(false),
                            qwen2 || bias,
                            !qwen2 && !type.equals("mistral") && bias,
                            type.equals("qwen3"),
                            window(type))
                    .checked(file);
        }

        /** Transformers 5 keeps theta with the scaling in {@code rope_parameters}, earlier ones beside it. */
        private double theta() {
            return json.path("rope_parameters")
                    .path("rope_theta")
                    .asDouble(json.path("rope_theta").asDouble(10000));
        }

        private Optional<RopeScaling> scaling() throws ModelFormatException {
            JsonNode s = json.hasNonNull("rope_parameters") ? json.get("rope_parameters") : json.path("rope_scaling");
            String kind = s.path("rope_type").asText(s.path("type").asText("default"));
            return switch (kind) {
                case "default" -> Optional.empty();
                case "linear" ->
                    Optional.of(new RopeScaling(
                            RopeScaling.Kind.LINEAR, s.path("factor").asDouble(1), 0, 0, 0, List.of()));
                case "llama3" ->
                    Optional.of(new RopeScaling(
                            RopeScaling.Kind.LLAMA3,
                            s.path("factor").asDouble(),
                            s.path("low_freq_factor").asDouble(),
                            s.path("high_freq_factor").asDouble(),
                            s.path("original_max_position_embeddings").asInt(),
                            List.of()));
                default ->
                    throw new ModelFormatException(
                            file, "rope scaling: expected default, linear or llama3, found " + kind);
            };
        }

        private int window(String type) {
            boolean used =
                    type.equals("mistral") || json.path("use_sliding_window").asBoolean(false);
            return used && !type.equals("llama") ? json.path("sliding_window").asInt(0) : 0;
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

    private record FromGguf(GgufFile gguf, String arch) {
        FromGguf(GgufFile gguf) {
            this(gguf, gguf.string("general.architecture").orElse("nothing"));
        }

        ModelConfig config() throws IOException {
            if (!ARCHITECTURES.contains(arch)) {
                throw unknownArchitecture(gguf.path(), arch);
            }
            if (gguf.integer(arch + ".expert_count").orElse(0) > 0) {
                throw new ModelFormatException(
                        gguf.path(),
                        "expected a dense model, found " + arch + ".expert_count > 0 (a mixture of experts)");
            }
            int hidden = positive("embedding_length");
            int heads = positive("attention.head_count");
            int headDim = positive("attention.key_length", hidden / heads);
            same("attention.value_length", headDim);
            same("rope.dimension_count", headDim);
            GgufTensor embedding = gguf.tensor("token_embd.weight")
                    .orElseThrow(() -> new ModelFormatException(gguf.path(), "tensor token_embd.weight is missing"));
            return new ModelConfig(
                            arch,
                            hidden,
                            positive("feed_forward_length"),
                            positive("block_count"),
                            heads,
                            positive("attention.head_count_kv", heads),
                            headDim,
                            Math.toIntExact(embedding.shape()[0]),
                            positive("context_length"),
                            (float) gguf.number(arch + ".attention.layer_norm_rms_epsilon")
                                    .orElse(1e-6),
                            gguf.number(arch + ".rope.freq_base").orElse(10000),
                            scaling(headDim),
                            gguf.tensor("output.weight").isEmpty(),
                            gguf.tensor("blk.0.attn_q.bias").isPresent(),
                            gguf.tensor("blk.0.attn_output.bias").isPresent(),
                            gguf.tensor("blk.0.attn_q_norm.weight").isPresent(),
                            (int) gguf.integer(arch + ".attention.sliding_window")
                                    .orElse(0))
                    .checked(gguf.path());
        }

        private Optional<RopeScaling> scaling(int headDim) throws IOException {
            Optional<GgufTensor> factors = gguf.tensor("rope_freqs.weight");
            if (factors.isPresent()) {
                if (factors.get().values() != headDim / 2) {
                    throw new ModelFormatException(
                            gguf.path(),
                            "tensor rope_freqs.weight: expected " + headDim / 2 + " values, found "
                                    + factors.get().values());
                }
                List<Float> list = new ArrayList<>();
                for (float f : gguf.read(factors.get())) {
                    list.add(f);
                }
                return Optional.of(new RopeScaling(RopeScaling.Kind.FACTORS, 1, 0, 0, 0, List.copyOf(list)));
            }
            String kind = gguf.string(arch + ".rope.scaling.type").orElse("none");
            return switch (kind) {
                case "none" -> Optional.empty();
                case "linear" ->
                    Optional.of(new RopeScaling(
                            RopeScaling.Kind.LINEAR,
                            gguf.number(arch + ".rope.scaling.factor").orElse(1),
                            0,
                            0,
                            0,
                            List.of()));
                default ->
                    throw new ModelFormatException(
                            gguf.path(), arch + ".rope.scaling.type: expected none or linear, found " + kind);
            };
        }

        private void same(String key, int headDim) throws ModelFormatException {
            int found = positive(key, headDim);
            if (found != headDim) {
                throw new ModelFormatException(
                        gguf.path(), arch + "." + key + ": expected the head width " + headDim + ", found " + found);
            }
        }

        private int positive(String key, int absent) throws ModelFormatException {
            return gguf.metadata().containsKey(arch + "." + key) ? positive(key) : absent;
        }

        private int positive(String key) throws ModelFormatException {
            Object value = gguf.metadata().get(arch + "." + key);
            if (!(value instanceof Long n) || n < 1 || n > Integer.MAX_VALUE) {
                throw new ModelFormatException(
                        gguf.path(),
                        arch + "." + key + ": expected a positive integer, found "
                                + (value == null ? "nothing" : value instanceof Number ? value : "an array"));
            }
            return n.intValue();
        }
    }
}
