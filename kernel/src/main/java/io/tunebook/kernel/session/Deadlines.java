package io.tunebook.kernel.session;

import io.tunebook.kernel.eval.CellContext;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Does something when a cell is over its time. */
interface Deadlines extends AutoCloseable {
    /** @return cancels it, unless it has begun */
    Runnable after(Duration limit, Runnable action);

    @Override
    void close();

    /** A thread of the session's own: cells may fill the common pool. It starts with the first deadline. */
    final class OwnThread implements Deadlines {
        private final ScheduledThreadPoolExecutor clock = new ScheduledThreadPoolExecutor(1, work -> {
            Thread thread = new Thread(
                    () -> {
                        CellContext.detach();
                        work.run();
                    },
                    "deadlines of cells");
            thread.setDaemon(true);
            return thread;
        });

        OwnThread() {
            clock.setRemoveOnCancelPolicy(true); // a cell that has ended is not kept until its time would be over
        }

        @Override
        public Runnable after(Duration limit, Runnable action) {
            Future<?> due = clock.schedule(action, limit.toMillis(), TimeUnit.MILLISECONDS);
            return () -> due.cancel(false);
        }

        @Override
        public void close() {
            clock.shutdownNow();
        }
    }
}
