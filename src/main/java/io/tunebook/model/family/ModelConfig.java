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
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The dimensions of a decoder of the Llama family, from {@code config.json} or GGUF's metadata.
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
 * @param blocks what else a family's layers have
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
        Blocks blocks) {

    public Family family() {
        return Family.named(architecture).orElseThrow(() -> new IllegalStateException("no family " + architecture));
    }

    /** What stands before {@code layers} in the names of a text model's modules. */
    public static final String TEXT = "model.";

    /** The same where the text model is a part of one that sees. */
    public static final String TEXT_PART = "model.language_model.";

    /** What embeddings, each branch before it is added, and logits are multiplied with. */
    public record Scales(double embedding, double residual, double logits) {}

    /**
     * How a layer's attention sees positions.
     *
     * @param rope which of {@link #ropes} rotates them, or {@link #NO_ROPE}
     * @param window how many keys a query sees, itself among them; 0 for all
     * @param delta whether {@link DeltaNet} stands in the place of attention
     */
    public record LayerKind(int rope, int window, boolean delta) {
        /** Positions are not rotated. */
        public static final int NO_ROPE = -1;

        static final LayerKind PLAIN = new LayerKind(0, 0);
        static final LayerKind DELTA = new LayerKind(NO_ROPE, 0, true);

        /** Attention. */
        public LayerKind(int rope, int window) {
            this(rope, window, false);
        }

        /** Every so many layers another kind, the others alike. */
        static List<LayerKind> every(int interval, LayerKind other, LayerKind most, int layers) {
            return IntStream.range(0, layers)
                    .mapToObj(i -> (i + 1) % interval == 0 ? other : most)
                    .toList();
        }

        /** The same layers, where those with a window have a rotary embedding of their own. */
        static List<LayerKind> windowedRotateBy(int rope, List<LayerKind> kinds) {
            return kinds.stream()
                    .map(k -> k.window > 0 ? new LayerKind(rope, k.window) : k)
                    .toList();
        }
    }

    ModelConfig biases(boolean attention, boolean output) {
        return with(tiedEmbeddings, attention, output, qkNorm, blocks);
    }

    ModelConfig tiedEmbeddings(boolean tied) {
        return with(tied, attentionBias, outputBias, qkNorm, blocks);
    }

    ModelConfig qkNorm(boolean has) {
        return with(tiedEmbeddings, attentionBias, outputBias, has, blocks);
    }

    /** The same window in all layers. */
    ModelConfig slidingWindow(int tokens) {
        return tokens == 0 ? this : layers(Collections.nCopies(layers, new LayerKind(0, tokens)));
    }

    ModelConfig layers(List<LayerKind> kinds) {
        return with(b -> b.kinds = kinds);
    }

    ModelConfig withGelu() {
        return with(b -> b.gelu = true);
    }

    ModelConfig attentionScale(double scale) {
        return with(b -> b.attentionScale = scale);
    }

    ModelConfig scales(Scales scales) {
        return with(b -> b.scales = scales);
    }

    ModelConfig localRope(double theta) {
        return with(b -> b.localTheta = theta);
    }

    ModelConfig rotaryWidth(int width) {
        return with(b -> b.rotaryWidth = width);
    }

    ModelConfig prefix(String prefix) {
        return with(b -> b.prefix = prefix);
    }

    ModelConfig experts(Experts experts) {
        return with(b -> b.experts = Optional.of(experts));
    }

    ModelConfig delta(DeltaNet delta) {
        return with(b -> b.delta = Optional.of(delta));
    }

    /** Up to fewer positions than the model was made for. */
    ModelConfig atMost(int positions) {
        return with(
                tiedEmbeddings,
                attentionBias,
                outputBias,
                qkNorm,
                blocks,
                Math.min(maxPositions, positions),
                ropeTheta);
    }

    ModelConfig ropeTheta(double theta) {
        return with(tiedEmbeddings, attentionBias, outputBias, qkNorm, blocks, maxPositions, theta);
    }

    private ModelConfig with(Consumer<Blocks.Draft> change) {
        return with(tiedEmbeddings, attentionBias, outputBias, qkNorm, blocks.with(change));
    }

    private ModelConfig with(boolean tied, boolean attention, boolean output, boolean norms, Blocks changed) {
        return with(tied, attention, output, norms, changed, maxPositions, ropeTheta);
    }

    private ModelConfig with(
            boolean tied,
            boolean attention,
            boolean output,
            boolean norms,
            Blocks changed,
            int positions,
            double theta) {
        return new ModelConfig(
                architecture,
                hiddenSize,
                intermediateSize,
                layers,
                heads,
                kvHeads,
                headDim,
                vocabularySize,
                positions,
                rmsNormEps,
                theta,
                ropeScaling,
                tied,
                attention,
                output,
                norms,
                changed);
    }

    /**
     * The rotary embeddings that {@link LayerKind#rope} counts; with {@link #longer} the second takes the first one's
     * place.
     */
    public List<Rope> ropes() {
        Rope rope = new Rope(rotaryWidth(), ropeTheta, ropeScaling);
        if (ropeScaling.isPresent() && ropeScaling.get() instanceof RopeScaling.LongRope both) {
            return List.of(rope, new Rope(rotaryWidth(), ropeTheta, Optional.of(both.beyond())));
        }
        return blocks.localTheta() == 0
                ? List.of(rope)
                : List.of(rope, new Rope(rotaryWidth(), blocks.localTheta(), Optional.empty()));
    }

    /** Texts of more tokens are rotated by the second of {@link #ropes}; 0 where it does not depend on the length. */
    public int longer() {
        return ropeScaling
                .map(s -> s instanceof RopeScaling.LongRope both ? both.originalMaxPositions() : 0)
                .orElse(0);
    }

    /** How many dimensions of a head are rotated, from the first on. */
    public int rotaryWidth() {
        return blocks.rotaryWidth() == 0 ? headDim : blocks.rotaryWidth();
    }

    /**
     * A module's or tensor's name as it is in a text model, where the files of one that sees have it as a part of
     * theirs.
     */
    public String textName(String name) {
        return prefix().equals(TEXT) ? name : textPart(name);
    }

    /** {@code model.language_model.} or, as older files have it, {@code language_model.}, taken off. */
    public static String textPart(String name) {
        if (name.startsWith(TEXT_PART)) {
            return TEXT + name.substring(TEXT_PART.length());
        }
        return name.startsWith("language_model.") ? name.substring("language_model.".length()) : name;
    }

    /** The linear modules of a layer, from 0, in their order. */
    public List<Target> targets(int layer) {
        return layer(layer).delta() ? family().deltaTargets() : family().targets();
    }

    /** The linear modules that layers have, whichever of them. */
    public List<Target> targets() {
        return Stream.concat(family().targets().stream(), family().deltaTargets().stream())
                .distinct()
                .toList();
    }

    /** What stands before {@code layers} in the modules' names: {@link #TEXT} or {@link #TEXT_PART}. */
    public String prefix() {
        return blocks.prefix();
    }

    /** A layer, from 0. */
    public LayerKind layer(int number) {
        return blocks.kinds().isEmpty() ? LayerKind.PLAIN : blocks.kinds().get(number);
    }

    /**
     * Refuses layers in another order than llama.cpp knows for the family.
     *
     * @throws IllegalArgumentException if they are
     */
    void requireKinds(List<LayerKind> known) {
        if (!blocks.kinds().equals(known)) {
            throw new IllegalArgumentException("the layers of this " + architecture
                    + " model differ in another order than llama.cpp knows, which would compute another model: expected "
                    + known + ", found " + blocks.kinds());
        }
    }

    /** How many keys the layers with a sliding window see; 0 if there are none. */
    public int slidingWindow() {
        return blocks.kinds().stream().mapToInt(LayerKind::window).max().orElse(0);
    }

    /** Whether the MLP's gate is GELU's, not SiLU's. */
    public boolean gelu() {
        return blocks.gelu();
    }

    /** What attention's scores are multiplied with. */
    public double attentionScale() {
        return blocks.attentionScale() == 0 ? 1 / Math.sqrt(headDim) : blocks.attentionScale();
    }

    /** What embeddings, branches and logits are multiplied with. */
    public Scales scales() {
        return blocks.scales();
    }

    /** What stands in the place of the MLP, if something does. */
    public Optional<Experts> experts() {
        return blocks.experts();
    }

    /** What stands in the place of attention in layers whose kind says so. */
    public Optional<DeltaNet> delta() {
        return blocks.delta();
    }

    /** The width between the two products of an MLP or of an expert. */
    public int innerSize() {
        return experts().map(Experts::width).orElse(intermediateSize);
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
     * @throws ModelFormatException if the architecture is unknown, a field is missing or holds what is not computed
     *     here
     */
    public static ModelConfig read(Path configJson) throws IOException {
        JsonNode json;
        try {
            json = Json.files().readTree(Files.readAllBytes(configJson));
        } catch (JacksonException broken) {
            throw new ModelFormatException(configJson, "expected JSON: " + broken.getMessage(), broken);
        }
        ConfigJson text = ConfigJson.of(configJson, json);
        String type = text.json().path("model_type").asText("nothing");
        Family family = Family.named(type).orElseThrow(() -> unknown(configJson, type));
        ModelConfig config = ConfigCheck.checked(family.read(text), configJson);
        return json.has("vision_config") ? config.prefix(TEXT_PART) : config;
    }

    /**
     * Reads GGUF's metadata, and from the tensors what the metadata leaves open (vocabulary, biases, tied embeddings).
     *
     * @throws ModelFormatException if the architecture is unknown, a key is missing or holds what is not computed here
     */
    public static ModelConfig read(GgufFile gguf) throws IOException {
        String arch = gguf.string("general.architecture").orElse("nothing");
        Family family = Family.ALL.stream()
                .filter(f -> f.gguf().equals(arch)
                        || f.name().equals(arch)
                        || f.otherNames().contains(arch))
                .findFirst()
                .orElseThrow(() -> unknown(gguf.path(), arch));
        return ConfigCheck.checked(family.read(new ConfigGguf(gguf, arch)), gguf.path());
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
        JsonNode json = ConfigJson.of(file, Json.files().readTree(Files.readAllBytes(file)))
                .json();
        return Stream.of("bos_token_id", "eos_token_id", "pad_token_id")
                .map(json::path)
                .flatMap(node -> node.isArray() ? node.valueStream() : Stream.of(node))
                .filter(JsonNode::isInt)
                .mapToInt(JsonNode::intValue)
                .distinct()
                .toArray();
    }

    private static ModelFormatException unknown(Path file, String found) {
        List<String> near = Family.near(found);
        return new ModelFormatException(
                file,
                "expected an architecture of " + Family.names() + ", found " + found
                        + (near.isEmpty() ? "" : "; near it is " + String.join(", ", near)));
    }
}
