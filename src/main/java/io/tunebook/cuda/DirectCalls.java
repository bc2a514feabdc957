package io.tunebook.cuda;

import com.sun.jna.Callback;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.List;
import java.util.Optional;

/**
 * The functions that each start of a kernel calls, bound so that a call costs a fraction of a microsecond. They are
 * rows of {@link ForeignFunction} too; handles and addresses are numbers here.
 */
final class DirectCalls {
    private DirectCalls() {}

    /**
     * What PyTorch calls: arguments come as 64 bits each, a tensor as the address of a handle that is the operator's to
     * delete.
     */
    interface Operator extends Callback {
        void call(long arguments, long count, long results);
    }

    /** Of libtorch_cpu; each answers 0 if all went well. */
    static final class Torch {
        private Torch() {}

        static native int aoti_torch_library_impl(long library, String name, Operator operator);

        static native int aoti_torch_get_data_ptr(long tensor, long address);

        static native int aoti_torch_delete_tensor_object(long tensor);
    }

    /** Of CUDA's driver; each answers 0 if all went well. */
    static final class Driver {
        private Driver() {}

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

    /**
     * Binds them.
     *
     * @return why that cannot be done; empty if it is done
     */
    static Optional<String> bind() {
        Optional<String> missing = ForeignFunction.missing(List.of(
                ForeignFunction.LIBRARY_IMPLEMENT,
                ForeignFunction.DATA_POINTER,
                ForeignFunction.DELETE_TENSOR,
                ForeignFunction.LAUNCH,
                ForeignFunction.CONTEXT_SET));
        if (missing.isEmpty()) {
            Native.register(Torch.class, ForeignLibrary.TORCH_CPU.open());
            Native.register(Driver.class, ForeignLibrary.DRIVER.open());
        }
        return missing;
    }
}
