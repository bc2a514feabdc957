package io.tunebook.cuda;

import ai.djl.engine.EngineException;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import io.tunebook.cuda.KernelText.Kernel;
import io.tunebook.cuda.KernelText.Parameter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The kernels as operators {@code ops.tunebook.NAME} that TorchScript calls, by PyTorch's stable C interface ({@code
 * torch/csrc/inductor/aoti_torch/c/shim.h}): nothing is built beforehand, and no C++ compiler is needed.
 *
 * <p>An operator has the kernel's parameters, pointers being tensors, and two more: the blocks and the threads of each.
 * It returns nothing; what it computes it writes into its tensors. PyTorch knows an operator once in a process, for all
 * devices: it starts the kernel of the device that the calling thread is on.
 */
final class KernelOperators {
    /** PyTorch keeps what it is given here by address for as long as the process lives. */
    private static final List<Object> KEPT = new ArrayList<>();

    /**
     * No kernel: it turns PyTorch's switch for the operators that follow. Its tensor only says that these are of a GPU,
     * and keeps them in order.
     */
    static final String DETERMINISTIC = "deterministic";

    static final String DETERMINISTIC_SCHEMA = DETERMINISTIC + "(Tensor(a!) of, int on) -> ()";

    /** Operators are registered once in a process; what was missing then stays so. */
    private static Optional<String> missing;

    private KernelOperators() {}

    private record Starter(Kernel kernel, boolean[] tensor, int rank) implements DirectCalls.Operator {
        Starter(Kernel kernel) {
            this(kernel, new boolean[kernel.parameters().size()], kernel.rank());
            List<Parameter> parameters = kernel.parameters();
            for (int i = 0; i < tensor.length; i++) {
                tensor[i] = parameters.get(i).isTensor();
            }
        }

        @Override
        public void call(long arguments, long count, long results) {
            Launcher.ofThread().start(kernel, tensor, rank, arguments, (int) count);
        }
    }

    /**
     * Makes the operators known to PyTorch, once.
     *
     * @return why that cannot be done here; empty if it is done
     */
    static synchronized Optional<String> register(KernelText text) {
        if (missing == null) {
            missing = ForeignFunction.missing(List.of(
                            ForeignFunction.LIBRARY_FRAGMENT,
                            ForeignFunction.LIBRARY_IMPLEMENTATION,
                            ForeignFunction.LIBRARY_DEFINE))
                    .or(DirectCalls::bind)
                    .or(() -> defined(text));
        }
        return missing;
    }

    private static Optional<String> defined(KernelText text) {
        try {
            define(text);
            return Optional.empty();
        } catch (EngineException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private static void define(KernelText text) {
        Memory file = new Memory(16);
        file.setString(0, "kernels.cu");
        KEPT.add(file);
        LongByReference definitions = new LongByReference();
        LongByReference implementations = new LongByReference();
        ForeignFunction.LIBRARY_FRAGMENT.require("tunebook", Pointer.nativeValue(file), 1, definitions);
        ForeignFunction.LIBRARY_IMPLEMENTATION.require(
                "tunebook", "CUDA", Pointer.nativeValue(file), 1, implementations);
        for (Kernel kernel : text.kernels()) {
            Starter starter = new Starter(kernel);
            KEPT.add(starter);
            ForeignFunction.LIBRARY_DEFINE.require(definitions.getValue(), kernel.schema());
            implement(implementations, kernel.name(), starter);
        }
        DirectCalls.Operator turn =
                (arguments, count, results) -> Launcher.ofThread().turn(arguments);
        KEPT.add(turn);
        ForeignFunction.LIBRARY_DEFINE.require(definitions.getValue(), DETERMINISTIC_SCHEMA);
        implement(implementations, DETERMINISTIC, turn);
    }

    private static void implement(LongByReference implementations, String name, DirectCalls.Operator operator) {
        int status = DirectCalls.Torch.aoti_torch_library_impl(implementations.getValue(), name, operator);
        if (status != 0) {
            throw new EngineException("the operator " + name + ": error " + status);
        }
    }
}
