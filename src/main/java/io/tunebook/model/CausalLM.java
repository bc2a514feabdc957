package io.tunebook.model;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.ollama.llamacpp.LlamaCpp;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A frozen decoder and its tokenizer, from the file that a chat server serves or from a folder of safetensors. It
 * computes logits and losses, and the gradients of LoRA's {@link Factors}; {@link #generator} writes on from texts. One
 * thread at a time may use it; its native memory is freed by {@link #close}.
 */
public final class CausalLM implements AutoCloseable {
    private final ModelSource source;
    private final ModelConfig config;
    private final Tokenizer tokenizer;
    private final Precision precision;
    private final NDManager manager;
    final DecoderScript script;
    private final DeviceWeights.Loaded weights;
    private final RotaryTable rotary;
    private final GradientSteps steps;
    private final Optional<String> withoutKernels;
    private final AdapterUse adapters;
    final LlamaWriter writer;

    private CausalLM(
            ModelSource source,
            Weights from,
            Tokenizer tokenizer,
            Device device,
            LoadOptions options,
            Devices.Kernels kernels)
            throws IOException {
        this.source = source;
        this.config = from.config();
        this.tokenizer = tokenizer;
        manager = NDManager.newBaseManager(device);
        try {
            withoutKernels = kernels.missing(device, config, options.precision());
            script = new DecoderScript(manager, withoutKernels.isEmpty());
        } catch (RuntimeException | Error e) {
            manager.close();
            throw e;
        }
        try {
            steps = new GradientSteps(manager, script, withoutKernels, config);
            precision = options.precision().orElseGet(() -> Devices.faster(manager, script));
            rotary = new RotaryTable(config);
            Storage storage = options.storage(precision, from);
            int lossTokens = Sizes.lossTokens(config, device.isGpu());
            weights = DeviceWeights.load(manager, script, precision, from, storage, rotary, lossTokens);
            steps.chooseAttention();
            writer = new LlamaWriter(manager, from, options, storage);
            adapters = new AdapterUse(script, precision, config, weights, steps, writer);
        } catch (IOException | RuntimeException | Error e) {
            script.close();
            manager.close();
            throw e;
        }
    }

    // ---- loading

    /**
     * Loads a model as {@link LoadOptions} says by default.
     *
     * @param path a GGUF file, or a folder of safetensors with {@code config.json} and {@code tokenizer.json}
     * @throws IOException if it cannot be read, or is not what it should be; the message names the tensor
     */
    public static CausalLM load(Path path) throws IOException {
        return load(ModelSource.of(path));
    }

    public static CausalLM load(Path path, LoadOptions options) throws IOException {
        return load(ModelSource.of(path), options);
    }

    /**
     * Loads the model that Ollama has stored.
     *
     * @throws IllegalArgumentException if it has an adapter on top of its weights
     */
    public static CausalLM load(StoredModel stored) throws IOException {
        return load(ModelSource.of(stored));
    }

    public static CausalLM load(ModelSource source) throws IOException {
        return load(source, LoadOptions.defaults());
    }

    public static CausalLM load(ModelSource source, LoadOptions options) throws IOException {
        return load(source, options, Devices::withoutKernels);
    }

    /** @param kernels whether the text calls kernels, which a test may answer for a CPU */
    static CausalLM load(ModelSource source, LoadOptions options, Devices.Kernels kernels) throws IOException {
        CompletableFuture<Device> device = Devices.soon(options.device());
        try (Weights weights = source.weights()) {
            Tokenizer tokenizer = source.tokenizer(weights);
            try {
                return new CausalLM(source, weights, tokenizer, Devices.awaited(device), options, kernels);
            } catch (Throwable failure) {
                tokenizer.close();
                throw failure;
            }
        }
    }

    /** The same model, loaded once more, on another device. Adapters that were merged are not in it. */
    public CausalLM copyOn(Device device) throws IOException {
        return load(source, LoadOptions.in(precision).storage(weights.storage()).device(device));
    }

    // ---- what it is

    public ModelConfig config() {
        return config;
    }

    /** The tokenizer: that of the adapter in use where it has one of its own, else {@link #ownTokenizer}. */
    public Tokenizer tokenizer() {
        return adapters.tokenizer().orElse(tokenizer);
    }

    /** The tokenizer that the model was loaded with, whichever adapter is in use. */
    public Tokenizer ownTokenizer() {
        return tokenizer;
    }

    /** What it was loaded from. */
    public ModelSource source() {
        return source;
    }

    /** The file or folder it was loaded from. */
    public Path path() {
        return source.path();
    }

    public Precision precision() {
        return precision;
    }

    /** Tensors of the model's life may be made by it. */
    public NDManager manager() {
        return manager;
    }

    public Device device() {
        return manager.getDevice();
    }

    /** Which device computes, in words, and why it is not a GPU where it is none. */
    public String deviceReason() {
        return Devices.reason(device());
    }

    /** What computes the answers of {@link #generator}, in words: llama.cpp, or PyTorch and why. */
    public String writer() {
        return writer.whyNot().map(why -> "PyTorch: " + why).orElse("llama.cpp " + LlamaCpp.VERSION);
    }

    public Generator generator() {
        return new Generator(this);
    }

    /** The number of the model's own parameters. */
    public long parameters() {
        return config.parameters();
    }

    /** Whether the matrices are still in the blocks of their file. */
    public boolean quantized() {
        return weights.quantized();
    }

    /** The bytes that the weights take on the device. */
    public long weightBytes() {
        return weights.bytes();
    }

    /**
     * The bytes of the output matrix and of a layer, expanded while they are used where they are stored otherwise: a
     * step needs them beside {@link #weightBytes}.
     */
    public long expandedBytes() {
        return weights.expandedWhenUsed() ? Sizes.expandedBytes(config, precision) : 0;
    }

    // ---- the parts that adapters and training ask

    /** Which adapter is in use: LoRA's factors are put in and merged there. */
    public AdapterUse adapters() {
        return adapters;
    }

    /** What computes {@link #gradient}, which a training sets up and empties. */
    public GradientSteps steps() {
        return steps;
    }

    /** The model as it was loaded, from now on, without an adapter in use; one that is merged stays in the weights. */
    public void detach() {
        adapters.detach();
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s: %s, %,d parameters, %d layers of %d, %d tokens known, %s on %s",
                path().getFileName(),
                config.architecture(),
                parameters(),
                config.layers(),
                config.hiddenSize(),
                config.vocabularySize(),
                (precision == Precision.FLOAT32 ? "float32" : "bfloat16") + weights.words(),
                Devices.words(device(), withoutKernels));
    }

    // ---- computing

    /** Loss and number of the labels that count. */
    public record Loss(double sum, int labels) {
        /** The mean, in nats a label; NaN if there are none. */
        public double mean() {
            return sum / labels;
        }
    }

    /** The loss of a batch, with the adapter in use. */
    public Loss loss(TokenBatch batch) {
        BatchInputs inputs = inputs(batch);
        int labels = inputs.labelPositions().length;
        return labels == 0 ? new Loss(0, 0) : new Loss(script.loss(inputs), labels);
    }

    /** The loss of one text, each token predicted from those before it. */
    public Loss loss(int... ids) {
        return loss(TokenBatch.sequence(ids));
    }

    /** Logits of every position, [tokens][vocabulary], with the adapter in use. */
    public float[][] logits(int... ids) {
        return logits(TokenBatch.sequence(ids));
    }

    /** Logits of every position of a batch, [rows · length][vocabulary]. */
    public float[][] logits(TokenBatch batch) {
        return script.logits(inputs(BatchInputs.whole(batch, adapters.vocabulary())), batch.ids().length);
    }

    /**
     * Forward and backward of one micro batch, without its padding. A GPU is not waited for.
     *
     * @param gradient of the factors' shape; {@code weight} times the derivative of the summed loss is added to it
     * @param losses float64 [1]; the summed loss is added to it
     * @param dropout the probability with which an input of A is dropped
     * @param seed of dropout
     * @param checkpointed of how many layers, from the first, the backward computes activations again
     */
    public void gradient(
            TokenBatch batch,
            Factors factors,
            NDArray gradient,
            NDArray losses,
            double weight,
            double dropout,
            long seed,
            int checkpointed) {
        BatchInputs inputs = inputs(BatchInputs.of(batch, adapters.vocabulary(factors)));
        writer.close(); // PyTorch trains, and needs the memory
        if (inputs.labelPositions().length > 0) {
            steps.add(inputs, factors, gradient, losses, weight, dropout, seed, checkpointed);
        }
    }

    /** A text of at most so many tokens, by llama.cpp where it can. */
    Continuation continuation(int longest) {
        requirePositions(longest);
        return writer.continuation(longest, () -> cache(longest));
    }

    /** An empty cache for so many tokens. */
    KvCache cache(int longest) {
        requirePositions(longest);
        return new KvCache(manager.newSubManager(), script, longest, config.longer());
    }

    BatchInputs inputs(TokenBatch batch) {
        return inputs(BatchInputs.of(batch, adapters.vocabulary()));
    }

    private BatchInputs inputs(BatchInputs inputs) {
        requirePositions(inputs.last() + 1);
        return inputs;
    }

    private void requirePositions(int positions) {
        if (rotary.grow(positions)) {
            steps.close(); // they read the table where it was
            script.setRotary(rotary);
        }
    }

    @Override
    public void close() {
        writer.close();
        steps.close();
        script.close();
        manager.close();
        adapters.close();
        tokenizer.close();
        if (!device().isGpu()) {
            Devices.trim(device());
        }
    }
}
