package io.tunebook.cuda;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.List;
import java.util.Optional;

/**
 * GPU work recorded once and started again by one call, which costs the CPU nothing for its thousands of kernels. The
 * work reads and writes the same addresses each time. It is PyTorch's {@code at::cuda::CUDAGraph}, whose C++ methods
 * are called by their names in the library: what they allocate while recording lies in a pool of the graph's own.
 */
final class CudaGraph implements AutoCloseable {
    /** Much more than the object takes in any version that was checked. */
    private static final int OBJECT = 4096;

    /** {@code cudaStreamCaptureModeThreadLocal}: only this thread is kept from calls that cannot be recorded. */
    private static final int THREAD_LOCAL = 1;

    /** {@code CUDA_ERROR_NOT_READY}: work is still running, which is no error. */
    private static final int NOT_READY = 600;

    private final Memory object = new Memory(OBJECT);

    private CudaGraph() {
        object.clear();
        if (ForeignFunction.GRAPH_NEW.missing().isEmpty()) {
            ForeignFunction.GRAPH_NEW.run(object);
        } else {
            ForeignFunction.GRAPH_NEW_KEEPING.run(object, 0); // it keeps what is started, not what it was made from
        }
    }

    /** Why nothing can be recorded with this libtorch; empty if it can: on Linux, with a version that was checked. */
    static Optional<String> missing() {
        return ForeignFunction.missing(List.of(
                        ForeignFunction.STREAM_GUARD,
                        ForeignFunction.STREAM_GUARD_DELETE,
                        ForeignFunction.GRAPH_DELETE,
                        ForeignFunction.GRAPH_BEGIN,
                        ForeignFunction.GRAPH_END,
                        ForeignFunction.GRAPH_REPLAY))
                .or(() -> ForeignFunction.GRAPH_NEW
                        .missing()
                        .flatMap(why -> ForeignFunction.GRAPH_NEW_KEEPING.missing()));
    }

    /**
     * Records what the work starts, without executing it. The same work must have been executed before, so that nothing
     * is set up meanwhile. One thread records at a time.
     *
     * @param pool a number, not 0: graphs of one pool share their memory, so what one has computed is read before
     *     another one starts. A pool whose last graph was closed is gone for good, and so is its number
     * @throws EngineException if the work does something that cannot be recorded; nothing of the recording is left then
     */
    static synchronized CudaGraph record(Device device, long pool, Runnable work) {
        CudaDevice on = CudaDevice.of(device);
        CudaDevice.enter(device);
        ForeignFunction.CONTEXT_SYNCHRONIZE.require();
        long stream = on.recordingStream();
        LongByReference guard = new LongByReference();
        ForeignFunction.STREAM_GUARD.require(stream, on.ordinal(), guard);
        Launcher.ofThread().stream(stream);
        try {
            CudaGraph graph = new CudaGraph();
            ForeignFunction.GRAPH_BEGIN.run(graph.object, 0L, pool, THREAD_LOCAL);
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                graph.abandon(stream);
                throw e;
            }
            ForeignFunction.GRAPH_END.run(graph.object);
            return graph;
        } finally {
            Launcher.ofThread().stream(0);
            ForeignFunction.STREAM_GUARD_DELETE.require(guard.getValue());
        }
    }

    /** Gives the memory back that PyTorch keeps for work that is not recorded. */
    static void giveBack(Device device) {
        CudaDevice.enter(device);
        ForeignFunction.CONTEXT_SYNCHRONIZE.require();
        JniUtils.emptyCudaCache();
    }

    /**
     * Ends a recording that failed. PyTorch ends one that is whole, gives its allocator's pool back and frees the
     * graph; of one that is not, it throws in C++ before it does so. So the driver ends that one, and PyTorch an empty
     * one in its place.
     */
    private void abandon(long stream) {
        PointerByReference partial = new PointerByReference();
        ForeignFunction.STREAM_END_CAPTURE.status(stream, partial);
        if (partial.getValue() != null) {
            ForeignFunction.GRAPH_DESTROY.status(partial.getValue());
        }
        if (ForeignFunction.STREAM_BEGIN_CAPTURE.status(stream, THREAD_LOCAL) == 0) {
            ForeignFunction.GRAPH_END.run(object);
            close();
        }
    }

    /**
     * Starts the work; whoever reads what it writes waits for it.
     *
     * @throws EngineException if the card is in a fault already: PyTorch would throw it in C++, which ends the process
     */
    void replay() {
        int status = ForeignFunction.STREAM_QUERY.status(Pointer.NULL);
        if (status != 0 && status != NOT_READY) {
            throw new EngineException("the GPU reports error " + status + " of work that was started before");
        }
        ForeignFunction.GRAPH_REPLAY.run(object);
    }

    @Override
    public void close() {
        ForeignFunction.GRAPH_DELETE.run(object);
        object.close();
    }
}
