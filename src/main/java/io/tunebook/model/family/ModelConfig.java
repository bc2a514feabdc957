package io.tunebook.model.family;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The dimensions of a dense decoder of the Llama family, from {@code config.json} or GGUF's metadata.
 *
 * @param architecture its family's name, {@code model_type} in {@code config.json}
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

    private static final int MAX_LAYERS = 4096;

    /** The family it is of. */
    public Family family() {
        return Family.named(architecture).orElseThrow(() -> new IllegalStateException("no family " + architecture));
    }

    ModelConfig biases(boolean attention, boolean output) {
        return with(attention, output, qkNorm, slidingWindow);
    }

    ModelConfig qkNorm(boolean has) {
        return with(attentionBias, outputBias, has, slidingWindow);
    }

    ModelConfig slidingWindow(int tokens) {
        return with(attentionBias, outputBias, qkNorm, tokens);
    }

    private ModelConfig with(boolean attention, boolean output, boolean norms, int window) {
        return new ModelConfig(
                architecture,
                hiddenSize,
                intermediateSize,
                layers,
                heads,
                kvHeads,
                headDim,
                vocabularySize,
                maxPositions,
                rmsNormEps,
                ropeTheta,
                ropeScaling,
                tiedEmbeddings,
                attention,
                output,
                norms,
                window);
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
            out[i] = (float) (ropeScaling.isPresent() ? ropeScaling.get().scaled(frequency, i, this) : frequency);
        }
        return out;
    }

    /** What the rotary embedding's cosines and sines are multiplied with. */
    public float rotaryScale() {
        return (float) ropeScaling.map(RopeScaling::attentionFactor).orElse(1.0).doubleValue();
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
        return family().tensors(this);
    }

    /**
     * Reads Hugging Face's {@code config.json}.
     *
     * @throws ModelFormatException if the architecture is unknown, a field is missing or holds what is not computed here
     */
    public static ModelConfig read(Path configJson) throws IOException {
        JsonNode json;
        try {
            json = Json.files().readTree(Files.readAllBytes(configJson));
        } catch (JacksonException broken) {
            throw new ModelFormatException(configJson, "expected JSON: " + broken.getMessage(), broken);
        }
        String type = json.path("model_type").asText("nothing");
        Family family = Family.named(type).orElseThrow(() -> unknown(configJson, type));
        return family.read(new ConfigJson(configJson, json)).checked(configJson);
    }

    /**
     * Reads GGUF's metadata, and from the tensors what the metadata leaves open (vocabulary, biases, tied embeddings).
     *
     * @throws ModelFormatException if the architecture is unknown, a key is missing or holds what is not computed here
     */
    public static ModelConfig read(GgufFile gguf) throws IOException {
        String arch = gguf.string("general.architecture").orElse("nothing");
        Family family = Family.ALL.stream()
                .filter(f -> f.gguf().equals(arch) || f.name().equals(arch))
                .findFirst()
                .orElseThrow(() -> unknown(gguf.path(), arch));
        return family.read(new ConfigGguf(gguf, arch)).checked(gguf.path());
    }

    /**
     * The ids that a folder's {@code config.json} gives a meaning: beginning, end of sequence, padding. None for a GGUF
     * file, whose tokenizer they are a part of.
     */
    public static int[] specialIds(Path model) throws IOException {
        Path file = model.resolve("config.json");
        if (!Files.isRegularFile(file)) {
            return new int[0];
        }
        JsonNode json = Json.files().readTree(Files.readAllBytes(file));
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

    private static ModelFormatException unknown(Path file, String found) {
        return new ModelFormatException(file, "expected an architecture of " + Family.names() + ", found " + found);
    }
}
