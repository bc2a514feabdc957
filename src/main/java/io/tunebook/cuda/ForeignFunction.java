package io.tunebook.cuda;

import static io.tunebook.cuda.ForeignLibrary.DRIVER;
import static io.tunebook.cuda.ForeignLibrary.NVRTC;
import static io.tunebook.cuda.ForeignLibrary.TORCH_CPU;
import static io.tunebook.cuda.ForeignLibrary.TORCH_CUDA;

import ai.djl.engine.EngineException;
import com.sun.jna.Function;
import com.sun.jna.Pointer;
import io.tunebook.cuda.ForeignLibrary.Libtorch;
import java.util.List;
import java.util.Optional;

/**
 * Every foreign function that is called, with its library, its name there, its declaration in C or C++, and, for
 * PyTorch's, the versions that it was checked against. PyTorch promises its C interface
 * {@code torch/csrc/inductor/aoti_torch/c/shim.h} to stay; its C++ methods, which are called by their mangled names,
 * may change with each version. In a version that is not in the list none of either is called: {@link #missing} says
 * so, and whoever asked goes another way.
 *
 * <p>The driver's and the compiler's functions are C and keep their meaning; the newest of them came with CUDA 12.0.
 */
enum ForeignFunction {
    INIT(DRIVER, "cuInit", "CUresult (unsigned int flags)"),
    DEVICE_GET(DRIVER, "cuDeviceGet", "CUresult (CUdevice* device, int ordinal)"),
    DEVICE_ATTRIBUTE(DRIVER, "cuDeviceGetAttribute", "CUresult (int* value, CUdevice_attribute what, CUdevice device)"),
    CONTEXT_RETAIN(DRIVER, "cuDevicePrimaryCtxRetain", "CUresult (CUcontext* context, CUdevice device)"),
    CONTEXT_SET(DRIVER, "cuCtxSetCurrent", "CUresult (CUcontext context)"),
    CONTEXT_SYNCHRONIZE(DRIVER, "cuCtxSynchronize", "CUresult ()"),
    LIBRARY_LOAD(
            DRIVER,
            "cuLibraryLoadData",
            "CUresult (CUlibrary* library, const void* code, CUjit_option* jitOptions, void** jitValues, "
                    + "unsigned int jitCount, CUlibraryOption* options, void** values, unsigned int count)"),
    LIBRARY_KERNEL(DRIVER, "cuLibraryGetKernel", "CUresult (CUkernel* kernel, CUlibrary library, const char* name)"),
    KERNEL_ATTRIBUTE(
            DRIVER,
            "cuKernelSetAttribute",
            "CUresult (CUfunction_attribute what, int value, CUkernel kernel, CUdevice device)"),
    LAUNCH(
            DRIVER,
            "cuLaunchKernel",
            "CUresult (CUfunction kernel, unsigned int gridX, unsigned int gridY, unsigned int gridZ, "
                    + "unsigned int blockX, unsigned int blockY, unsigned int blockZ, unsigned int sharedBytes, "
                    + "CUstream stream, void** parameters, void** extra)"),
    STREAM_CREATE(DRIVER, "cuStreamCreate", "CUresult (CUstream* stream, unsigned int flags)"),
    STREAM_QUERY(DRIVER, "cuStreamQuery", "CUresult (CUstream stream)"),
    EVENT_CREATE(DRIVER, "cuEventCreate", "CUresult (CUevent* event, unsigned int flags)"),
    EVENT_RECORD(DRIVER, "cuEventRecord", "CUresult (CUevent event, CUstream stream)"),
    EVENT_SYNCHRONIZE(DRIVER, "cuEventSynchronize", "CUresult (CUevent event)"),
    EVENT_DESTROY(DRIVER, "cuEventDestroy_v2", "CUresult (CUevent event)"),
    STREAM_BEGIN_CAPTURE(DRIVER, "cuStreamBeginCapture_v2", "CUresult (CUstream stream, CUstreamCaptureMode mode)"),
    STREAM_END_CAPTURE(DRIVER, "cuStreamEndCapture", "CUresult (CUstream stream, CUgraph* graph)"),
    GRAPH_DESTROY(DRIVER, "cuGraphDestroy", "CUresult (CUgraph graph)"),

