package io.tunebook.model;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.file.Path;

/**
 * GPU work recorded once and started again by one call, which costs the CPU nothing for its thousands of kernels. The work reads and writes the same addresses each
 * time. It is PyTorch's {@code at::cuda::CUDAGraph}, whose C++ methods are called by their names in the library: what they allocate while recording lies in a pool of
 * the graph's own.
 */
final class CudaGraph implements AutoCloseable {
    /** Much more than any version of the object takes. */
    private static final int OBJECT = 4096;

    /** Only this thread is kept from calls that cannot be recorded. */
    private static final int THREAD_LOCAL = 1;

    private static final String NAME = "_ZN2at4cuda9CUDAGraph";

    private static final ThreadLocal<PointerByReference> STREAM = new ThreadLocal<>();

    private final Memory object = new Memory(OBJECT);

    private CudaGraph() {
        object.clear();
    }

    /** Whether this libtorch has what is needed: it does on Linux. */
    static boolean available() {
        try {
            method("13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
            method("11capture_endEv");
            return true;
        } catch (UnsatisfiedLinkError e) {
            return false;
        }
    }

    /**
     * Records what the work starts, without executing it. The same work must have been executed before, so that nothing is set up meanwhile.
     *
     * @param pool a number, not 0: graphs of one pool share their memory, so what one has computed is read before another one starts. A pool whose last graph was closed is
     *     gone for good, and so is its number
     * @throws EngineException if the work does something that cannot be recorded
     */
    static synchronized CudaGraph record(Device device, long pool, Runnable work) {
        CudaGraph graph = new CudaGraph();
        NativeLibrary driver = CudaKernels.driver();
        CudaKernels.enter(device);
        CudaKernels.call(driver, "cuCtxSynchronize");
        JniUtils.emptyCudaCache(); // what was cached for the default stream is of no use to the graph's pool
        long stream = stream();
        LongByReference guard = new LongByReference();
        CudaKernels.call(torch(), "aoti_torch_create_cuda_stream_guard", stream, device.getDeviceId(), guard);
        CudaKernels.stream(stream);
        boolean whole = false;
        try {
            constructor().invokeVoid(new Object[] {graph.object, 0});
            method("13capture_beginESt4pairIyyE21cudaStreamCaptureMode")
                    .invokeVoid(new Object[] {graph.object, 0L, pool, THREAD_LOCAL});
            work.run();
            method("11capture_endEv").invokeVoid(new Object[] {graph.object});
            whole = true;
            return graph;
        } finally {
            if (!whole) {
                driver.getFunction("cuStreamEndCapture").invokeInt(new Object[] {stream, new LongByReference()});
            }
            CudaKernels.stream(0);
            CudaKernels.call(torch(), "aoti_torch_delete_cuda_stream_guard", guard.getValue());
        }
    }

    /** Starts the work; whoever reads what it writes waits for it. */
    void replay() {
        method("6replayEv").invokeVoid(new Object[] {object});
    }

    @Override
    public void close() {
        method("D1Ev").invokeVoid(new Object[] {object});
    }

    private static long stream() {
        if (STREAM.get() == null) {
            PointerByReference stream = new PointerByReference();
            CudaKernels.call(CudaKernels.driver(), "cuStreamCreate", stream, 1);
            STREAM.set(stream);
        }
        return com.sun.jna.Pointer.nativeValue(STREAM.get().getValue());
    }

    private static Function constructor() {
        try {
            return method("C1Eb"); // PyTorch 2.9 and newer: whether to keep the graph that was instantiated
        } catch (UnsatisfiedLinkError e) {
            return method("C1Ev");
        }
    }

    private static Function method(String mangled) {
        return torch().getFunction(NAME + mangled);
    }

    private static NativeLibrary torch() {
        return NativeLibrary.getInstance(Path.of(LibUtils.getLibtorchPath())
                .resolve(System.mapLibraryName("torch_cuda"))
                .toString());
    }
}
