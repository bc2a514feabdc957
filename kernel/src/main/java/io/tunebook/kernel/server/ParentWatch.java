package io.tunebook.kernel.server;

import java.io.File;
import java.util.Optional;

/**
 * Notices that the program which started this kernel has died: nobody else would ever end the kernel. Jupyter's clients name themselves in the environment,
 * unless the kernel is to outlive them.
 */
final class ParentWatch {
    private ParentWatch() {}

    /**
     * Starts to watch.
     *
     * @param parent the value of {@code JPY_PARENT_PID}, or null if there is none
     * @param gone what is to be done when it has died
     */
    static void start(String parent, Runnable gone) {
        // On Windows the number is a handle of the parent's and no process id.
        if (parent == null || !parent.matches("\\d{1,18}") || File.separatorChar == '\\') {
            return;
        }
        long pid = Long.parseLong(parent);
        Optional<ProcessHandle> process = pid > 1 ? ProcessHandle.of(pid) : Optional.empty();
        // A process that cannot be seen, from within a container for example, may live.
        process.ifPresent(p -> p.onExit().thenRun(gone));
    }
}
