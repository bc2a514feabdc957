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
import io.tunebook.cuda.CudaDevice.Widths;
import io.tunebook.model.DecoderScript.Attention;
import io.tunebook.model.family.ModelConfig;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Which device computes, by which kernels and in which type, and how it hands memory back. */
final class Devices {
    /** Found out once: the machine does not change. */
    private static Precision fasterOnCpu;

    static {
        String cudart = System.getenv("JNA_LIBRARY_PATH");
        if (cudart != null && System.getProperty("jna.library.path") == null) {
            System.setProperty("jna.library.path", cudart); // where DJL looks for the runtime that counts the GPUs
        }
    }

    private Devices() {}

    /** The first GPU, or the CPU where there is none. */
    static Device first() {
        return Engine.getInstance().defaultDevice();
    }

    /** The device's name, and why it has no kernels of our own if it is a GPU without them. */
    static String words(Device device, Optional<String> withoutKernels) {
        return device
                + withoutKernels
                        .filter(why -> device.isGpu())
                        .map(why -> " without CUDA kernels of its own: " + why)
                        .orElse("");
    }

    /** What a training says that has no kernels of our own on a GPU. */
    static Optional<String> slower(Device device, Optional<String> withoutKernels) {
        String told = "Steps take longer than they could: there are no CUDA kernels of our own (%s).";
        return withoutKernels.filter(why -> device.isGpu()).map(told::formatted);
    }

    /** Which device it is, in words, and why it is not a GPU where it is none. */
    static String reason(Device device) {
        if (device.isGpu()) {
            return "It runs on GPU " + device.getDeviceId() + " of "
                    + Engine.getInstance().getGpuCount() + ".";
        }
        String libraries = System.getenv("PYTORCH_LIBRARY_PATH");
        return "It runs on the CPU: "
                + (libraries == null
                        ? "this PyTorch is the build without CUDA. An NVIDIA card needs the build with it, which the set-up fetches with --gpu"
                        : "no GPU answers to the PyTorch in " + libraries
                                + ". nvidia-smi tells whether the driver sees a card, and the set-up's doctor whether this build has code for it");
    }

    /**
     * The device that is asked for or the first one, found by a thread of its own: libtorch takes as long to load as a
     * tokenizer to read. It is no thread of the common pool, since DJL looks for its engine by the thread's class
     * loader, and those do not have a notebook's.
     */
    static CompletableFuture<Device> soon(Optional<Device> asked) {
        return CompletableFuture.supplyAsync(() -> asked.orElseGet(Devices::first), task -> {
            Thread thread = new Thread(task, "device");
            thread.setDaemon(true);
            thread.start();
        });
    }

    /** A device that {@link #soon} looks for. */
    static Device awaited(CompletableFuture<Device> device) {
        try {
            return device.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** Says why the kernels of our own do not compute a model on a device; empty if they do. */
    interface Kernels {
        Optional<String> missing(Device device, ModelConfig config, Optional<Precision> asked);
    }

    /** The answer of {@link Kernels} for this machine. */
    static Optional<String> withoutKernels(Device device, ModelConfig config, Optional<Precision> asked) {
        if (!device.isGpu()) {
            return Optional.of("no GPU");
        }
        Widths widths = new Widths(config.hiddenSize(), config.innerSize(), config.headDim(), config.vocabularySize());
        boolean fit = widths.fit()
                && config.intermediateSize() % 8 == 0 // of an expert that all tokens share, or of the MLP
                && config.delta()
                        .filter(d -> d.valueDim() % 8 != 0 || d.channels() % 8 != 0 || 2 * d.valueHeads() % 8 != 0)
                        .isEmpty()
                && config.ropes().stream().allMatch(rope -> rope.width() % 16 == 0)
                && asked.orElse(Precision.BFLOAT16) == Precision.BFLOAT16;
        return fit ? CudaDevice.of(device).missing() : Optional.of("widths or type are not theirs");
    }

    /**
     * cuDNN's attention is the fastest on Hopper, but its versions differ: it must agree with the flash kernel for
     * heads like a model's.
     */
    static boolean cudnnAgrees(Device device, DecoderScript script, int headDim) {
        return CudaDevice.of(device).hopper() && headDim <= 128 && agrees(script, new Attention(true, false));
    }

    /** Whether a way to compute attention agrees with the flash kernel's. */
    static boolean agrees(DecoderScript script, Attention attention) {
        try {
            return script.difference(attention) < 0.03; // bfloat16 has eight bits; the largest seen on H100 is 0.01
        } catch (EngineException e) {
            return false;
        }
    }

    /**
     * The type in which a device multiplies faster: on a GPU bfloat16, unless its compute capability is below 8.0. On a
     * CPU bfloat16 is many times slower than float32 on some processors and faster on others, so both are tried.
     */
    static Precision faster(NDManager manager, DecoderScript script) {
        if (manager.getDevice().isGpu()) {
            return CudaDevice.of(manager.getDevice()).hasBfloat16() ? Precision.BFLOAT16 : Precision.FLOAT32;
        }
        synchronized (Devices.class) {
            if (fasterOnCpu == null) {
                long wide = productTime(manager, script, Precision.FLOAT32, Long.MAX_VALUE);
                boolean narrow = productTime(manager, script, Precision.BFLOAT16, 2 * wide) < 0.8 * wide;
                fasterOnCpu = narrow ? Precision.BFLOAT16 : Precision.FLOAT32;
            }
            return fasterOnCpu;
        }
    }

    /** The best of five products, or of two if these took longer than {@code hopeless}, in nanoseconds. */
    private static long productTime(NDManager manager, DecoderScript script, Precision type, long hopeless) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray like = scope.create(new Shape(0));
            NDArray x = script.asType(scope, scope.ones(new Shape(256, 1024)), type.type(), like);
            NDArray w = script.asType(scope, scope.ones(new Shape(1024, 1024)), type.type(), like);
            long best = Long.MAX_VALUE;
            for (int i = 0; i < (best > hopeless ? 2 : 5); i++) {
                long start = System.nanoTime();
                script.product(x, w);
                best = Math.min(best, System.nanoTime() - start);
            }
            return best;
        }
    }

    /**
     * Hands memory that is free back to the system: on a GPU what PyTorch keeps for later, on a CPU what the C library
     * keeps.
     */
    static void trim(Device device) {
        if (device.isGpu()) {
            JniUtils.emptyCudaCache();
            return;
        }
        try {
            // glibc may have been told to keep it, by MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_, so that the next step
            // finds it
            NativeLibrary.getProcess().getFunction("malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            // another C library, which has its own ways
        }
    }
}
