package io.tunebook.kernel.eval;

import java.util.function.Supplier;

/** javac walks through code by recursion: what is too deep for a thread's stack is tried again with a larger one. */
final class DeepStack {
    private static final long SIZE = 1L << 30; // bytes of address space; what is used goes back when the thread ends

    private DeepStack() {}

    /**
     * Runs what can be run twice.
     *
     * @param again called before the second attempt
     */
    static <T> T call(Supplier<T> action, Runnable again) {
        try {
            return action.get();
        } catch (RuntimeException | Error e) {
            if (!isOverflow(e)) {
                throw e;
            }
        }
        again.run();
        Object[] result = new Object[1];
        Throwable[] thrown = new Throwable[1];
        Thread deep = new Thread(
                null,
                () -> {
                    try {
                        result[0] = action.get();
                    } catch (Throwable t) {
                        thrown[0] = t;
                    }
                },
                "compiler",
                SIZE);
        deep.setDaemon(true);
        deep.start();
        boolean interrupted = false;
        while (true) {
            try {
                deep.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true; // a compilation ends by itself
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (thrown[0] instanceof Error e) {
            throw e;
        } else if (thrown[0] instanceof RuntimeException e) {
            throw e;
        }
        @SuppressWarnings("unchecked") // it is what the action gave
        T value = (T) result[0];
        return value;
    }

    static boolean isOverflow(Throwable thrown) {
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            if (t instanceof StackOverflowError
                    || String.valueOf(t.getMessage()).contains("StackOverflowError")) {
                return true;
            }
        }
        return false;
    }
}
