package io.tunebook.ollama.llamacpp;

import com.sun.jna.IntegerType;
import com.sun.jna.Native;

/** C's {@code size_t}. */
public final class SizeT extends IntegerType {
    private static final long serialVersionUID = 1;

    /** Zero, which JNA asks for. */
    public SizeT() {
        this(0);
    }

    /** A size in whatever it counts. */
    public SizeT(long size) {
        super(Native.SIZE_T_SIZE, size, true);
    }
}
