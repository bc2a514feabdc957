package io.tunebook.model;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Callback;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The kernels of {@code kernels.cu} as operators {@code ops.tunebook.NAME} that TorchScript calls. NVRTC compiles the text for the card that is there, CUDA's
 * driver starts the kernels, and PyTorch's stable C interface ({@code torch/csrc/inductor/aoti_torch/c/shim.h}, PyTorch 2.7 and newer) makes operators of
 * them: nothing is built beforehand, and no compiler is needed.
 *
 * <p>An operator has the kernel's parameters, pointers being tensors, and two more: the blocks and the threads of each. It returns nothing; what it computes it
 * writes into its tensors.
 */
final class CudaKernels {
    /** {@code const T*} becomes a tensor, {@code T*} one that is written, {@code i64} an int, {@code double} a float. */
    private static final Pattern KERNEL =
            Pattern.compile("extern \"C\" __global__ void (?:__launch_bounds__\\(\\d+, 1\\) )?(\\w+)\\(([^)]*)\\)");

    private static final int MOST_PARAMETERS = 32;

    /**
     * The ranks that there are kernels for: those with a parameter {@code rank}, compiled for each. They get one block a multiprocessor, and all the shared memory, in bytes,
     * that a block may have on compute capability 9.0.
     */
    private static final List<Long> RANKS = List.of(8L, 16L, 32L);

    private static final int SHARED = 227 * 1024;

    /** {@code pointwise_cuda.ts} makes room for the parts of so many. */
    private static final int MOST_BLOCKS = 160;

    private static final ThreadLocal<Parameters> PARAMETERS = ThreadLocal.withInitial(Parameters::new);
    private static final ThreadLocal<Long> STREAM = ThreadLocal.withInitial(() -> 0L);
    private static final ConcurrentHashMap<Integer, Pointer> CONTEXTS = new ConcurrentHashMap<>();

    /** PyTorch keeps what it is given here by address for as long as the process lives. */
    private static final List<Object> KEPT = new ArrayList<>();

    private static volatile String failure;
    private static Optional<String> missing;
    private static boolean registered;
    private static String architecture;
    private static int generation;
    private static int multiprocessors;

    /** The kernels of each rank that has been asked for, by their names; empty where they cannot be compiled. */
    private static final ConcurrentHashMap<Long, Map<String, Long>> OF_RANK = new ConcurrentHashMap<>();

    private CudaKernels() {}

    /** libtorch_cpu; each call answers 0 if all went well. Tensors and libraries are addresses. */
    private static final class Torch {
        static native int aoti_torch_library_init_fragment(
                String namespace, long file, int line, LongByReference library);

        static native int aoti_torch_library_init_impl(
                String namespace, String key, long file, int line, LongByReference library);

        static native int aoti_torch_library_def(long library, String schema);

        static native int aoti_torch_library_impl(long library, String name, Operator operator);

        static native int aoti_torch_get_data_ptr(long tensor, long address);

        static native int aoti_torch_delete_tensor_object(long tensor);
    }

    /** CUDA's driver; each call answers 0 if all went well. */
    private static final class Driver {
        static native int cuLaunchKernel(
                long function,
                int blocksX,
                int blocksY,
                int blocksZ,
                int threadsX,
                int threadsY,
                int threadsZ,
                int sharedBytes,
                long stream,
                long parameters,
                long extra);

        static native int cuCtxSetCurrent(Pointer context);
    }

    /** What PyTorch calls: arguments come as 64 bits each, a tensor as the address of a handle that is the operator's to delete. */
    interface Operator extends Callback {
        void call(long arguments, long count, long results);
    }

    /** A launch's parameters and their addresses, in native memory. */
    private static final class Parameters {
        final Memory memory = new Memory(2 * 8 * MOST_PARAMETERS);
        final long values = Pointer.nativeValue(memory);
        final long addresses = values + 8 * MOST_PARAMETERS;
        final long[] copy = new long[MOST_PARAMETERS];

        Parameters() {
            for (int i = 0; i < MOST_PARAMETERS; i++) {
                memory.setLong(8L * (MOST_PARAMETERS + i), values + 8L * i);
            }
        }
    }

