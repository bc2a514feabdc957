package io.tunebook.model.family;

import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * GGUF's metadata of a model, read with what was expected and what was found. What the metadata leaves open
 * (vocabulary, tied embeddings) is seen from the tensors.
 *
 * @param arch {@code general.architecture}, which begins the keys' names
 */
public record ConfigGguf(GgufFile gguf, String arch) {
    /** What all dense decoders have. Biases and norms over heads are seen from the tensors of the first layer. */
    ModelConfig dense(String family) throws IOException {
        if (gguf.integer(arch + ".expert_count").orElse(0) > 0) {
            throw new ModelFormatException(
                    gguf.path(), "expected a dense model, found " + arch + ".expert_count > 0 (a mixture of experts)");
        }
        return decoder(family);
    }

    /** The same for models whose layers may have experts. */
    ModelConfig decoder(String family) throws IOException {
        return decoder(family, "none");
    }

    /** @param scaling the kind of the rotary embedding's scaling where the file names none */
    ModelConfig decoder(String family, String scaling) throws IOException {
        int hidden = positive("embedding_length");
        int heads = positive("attention.head_count");
        int headDim = positive("attention.key_length", hidden / heads);
        int positions = positive("context_length");
        same("attention.value_length", headDim);
        int rotated = positive("rope.dimension_count", headDim);
        GgufTensor embedding = gguf.tensor("token_embd.weight")
                .orElseThrow(() -> new ModelFormatException(gguf.path(), "tensor token_embd.weight is missing"));
        return new ModelConfig(
                        family,
                        hidden,
                        // where an expert is shared it is as wide, and there may be no other key
                        gguf.metadata().containsKey(arch + ".expert_shared_feed_forward_length")
                                ? positive("expert_shared_feed_forward_length")
                                : positive("feed_forward_length"),
                        layers(),
                        heads,
                        positive("attention.head_count_kv", heads),
                        headDim,
                        Math.toIntExact(embedding.shape()[0]),
                        positions,
                        (float) number("attention.layer_norm_rms_epsilon", 1e-6),
                        number("rope.freq_base", 10000),
                        scaling(rotated, positions, scaling),
                        !has("output.weight"),
                        has("blk.0.attn_q.bias"),
                        has("blk.0.attn_output.bias"),
                        has("blk.0.attn_q_norm.weight"),
                        Blocks.PLAIN)
                .rotaryWidth(rotated == headDim ? 0 : rotated)
                .slidingWindow(window());
    }

    /** Those that predict several tokens at once stand behind the others, and are none of them. */
    private int layers() throws ModelFormatException {
        int all = positive("block_count");
        long more = gguf.integer(arch + ".nextn_predict_layers").orElse(0);
        if (more < 0 || more >= all) {
            throw new ModelFormatException(
                    gguf.path(), arch + ".nextn_predict_layers: expected fewer than " + all + ", found " + more);
        }
        return all - (int) more;
    }

    boolean has(String tensor) {
        return gguf.tensor(tensor).isPresent();
    }

    /** How many tokens back attention reaches, 0 for all. */
    int window() {
        return (int) gguf.integer(arch + ".attention.sliding_window").orElse(0);
    }

    private Optional<RopeScaling> scaling(int rotated, int positions, String absent) throws IOException {
        Optional<GgufTensor> factors = gguf.tensor("rope_freqs.weight");
        if (factors.isPresent()) {
            return Optional.of(new RopeScaling.Factors(divisors(factors.get(), rotated), 1));
        }
        Optional<GgufTensor> shorts = gguf.tensor("rope_factors_short.weight");
        Optional<GgufTensor> longs = gguf.tensor("rope_factors_long.weight");
        if (shorts.isPresent() && longs.isPresent()) {
            return Optional.of(new RopeScaling.LongRope(
                    divisors(shorts.get(), rotated),
                    divisors(longs.get(), rotated),
                    positive("rope.scaling.original_context_length", positions),
                    number("rope.scaling.attn_factor", 1)));
        }
        String kind = gguf.string(arch + ".rope.scaling.type").orElse(absent);
        return switch (kind) {
            case "none" -> Optional.empty();
            case "linear" -> Optional.of(new RopeScaling.Linear(number("rope.scaling.factor", 1)));
            case "yarn" -> Optional.of(yarn(positions));
            default ->
                throw new ModelFormatException(
                        gguf.path(), arch + ".rope.scaling.type: expected none, linear or yarn, found " + kind);
        };
    }

    private List<Float> divisors(GgufTensor factors, int rotated) throws IOException {
        if (factors.values() != rotated / 2) {
            throw new ModelFormatException(
                    gguf.path(),
                    "tensor " + factors.name() + ": expected " + rotated / 2 + " values, found " + factors.values());
        }
        List<Float> list = new ArrayList<>();
        for (float f : gguf.read(factors)) {
            list.add(f);
        }
        return List.copyOf(list);
    }

    /**
     * As llama.cpp reads it ({@code llama-model.cpp}, {@code rope_yarn} in {@code ops.cpp}): the attention factor
     * multiplies the paper's.
     */
    private RopeScaling yarn(int positions) throws ModelFormatException {
        double factor = number("rope.scaling.factor", 1);
        if (number("rope.scaling.yarn_ext_factor", 1) != 1) {
            throw new ModelFormatException(
                    gguf.path(),
                    arch + ".rope.scaling.yarn_ext_factor: expected 1, found "
                            + number("rope.scaling.yarn_ext_factor", 1));
        }
        // mscale_all_dim of config.json, beside which mscale is 1 (Ministral 3)
        double all = number("rope.scaling.yarn_log_multiplier", 0);
        double attention = number("rope.scaling.attn_factor", 1)
                * number("rope.scaling.yarn_attn_factor", 1)
                / RopeScaling.Yarn.attentionFactor(factor, all);
        return new RopeScaling.Yarn(
                factor,
                number("rope.scaling.yarn_beta_fast", 32),
                number("rope.scaling.yarn_beta_slow", 1),
                positive("rope.scaling.original_context_length", positions),
                attention * RopeScaling.Yarn.attentionFactor(factor, 1),
                true);
    }

    /** A number, or what it is where the key is missing. */
    double number(String key, double absent) {
        return gguf.number(arch + "." + key).orElse(absent);
    }

    private void same(String key, int headDim) throws ModelFormatException {
        int found = positive(key, headDim);
        if (found != headDim) {
            throw new ModelFormatException(
                    gguf.path(), arch + "." + key + ": expected the head width " + headDim + ", found " + found);
        }
    }

    int positive(String key, int absent) throws ModelFormatException {
        return gguf.metadata().containsKey(arch + "." + key) ? positive(key) : absent;
    }

    int positive(String key) throws ModelFormatException {
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
