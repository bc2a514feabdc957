package org.dflib.jjava;

import io.github.spencerpark.ijava.IJava;
import io.github.spencerpark.ijava.JavaKernel;

/** Gives notebooks of JJava the kernel that runs them. */
public final class JJava {
    private JJava() {}

    public static JavaKernel getKernelInstance() {
        return IJava.getKernelInstance();
    }
}