    /**
     * What an operator starts.
     *
     * @param function 0 for a kernel that is compiled for each rank
     * @param rank which parameter is the rank, -1 if none is
     */
    private record Launch(String name, long function, boolean[] tensor, int rank) implements Operator {
        @Override
        public void call(long arguments, long count, long results) {
            Parameters p = PARAMETERS.get();
            int n = (int) count;
            new Pointer(arguments).read(0, p.copy, 0, n);
            p.memory.write(0, p.copy, 0, n);
            int status = 0;
            for (int i = 0; i < tensor.length; i++) {
                if (tensor[i]) {
                    status |= Torch.aoti_torch_get_data_ptr(p.copy[i], p.values + 8L * i);
                    status |= Torch.aoti_torch_delete_tensor_object(p.copy[i]);
                }
            }
            int blocks = (int) p.copy[n - 2];
            int threads = (int) p.copy[n - 1];
            int shared = 0;
            long kernel = function;
            if (rank >= 0) {
                blocks = Math.min(blocks, multiprocessors);
                shared = SHARED;
                kernel = OF_RANK.getOrDefault(p.copy[rank], Map.of()).getOrDefault(name, 0L);
            }
            if (status == 0 && blocks > 0) {
                status = Driver.cuLaunchKernel(
                        kernel, blocks, 1, 1, threads, 1, 1, shared, STREAM.get(), p.addresses, 0);
            }
            if (status != 0 && failure == null) {
                failure = "the CUDA kernel " + name + " could not be started, error " + status + ", with " + blocks
                        + " blocks of " + threads + " threads";
            }
        }
    }

    /** Whether a model's widths are multiples of what a thread works on, and its rows no longer than what a block works on. */
    static boolean fit(ModelConfig c) {
        return c.hiddenSize() % 8 == 0
                && c.hiddenSize() <= 8192
                && c.intermediateSize() % 8 == 0
                && c.headDim() % 16 == 0
                && c.vocabularySize() % 8 == 0;
    }

    /**
     * Makes the operators known to PyTorch, once.
     *
     * @param device a GPU
     * @return why that cannot be done here; empty if it is done
     */
    static synchronized Optional<String> register(Device device) {
        if (missing == null) {
            try {
                compile(device.getDeviceId());
                registered = true;
                missing = Optional.empty();
            } catch (IOException | UnsatisfiedLinkError | EngineException e) {
                missing = Optional.of(String.valueOf(e.getMessage()));
            }
        }
        return missing;
    }

    /** Whether there are kernels for this rank; they are compiled when it is asked for first, which takes a second or two. */
    static boolean compiled(long rank) {
        return registered
                && RANKS.contains(rank)
                && !OF_RANK.computeIfAbsent(rank, CudaKernels::compile).isEmpty();
    }

    private static Map<String, Long> compile(long rank) {
        NativeLibrary driver = driver();
        IntByReference count = new IntByReference();
        IntByReference device = new IntByReference();
        Map<String, Long> kernels = new HashMap<>();
        try {
            call(driver, "cuDeviceGetCount", count);
            String text = TorchScript.text(CudaKernels.class, "kernels.cu");
            PointerByReference loaded =
                    loaded(cubin(text, "--gpu-architecture=" + architecture, "--define-macro=RANK=" + rank));
            Matcher kernel = KERNEL.matcher(text);
            while (kernel.find()) {
                if (rankIn(kernel.group(2).split(",\\s*")) >= 0) {
                    Pointer function = function(loaded, kernel.group(1));
                    for (int i = 0; i < count.getValue(); i++) {
                        call(driver, "cuDeviceGet", device, i);
                        // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
                        call(driver, "cuKernelSetAttribute", 8, SHARED, function, device.getValue());
                    }
                    kernels.put(kernel.group(1), Pointer.nativeValue(function));
                }
            }
            return kernels;
        } catch (IOException | UnsatisfiedLinkError | EngineException e) {
            return Map.of(); // what they do is also done without them
        }
    }

