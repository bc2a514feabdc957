package io.tunebook.cuda;

import com.sun.jna.Pointer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * PyTorch's switch for deterministic algorithms, {@code torch.use_deterministic_algorithms}. The backward of its flash
 * attention asks it: when it is on, each block of keys adds to an array of its own, and these are added up in a fixed
 * order ({@code aten/src/ATen/native/transformers/cuda/attention_backward.cu}).
 *
 * <p>The switch is one for the process, and while it is on other operators throw or take other ways: products want an
 * environment variable that must be set before the process begins. So it is on for single operators only, and no other
 * method runs on a GPU meanwhile.
 */
public final class Determinism {
    /** Every method that runs on a GPU reads; one that has the switch on writes. */
    private static final ReentrantReadWriteLock METHODS = new ReentrantReadWriteLock();

    private Determinism() {}

    /** Why the switch cannot be used here; empty if it can. */
    public static Optional<String> missing() {
        return ForeignFunction.missing(
                List.of(ForeignFunction.CONTEXT, ForeignFunction.DETERMINISTIC, ForeignFunction.DETERMINISTIC_FILL));
    }

    /** A method begins on this thread. It is ended by {@link #end}, however it ends. */
    public static void begin() {
        METHODS.readLock().lock();
    }

    /** The method has ended; if it was within an operator that failed, the switch is off again. */
    public static void end() {
        on(false);
        METHODS.readLock().unlock();
    }

    /**
     * Within a method: turns the switch for the operators that follow, or does nothing if it cannot be used or is so
     * already.
     */
    static void on(boolean yes) {
        if (yes == METHODS.isWriteLockedByCurrentThread() || yes && missing().isPresent()) {
            return;
        }
        if (yes) {
            METHODS.readLock().unlock();
            METHODS.writeLock().lock();
            turn(true);
        } else {
            turn(false);
            METHODS.readLock().lock();
            METHODS.writeLock().unlock();
        }
    }

    private static void turn(boolean on) {
        Pointer context = ForeignFunction.CONTEXT.address();
        ForeignFunction.DETERMINISTIC_FILL.run(
                context, 0); // fresh memory stays as it is: it is written before it is read
        ForeignFunction.DETERMINISTIC.run(context, on ? 1 : 0, 0);
    }
}
