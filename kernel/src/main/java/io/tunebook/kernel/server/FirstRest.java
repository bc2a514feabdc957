package io.tunebook.kernel.server;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The first pause behind a cell. What the start has left on the heap is garbage by then, and the JVM would keep its
 * pages as long as nobody needs the room: it is collected once, in some 50 ms, and the pages go back to the system.
 */
final class FirstRest {
    private static final long AFTER = 3; // seconds
    /** With more than that a collection could be noticed, and a program of that size collects by itself. */
    private static final long LARGEST = 256L << 20;

    private final Executor later =
            CompletableFuture.delayedExecutor(AFTER, TimeUnit.SECONDS, work -> new Thread(work, "first rest").start());
    private final AtomicLong requests = new AtomicLong();
    private volatile boolean over;

    /** A request has come. */
    void begins() {
        requests.incrementAndGet();
    }

    /** A cell has been answered. */
    void cellEnded() {
        if (!over) {
            long last = requests.get();
            later.execute(() -> rest(last));
        }
    }

    private void rest(long last) {
        Runtime runtime = Runtime.getRuntime();
        if (over || requests.get() != last) {
            return; // it did not rest
        }
        over = true;
        if (runtime.totalMemory() - runtime.freeMemory() < LARGEST) {
            System.gc();
        }
    }
}
