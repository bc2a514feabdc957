package io.tunebook.train;

import ai.djl.Device;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.cuda.CudaUtils;
import com.sun.management.OperatingSystemMXBean;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.Precision;
import io.tunebook.model.Sizes;
import io.tunebook.model.family.ModelConfig;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * What a step needs besides the model that is loaded already, in bytes. A trainer makes it before its first step;
 * {@link #planned} makes it
 * from a model's shapes alone, before anything is fetched or bought.
 *
 * @param factors the factors with their gradient and AdamW's two moments, float32; on a GPU also factors and gradient
 * in the type that the model computes in
 * @param activations what the forward pass keeps for the backward pass, expanded weights, and what one layer's
 * backward pass takes beyond the logits
 * @param logits the logits of the tokens whose loss is computed at a time and their softmax, on a CPU one more of the
 * kind
 * @param free what the device has left; 0 if nobody knows
 */
public record MemoryEstimate(long factors, long activations, long logits, long free) {
    /** The part of free memory that a step may take: allocators round up, and other programs live too. */
    private static final double USABLE = 0.95;

    /** The estimates of one step, by the number of layers that are computed again in its backward pass. */
    record ForLayers(int layers, IntFunction<MemoryEstimate> estimates) {
        MemoryEstimate of(int checkpointed) {
            return estimates.apply(checkpointed);
        }

        /**
         * The fewest layers that must be computed again so that the step fits. The last layer never: its backward
         * comes first, so that it would be kept and computed again at once.
         */
        int fewest() {
            int checkpointed = 0;
            while (checkpointed < layers - 1 && !of(checkpointed).fits()) {
                checkpointed++;
            }
            return checkpointed;
        }

        /** What a person reads where that was decided. */
        String note(int checkpointed) {
            return "The activations of all layers do not fit into memory: a step would need about " + of(0)
                    + ". The first " + checkpointed + " of " + layers
                    + " layers are computed again in the backward pass (gradient checkpointing). The losses stay the"
                    + " same; a step takes up to a third longer.";
        }
    }

    /**
     * The estimates for a model that is loaded. What is free is asked for once.
     *
     * @param parameters how many factors are trained
     * @param tokens those of the largest batch, without its padding
     * @param deterministic as {@link TrainingArguments#deterministic}
     */
    static ForLayers forLayers(CausalLM model, long parameters, long tokens, boolean deterministic) {
        long free = free(model.device());
        long sums = deterministic && model.device().isGpu() ? deterministicSums(model.config(), tokens) : 0;
        return new ForLayers(
                model.config().layers(),
                checkpointed -> of(
                        model.config(),
                        model.precision().bytes(),
                        model.expandedBytes() + sums,
                        Sizes.lossTokens(model.config(), model.device().isGpu()),
                        parameters,
                        tokens,
                        checkpointed,
                        model.device().isGpu(),
                        free));
    }

    /**
     * The same for a model that is not loaded.
     *
     * @param bytes of a value that the model computes with
     * @param expanded what weights take for as long as they are used, see {@link Sizes#expandedBytes}
     * @param lossTokens for how many tokens at a time logits are made
     * @param checkpointed how many layers are computed again in the backward pass
     * @param gpu whether a GPU's kernels compute it
     */
    static MemoryEstimate of(
            ModelConfig c,
            int bytes,
            long expanded,
            int lossTokens,
            long parameters,
            long tokens,
            int checkpointed,
            boolean gpu,
            long free) {
        var step = new ActivationMemory(c, bytes, tokens, gpu);
        long logits = step.logits(lossTokens);
        // The loss comes between the last layer's forward and its backward, and a GPU's allocator gives its memory to
        // that. On a CPU both are counted.
        long backward = step.backward(checkpointed) - (gpu ? logits : 0);
        return new MemoryEstimate(
                (4 * 4 + (gpu ? 2L * bytes : 0)) * parameters,
                step.kept(checkpointed) + Math.max(0, backward) + expanded,
                logits,
                free);
    }

    /**
     * The estimate for a model of these shapes on a GPU that has bfloat16.
     *
     * @param tokens those of the largest batch, without its padding
     * @param checkpointing as {@link TrainingArguments#gradientCheckpointing}
     * @param blocks whether the matrices stay in their blocks, as {@link io.tunebook.model.LoadOptions#quantized}
     * leaves them
     */
    public static MemoryEstimate planned(
            ModelConfig shapes, LoraConfig lora, long tokens, boolean checkpointing, boolean blocks) {
        Precision precision = Precision.BFLOAT16;
        return of(
                shapes,
                precision.bytes(),
                blocks ? Sizes.expandedBytes(shapes, precision) : 0,
                Sizes.lossTokens(shapes, true),
                lora.layout(shapes).parameters(),
                tokens,
                checkpointing ? shapes.layers() : 0,
                true,
                0);
    }

    /**
     * What the frozen weights take: two bytes each in bfloat16, or the blocks of Q4_K, 144 bytes for 256 weights. The
     * matrix behind Gated DeltaNet stays in no blocks where it has
     * more value heads than key heads, since GGUF has its columns in another order then.
     */
    public static long weights(ModelConfig shapes, boolean blocks) {
        if (!blocks) {
            return shapes.parameters() * Precision.BFLOAT16.bytes();
        }
        long expanded = shapes.delta()
                .filter(d -> d.valueHeads() != d.keyHeads())
                .map(d -> deltas(shapes) * d.values() * shapes.hiddenSize())
                .orElse(0L);
        return (shapes.parameters() - expanded) * 144 / 256 + expanded * Precision.BFLOAT16.bytes();
    }

    /**
     * What the deterministic backward of attention adds up d_q in: float32, so many arrays that with the heads there is
     * work for each of some 132 multiprocessors.
     */
    private static long deterministicSums(ModelConfig c, long tokens) {
        return 4 * tokens * (132 + c.heads()) * c.headDim();
    }

    private static long deltas(ModelConfig c) {
        return IntStream.range(0, c.layers()).filter(l -> c.layer(l).delta()).count();
    }

    /** All three parts. */
    public long needed() {
        return factors + activations + logits;
    }

    private boolean fits() {
        return free <= 0 || needed() <= USABLE * free;
    }

    /** @throws TrainingException if it will not fit, with the figures and what to lower */
    void require(TrainingArguments arguments, int longest) {
        if (!fits()) {
            // The estimate has the layers computed again already, see ForLayers.
            throw new TrainingException("A step will not fit into memory: it needs about " + this + ". "
                    + advice(arguments.gradientCheckpointing(true), longest));
        }
    }

    /** What to lower, the gentlest first. */
    static String advice(TrainingArguments arguments, int longest) {
        List<String> steps = new ArrayList<>();
        if (arguments.batchSize() > 1) {
            int half = arguments.batchSize() / 2;
            steps.add("batchSize(" + half + ") with gradientAccumulation("
                    + arguments.gradientAccumulation() * ((arguments.batchSize() + half - 1) / half)
                    + "), which gives the same steps");
        }
        if (!arguments.gradientCheckpointing()) {
            steps.add("gradientCheckpointing(true), which computes layers twice");
        }
        if (longest > 64) {
            steps.add("maxLength(" + longest / 2 + "), which cuts longer examples");
        }
        steps.add("a lower rank or fewer target modules");
        steps.add("a smaller model");
        return "Lower one of these: " + String.join("; ", steps) + ".";
    }

    /** Bytes that a device has left; 0 if nobody knows. */
    static long free(Device device) {
        if (device.isGpu()) {
            JniUtils.emptyCudaCache(); // what PyTorch keeps for later is free for a step
            var gpu = CudaUtils.getGpuMemory(device);
            return gpu.getMax() - gpu.getCommitted();
        }
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        String name = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        if (name.contains("mac")) {
            return system.getTotalMemorySize(); // what macOS calls free leaves out the file cache, which is most of it
        }
        // In a container the bean knows the limit; outside one Linux counts the file cache as used, and /proc knows
        // better.
        long available = field(Path.of("/proc/meminfo"), "MemAvailable:");
        long total = field(Path.of("/proc/meminfo"), "MemTotal:");
        return available > 0 && system.getTotalMemorySize() >= total ? available : system.getFreeMemorySize();
    }

    /** Bytes in use: by this process on a CPU, by all on a GPU; 0 if nobody knows. */
    static long used(Device device) {
        return device.isGpu()
                ? CudaUtils.getGpuMemory(device).getCommitted()
                : Math.max(field(Path.of("/proc/self/status"), "VmRSS:"), 0);
    }

    /** A line like {@code VmRSS: 1234 kB} in bytes; -1 where there is none. */
    private static long field(Path file, String name) {
        try {
            return Files.readAllLines(file).stream()
                    .filter(line -> line.startsWith(name))
                    .map(line -> Long.parseLong(line.replaceAll("\\D+", "")) * 1024)
                    .findFirst()
                    .orElse(-1L);
        } catch (IOException e) {
            return -1;
        }
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%,d MB (activations %,d, logits %,d, factors with optimizer %,d) of %,d MB that are free",
                needed() / 1_000_000,
                activations / 1_000_000,
                logits / 1_000_000,
                factors / 1_000_000,
                free / 1_000_000);
    }
}