    NVRTC_VERSION(NVRTC, "nvrtcVersion", "nvrtcResult (int* major, int* minor)"),
    NVRTC_CREATE(
            NVRTC,
            "nvrtcCreateProgram",
            "nvrtcResult (nvrtcProgram* program, const char* text, const char* name, int headers, "
                    + "const char* const* texts, const char* const* names)"),
    NVRTC_COMPILE(
            NVRTC, "nvrtcCompileProgram", "nvrtcResult (nvrtcProgram program, int count, const char* const* options)"),
    NVRTC_LOG_SIZE(NVRTC, "nvrtcGetProgramLogSize", "nvrtcResult (nvrtcProgram program, size_t* size)"),
    NVRTC_LOG(NVRTC, "nvrtcGetProgramLog", "nvrtcResult (nvrtcProgram program, char* log)"),
    NVRTC_CUBIN_SIZE(NVRTC, "nvrtcGetCUBINSize", "nvrtcResult (nvrtcProgram program, size_t* size)"),
    NVRTC_CUBIN(NVRTC, "nvrtcGetCUBIN", "nvrtcResult (nvrtcProgram program, char* code)"),
    NVRTC_DESTROY(NVRTC, "nvrtcDestroyProgram", "nvrtcResult (nvrtcProgram* program)"),

    LIBRARY_FRAGMENT(
            TORCH_CPU,
            "aoti_torch_library_init_fragment",
            "AOTITorchError (const char* ns, const char* file, uint32_t line, TorchLibraryHandle* library)",
            "2.7.1",
            "2.11"),
    LIBRARY_IMPLEMENTATION(
            TORCH_CPU,
            "aoti_torch_library_init_impl",
            "AOTITorchError (const char* ns, const char* key, const char* file, uint32_t line, "
                    + "TorchLibraryHandle* library)",
            "2.7.1",
            "2.11"),
    LIBRARY_DEFINE(
            TORCH_CPU,
            "aoti_torch_library_def",
            "AOTITorchError (TorchLibraryHandle library, const char* schema)",
            "2.7.1",
            "2.11"),
    LIBRARY_IMPLEMENT(
            TORCH_CPU,
            "aoti_torch_library_impl",
            "AOTITorchError (TorchLibraryHandle library, const char* name, "
                    + "void (*operator)(StableIValue* stack, uint64_t arguments, uint64_t results))",
            "2.7.1",
            "2.11"),
    DATA_POINTER(
            TORCH_CPU,
            "aoti_torch_get_data_ptr",
            "AOTITorchError (AtenTensorHandle tensor, void** data)",
            "2.7.1",
            "2.11"),
    DELETE_TENSOR(
            TORCH_CPU, "aoti_torch_delete_tensor_object", "AOTITorchError (AtenTensorHandle tensor)", "2.7.1", "2.11"),
    EXECUTOR_OPTIMIZE(
            TORCH_CPU,
            "_ZN5torch3jit24setGraphExecutorOptimizeEb",
            "void torch::jit::setGraphExecutorOptimize(bool optimize)",
            "2.7.1",
            "2.11"),
    CONTEXT(TORCH_CPU, "_ZN2at13globalContextEv", "at::Context& at::globalContext()", "2.7.1"),
    DETERMINISTIC(
            TORCH_CPU,
            "_ZN2at7Context26setDeterministicAlgorithmsEbb",
            "void at::Context::setDeterministicAlgorithms(bool on, bool warnOnly)",
            "2.7.1"),
    DETERMINISTIC_FILL(
            TORCH_CPU,
            "_ZN2at7Context39setDeterministicFillUninitializedMemoryEb",
            "void at::Context::setDeterministicFillUninitializedMemory(bool on)",
            "2.7.1"),

