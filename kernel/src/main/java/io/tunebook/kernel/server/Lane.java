package io.tunebook.kernel.server;

import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.protocol.Memory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * One thread that handles requests in the order in which they came. Nothing ends it but {@link #close}: no interrupt,
 * and nothing that is thrown.
 */
final class Lane {
    private static final System.Logger LOG = System.getLogger(Lane.class.getName());

    private final LinkedBlockingQueue<Request> waiting = new LinkedBlockingQueue<>();
    private final BiConsumer<Lane, Request> handler;
    private final Memory memory;
    private volatile boolean closed;

    Lane(String name, ThreadGroup group, Memory memory, BiConsumer<Lane, Request> handler) {
        this.handler = handler;
        this.memory = memory;
        Thread thread = new Thread(group, this::run, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Appends a request. */
    void add(Request request) {
        waiting.add(request);
    }

    /** Takes out what has come already and waits. */
    List<Request> takeWaiting() {
        List<Request> all = new ArrayList<>();
        waiting.drainTo(all);
        return all;
    }

    /** Ends after the request that it handles. */
    void close() {
        closed = true;
    }

    private void run() {
        CellContext.detach(); // what the kernel logs belongs under no cell
        while (!closed) {
            try {
                Request next = waiting.poll(1, TimeUnit.SECONDS);
                if (next != null) {
                    handler.accept(this, next);
                }
            } catch (InterruptedException e) {
                continue; // by a cell that interrupts every thread it finds
            } catch (Throwable t) {
                survive(t);
            }
        }
    }

    private void survive(Throwable t) {
        try {
            memory.troubled(t);
            LOG.log(System.Logger.Level.ERROR, "the kernel goes on after " + t, t);
        } catch (Throwable worse) {
            // there is not even memory to say so
        }
    }
}
