package io.tunebook.kernel.eval;

/** Code that runs again and again. Cells' code implements it, so it is public. */
public abstract class TimedLoop {
    // Read at each turn, so that the JIT cannot know that nobody needs the values.
    private volatile long first = 0x5DEECE66DL;
    private volatile long second = ~0x5DEECE66DL;
    private volatile Object witness = new Object();
    private Object kept;

    /**
     * Runs it so many times.
     *
     * @return how long that took, in nanoseconds
     */
    public abstract long run(long times) throws Exception;

    /** Takes a value that was computed. */
    public final void take(long value) {
        if (value == first && value == second) { // never
            kept = value;
        }
    }

    public final void take(double value) {
        take(Double.doubleToRawLongBits(value));
    }

    public final void take(float value) {
        take((long) Float.floatToRawIntBits(value));
    }

    public final void take(boolean value) {
        take(value ? 1L : 0L);
    }

    public final void take(Object value) {
        if (value == witness) { // never
            kept = value;
        }
    }
}
