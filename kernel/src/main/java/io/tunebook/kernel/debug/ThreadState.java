package io.tunebook.kernel.debug;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;

/** What the debugger knows of a thread that runs code of cells. Its own fields are written by that thread, but for the step that it is to take. */
final class ThreadState {
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
