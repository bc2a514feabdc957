package io.tunebook.cuda;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import io.tunebook.cuda.KernelText.Kernel;

/**
 * What a thread needs to start kernels: the device that it computes on, the stream, room for a launch's parameters in
 * native memory, and the first failure of the call that it is in.
 */
final class Launcher {
    /**
     * PyTorch calls back without an argument of ours, on the thread that called it: so a launcher is found by its
     * thread.
     */
    private static final ThreadLocal<Launcher> OF_THREAD = ThreadLocal.withInitial(Launcher::new);

    private final Memory memory = new Memory(2 * 8 * KernelText.MOST_PARAMETERS);
    private final long values = Pointer.nativeValue(memory);
    private final long addresses = values + 8 * KernelText.MOST_PARAMETERS;
    private final long[] copy = new long[KernelText.MOST_PARAMETERS];
    private CudaDevice device;
    private long stream;
    private String failure;

    private Launcher() {
        for (int i = 0; i < KernelText.MOST_PARAMETERS; i++) {
            memory.setLong(8L * (KernelText.MOST_PARAMETERS + i), values + 8L * i);
        }
    }

    static Launcher ofThread() {
        return OF_THREAD.get();
    }

    /** Begins a call on a device. */
    void enter(CudaDevice of) {
        device = of;
        failure = null;
    }

    /** The stream on which this thread's kernels run from now on; 0 is the default one. */
    void stream(long handle) {
        stream = handle;
    }

    /** What went wrong since the last {@link #enter}; null if nothing did. */
    String failure() {
        return failure;
    }

    /**
     * The operator that turns {@link Determinism}. @param arguments address of a tensor's handle, and of whether it is
     * to be on
     */
    void turn(long arguments) {
        try {
            Pointer given = new Pointer(arguments);
            DirectCalls.Torch.aoti_torch_delete_tensor_object(given.getLong(0));
            Determinism.on(given.getLong(8) != 0);
        } catch (RuntimeException | Error e) {
            fail("deterministic algorithms cannot be switched: " + e);
        }
    }

    private void fail(String what) {
        if (failure == null) {
            failure = what;
        }
    }

    /**
     * Starts a kernel with an operator's arguments. PyTorch's thread must never see an exception, so what goes wrong is
     * a failure of the call.
     *
     * @param arguments address of 64 bits for each parameter of the kernel, the blocks and the threads of each
     */
    void start(Kernel kernel, boolean[] tensor, int rank, long arguments, int count) {
        try {
            if (count != tensor.length + 2) {
                fail(kernel.name() + ": expected " + (tensor.length + 2) + " arguments, found " + count);
                return;
            }
            new Pointer(arguments).read(0, copy, 0, count);
            memory.write(0, copy, 0, count);
            int status = 0;
            for (int i = 0; i < tensor.length; i++) {
                if (tensor[i]) {
                    status |= DirectCalls.Torch.aoti_torch_get_data_ptr(copy[i], values + 8L * i);
                    status |= DirectCalls.Torch.aoti_torch_delete_tensor_object(copy[i]);
                }
            }
            if (device == null) {
                fail(kernel.name() + " was called outside of a call on a GPU");
                return;
            }
            int blocks = (int) copy[count - 2];
            int threads = (int) copy[count - 1];
            int shared = 0;
            if (rank >= 0) {
                blocks = Math.min(blocks, device.multiprocessors());
                shared = CudaDevice.SHARED;
            }
            long function = device.function(kernel.name(), rank < 0 ? 0 : copy[rank]);
            if (status == 0 && blocks > 0) {
                status = DirectCalls.Driver.cuLaunchKernel(
                        function, blocks, 1, 1, threads, 1, 1, shared, stream, addresses, 0);
            }
            if (status != 0) {
                fail("the CUDA kernel " + kernel.name() + " could not be started on " + device + ", error " + status
                        + ", with " + blocks + " blocks of " + threads + " threads");
            }
        } catch (RuntimeException | Error e) {
            fail("the CUDA kernel " + kernel.name() + " could not be started: " + e);
        }
    }
}
