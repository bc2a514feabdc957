package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.tunebook.cuda.CudaDevice;
import io.tunebook.cuda.Determinism;
import io.tunebook.cuda.GraphCache;
import io.tunebook.model.DecoderScript.Attention;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Forward and backward of micro batches by the decoder's text. On a GPU with kernels the work of each shape is recorded
 * and played again. A training says how they are computed and when they are over; {@link CausalLM#gradient} does one.
 * Knows nothing of layouts and optimizers.
 */
public final class GradientSteps implements AutoCloseable {
    private final NDManager manager;
    private final DecoderScript script;
    private final Optional<String> withoutKernels;
    private final ModelConfig config;
    private final Optional<GraphCache<BatchInputs.Tensors>> graphs;
    private RecordedSizes sizes = new RecordedSizes();
    private boolean cudnn;
    private boolean sameBits;
    private boolean aroundSwiglu;

    /** @param withoutKernels why the text does not compute by the kernels of {@code kernels.cu}; empty if it does */
    GradientSteps(NDManager manager, DecoderScript script, Optional<String> withoutKernels, ModelConfig config) {
        this.config = config;
        this.manager = manager;
        this.script = script;
        this.withoutKernels = withoutKernels;
        boolean recorded =
                manager.getDevice().isGpu() && kernels() && GraphCache.missing().isEmpty();
        graphs = recorded ? Optional.of(new GraphCache<>(manager)) : Optional.empty();
    }

    /** Whether the kernels of our own for a GPU compute. */
    boolean kernels() {
        return withoutKernels.isEmpty();
    }

    /** Whether steps without dropout are recorded, unless experts are adapted. */
    boolean recorded() {
        return graphs.isPresent();
    }

    /** Once the weights are there: what computes attention. */
    void chooseAttention() {
        cudnn = recorded() && Devices.cudnnAgrees(manager.getDevice(), script, config.headDim());
        script.use(new Attention(cudnn, false));
    }

    /**
     * Whether gradients have the same bits each time, on a GPU too. cuDNN then computes the forward of attention only,
     * if what it leaves suits the flash kernel.
     *
     * @return why they do not, if they should
     */
    public Optional<String> deterministic(boolean yes) {
        if (yes == sameBits || !manager.getDevice().isGpu()) {
            return Optional.empty();
        }
        Attention wanted = new Attention(cudnn, yes);
        if (yes && cudnn && !Devices.agrees(script, wanted)) {
            wanted = new Attention(false, true);
        }
        Optional<String> missing = yes ? missing(wanted) : Optional.empty();
        if (missing.isEmpty()) {
            close(); // what is recorded computes the other way
            script.use(wanted);
            sameBits = yes;
        }
        return missing;
    }

    private Optional<String> missing(Attention wanted) {
        if (!kernels()) {
            return Optional.of("the kernels that this library brings for GPUs are not used here");
        }
        return Determinism.missing()
                .or(() -> Devices.agrees(script, wanted)
                        ? Optional.empty()
                        : Optional.of("PyTorch's deterministic attention does not agree with its other one here"));
    }

    /**
     * Adds to a gradient and to losses. A GPU is not waited for.
     *
     * @see CausalLM#gradient
     */
    void add(
            BatchInputs batch,
            Factors factors,
            NDArray gradient,
            NDArray losses,
            double weight,
            double dropout,
            long seed,
            int checkpointed) {
        long around = dropout == 0 ? rankAroundSwiglu(factors) : 0;
        try (NDManager scope = manager.newSubManager()) {
            List<NDArray> lossAndGradient;
            if (recorded() && dropout == 0 && !ofExperts(factors)) {
                lossAndGradient = graphs.get()
                        .compute(
                                scope,
                                batch.padded(sizes.choose(batch.size())).with(script),
                                factors.flat(),
                                checkpointed,
                                (owner, tensors) ->
                                        script.gradient(owner, tensors, factors, 0, new long[0], checkpointed, around));
            } else {
                long[] keys = dropoutKeys(factors, dropout, seed);
                lossAndGradient =
                        script.gradient(scope, batch.on(scope, script), factors, dropout, keys, checkpointed, around);
            }
            script.accumulate(gradient, lossAndGradient.get(1), weight, losses, lossAndGradient.get(0));
        }
    }

    /**
     * Whether experts are adapted: how many rows each has is then read by the host, so that such a step cannot be
     * played again.
     */
    private boolean ofExperts(Factors factors) {
        if (config.experts().isEmpty()) {
            return false;
        }
        int at = 0;
        for (int layer = 0; at < factors.ranks().length; layer++) {
            for (Target target : config.targets(layer)) {
                if (factors.ranks()[at++] > 0 && target.ofExperts()) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * What dropout drops follows from these alone, two of each target, on whichever device and beside whatever other.
     */
    private static long[] dropoutKeys(Factors factors, double dropout, long seed) {
        return dropout == 0
                ? new long[0]
                : new SplittableRandom(seed)
                        .ints(2L * factors.ranks().length)
                        .asLongStream()
                        .toArray();
    }

    /**
     * The rank whose products around SwiGLU are computed in its kernels, if gate, up and down of some layer have one
     * that they are there for; 0 if not.
     */
    private long rankAroundSwiglu(Factors factors) {
        if (factors.dora() || !config.targets().contains(Target.GATE)) {
            return 0;
        }
        int first = 0;
        for (int layer = 0; layer < config.layers() && factors.ranks().length > 0; layer++) {
            List<Target> targets = config.targets(layer);
            long rank = factors.ranks()[first + targets.indexOf(Target.DOWN)];
            if (rank > 0
                    && rank == factors.ranks()[first + targets.indexOf(Target.GATE)]
                    && rank == factors.ranks()[first + targets.indexOf(Target.UP)]) {
                boolean there = aroundSwiglu
                        || kernels() && CudaDevice.of(manager.getDevice()).compiled(rank);
                return there ? rank : 0;
            }
            first += targets.size();
        }
        return 0;
    }

    /**
     * On other devices the products around SwiGLU are computed by themselves, which is faster there; after this they
     * are not, so that tests see those formulas too.
     */
    void aroundSwiglu() {
        aroundSwiglu = true;
    }

    /** Why steps on a GPU take longer than they could; empty on a CPU and where the kernels of our own compute. */
    public Optional<String> slower() {
        return Devices.slower(manager.getDevice(), withoutKernels);
    }

    /**
     * A training has ended: gives back recordings and their memory, or a CPU's free memory. The next one begins as if
     * this one had not been.
     */
    public void release() {
        close();
        sizes = new RecordedSizes();
        Devices.trim(manager.getDevice());
    }

    /** Forgets what was recorded; it is recorded anew when it comes again. */
    @Override
    public void close() {
        graphs.ifPresent(GraphCache::close);
    }
}
