package io.tunebook.cuda;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import io.tunebook.cuda.KernelText.Kernel;
import io.tunebook.cuda.Nvrtc.KernelCache;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One NVIDIA card with its kernels: those of {@code kernels.cu}, compiled by NVRTC for this card's architecture when
 * they are first wanted, kept on disk, and started through CUDA's driver by the operators {@code ops.tunebook.NAME}.
 * Where that cannot be done, {@link #missing} says why, and PyTorch's own operators compute the same.
 */
public final class CudaDevice {
    /**
     * The shared memory in bytes that a block may have on compute capability 9.0; kernels with a rank take all of it.
     */
    static final int SHARED = 227 * 1024;

    /**
     * The ranks that there are kernels for, which have a parameter {@code rank}. They get one block a multiprocessor.
     */
    private static final List<Long> RANKS = List.of(8L, 16L, 32L);

    /** {@code kernels.py} makes room for the parts of so many. */
    private static final int MOST_BLOCKS = 160;

    private static final int MULTIPROCESSORS = 16; // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
    private static final int MAJOR = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    private static final int MINOR = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
    private static final int DYNAMIC_SHARED = 8; // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

    /** A card is there once, and PyTorch's contexts and operators live as long as the process: so do these. */
    private static final ConcurrentHashMap<Integer, CudaDevice> DEVICES = new ConcurrentHashMap<>();

    private final int ordinal;

    /** The kernels by their names and ranks, 0 for those without one; a rank that cannot be compiled has none. */
    private final Map<Long, Map<String, Long>> functions = new ConcurrentHashMap<>();

    private Optional<String> missing;
    private volatile boolean ready;
    private Pointer context;
    private int handle;
    private int major;
    private int minor;
    private int multiprocessors;
    private long stream;

    private CudaDevice(int ordinal) {
        this.ordinal = ordinal;
    }

    /** @param device a GPU */
    public static CudaDevice of(Device device) {
        return DEVICES.computeIfAbsent(device.getDeviceId(), CudaDevice::new);
    }

    /**
     * Why there are no kernels on this card; empty if there are. The first call compiles them, or reads them from the
     * disk.
     */
    public synchronized Optional<String> missing() {
        if (missing == null) {
            try {
                KernelText text = KernelText.ours();
                open();
                missing = KernelOperators.register(text);
                if (missing.isEmpty()) {
                    functions.put(0L, functions(text, 0));
                    ready = true;
                }
            } catch (EngineException | IllegalArgumentException | UnsatisfiedLinkError e) {
                missing = Optional.of(String.valueOf(e.getMessage()));
            }
        }
        return missing;
    }

    private void find() {
        ForeignFunction.INIT.require(0);
        IntByReference value = new IntByReference();
        ForeignFunction.DEVICE_GET.require(value, ordinal);
        handle = value.getValue();
        major = attribute(MAJOR);
        minor = attribute(MINOR);
    }

    /**
     * Whether the card multiplies in bfloat16: from compute capability 8.0 on (CUDA C++ Programming Guide, "Compute
     * Capabilities"). Where CUDA's driver is not found, the answer is yes, as nearly all cards do.
     */
    public synchronized boolean hasBfloat16() {
        try {
            if (major == 0) {
                find();
            }
            return major >= 8;
        } catch (EngineException | UnsatisfiedLinkError e) {
            return true;
        }
    }

    /** @throws IllegalArgumentException if the card has no products of eight bits */
    public synchronized void requireEightBits() {
        if (major == 0) {
            find();
        }
        if (10 * major + minor < 89) {
            throw new IllegalArgumentException("FP8: expected a card of compute capability 8.9 or newer, found " + major
                    + "." + minor + "; load without fp8()");
        }
    }

    private void open() {
        find();
        if (major < 8) {
            throw new EngineException("expected compute capability 8.0 or newer, found " + major + "." + minor);
        }
        multiprocessors = Math.min(MOST_BLOCKS, attribute(MULTIPROCESSORS));
        PointerByReference retained = new PointerByReference();
        ForeignFunction.CONTEXT_RETAIN.require(retained, handle);
        ForeignFunction.CONTEXT_SET.require(retained.getValue());
        context = retained.getValue();
    }

    private int attribute(int which) {
        IntByReference value = new IntByReference();
        ForeignFunction.DEVICE_ATTRIBUTE.require(value, which, handle);
        return value.getValue();
    }

    /**
     * Whether there are kernels for this rank; they are compiled when it is asked for first, which takes a second or
     * two where none are kept.
     */
    public boolean compiled(long rank) {
        return missing().isEmpty()
                && RANKS.contains(rank)
                && !functions.computeIfAbsent(rank, this::ofRank).isEmpty();
    }

    private Map<String, Long> ofRank(long rank) {
        try {
            return functions(KernelText.ours(), rank);
        } catch (EngineException | UnsatisfiedLinkError e) {
            return Map.of(); // what they do is also done without them
        }
    }

    private Map<String, Long> functions(KernelText text, long rank) {
        List<String> architecture = List.of("--gpu-architecture=sm_" + major + minor);
        List<String> options = rank == 0 ? architecture : List.of(architecture.get(0), "--define-macro=RANK=" + rank);
        byte[] code = KernelCache.ofUser()
                .code(text.text(), options, Nvrtc.version(), () -> Nvrtc.compile(text.text(), options));
        PointerByReference library = new PointerByReference();
        try (Memory bytes = new Memory(code.length)) {
            bytes.write(0, code, 0, code.length);
            ForeignFunction.LIBRARY_LOAD.require(library, bytes, null, null, 0, null, null, 0); // it keeps a copy
        }
        Map<String, Long> found = new HashMap<>();
        for (Kernel kernel : text.kernels()) {
            if (kernel.rank() >= 0 == rank > 0) {
                PointerByReference function = new PointerByReference();
                ForeignFunction.LIBRARY_KERNEL.require(function, library.getValue(), kernel.name());
                if (rank > 0) {
                    ForeignFunction.KERNEL_ATTRIBUTE.require(DYNAMIC_SHARED, SHARED, function.getValue(), handle);
                }
                found.put(kernel.name(), Pointer.nativeValue(function.getValue()));
            }
        }
        return Map.copyOf(found);
    }

    /** Whether the card is of the Hopper generation or newer. */
    public boolean hopper() {
        return missing().isEmpty() && major >= 9;
    }

    int multiprocessors() {
        return multiprocessors;
    }

    /** A kernel's handle; 0, which cannot be started, if there is none. */
    long function(String kernel, long rank) {
        return functions.getOrDefault(rank, Map.of()).getOrDefault(kernel, 0L);
    }

    int ordinal() {
        return ordinal;
    }

    /**
     * The stream that work is recorded on. There is one for as long as the process lives, since PyTorch's allocator
     * keeps memory apart by streams: what was recorded on the same one shares it.
     */
    synchronized long recordingStream() {
        if (stream == 0) {
            PointerByReference created = new PointerByReference();
            ForeignFunction.STREAM_CREATE.require(created, 1); // CU_STREAM_NON_BLOCKING
            stream = Pointer.nativeValue(created.getValue());
        }
        return stream;
    }

    /** Before a call that may start kernels on a device: this thread's run there. */
    public static void enter(Device device) {
        if (device.isGpu()) {
            CudaDevice entered = DEVICES.get(device.getDeviceId());
            boolean ready = entered != null && entered.ready;
            if (ready) {
                DirectCalls.Driver.cuCtxSetCurrent(entered.context);
            }
            Launcher.ofThread().enter(ready ? entered : null);
        }
    }

    /**
     * After the call.
     *
     * @throws EngineException if one of its kernels could not be started
     */
    public static void leave(Device device) {
        if (device.isGpu()) {
            String failure = Launcher.ofThread().failure();
            if (failure != null) {
                throw new EngineException(failure);
            }
        }
    }

    @Override
    public String toString() {
        return "GPU " + ordinal;
    }

    /**
     * The sizes that decide whether the kernels can compute something.
     *
     * @param hidden elements of a residual's row
     * @param inner elements between the two products of a feed-forward layer
     * @param head elements of an attention head
     * @param vocabulary elements of a row of logits
     */
    public record Widths(int hidden, int inner, int head, int vocabulary) {
        /** Whether rows are multiples of what a thread works on, and no longer than what a block works on. */
        public boolean fit() {
            return hidden % 8 == 0 && hidden <= 8192 && inner % 8 == 0 && head % 16 == 0 && vocabulary % 8 == 0;
        }
    }
}
