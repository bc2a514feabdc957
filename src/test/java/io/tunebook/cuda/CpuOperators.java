package io.tunebook.cuda;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.ByReference;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import io.tunebook.cuda.KernelText.Kernel;
import io.tunebook.cuda.KernelText.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The operators {@code ops.tunebook.NAME} of {@link KernelOperators} for a CPU: with the same schemas, from the same
 * text of kernels, so that the text for GPUs compiles and runs where there is none. What a kernel would be given is
 * checked by its declaration and handed to something else that computes it.
 *
 * <p>PyTorch knows an operator once in a process: on a machine whose GPU has registered them this cannot.
 */
public final class CpuOperators {
    /** Computes what a kernel does: {@link NDArray}, {@link Long} and {@link Double}, then blocks and threads. */
    public interface Twin {
        void compute(String kernel, List<Object> arguments);
    }

    /** Numbers of PyTorch's types ({@code c10/core/ScalarType.h}) by the names in C that kernels have for them. */
    private static final Map<String, Set<Integer>> TYPES = Map.of(
            "float", Set.of(6), "i64", Set.of(4), "unsigned char", Set.of(0, 1, 24), "unsigned short", Set.of(5));

    /** PyTorch keeps what it is given here by address for as long as the process lives. */
    private static final List<Object> KEPT = new ArrayList<>();

    private final NDManager manager = NDManager.newBaseManager(ai.djl.Device.cpu());
    private final Twin twin;
    private final Set<String> called = new HashSet<>();
    private final List<Throwable> failures = new ArrayList<>();
    private Set<Integer> computing = Set.of();

    private CpuOperators(Twin twin) {
        this.twin = twin;
    }

    /** Registers all, once in a process. */
    public static CpuOperators register(Twin twin) {
        CpuOperators operators = new CpuOperators(twin);
        KernelText text = KernelText.ours();
        Memory file = new Memory(16);
        file.setString(0, "kernels.cu");
        KEPT.add(file);
        LongByReference definitions = new LongByReference();
        LongByReference implementations = new LongByReference();
        ForeignFunction.LIBRARY_FRAGMENT.require("tunebook", Pointer.nativeValue(file), 1, definitions);
        ForeignFunction.LIBRARY_IMPLEMENTATION.require(
                "tunebook", "CPU", Pointer.nativeValue(file), 1, implementations);
        for (Kernel kernel : text.kernels()) {
            List<String> types = types(text, kernel);
            operators.add(
                    definitions,
                    implementations,
                    kernel.name(),
                    kernel.schema(),
                    (arguments, count, results) -> operators.call(kernel, types, new Pointer(arguments), count));
        }
        operators.add(
                definitions,
                implementations,
                KernelOperators.DETERMINISTIC,
                KernelOperators.DETERMINISTIC_SCHEMA,
                (arguments, count, results) ->
                        ForeignFunction.DELETE_TENSOR.require(new Pointer(arguments).getLong(0)));
        return operators;
    }

    private void add(
            LongByReference definitions,
            LongByReference implementations,
            String name,
            String schema,
            DirectCalls.Operator operator) {
        KEPT.add(operator);
        ForeignFunction.LIBRARY_DEFINE.require(definitions.getValue(), schema);
        ForeignFunction.LIBRARY_IMPLEMENT.require(implementations.getValue(), name, operator);
    }

    /** What a kernel's pointers point to, in C; of what is no pointer its type. */
    private static List<String> types(KernelText text, Kernel kernel) {
        Matcher declaration =
                Pattern.compile("\\b" + kernel.name() + "\\(([^)]*)\\) \\{").matcher(text.text());
        if (!declaration.find()) {
            throw new IllegalArgumentException("kernel " + kernel.name() + ": no declaration");
        }
        List<String> types = new ArrayList<>();
        for (String parameter : declaration.group(1).strip().split(",\\s*")) {
            types.add(parameter
                    .substring(0, parameter.lastIndexOf(' '))
                    .replace("const ", "")
                    .replace("*", ""));
        }
        return types;
    }

    /**
     * Forgets what was called.
     *
     * @param narrow whether the model computes in bfloat16, the type that kernels take; else in float32, so that
     *     results can be compared closely
     */
    public void begin(boolean narrow) {
        computing = Set.of(narrow ? 15 : 6);
        called.clear();
        failures.clear();
    }

    /** All kernels that there are. */
    public Set<String> kernels() {
        return KernelText.ours().kernels().stream().map(Kernel::name).collect(Collectors.toSet());
    }

    /** The kernels that were called since {@link #begin}. */
    public Set<String> called() {
        return Set.copyOf(called);
    }

    /** What went wrong since {@link #begin}. */
    public List<Throwable> failures() {
        return List.copyOf(failures);
    }

    /** Must never throw: PyTorch called it. */
    private void call(Kernel kernel, List<String> types, Pointer given, long count) {
        called.add(kernel.name());
        try (NDManager scope = manager.newSubManager()) {
            int parameters = kernel.parameters().size();
            List<Object> arguments = new ArrayList<>();
            for (int i = 0; i < parameters; i++) {
                KernelText.Parameter parameter = kernel.parameters().get(i);
                if (parameter.isTensor()) {
                    arguments.add(new PtNDArray((PtNDManager) scope, given.getLong(8L * i))); // closed with the scope
                } else if (parameter.kind() == Kind.INTEGER) {
                    arguments.add(given.getLong(8L * i));
                } else {
                    arguments.add(given.getDouble(8L * i));
                }
            }
            check(count == parameters + 2, kernel.name() + ": " + count + " arguments");
            long blocks = given.getLong(8L * parameters);
            long threads = given.getLong(8L * parameters + 8);
            check(blocks >= 0 && blocks <= Integer.MAX_VALUE, kernel.name() + ": " + blocks + " blocks");
            check(threads > 0 && threads <= 1024 && threads % 32 == 0, kernel.name() + ": " + threads + " threads");
            arguments.add(blocks);
            arguments.add(threads);
            for (int i = 0; i < parameters; i++) {
                if (arguments.get(i) instanceof PtNDArray tensor) {
                    check(kernel.name() + ": " + kernel.parameters().get(i).name(), types.get(i), tensor);
                }
            }
            if (blocks > 0) {
                twin.compute(kernel.name(), arguments);
            }
        } catch (RuntimeException | Error e) {
            failures.add(e);
        }
    }

    /** The type of elements, and that vectors of 16 bytes can be read: a GPU's memory begins at such a place. */
    private void check(String what, String type, PtNDArray tensor) {
        LongByReference elements = new LongByReference();
        call("aoti_torch_get_numel", tensor, elements);
        if (elements.getValue() == 0) {
            return; // a null pointer
        }
        IntByReference found = new IntByReference();
        call("aoti_torch_get_dtype", tensor, found);
        check(
                TYPES.getOrDefault(type, computing).contains(found.getValue()),
                what + " is " + type + ", but the tensor has PyTorch's type " + found.getValue());
        if (computing.contains(15) && type.equals("bf16")) {
            LongByReference offset = new LongByReference();
            call("aoti_torch_get_storage_offset", tensor, offset);
            check(
                    2 * offset.getValue() % 16 == 0,
                    what + " begins " + 2 * offset.getValue() + " bytes into its memory, no multiple of 16");
        }
    }

    private static void call(String function, PtNDArray tensor, ByReference answer) {
        int status = ForeignLibrary.TORCH_CPU.open().getFunction(function).invokeInt(new Object[] {
            tensor.getHandle(), answer
        });
        check(status == 0, function + ": error " + status);
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
