package io.tunebook.kernel.zmtp;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much memory strangers may take: a message counts while it arrives, whoever sends it, until its receiver has
 * looked at it.
 */
public final class Budget {
    private final AtomicLong taken = new AtomicLong();
    private final long all;
    private final long message;

    /**
     * A budget.
     *
     * @param all bytes that all connections together may have on their way
     * @param message bytes of one message with all its frames
     */
    public Budget(long all, long message) {
        this.all = all;
        this.message = message;
    }

    /** The largest message, in bytes. */
    public long message() {
        return message;
    }

    /**
     * Takes bytes.
     *
     * @return false, with nothing taken, if there are not so many left
     */
    boolean take(long bytes) {
        if (taken.addAndGet(bytes) <= all) {
            return true;
        }
        taken.addAndGet(-bytes);
        return false;
    }

    void give(long bytes) {
        taken.addAndGet(-bytes);
    }
}
