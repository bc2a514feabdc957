package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A family of models: how a configuration is read, which tensors there are under which names, and what is stored otherwise than it is computed with. One file a
 * family, and nothing else knows families by name. The decoder's blocks follow from the {@link ModelConfig}.
 */
public interface Family {
    /** All that are known; {@code config.json} and GGUF choose by name. */
    List<Family> ALL = List.of(new Llama(), new Mistral(), new Qwen2(), new Qwen3());

    /** {@code model_type} in {@code config.json}. */
    String name();

    /** {@code general.architecture} in GGUF. */
    String gguf();

    ModelConfig read(ConfigJson json) throws ModelFormatException;

    ModelConfig read(ConfigGguf gguf) throws IOException;

    /** The tensors of such a model, by Hugging Face's names, with their shapes (the slowest dimension first). */
    Map<String, long[]> tensors(ModelConfig config);

    /**
     * llama.cpp's name for a tensor, such as {@code blk.0.attn_q.weight}.
     *
     * @throws IllegalArgumentException if the name is none of {@link #tensors}
     */
    String ggufName(String tensor);

    /** In how many heads llama.cpp interleaves the rows of a tensor's two halves; 0 for a tensor whose rows lie in GGUF as in Hugging Face's files. */
    int permutedHeads(ModelConfig config, String tensor);

    /** The family of a {@code model_type}. */
    static Optional<Family> named(String name) {
        return ALL.stream().filter(f -> f.name().equals(name)).findFirst();
    }

    /** The names of all, for messages. */
    static List<String> names() {
        return ALL.stream().map(Family::name).toList();
    }
}
