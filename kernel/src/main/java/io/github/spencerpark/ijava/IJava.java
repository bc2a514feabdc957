package io.github.spencerpark.ijava;

/** Gives notebooks of IJava the kernel that runs them. */
public final class IJava {
    private static final JavaKernel KERNEL = new JavaKernel();

    private IJava() {}

    public static JavaKernel getKernelInstance() {
        return KERNEL;
    }
}
