package io.tunebook.kernel.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * The options of compilers that run annotation processors. JShell switches those off in each of its calls, and no option behind it switches them on again, so
 * its option is taken out.
 */
final class ProcessingCompiler {
    private static final String NONE = "-proc:none";
    /** Since then a processor runs only where it is asked for; the option exists a little longer. */
    private static final int FULL = 21;

    private ProcessingCompiler() {}

    /** The options of javac that let the processors of a class path run. */
    static List<String> options(String processorPath) {
        List<String> options = new ArrayList<>(List.of("-processorpath", processorPath));
        if (Runtime.version().feature() >= FULL) {
            options.add("-proc:full");
        }
        return options;
    }

    /** What becomes of JShell's options with these behind them. */
    static UnaryOperator<List<String>> with(Supplier<List<String>> options) {
        AtomicInteger tasks = new AtomicInteger();
        return given -> {
            List<String> all = new ArrayList<>(given);
            all.removeIf(NONE::equals);
            all.addAll(options.get());
            // A compiler that has run processors cannot run them again, and one is used again for the same options.
            all.add("-XDtunebook.task=" + tasks.incrementAndGet());
            return all;
        };
    }
}
