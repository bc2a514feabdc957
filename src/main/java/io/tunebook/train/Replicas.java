package io.tunebook.train;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntToLongFunction;

/**
 * One adapter trained by several devices in one process: each has the model and a copy of the factors, a thread in
 * place of a rank, and computes every n-th micro-batch of a step. Only the factors' gradients are added up, on the
 * first device, and only the factors are handed back.
 */
final class Replicas implements AutoCloseable {
    private final LoraAdapter first;
    private final List<LoraAdapter> others = new ArrayList<>();
    private final ExecutorService threads;

    /**
     * @param first the adapter that is trained; its model's device is the first one
     * @param devices how many; further ones are the GPUs that follow, or, on a CPU, the CPU again
     * @throws IllegalArgumentException if there are fewer GPUs
     */
    Replicas(LoraAdapter first, int devices) {
        this.first = first;
        int gpus = Engine.getInstance().getGpuCount();
        Device device = first.model().device();
        if (device.isGpu() && devices > gpus) {
            throw new IllegalArgumentException(
                    "devices: expected at most the " + gpus + " GPUs there are, found " + devices);
        }
        threads = Executors.newFixedThreadPool(Math.max(1, devices - 1), work -> {
            Thread thread = new Thread(work, "replica");
            thread.setDaemon(true);
            return thread;
        });
        try {
            for (int i = 1; i < devices; i++) {
                CausalLM model =
                        first.model().copyOn(device.isGpu() ? Device.gpu((device.getDeviceId() + i) % gpus) : device);
                others.add(first.copyFor(model));
            }
        } catch (IOException e) {
            close();
            throw new UncheckedIOException("the model cannot be loaded once more: " + e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /**
     * Whether gradients have the same bits each time.
     *
     * @return why they do not, if they should
     */
    Optional<String> deterministic(boolean yes) {
        Optional<String> missing = first.model().steps().deterministic(yes);
        for (LoraAdapter other : others) {
            missing = missing.or(() -> other.model().steps().deterministic(yes));
        }
        return missing;
    }

    /**
     * Forward and backward of a step's micro-batches. The first adapter's gradient and losses are those of all of them.
     * GPUs are not waited for.
     */
    void gradient(List<TokenBatch> micro, double weight, IntToLongFunction seeds, int checkpointed) {
        int devices = 1 + others.size();
        List<Future<?>> shares = new ArrayList<>();
        for (int d = 1; d < devices; d++) {
            int device = d;
            LoraAdapter adapter = others.get(d - 1);
            shares.add(threads.submit(() -> share(adapter, device, devices, micro, weight, seeds, checkpointed)));
        }
        RuntimeException failure = null;
        try {
            share(first, 0, devices, micro, weight, seeds, checkpointed);
        } catch (RuntimeException e) {
            failure = e; // the others are waited for all the same: nothing may be freed while they compute
        }
        for (Future<?> other : shares) {
            try {
                await(other);
            } catch (RuntimeException e) {
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            throw failure;
        }
        others.forEach(first::takeGradient);
    }

    private static void share(
            LoraAdapter adapter,
            int device,
            int devices,
            List<TokenBatch> micro,
            double weight,
            IntToLongFunction seeds,
            int checkpointed) {
        for (int i = device; i < micro.size(); i += devices) {
            adapter.addGradient(micro.get(i), weight, seeds.applyAsLong(i), checkpointed);
        }
    }

    /** The whole step is waited for, whoever interrupts: it ends soon, and the interrupt is still there behind it. */
    private static void await(Future<?> share) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    share.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof RuntimeException cause) {
                        throw cause;
                    }
                    throw new IllegalStateException(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Hands the factors as they are now to the other devices. */
    void follow() {
        others.forEach(other -> other.follow(first));
    }

    @Override
    public void close() {
        threads.shutdown();
        others.forEach(other -> other.model().close());
    }
}
