package io.tunebook.kernel.protocol;

/**
 * What is done when the heap is full, most often of a cell's objects. The kernel holds a reserve; it is given up so
 * that the kernel can say what happened and take the cell that frees memory, and is laid by again when there is room.
 * If memory runs out again and again although the reserve is gone, the process ends: a frontend restarts a kernel that
 * has died, and waits for ever for one that lives and is mute.
 */
public final class Memory {
    private static final System.Logger LOG = System.getLogger(Memory.class.getName());
    private static final int MOST = 8 << 20;
    private static final int LEAST = 1 << 20;
    /** So often in a row the kernel's own work may fail for want of memory. */
    private static final int PATIENCE = 50;

    private static final byte[] LAST_WORDS =
            "The kernel ends: the heap is full and nothing can be freed. Start it with a larger one, -Xmx.\n"
                    .getBytes();

    private final int size =
            (int) Math.max(LEAST, Math.min(MOST, Runtime.getRuntime().maxMemory() / 32));
    private volatile byte[] reserve = new byte[size];
    private int failures;

    /** Gives the reserve up if that helps. To be called first when something of the kernel's own has failed. */
    public synchronized void troubled(Throwable t) {
        if (!(t instanceof OutOfMemoryError)) {
            return;
        }
        reserve = null;
        if (++failures >= PATIENCE) {
            System.err.write(LAST_WORDS, 0, LAST_WORDS.length);
            System.err.flush();
            Runtime.getRuntime().halt(3);
        }
    }

    /** A request has been answered: lays the reserve by again where there is room for it. */
    public synchronized void answered() {
        failures = 0;
        Runtime runtime = Runtime.getRuntime();
        long free = runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
        if (reserve == null && free > 4L * size) {
            try {
                reserve = new byte[size];
            } catch (OutOfMemoryError e) {
                LOG.log(System.Logger.Level.DEBUG, "there is no room for the reserve yet");
            }
        }
    }
}
