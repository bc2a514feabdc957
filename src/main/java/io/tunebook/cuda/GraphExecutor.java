package io.tunebook.cuda;

/**
 * PyTorch's executor of TorchScript. It watches the first run of each method and rewrites the method for what it saw,
 * which takes half a second for a decoder on a CPU and a second on a GPU, and wins nothing: on a CPU it fuses no
 * operators, and on a GPU steps are replayed from recordings.
 */
public final class GraphExecutor {
    /** PyTorch keeps the setting by thread, and so does this note that it was made. */
    private static final ThreadLocal<Boolean> AS_WRITTEN = ThreadLocal.withInitial(() -> false);

    private GraphExecutor() {}

    /**
     * From now on PyTorch runs methods on this thread as they are written; where it cannot be told so, only time is
     * lost.
     */
    public static void runAsWritten() {
        if (!AS_WRITTEN.get()) {
            AS_WRITTEN.set(true);
            if (ForeignFunction.EXECUTOR_OPTIMIZE.missing().isEmpty()) {
                ForeignFunction.EXECUTOR_OPTIMIZE.run(0);
            }
        }
    }
}
