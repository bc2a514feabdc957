package io.tunebook.prepare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/**
 * Tasks side by side, their results in the order of the tasks. A pool of its own, which parallel streams within take
 * too.
 */
final class Workers {
    private Workers() {}

    /** One of several tasks. */
    @FunctionalInterface
    interface Task<T> {
        /** @param stop true once it should give up */
        T run(int index, BooleanSupplier stop) throws IOException;
    }

    /** As many tasks at a time as there are threads. */
    static <T> List<T> all(int count, int threads, Task<T> task) throws IOException {
        return all(count, threads, threads, task);
    }

    /**
     * @param atOnce how many tasks at most run at the same time; threads that are left over take part in their streams
     * @throws CancellationException if the thread is interrupted; the tasks have ended then
     * @throws IOException the failure of the first task that failed, in their order
     */
    static <T> List<T> all(int count, int threads, int atOnce, Task<T> task) throws IOException {
        AtomicBoolean stopped = new AtomicBoolean();
        ForkJoinPool pool = new ForkJoinPool(threads);
        try {
            List<CompletableFuture<T>> results = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                results.add(new CompletableFuture<>());
            }
            AtomicInteger next = new AtomicInteger();
            for (int lane = 0; lane < Math.min(count, atOnce); lane++) {
                pool.execute(() -> {
                    for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
                        run(task, i, results.get(i), stopped);
                    }
                });
            }
            return results(results, stopped);
        } finally {
            stopped.set(true);
            pool.shutdown();
            boolean interrupted = Thread.interrupted();
            while (!pool.isTerminated()) {
                try {
                    pool.awaitTermination(1, java.util.concurrent.TimeUnit.MINUTES);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static <T> void run(Task<T> task, int index, CompletableFuture<T> result, AtomicBoolean stopped) {
        if (stopped.get()) {
            result.completeExceptionally(new CancellationException("stopped"));
            return;
        }
        try {
            result.complete(task.run(index, stopped::get));
        } catch (IOException | RuntimeException | Error e) {
            stopped.set(true);
            result.completeExceptionally(e);
        }
    }

    private static <T> List<T> results(List<CompletableFuture<T>> running, AtomicBoolean stopped) throws IOException {
        List<T> results = new ArrayList<>();
        Throwable failure = null;
        for (CompletableFuture<T> one : running) {
            try {
                results.add(one.get());
            } catch (InterruptedException e) {
                stopped.set(true);
                Thread.currentThread().interrupt();
                throw new CancellationException(
                        "interrupted; what is done is kept, and the same call goes on from there");
            } catch (CancellationException e) {
                failure = failure == null ? e : failure;
            } catch (ExecutionException e) {
                failure = failure == null || failure instanceof CancellationException ? root(e) : failure;
            }
        }
        if (failure instanceof IOException e) {
            throw e;
        }
        if (failure instanceof UncheckedIOException e) {
            throw e.getCause();
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
        if (failure != null) {
            throw new IOException(failure);
        }
        return results;
    }

    /** Fork-join wraps a failure, sometimes several times, in one of its own kind. */
    private static Throwable root(Throwable failure) {
        Throwable found = failure;
        while (found.getCause() != null
                && (found instanceof ExecutionException || found.getClass() == RuntimeException.class)) {
            found = found.getCause();
        }
        return found;
    }
}