    private static int rankIn(String[] parameters) {
        return List.of(parameters).indexOf("i64 rank");
    }

    private static PointerByReference loaded(Memory code) {
        PointerByReference library = new PointerByReference();
        call(driver(), "cuLibraryLoadData", library, code, null, null, 0, null, null, 0);
        return library;
    }

    private static Pointer function(PointerByReference library, String name) {
        PointerByReference function = new PointerByReference();
        call(driver(), "cuLibraryGetKernel", function, library.getValue(), name);
        return function.getValue();
    }

    /** Whether the card is of the Hopper generation or newer. */
    static boolean hopper() {
        return generation >= 9;
    }

    /** Before a call that may start kernels: they run on the current thread's device. */
    static void enter(Device device) {
        if (registered && device.isGpu()) {
            Driver.cuCtxSetCurrent(CONTEXTS.computeIfAbsent(device.getDeviceId(), CudaKernels::context));
        }
    }

    /** The stream on which this thread's kernels run from now on; 0 is the default one. */
    static void stream(long stream) {
        STREAM.set(stream);
    }

    /** @throws EngineException if a kernel could not be started since the last call */
    static void requireNoFailure() {
        if (failure != null) {
            String what = failure;
            failure = null;
            throw new EngineException(what);
        }
    }

    static NativeLibrary driver() {
        return NativeLibrary.getInstance(File.separatorChar == '\\' ? "nvcuda" : "libcuda.so.1");
    }

    private static Pointer context(int device) {
        IntByReference handle = new IntByReference();
        PointerByReference context = new PointerByReference();
        call(driver(), "cuDeviceGet", handle, device);
        call(driver(), "cuDevicePrimaryCtxRetain", context, handle.getValue());
        return context.getValue();
    }

    private static void compile(int device) throws IOException {
        NativeLibrary driver = driver();
        call(driver, "cuInit", 0);
        IntByReference major = new IntByReference();
        IntByReference minor = new IntByReference();
        IntByReference handle = new IntByReference();
        call(driver, "cuDeviceGet", handle, device);
        call(driver, "cuDeviceGetAttribute", major, 75, handle.getValue());
        call(driver, "cuDeviceGetAttribute", minor, 76, handle.getValue());
        if (major.getValue() < 8) {
            throw new EngineException(
                    "expected compute capability 8.0 or newer, found " + major.getValue() + "." + minor.getValue());
        }
        IntByReference count = new IntByReference();
        call(driver, "cuDeviceGetAttribute", count, 16, handle.getValue());
        generation = major.getValue();
        multiprocessors = Math.min(MOST_BLOCKS, count.getValue());
        architecture = "sm_" + major.getValue() + minor.getValue();
        String text = TorchScript.text(CudaKernels.class, "kernels.cu");
        Memory code = cubin(text, "--gpu-architecture=" + architecture);
        Native.register(Driver.class, driver);
        Driver.cuCtxSetCurrent(context(device));
        PointerByReference loaded = loaded(code);

        Path torch = Path.of(LibUtils.getLibtorchPath()).resolve(System.mapLibraryName("torch_cpu"));
        Native.register(Torch.class, NativeLibrary.getInstance(torch.toString()));
        Memory file = new Memory(16);
        file.setString(0, "kernels.cu");
        KEPT.add(file);
        LongByReference definitions = new LongByReference();
        LongByReference implementations = new LongByReference();
        require(
                "aoti_torch_library_init_fragment",
                Torch.aoti_torch_library_init_fragment("tunebook", Pointer.nativeValue(file), 1, definitions));
        require(
                "aoti_torch_library_init_impl",
                Torch.aoti_torch_library_init_impl("tunebook", "CUDA", Pointer.nativeValue(file), 1, implementations));
        Matcher kernel = KERNEL.matcher(text);
        while (kernel.find()) {
            String name = kernel.group(1);
            String[] parameters = kernel.group(2).split(",\\s*");
            int rank = rankIn(parameters);
            long function = rank < 0 ? Pointer.nativeValue(function(loaded, name)) : 0;
            boolean[] tensor = new boolean[parameters.length];
            StringBuilder schema = new StringBuilder(name).append('(');
            for (int i = 0; i < tensor.length; i++) {
                String parameter = parameters[i];
                tensor[i] = parameter.contains("*");
                String type = !tensor[i]
                        ? parameter.startsWith("i64") ? "int" : "float"
                        : parameter.startsWith("const") ? "Tensor" : "Tensor(" + (char) ('a' + i) + "!)";
                schema.append(type)
                        .append(parameter.substring(parameter.lastIndexOf(' ')))
                        .append(", ");
            }
            schema.append("int blocks, int threads) -> ()");
            Launch launch = new Launch(name, function, tensor, rank);
            KEPT.add(launch);
            require(schema.toString(), Torch.aoti_torch_library_def(definitions.getValue(), schema.toString()));
            require(name, Torch.aoti_torch_library_impl(implementations.getValue(), name, launch));
        }
    }

