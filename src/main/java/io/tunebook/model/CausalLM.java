package io.tunebook.model;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import com.sun.jna.NativeLibrary;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.cuda.GraphCache;
import io.tunebook.cuda.Widths;
import io.tunebook.model.DeviceWeights.Storage;
import io.tunebook.ollama.store.StoredModel;
import io.tunebook.tensors.GgufType;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A frozen decoder and its tokenizer, from the file that a chat server serves or from a folder of safetensors. It computes logits and losses, and the
 * gradients of LoRA factors laid out by a {@link LoraLayout}. One thread at a time may use it; its native memory is freed by {@link #close}.
 */
public final class CausalLM implements AutoCloseable {
    private static final int FLOAT32 = 6;
    private static final int BFLOAT16 = 15;
    /** Logits are made for so many elements at once: 128 MB in float32. */
    private static final int LOGITS = 1 << 25;
    /** 256 MB in bfloat16; on a GPU rows come in multiples of the tiles that its products are computed in. */
    private static final int GPU_LOGITS = 1 << 27;

    private static final int GPU_ROWS = 256;
    /** What rows are padded to where steps are recorded by their shapes. */
    private static final int LENGTHS = 64;

    private static Precision fasterOnCpu;

    private final Path path;
    private final ModelConfig config;
    private final Tokenizer tokenizer;
    private final Precision precision;
    private final NDManager manager;
    private final TorchScript script;
    private final DeviceWeights weights;
    private final long[] shape;
    private final GraphCache<BatchInputs.Tensors> graphs;
    private final Optional<String> withoutKernels;
    private final boolean cudnn;
    private NDArray table;
    private ActiveLora active;
    private boolean aroundSwiglu;

    /** The type that weights and activations have; sums of losses and the factors of LoRA are float32 in either. */
    public enum Precision {
        FLOAT32(CausalLM.FLOAT32),
        BFLOAT16(CausalLM.BFLOAT16);

        private final int type;

        int type() {
            return type;
        }

        Precision(int type) {
            this.type = type;
        }

        /** Bytes an element takes. */
        public int bytes() {
            return this == FLOAT32 ? 4 : 2;
        }
    }

    /** LoRA factors that are added to every product until they are taken off. */
    private record ActiveLora(LoraLayout layout, List<NDArray> factors, List<NDArray> dora) {}

    static {
        String cudart = System.getenv("JNA_LIBRARY_PATH");
        if (cudart != null && System.getProperty("jna.library.path") == null) {
            System.setProperty("jna.library.path", cudart); // where DJL looks for the runtime that counts the GPUs
        }
    }

    private CausalLM(Path path, Weights from, Tokenizer tokenizer, Device device, Precision precision, Storage storage)
            throws IOException {
        this.path = path;
        this.config = from.config();
        this.tokenizer = tokenizer;
        manager = NDManager.newBaseManager(device);
        boolean widthsFit =
                new Widths(config.hiddenSize(), config.intermediateSize(), config.headDim(), config.vocabularySize())
                                .fit()
                        && (precision == null || precision == Precision.BFLOAT16);
        withoutKernels = !device.isGpu()
                ? Optional.of("no GPU")
                : widthsFit ? CudaDevice.of(device).missing() : Optional.of("widths or type are not theirs");
        script = TorchScript.load(
                manager,
                "Decoder",
                CausalLM.class,
                "decoder.ts",
                withoutKernels.isEmpty() ? "pointwise_cuda.ts" : "pointwise.ts");
        graphs = withoutKernels.isEmpty() && GraphCache.missing().isEmpty() ? new GraphCache<>(manager) : null;
        this.precision = precision != null ? precision : faster(device);
        GgufType type = from.tensor("model.embed_tokens.weight").type();
        boolean narrow = precision == null
                && this.precision == Precision.FLOAT32
                && type != GgufType.F32
                && type != GgufType.F16;
        Storage chosen = storage != null ? storage : narrow ? Storage.NARROW : Storage.COMPUTED;
        shape = new long[] {
            config.heads(),
            config.kvHeads(),
            config.headDim(),
            config.layers(),
            config.intermediateSize(),
            config.vocabularySize(),
            0,
            0
        };
        try {
            weights = new DeviceWeights(manager, script, this.precision, from, chosen);
            growTable(Math.min(2048, config.maxPositions()));
            cudnn = cudnnAgrees();
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /**
     * Loads a model on the GPU if there is one, in bfloat16; on a CPU in the type that it multiplies faster. Where that is float32, matrices that the file has
     * in bfloat16 stay there, mapped, and those that it has in blocks are expanded to bfloat16; they are cast layer by layer when they are used, and a token is
     * generated from them as they are, which is twice as fast as from float32. Give a precision to have all of it in one type.
     *
     * @param path a GGUF file, or a folder of safetensors with {@code config.json} and {@code tokenizer.json}
     * @throws IOException if it cannot be read, or is not what it should be; the message names tensor, expectation and finding
     */
    public static CausalLM load(Path path) throws IOException {
        return load(path, null);
    }

    /** Loads a model in the given type. */
    public static CausalLM load(Path path, Precision precision) throws IOException {
        return load(path, precision, null);
    }

    /**
     * Loads a quantized model for QLoRA: its matrices stay in GGUF's blocks (Q4_0, Q4_1, Q8_0, Q4_K, Q6_K) on the device, at their size on disk, and are
     * expanded layer by layer when they are used. Tensors of other types are expanded once, here.
     *
     * @param path a GGUF file
     */
    public static CausalLM loadQuantized(Path path) throws IOException {
        return load(path, null, Storage.BLOCKS);
    }

    /** Loads a quantized model for QLoRA that computes in the given type. */
    public static CausalLM loadQuantized(Path path, Precision precision) throws IOException {
        return load(path, precision, Storage.BLOCKS);
    }

    /** What {@link #load(Path)} does where a CPU multiplies faster in float32. */
    static CausalLM loadNarrow(Path path) throws IOException {
        return load(path, Precision.FLOAT32, Storage.NARROW);
    }

    /** The same model, loaded once more, on another device. Adapters that were merged are not in it. */
    public CausalLM copyOn(Device device) throws IOException {
        return load(path, precision, quantized() ? Storage.BLOCKS : Storage.COMPUTED, device);
    }

    /** Loads the model that Ollama has stored and leaves its matrices in GGUF's blocks. */
    public static CausalLM loadQuantized(StoredModel stored) throws IOException {
        return loadQuantized(weightsAlone(stored));
    }

    private static CausalLM load(Path path, Precision precision, Storage storage) throws IOException {
        return load(path, precision, storage, null);
    }

    /** @param device null for the engine's default */
    private static CausalLM load(Path path, Precision precision, Storage storage, Device device) throws IOException {
        // libtorch takes as long to load as a tokenizer to read
        CompletableFuture<Device> chosen = CompletableFuture.supplyAsync(
                () -> device != null ? device : Engine.getInstance().defaultDevice());
        try (Weights weights = Weights.open(path)) {
            Tokenizer tokenizer =
                    weights.gguf().isPresent() ? Tokenizer.of(weights.gguf().get()) : Tokenizer.load(path);
            try {
                tokenizer.requireFits(
                        path.getFileName().toString(), weights.config().vocabularySize(), ModelConfig.specialIds(path));
                return new CausalLM(path, weights, tokenizer, awaited(chosen), precision, storage);
            } catch (Throwable failure) {
                tokenizer.close();
                throw failure;
            }
        }
    }

    private static Device awaited(CompletableFuture<Device> device) {
        try {
            return device.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /**
     * Loads the model that Ollama has stored.
     *
     * @throws IllegalArgumentException if it has an adapter on top of its weights
     */
    public static CausalLM load(StoredModel stored) throws IOException {
        return load(weightsAlone(stored));
    }

    private static Path weightsAlone(StoredModel stored) {
        if (!stored.adapters().isEmpty()) {
            throw new IllegalArgumentException(stored.name() + " has an adapter on top of its weights ("
                    + stored.adapters().get(0)
                    + "), without which it is another model: load the model that it was made from, or the weights alone by "
                    + stored.gguf());
        }
        return stored.gguf();
    }

    public static CausalLM load(ModelSource source) throws IOException {
        return load(source.path());
    }

    // ---- what it is

    public ModelConfig config() {
        return config;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The file or folder it was loaded from. */
    public Path path() {
        return path;
    }

    public Precision precision() {
        return precision;
    }

    /** Owns the weights; tensors of the same life may be made by it. */
    public NDManager manager() {
        return manager;
    }

    public Device device() {
        return manager.getDevice();
    }

    /** Which device computes, in words, and why it is not a GPU where it is none. */
    public String deviceReason() {
        if (device().isGpu()) {
            return "It runs on GPU " + device().getDeviceId() + " of "
                    + Engine.getInstance().getGpuCount() + ".";
        }
        String libraries = System.getenv("PYTORCH_LIBRARY_PATH");
        return "It runs on the CPU: "
                + (libraries == null
                        ? "this PyTorch is the one without CUDA. With an NVIDIA card: java environment/Lab.java setup --gpu"
                        : "no GPU answers to the PyTorch in " + libraries
                                + ". What java environment/Lab.java doctor says of the GPU tells why");
    }

    public Generator generator() {
        return new Generator(this);
    }

    /** The number of the model's own parameters. */
    public long parameters() {
        return config.parameters().values().stream()
                .mapToLong(s -> java.util.Arrays.stream(s).reduce(1, (a, b) -> a * b))
                .sum();
    }

    /** Whether the matrices are still in the blocks of their file. */
    public boolean quantized() {
        return weights.quantized();
    }

    /** The bytes that the weights take on the device. */
    public long weightBytes() {
        return weights.bytes();
    }

    /** The bytes that weights take for as long as they are used, where they are stored in another type or in blocks: the output matrix, and a layer's. */
    public long expandedBytes() {
        return weights.stored()
                ? (long) precision.bytes()
                        * ((long) config.vocabularySize() * config.hiddenSize()
                                + 3L * config.intermediateSize() * config.hiddenSize()
                                + 2L * (config.heads() + config.kvHeads()) * config.headDim() * config.hiddenSize())
                : 0;
    }

    /** For how many positions at a time logits are made, so that those of a long batch are never there all at once. */
    public int lossTokens() {
        return device().isGpu()
                ? Math.max(1, GPU_LOGITS / config.vocabularySize() / GPU_ROWS) * GPU_ROWS
                : Math.max(16, LOGITS / config.vocabularySize());
    }

    /** The decoder's text in TorchScript, with what each backward is the derivative of. */
    public static String source() {
        try {
            return TorchScript.text(CausalLM.class, "decoder.ts") + "\n"
                    + TorchScript.text(CausalLM.class, "pointwise.ts");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s: %s, %,d parameters, %d layers of %d, %d tokens known, %s on %s",
                path.getFileName(),
                config.architecture(),
                parameters(),
                config.layers(),
                config.hiddenSize(),
                config.vocabularySize(),
                (precision == Precision.FLOAT32 ? "float32" : "bfloat16")
                        + (quantized() ? " from GGUF's blocks" : weights.stored() ? " from bfloat16" : ""),
                device().isGpu()
                        ? device()
                                + withoutKernels
                                        .map(why -> " without CUDA kernels of its own: " + why)
                                        .orElse("")
                        : device());
    }

    // ---- loading

    private void growTable(int positions) {
        float[] inverse = config.inverseFrequencies();
        int d = config.headDim();
        float[] values = new float[2 * positions * d];
        for (int p = 0; p < positions; p++) {
            for (int i = 0; i < d; i++) {
                float angle = p * inverse[i % (d / 2)];
                values[p * d + i] = (float) Math.cos(angle);
                values[(positions + p) * d + i] = (float) (i < d / 2 ? -Math.sin(angle) : Math.sin(angle));
            }
        }
        if (table != null) {
            if (graphs != null) {
                graphs.close(); // they read the table where it was
            }
            table.close();
        }
        table = manager.create(values, new Shape(2, positions, d));
    }

    private void requirePositions(int positions) {
        config.requireLength(positions);
        if (positions > config.maxPositions()) {
            throw new IllegalArgumentException("this model was trained on at most " + config.maxPositions()
                    + " tokens in a row, found " + positions);
        }
        int known = (int) table.getShape().get(1);
        if (positions > known) {
            growTable(Math.min(config.maxPositions(), Math.max(positions, 2 * known)));
        }
    }

    /** bfloat16 is many times slower than float32 on some processors and faster on others, so both are tried once. */
    private Precision faster(Device device) {
        if (device.isGpu()) {
            return Precision.BFLOAT16;
        }
        synchronized (CausalLM.class) {
            if (fasterOnCpu == null) {
                long wide = productTime(Precision.FLOAT32, Long.MAX_VALUE);
                fasterOnCpu =
                        productTime(Precision.BFLOAT16, 2 * wide) < 0.8 * wide ? Precision.BFLOAT16 : Precision.FLOAT32;
            }
            return fasterOnCpu;
        }
    }

    /** The best of five products, or of two if these took longer than {@code hopeless}, in nanoseconds. */
    private long productTime(Precision type, long hopeless) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments cast = new TorchScript.Arguments();
                TorchScript.Arguments cast2 = new TorchScript.Arguments()) {
            NDArray x = script.call(
                            scope,
                            "as_type",
                            cast.tensor(scope.ones(new Shape(256, 1024)))
                                    .number(type.type)
                                    .tensor(scope.create(new Shape(0))))
                    .get(0);
            NDArray w = script.call(
                            scope,
                            "as_type",
                            cast2.tensor(scope.ones(new Shape(1024, 1024)))
                                    .number(type.type)
                                    .tensor(scope.create(new Shape(0))))
                    .get(0);
            long best = Long.MAX_VALUE;
            for (int i = 0; i < (best > hopeless ? 2 : 5); i++) {
                long start = System.nanoTime();
                try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                    script.call(scope, "product", a.tensor(x).tensor(w)).get(0).toFloatArray();
                }
                best = Math.min(best, System.nanoTime() - start);
            }
            return best;
        }
    }

    // ---- LoRA

    /**
     * Adds LoRA's products to those of the model from now on. The factors are read anew by each {@link #gradient}, and by others when this is called.
     *
     * @param flat float32, laid out as {@code layout} says; it stays the caller's
     */
    public void use(NDArray flat, LoraLayout layout) {
        Objects.requireNonNull(layout);
        useNone();
        List<NDArray> factors = cut(manager, flat, layout);
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            weights.arguments(a).tensors(factors).numbers(layout.ranks());
            List<NDArray> dora =
                    script.call(manager, "dora", a.reals(layout.scales()).numbers(shape));
            active = new ActiveLora(layout, factors, dora);
        }
    }

    /** Copies values to where an array lies; what reads it by its address, a recorded step say, sees them. */
    public void assign(NDArray to, float[] values) {
        try (NDManager scope = manager.newSubManager();
                NDArray from = scope.create(values, to.getShape())) {
            assign(to, from);
        }
    }

    /** Copies an array's values to where another lies, from device to device if need be. */
    public void assign(NDArray to, NDArray from) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            script.call(scope, "assign", a.tensors(List.of(to)).tensors(List.of(from)));
        }
    }

    /** Adds an array's values to another, from device to device if need be, and leaves zeros behind. */
    public void take(NDArray sum, NDArray from) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            script.call(scope, "take", a.tensor(sum).tensor(from));
        }
    }

    /** The model as it was loaded, from now on. */
    public void useNone() {
        if (active != null) {
            active.factors.forEach(NDArray::close);
            active.dora.forEach(NDArray::close);
            active = null;
        }
    }

    private List<NDArray> cut(NDManager owner, NDArray flat, LoraLayout layout) {
        if (flat.getShape().size() != layout.parameters()) {
            throw new IllegalArgumentException("expected " + layout.parameters() + " factors, found "
                    + flat.getShape().size());
        }
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(
                    owner,
                    "cut",
                    a.tensor(flat)
                            .numbers(layout.sizes())
                            .numbers(layout.columns())
                            .tensor(weights.like())
                            .flag(true));
        }
    }

    /**
     * Adds {@code sign · scale · B A} to the weights themselves: 1 merges, -1 takes it out again, up to the rounding of the model's type.
     *
     * @throws IllegalArgumentException for DoRA, whose magnitudes are no sum
     */
    public void merge(NDArray flat, LoraLayout layout, int sign) {
        if (layout.slices().values().stream().anyMatch(s -> s.magnitude() >= 0)) {
            throw new IllegalArgumentException(
                    "DoRA's magnitudes cannot be merged in place; export a merged GGUF instead");
        }
        if (weights.quantized()) {
            throw new IllegalStateException(
                    "the weights are in GGUF's blocks, which would round the adapter away; export a merged GGUF instead");
        }
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            List<NDArray> factors = cut(scope, flat, layout);
            script.call(
                    scope,
                    "merge_",
                    weights.arguments(a)
                            .tensors(factors)
                            .numbers(layout.ranks())
                            .reals(layout.scales())
                            .numbers(shape)
                            .real(sign));
        }
    }

    /** The norm of each row of each adapted module's weight: what DoRA's magnitudes start from. */
    public float[] rowNorms(LoraLayout.Slice slice) {
        int[] piece = {1, 1, 1, 3, 6, 6, 7};
        int target = LoraLayout.modules(config).indexOf(slice.module()) % LoraLayout.TARGETS;
        int from =
                switch (target) {
                    case 1 -> config.heads() * config.headDim();
                    case 2 -> (config.heads() + config.kvHeads()) * config.headDim();
                    case 5 -> config.intermediateSize();
                    default -> 0;
                };
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            NDArray w = weights.layer(scope, slice.layer(), piece[target], shape);
            float[] all = script.call(scope, "row_norms", a.tensor(w)).get(0).toFloatArray();
            return java.util.Arrays.copyOfRange(all, from, from + slice.out());
        }
    }

    // ---- computing

    /** Loss and number of the labels that count. */
    public record Loss(double sum, int labels) {
        /** The mean, in nats a label; NaN if there are none. */
        public double mean() {
            return sum / labels;
        }
    }

    /** The loss of a batch, with the LoRA in use. */
    public Loss loss(TokenBatch batch) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            BatchInputs inputs = inputs(batch);
            int labels = inputs.at().length;
            if (labels == 0) {
                return new Loss(0, 0);
            }
            BatchInputs.Tensors tensors = inputs.on(scope);
            tensors.tokens(a).tensor(tensors.at()).tensor(tensors.targets()).tensor(table);
            model(a, batch.length()).number(lossTokens());
            return new Loss(script.call(scope, "loss", a).get(0).toFloatArray()[0], labels);
        }
    }

    /** The loss of one text, each token predicted from those before it. */
    public Loss loss(int... ids) {
        return loss(sequence(ids));
    }

    /** Logits of every position, [tokens][vocabulary], with the LoRA in use. */
    public float[][] logits(int... ids) {
        return logits(sequence(ids));
    }

    /** Logits of every position of a batch, [rows · length][vocabulary]. */
    public float[][] logits(TokenBatch batch) {
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            inputs(batch).on(scope).tokens(a).tensor(table);
            float[] all = script.call(scope, "logits", model(a, batch.length()))
                    .get(0)
                    .toFloatArray();
            int v = all.length / batch.ids().length;
            float[][] rows = new float[batch.ids().length][];
            for (int i = 0; i < rows.length; i++) {
                rows[i] = java.util.Arrays.copyOfRange(all, i * v, (i + 1) * v);
            }
            return rows;
        }
    }

    /**
     * Forward and backward of one micro batch.
     *
     * @param flat the factors, float32
     * @param gradient of the same shape; {@code weight} times the derivative of the summed loss is added to it
     * @param dropout the probability with which an input of A is dropped
     * @param seed of dropout
     * @param checkpointing whether activations are computed again in the backward instead of kept
     * @return the summed loss
     */
    public double gradient(
            TokenBatch batch,
            NDArray flat,
            LoraLayout layout,
            NDArray gradient,
            double weight,
            double dropout,
            long seed,
            boolean checkpointing) {
        boolean recorded = graphs != null && dropout == 0;
        BatchInputs inputs = recorded ? inputs(batch.paddedTo(LENGTHS)).rounded() : inputs(batch);
        if (inputs.at().length == 0) {
            return 0;
        }
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            List<NDArray> lossAndGradient;
            if (recorded) {
                lossAndGradient = graphs.compute(
                        scope,
                        inputs.with(script),
                        flat,
                        checkpointing,
                        (owner, tensors) -> gradient(owner, tensors, flat, layout, 0, checkpointing));
            } else {
                if (dropout > 0) {
                    JniUtils.setSeed(seed);
                }
                lossAndGradient = gradient(scope, inputs.on(scope), flat, layout, dropout, checkpointing);
            }
            a.tensor(gradient).tensor(lossAndGradient.get(1)).real(weight);
            script.call(scope, "accumulate", a);
            return lossAndGradient.get(0).toFloatArray()[0];
        }
    }

    /** The summed loss, and its derivative by the factors in the model's type. */
    private List<NDArray> gradient(
            NDManager owner,
            BatchInputs.Tensors batch,
            NDArray flat,
            LoraLayout layout,
            double dropout,
            boolean checkpointing) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            List<NDArray> factors = cut(owner, flat, layout);
            long[] shape = shape((int) batch.ids().getShape().get(1));
            shape[7] = dropout == 0 ? rankAroundSwiglu(layout) : 0;
            batch.tokens(a).tensor(batch.at()).tensor(batch.targets()).tensor(table);
            weights.arguments(a).tensors(factors);
            a.numbers(layout.ranks())
                    .reals(layout.scales())
                    .numbers(shape)
                    .real(config.rmsNormEps())
                    .number(lossTokens());
            a.tensor(flat).numbers(layout.sizes()).numbers(layout.columns());
            a.real(dropout).flag(checkpointing);
            return script.call(owner, "gradient", a);
        }
    }

    /** The rank whose products around SwiGLU are computed in its kernels, if gate, up and down of some layer have one that they are there for; 0 if not. */
    private long rankAroundSwiglu(LoraLayout layout) {
        if (layout.slices().values().stream().anyMatch(slice -> slice.magnitude() >= 0)) {
            return 0;
        }
        for (int down = LoraLayout.TARGETS - 1; down < layout.ranks().length; down += LoraLayout.TARGETS) {
            long rank = layout.ranks()[down];
            if (rank > 0 && rank == layout.ranks()[down - 1] && rank == layout.ranks()[down - 2]) {
                return aroundSwiglu
                                || withoutKernels.isEmpty()
                                        && CudaDevice.of(device()).compiled(rank)
                        ? rank
                        : 0;
            }
        }
        return 0;
    }

    /** On other devices the products around SwiGLU are computed by themselves, which is faster there; after this they are not, so that tests see those formulas too. */
    void aroundSwiglu() {
        aroundSwiglu = true;
    }

    /** Gives back what {@link #gradient} keeps between steps: on a GPU recorded work and the memory that goes with it, on a CPU memory that is free. */
    public void releaseSteps() {
        if (graphs != null) {
            graphs.close();
        }
        if (device().isGpu()) {
            JniUtils.emptyCudaCache();
        } else {
            trim();
        }
    }

    /** Hands free memory back to the system where glibc was told to keep it (environment/Lab.java says why it is). */
    private static void trim() {
        try {
            NativeLibrary.getProcess().getFunction("malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            // another C library, which has its own ways
        }
    }

    /** Weights, LoRA in use, shape: the arguments that all methods share. */
    private TorchScript.Arguments model(TorchScript.Arguments a, int length) {
        weights.arguments(a);
        if (active == null) {
            a.tensors(List.of())
                    .numbers(new long[config.layers() * LoraLayout.TARGETS])
                    .reals(new double[config.layers() * LoraLayout.TARGETS]);
        } else {
            a.tensors(active.factors).numbers(active.layout.ranks()).reals(active.layout.scales());
        }
        return a.numbers(shape(length)).real(config.rmsNormEps());
    }

    /** cuDNN prepares itself for each length, which takes a while, so it gets those that come again; packed rows never go there. */
    private long[] shape(int length) {
        long[] all = shape.clone();
        all[6] = cudnn && length % 128 == 0 ? 1 : 0;
        return all;
    }

    /** cuDNN's attention is the fastest on Hopper, but its versions differ: it must agree with the flash kernel for heads like this model's. */
    private boolean cudnnAgrees() {
        if (graphs == null || !CudaDevice.of(device()).hopper() || config.headDim() > 128) {
            return false;
        }
        try (NDManager scope = manager.newSubManager();
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            float difference = script.call(
                            scope, "cudnn_differs", a.tensor(weights.like()).numbers(shape))
                    .get(0)
                    .toFloatArray()[0];
            return difference < 0.03; // bfloat16 has eight bits; the largest difference seen on H100 is 0.01
        } catch (EngineException e) {
            return false;
        }
    }

    private BatchInputs inputs(TokenBatch batch) {
        BatchInputs inputs = BatchInputs.of(batch, config.vocabularySize());
        requirePositions(inputs.last() + 1);
        return inputs;
    }

    private static TokenBatch sequence(int... ids) {
        int[] positions = new int[ids.length];
        java.util.Arrays.setAll(positions, i -> i);
        return new TokenBatch(1, ids.length, ids, ids, positions, new int[ids.length]);
    }

    // ---- generating

    /** Keys and values of a text that is being continued. */
    final class Cache implements AutoCloseable {
        private final NDManager scope = manager.newSubManager();
        private final List<NDArray> tensors;
        private final int longest;
        private int length;

        /** @param longest how many tokens fit */
        Cache(int longest) {
            requirePositions(longest);
            this.longest = longest;
            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                tensors = script.call(
                        scope,
                        "new_cache",
                        a.tensor(weights.like()).numbers(shape).number(longest));
            }
        }

        int length() {
            return length;
        }

        /** The logits behind these tokens, which follow those that came before. */
        float[] next(int... ids) {
            if (length + ids.length > longest) {
                throw new IllegalArgumentException(
                        "expected at most " + longest + " tokens, found " + (length + ids.length));
            }
            try (NDManager step = manager.newSubManager();
                    TorchScript.Arguments a = new TorchScript.Arguments()) {
                long[] tokens = java.util.Arrays.stream(ids).asLongStream().toArray();
                a.tensor(step.create(tokens, new Shape(1, ids.length)))
                        .number(length)
                        .tensor(table);
                List<NDArray> dora = active == null ? List.of() : active.dora;
                float[] logits = script.call(
                                step, "next", model(a, ids.length).tensors(dora).tensors(tensors))
                        .get(0)
                        .toFloatArray();
                length += ids.length;
                return logits;
            }
        }

        @Override
        public void close() {
            scope.close();
        }
    }

    /** Frees the weights. */
    @Override
    public void close() {
        useNone();
        if (graphs != null) {
            graphs.close();
        }
        script.close();
        manager.close();
        tokenizer.close();
        trim();
    }
}
