package io.tunebook.kernel.magic;

import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.launch.JvmOptions;

/** The options of the JVM, which hold from its start: the first cell of a notebook may ask for others. */
public final class JvmMagic {
    private final CellEvaluator evaluator;
    private volatile Restart restart = options -> {
        throw new IllegalStateException(
                "this kernel is a part of another program, which must be started with " + options + " itself");
    };

    /** Starts the kernel anew. */
    public interface Restart {
        /**
         * Starts a kernel with these options, which takes over when the cell that asks for it has been answered.
         *
         * @throws Exception if no JVM starts with them; this kernel goes on then
         */
        void with(JvmOptions options) throws Exception;
    }

    JvmMagic(CellEvaluator evaluator) {
        this.evaluator = evaluator;
    }

    void restart(Restart by) {
        restart = by;
    }

    Magic magic() {
        return new Magic(
                JvmOptions.MAGIC,
                "OPTION ...",
                "In the first cell: starts the kernel anew with these options of the JVM, such as `-Xmx4g` or"
                        + " `--enable-preview`. They may also stand on the lines below.",
                (a, rest, body) -> run(JvmOptions.parse(rest + "\n" + body)));
    }

    private Object run(JvmOptions options) throws CellException {
        if (options.isCurrent()) {
            System.out.println("This JVM runs with " + options);
            return null;
        } else if (evaluator.results().in().size() > 1) {
            throw new IllegalStateException(
                    "options of the JVM hold from its start: put %%jvm into the notebook's first cell, restart the"
                            + " kernel, and run that cell before any other");
        }
        evaluator.call(() -> {
            restart.with(options);
            return null;
        });
        System.out.println("The kernel starts anew with " + options);
        return null;
    }
}
