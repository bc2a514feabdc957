package io.tunebook.kernel.debug;

/** The values of a frame's local variables, for the code that an evaluation in that frame compiles. */
public final class FrameValues {
    /** By thread: who asks for an evaluation runs it. */
    private static final ThreadLocal<Object[]> VALUES = new ThreadLocal<>();

    private FrameValues() {}

    static void set(Object[] values) {
        if (values == null) {
            VALUES.remove();
        } else {
            VALUES.set(values);
        }
    }

    /** A value of the frame that the running evaluation belongs to. */
    public static Object get(int i) {
        return VALUES.get()[i];
    }
}
