package io.tunebook.kernel.debug;

import io.tunebook.kernel.debug.Debugger.ThreadState.Step;
import io.tunebook.kernel.eval.Interrupts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Stops threads in the code of cells and lets them go on. Threads stop one by one; the kernel's own never do. */
final class Debugger {
    /** Who hears of it. */
    interface Listener {
        /** @param reason as the protocol names it: {@code breakpoint}, {@code step} or {@code pause} */
        void stopped(ThreadState thread, String reason);

        void continued(ThreadState thread);
    }

    private final CellFiles files;
    private final Listener listener;
    private final Map<Thread, ThreadState> threads = new ConcurrentHashMap<>();
    private final ThreadLocal<ThreadState> own = ThreadLocal.withInitial(() -> {
        ThreadState made = new ThreadState(this, Thread.currentThread());
        threads.keySet().removeIf(t -> !t.isAlive());
        threads.put(made.thread, made);
        return made;
    });
    private final Map<String, Set<Integer>> breakpoints = new ConcurrentHashMap<>();
    private volatile boolean attached;
    private volatile boolean pausing;

    Debugger(CellFiles files, Listener listener) {
        this.files = files;
        this.listener = listener;
    }

    // ---- what the code of cells calls

    Frame enter(String method, String file) {
        ThreadState thread = own.get();
        Frame frame = new Frame(thread, method, file, thread.top);
        thread.top = frame;
        return frame;
    }

    boolean watches(ThreadState thread) {
        return attached && (pausing || thread.step != Step.NONE || !breakpoints.isEmpty());
    }

    void arrived(ThreadState thread, Frame frame) {
        String path = files.path(frame.file());
        if (path == null || thread.evaluating) {
            return;
        }
        String reason = breakpoints.getOrDefault(path, Set.of()).contains(frame.line())
                ? "breakpoint"
                : thread.steppedTo(frame) ? "step" : pausing ? "pause" : null;
        if (reason != null) {
            pausing = false;
            stop(thread, reason);
        }
    }

    private void stop(ThreadState thread, String reason) {
        thread.step = Step.NONE;
        thread.tasks.clear();
        thread.stopped = true;
        boolean interrupted = false;
        listener.stopped(thread, reason);
        try {
            while (thread.stopped) {
                thread.tasks.take().run();
            }
        } catch (InterruptedException e) {
            interrupted = true;
            thread.stopped = false;
        }
        listener.continued(thread);
        if (interrupted) {
            Interrupts.checkWoken(); // the cell is to end here
            Thread.currentThread().interrupt();
        }
    }

    // ---- what the protocol asks

    /** From now on breakpoints count. */
    void attach() {
        attached = true;
    }

    /** From now on nothing stops, and what has stopped goes on. */
    void detach() {
        attached = false;
        pausing = false;
        breakpoints.clear();
        resumeOthers(null);
    }

    void breakpoints(String path, Set<Integer> lines) {
        if (lines.isEmpty()) {
            breakpoints.remove(path);
        } else {
            breakpoints.put(path, Set.copyOf(lines));
        }
    }

    Map<String, Set<Integer>> breakpoints() {
        return Map.copyOf(breakpoints);
    }

    /** The next line of a cell that some thread begins is where it stops. */
    void pause() {
        pausing = attached;
    }

    void resume(ThreadState thread, Step how) {
        if (thread.stopped) {
            thread.go(how);
            thread.tasks.add(() -> thread.stopped = false);
        }
    }

    /** Lets all threads go on but this one, which may be null. */
    void resumeOthers(ThreadState thread) {
        threads.values().stream().filter(t -> t != thread).forEach(t -> resume(t, Step.NONE));
    }

    /** A cell has ended, and with it the step that would have led on. */
    void cellEnded() {
        threads.values().forEach(t -> t.step = Step.NONE);
        pausing = false;
    }

    Collection<ThreadState> threads() {
        return List.copyOf(threads.values());
    }

    Optional<ThreadState> thread(long id) {
        return threads.values().stream().filter(t -> t.id() == id).findFirst();
    }

    /** Whether some thread has stopped. */
    boolean isStopped() {
        return threads.values().stream().anyMatch(t -> t.stopped);
    }

    /**
     * Runs something on a thread that has stopped, where it has the locks that the thread holds.
     *
     * @throws Exception what it throws, or that it takes longer than ten seconds or the thread goes on
     */
    <T> T on(ThreadState thread, Callable<T> action) throws Exception {
        CompletableFuture<T> done = new CompletableFuture<>();
        thread.tasks.add(() -> {
            Frame top = thread.top;
            thread.evaluating = true;
            T value = null;
            Throwable thrown = null;
            try {
                value = action.call();
            } catch (Throwable t) {
                thrown = t;
            }
            thread.evaluating = false;
            thread.top = top; // before the debugger looks at the frames again
            if (thrown == null) {
                done.complete(value);
            } else {
                done.completeExceptionally(thrown);
            }
        });
        try {
            return done.get(10, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new TimeoutException("it takes longer than ten seconds; interrupt the cell to end it");
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception x ? x : e;
        }
    }

    /**
     * What the debugger knows of a thread that runs code of cells. Its own fields are written by that thread, but for
     * the step that it is to take.
     */
    static final class ThreadState {
        /** How far a thread goes before it stops again. */
        enum Step {
            NONE,
            IN,
            OVER,
            OUT
        }

        final Debugger debugger;
        final Thread thread;
        final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
        volatile Frame top;
        volatile Step step = Step.NONE;
        volatile Frame stepFrom;
        volatile int stepLine;
        volatile boolean stopped;
        /** Code that the debugger itself runs here does not stop. */
        boolean evaluating;

        ThreadState(Debugger debugger, Thread thread) {
            this.debugger = debugger;
            this.thread = thread;
        }

        long id() {
            return thread.getId();
        }

        /** The frames, the innermost first. */
        List<Frame> frames() {
            List<Frame> all = new ArrayList<>();
            for (Frame f = top; f != null; f = f.caller) {
                all.add(f);
            }
            return all;
        }

        /** Whether the step that was asked for ends here. */
        boolean steppedTo(Frame frame) {
            int from = stepFrom == null ? Integer.MAX_VALUE : stepFrom.depth;
            return switch (step) {
                case NONE -> false;
                case IN -> frame != stepFrom || frame.line() != stepLine;
                case OVER -> frame.depth <= from && (frame != stepFrom || frame.line() != stepLine);
                case OUT -> frame.depth < from;
            };
        }

        void go(Step how) {
            stepFrom = top;
            stepLine = top == null ? 0 : top.line();
            step = how;
        }
    }
}
