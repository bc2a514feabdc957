package io.tunebook.kernel.debug;

import io.tunebook.kernel.debug.Debugger.ThreadState;
import java.util.ArrayList;
import java.util.List;

/** A call of a cell's method that has not returned. The bytecode of cells holds one of these for each call. */
public final class Frame {
    private final ThreadState thread;
    private final String method;
    private final String file;
    final Frame caller;
    final int depth;
    private volatile int line;
    private volatile List<Local> locals = List.of();

    /**
     * A local variable, with its value when its frame last began a line.
     *
     * @param signature as in class files, with generics where they are known
     */
    record Local(String name, String signature, Object value) {}

    Frame(ThreadState thread, String method, String file, Frame caller) {
        this.thread = thread;
        this.method = method;
        this.file = file;
        this.caller = caller;
        this.depth = caller == null ? 1 : caller.depth + 1;
    }

    /**
     * A line begins.
     *
     * @return whether somebody wants to see the local variables: {@link #see} is called then
     */
    public boolean at(int number) {
        line = number;
        thread.top = this; // what was above has ended, be it by an exception
        return thread.debugger.watches(thread);
    }

    /**
     * Shows the local variables, and stops if this is the place.
     *
     * @param described names and signatures, one after the other
     */
    public void see(String described, Object[] values) {
        String[] words = described.split("\n");
        List<Local> all = new ArrayList<>(values.length);
        for (int i = 0; i < values.length; i++) {
            all.add(new Local(words[2 * i], words[2 * i + 1], values[i]));
        }
        locals = all;
        thread.debugger.arrived(thread, this);
    }

    /** The call returns. */
    public void exit() {
        thread.top = caller;
    }

    /** The method as its author names it; the statements of a cell have the cell's name. */
    String title() {
        if (isStatement()) {
            return file;
        }
        String name = name();
        String type =
                SourceType.source(method.substring(0, method.lastIndexOf('.')).replace('/', '.'));
        String brief = type.contains("$JShell") ? "" : type.substring(type.lastIndexOf('.') + 1);
        return brief.isEmpty() ? name : name.equals("<init>") ? "new " + brief : brief + "." + name;
    }

    /** Whether it runs statements of a cell, in no method of it. */
    boolean isStatement() {
        return name().startsWith("do_it$");
    }

    private String name() {
        return method.substring(method.lastIndexOf('.') + 1).replaceFirst("^lambda\\$(.*)\\$\\d+$", "$1");
    }

    String file() {
        return file;
    }

    int line() {
        return line;
    }

    List<Local> locals() {
        return locals;
    }
}