    private static Memory cubin(String text, String... arguments) throws IOException {
        NativeLibrary nvrtc = nvrtc();
        PointerByReference program = new PointerByReference();
        call(nvrtc, "nvrtcCreateProgram", program, text, "kernels.cu", 0, null, null);
        try {
            Object[] options = {program.getValue(), arguments.length, arguments};
            int status = nvrtc.getFunction("nvrtcCompileProgram").invokeInt(options);
            LongByReference size = new LongByReference();
            if (status != 0) {
                call(nvrtc, "nvrtcGetProgramLogSize", program.getValue(), size);
                Memory log = new Memory(Math.max(1, size.getValue()));
                call(nvrtc, "nvrtcGetProgramLog", program.getValue(), log);
                throw new EngineException(
                        "kernels.cu does not compile with " + String.join(" ", arguments) + ": " + log.getString(0));
            }
            call(nvrtc, "nvrtcGetCUBINSize", program.getValue(), size);
            Memory code = new Memory(size.getValue());
            call(nvrtc, "nvrtcGetCUBIN", program.getValue(), code);
            return code;
        } finally {
            call(nvrtc, "nvrtcDestroyProgram", program);
        }
    }

    /** NVRTC lies beside libtorch, or, installed by pip, in a package of NVIDIA's beside PyTorch's, or where the system's libraries are. */
    private static NativeLibrary nvrtc() throws IOException {
        Pattern name = Pattern.compile("libnvrtc\\.so\\.\\d+|libnvrtc-[0-9a-f]+\\.so\\.[\\d.]+|nvrtc64_\\d+_0\\.dll");
        Path torch = Path.of(LibUtils.getLibtorchPath());
        List<Path> folders = new ArrayList<>(List.of(torch));
        Path nvidia = torch.resolve("../../nvidia").normalize();
        if (Files.isDirectory(nvidia)) {
            try (Stream<Path> inside = Files.find(nvidia, 2, (p, a) -> p.endsWith("lib") || p.endsWith("bin"))) {
                inside.forEach(folders::add);
            }
        }
        for (String path : System.getProperty("jna.library.path", "").split(File.pathSeparator)) {
            if (!path.isEmpty()) {
                folders.add(Path.of(path));
            }
        }
        for (Path folder : folders) {
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.list(folder)) {
                    Optional<Path> found = files.filter(f ->
                                    name.matcher(f.getFileName().toString()).matches())
                            .findFirst();
                    if (found.isPresent()) {
                        return NativeLibrary.getInstance(
                                found.get().toAbsolutePath().toString());
                    }
                }
            }
        }
        try {
            return NativeLibrary.getInstance("nvrtc");
        } catch (UnsatisfiedLinkError e) {
            throw new IOException("expected NVIDIA's NVRTC in one of " + folders + ", found none", e);
        }
    }

    /** Calls a function that answers 0 if all went well. */
    static void call(NativeLibrary library, String name, Object... arguments) {
        require(name, library.getFunction(name, Function.C_CONVENTION).invokeInt(arguments));
    }

    private static void require(String what, int status) {
        if (status != 0) {
            throw new EngineException(what + ": error " + status);
        }
    }
}