    STREAM_GUARD(
            TORCH_CUDA,
            "aoti_torch_create_cuda_stream_guard",
            "AOTITorchError (void* stream, int32_t device, CUDAStreamGuardHandle* guard)",
            "2.7.1",
            "2.11"),
    STREAM_GUARD_DELETE(
            TORCH_CUDA,
            "aoti_torch_delete_cuda_stream_guard",
            "AOTITorchError (CUDAStreamGuardHandle guard)",
            "2.7.1",
            "2.11"),
    GRAPH_NEW(TORCH_CUDA, "_ZN2at4cuda9CUDAGraphC1Ev", "at::cuda::CUDAGraph::CUDAGraph()", "2.7.1"),
    GRAPH_NEW_KEEPING(
            TORCH_CUDA, "_ZN2at4cuda9CUDAGraphC1Eb", "at::cuda::CUDAGraph::CUDAGraph(bool keep_graph)", "2.11"),
    GRAPH_DELETE(TORCH_CUDA, "_ZN2at4cuda9CUDAGraphD1Ev", "at::cuda::CUDAGraph::~CUDAGraph()", "2.7.1", "2.11"),
    GRAPH_BEGIN(
            TORCH_CUDA,
            "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode",
            "void at::cuda::CUDAGraph::capture_begin(std::pair<unsigned long long, unsigned long long> pool, "
                    + "cudaStreamCaptureMode mode)",
            "2.7.1",
            "2.11"),
    GRAPH_END(
            TORCH_CUDA,
            "_ZN2at4cuda9CUDAGraph11capture_endEv",
            "void at::cuda::CUDAGraph::capture_end()",
            "2.7.1",
            "2.11"),
    GRAPH_REPLAY(TORCH_CUDA, "_ZN2at4cuda9CUDAGraph6replayEv", "void at::cuda::CUDAGraph::replay()", "2.7.1", "2.11");

    final ForeignLibrary library;

    /** The name in the library. */
    final String symbol;

    /** What it takes and gives, for the reader: JNA cannot check it. */
    final String declaration;

    /** The versions of PyTorch in whose library the symbol and in whose sources the declaration were looked up. */
    final List<String> checked;

    ForeignFunction(ForeignLibrary library, String symbol, String declaration, String... checked) {
        this.library = library;
        this.symbol = symbol;
        this.declaration = declaration;
        this.checked = List.of(checked);
    }

    /** Why this function cannot be called here; empty if it can. */
    Optional<String> missing() {
        if (library.isTorch()) {
            Optional<String> unchecked = unchecked(Libtorch.loaded());
            if (unchecked.isPresent()) {
                return unchecked;
            }
        }
        try {
            library.open().getFunction(symbol);
            return Optional.empty();
        } catch (UnsatisfiedLinkError e) {
            return Optional.of(
                    String.valueOf(e.getMessage()).lines().findFirst().orElse("no " + symbol));
        }
    }

    /** Why this function of PyTorch's is not called in a version, which is empty if it is not known; empty if it is. */
    Optional<String> unchecked(Optional<Libtorch> version) {
        return version.isPresent() && version.get().isOneOf(checked)
                ? Optional.empty()
                : Optional.of("this PyTorch is "
                        + version.map(Libtorch::toString).orElse("older than 2.7")
                        + ", and its inner functions were checked in " + String.join(" and ", checked) + " only");
    }

    /** Why one of these cannot be called; empty if all can. */
    static Optional<String> missing(List<ForeignFunction> functions) {
        return functions.stream().flatMap(f -> f.missing().stream()).findFirst();
    }

    /**
     * Calls a function that answers 0 if all went well.
     *
     * @throws EngineException if it answers something else, or is not there
     */
    void require(Object... arguments) {
        int status = status(arguments);
        if (status != 0) {
            throw new EngineException(symbol + ": error " + status);
        }
    }

    /**
     * Calls a function and gives its answer.
     *
     * @throws EngineException if it is not there
     */
    int status(Object... arguments) {
        return function().invokeInt(arguments);
    }

    /**
     * Calls a function without an answer.
     *
     * @throws EngineException if it is not there
     */
    void run(Object... arguments) {
        function().invokeVoid(arguments);
    }

    /** Calls a function that answers an address. @throws EngineException if it is not there */
    Pointer address(Object... arguments) {
        return function().invokePointer(arguments);
    }

    private Function function() {
        missing().ifPresent(why -> {
            throw new EngineException(symbol + " cannot be called: " + why);
        });
        return library.open().getFunction(symbol);
    }
}
