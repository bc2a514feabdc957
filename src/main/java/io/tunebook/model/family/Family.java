package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A family of models: how a configuration is read, which tensors there are under which names, and what is stored
 * otherwise than it is computed with. One file a family, and nothing else knows families by name. The decoder's blocks
 * follow from the {@link ModelConfig}.
 */
public interface Family {
    /** All that are known; {@code config.json} and GGUF choose by name. */
    List<Family> ALL = List.of(
            new Llama(),
            new Mistral(),
            new Qwen2(),
            new Qwen3(),
            new Qwen2Moe(),
            new Qwen3Moe(),
            new Qwen35(),
            new Qwen35Moe(),
            new GptOss(),
            new Gemma3(),
            new SmolLM3(),
            new Granite(),
            new Olmo2(),
            new Olmo3(),
            new SeedOss(),
            new Phi3(),
            new Glm4(),
            new Glm(),
            new Ernie(),
            new Hunyuan(),
            new Ministral3(),
            new Exaone4());

    /** {@code model_type} in {@code config.json}. */
    String name();

    /**
     * Other names under which the same layers come in {@code config.json} or GGUF, such as the text parts of models
     * that see.
     */
    default List<String> otherNames() {
        return List.of();
    }

    /** {@code general.architecture} in GGUF. */
    String gguf();

    ModelConfig read(ConfigJson json) throws ModelFormatException;

    /** By default biases and norms over heads are seen from the tensors. */
    default ModelConfig read(ConfigGguf gguf) throws IOException {
        return gguf.dense(name());
    }

    /** The linear modules of a layer, in their order. */
    default List<Target> targets() {
        return Target.APART;
    }

    /** The same of layers that have {@link DeltaNet} in the place of attention. */
    default List<Target> deltaTargets() {
        return List.of();
    }

    /** Hugging Face's name of a norm within a layer, such as {@code input_layernorm}. */
    default String module(Norm norm) {
        return norm.module(norms());
    }

    /** llama.cpp's name of a norm within a block, such as {@code attn_norm}. */
    default String gguf(Norm norm) {
        return norm.gguf();
    }

    /** Where the norms of attention and of the MLP stand. */
    default Norm.Placement norms() {
        return Norm.Placement.BEFORE;
    }

    /** Whether the norms of queries and keys go over all heads together, not over each. */
    default boolean normsAllHeads() {
        return false;
    }

    /** Whether queries and keys pass their norms behind the rotation of positions, not before it. */
    default boolean normsBehindRotation() {
        return false;
    }

    /** Whether positions rotate neighbouring dimensions of a head in Hugging Face's files too, not the two halves. */
    default boolean rotatesNeighbours() {
        return false;
    }

    /** Whether each head's attention has a sink: one more score, for nothing. */
    default boolean sinks() {
        return false;
    }

    /** Whether the query's module gives each head a gate of its attention's output behind its query. */
    default boolean gated() {
        return false;
    }

    /** The tensors of such a model, by Hugging Face's names, with their shapes (the slowest dimension first). */
    default Map<String, long[]> tensors(ModelConfig config) {
        return DenseTensors.shapes(config);
    }

    /**
     * llama.cpp's name for a tensor, such as {@code blk.0.attn_q.weight}.
     *
     * @throws IllegalArgumentException if the name is none of {@link #tensors}
     */
    default String ggufName(String tensor) {
        return DenseTensors.ggufName(tensor, this);
    }

    /**
     * The name that a tensor has in files of another converter, such as Ollama's own, where there is one that names it
     * otherwise.
     */
    default String otherGgufName(String tensor) {
        return ggufName(tensor);
    }

    /**
     * In how many heads llama.cpp interleaves the rows of a tensor's two halves; 0 for a tensor whose rows lie in GGUF
     * as in Hugging Face's files.
     */
    default int permutedHeads(ModelConfig config, String tensor) {
        return 0;
    }

    /** How llama.cpp keeps a tensor. */
    default GgufForm ggufForm(ModelConfig config, String tensor) {
        int heads = permutedHeads(config, tensor);
        return heads == 0
                ? GgufForm.AS_IS
                : new GgufForm(GgufForm.Order.halves(heads, config.headDim()), GgufForm.Order.AS_IS, false);
    }

    /** What is added to a tensor's values in Hugging Face's files; in GGUF it has been. */
    default float added(String tensor) {
        return 0;
    }

    /** The scaling of the rotary embedding as it is written to GGUF. */
    default Optional<RopeScaling> ggufScaling(ModelConfig config) {
        return config.ropeScaling();
    }

    /**
     * The keys that llama.cpp reads besides those of all decoders, with {@link Integer}, {@link Float} or {@code int[]}
     * as values.
     */
    default Map<String, Object> ggufKeys(ModelConfig config) {
        return Map.of();
    }

    /** The fields of {@code config.json} besides those of all decoders. */
    default Map<String, Object> configJson(ModelConfig config) {
        return Map.of();
    }

    /** The family of a {@code model_type}. */
    static Optional<Family> named(String name) {
        return ALL.stream()
                .filter(f -> f.name().equals(name) || f.otherNames().contains(name))
                .findFirst();
    }

    /** The names that begin with the letters of another, such as {@code gemma3_text} for {@code gemma2}. */
    static List<String> near(String name) {
        String letters = name.replaceFirst("^([A-Za-z]*).*", "$1").toLowerCase(Locale.ROOT);
        return letters.length() < 3
                ? List.of()
                : names().stream().filter(n -> n.startsWith(letters)).toList();
    }

    /** The names of all, for messages. */
    static List<String> names() {
        return ALL.stream().map(Family::name).toList();
    }
}
