package io.tunebook.hosts;

import io.tunebook.hosts.HostConnection.Kind;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The processes of one run, one a host, and what they do together. Each operation is called by all of them, in the same
 * order; each waits for those that it needs something of. Sums are made by rank 0, in the order of the ranks, so that
 * they have the same bits each time.
 *
 * <p>All data pass through rank 0 (a star): it receives and sends an array once for each other host. With n hosts a
 * {@link #reduce} and a {@link #broadcast} of b bytes take 2 (n - 1) b / bandwidth of rank 0's network, and some 0.7 ns
 * a byte for signatures at each end. 74 MB, the factors of rank 16 on all linear modules of Qwen2 1.5B, took 230 ms
 * between two processes that shared two cores, most of it for signatures; a network of 10 Gbit/s adds 120 ms. Where a
 * step is shorter than that, gradient accumulation makes it longer.
 *
 * <p>An interrupt of the thread ends {@link #join} and nothing else; it is still there behind the other operations.
 */
public final class ProcessGroup implements AutoCloseable {
    private final Hosts hosts;
    private final List<HostConnection> others;
    private final List<String> notes;
    private final ExecutorService threads;
    private final Map<HostConnection, ByteBuffer> buffers = new HashMap<>();

    private ProcessGroup(Hosts hosts, List<HostConnection> others, List<String> notes, ExecutorService threads) {
        this.hosts = hosts;
        this.others = others;
        this.notes = notes;
        this.threads = threads;
    }

    /**
     * Waits until all hosts are there.
     *
     * @param alike what must be the same on all of them, by names
     * @throws InterruptedIOException if the thread is interrupted while it waits; it stays so
     * @throws IOException if they do not come in time, or something differs; the message names host and difference
     */
    public static ProcessGroup join(Hosts hosts, Map<String, String> alike) throws IOException {
        Map<String, String> all = new LinkedHashMap<>(alike);
        all.put("hosts", Integer.toString(hosts.count()));
        ExecutorService threads = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work, "host");
            thread.setDaemon(true);
            return thread;
        });
        try {
            Rendezvous rendezvous = new Rendezvous(hosts, all, threads);
            List<HostConnection> others = hosts.count() == 1 ? List.of() : met(rendezvous, threads);
            return new ProcessGroup(hosts, others, rendezvous.refused(), threads);
        } catch (IOException | RuntimeException | Error e) {
            threads.shutdown();
            throw e;
        }
    }

    /** Channels are used by threads of our own, since an interrupt closes one that it finds a thread in. */
    private static List<HostConnection> met(Rendezvous rendezvous, ExecutorService threads) throws IOException {
        CompletableFuture<List<HostConnection>> meeting = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return rendezvous.meet();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                threads);
        try {
            return meeting.get();
        } catch (InterruptedException e) {
            rendezvous.close();
            meeting.exceptionally(ended -> List.of()).join().forEach(HostConnection::close);
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the wait for other hosts was interrupted");
        } catch (ExecutionException e) {
            throw cause(e.getCause());
        }
    }

    private static IOException cause(Throwable failure) {
        if (failure instanceof UncheckedIOException io) {
            return io.getCause();
        }
        if (failure instanceof Error error) {
            throw error;
        }
        throw failure instanceof RuntimeException runtime ? runtime : new IllegalStateException(failure);
    }

    /** How many hosts there are. */
    public int size() {
        return hosts.count();
    }

    /** This host's number, from 0. */
    public int rank() {
        return hosts.rank();
    }

    /** Who was refused before all had come, in sentences. */
    public List<String> notes() {
        return notes;
    }

    /**
     * Makes sure that a number is the same everywhere.
     *
     * @param what differ where it is not, in the plural
     * @param advice what to do then
     * @throws IOException at rank 0, if one is not; the message begins with {@code what}
     */
    public void requireEqual(String what, String advice, long value) throws IOException {
        ByteBuffer own = ByteBuffer.allocate(Long.BYTES).putLong(0, value);
        each(other -> {
            if (rank() > 0) {
                other.send(Kind.NUMBERS, own);
                return;
            }
            ByteBuffer found = other.receive(Kind.NUMBERS, Long.BYTES);
            if (!found.equals(own)) {
                throw new ProtocolException(what + " differ between " + other.name() + " and rank 0: " + advice);
            }
        });
    }

    /** The sums of all hosts' numbers, one by one, on all hosts. */
    public double[] allReduce(double... values) throws IOException {
        int bytes = values.length * Double.BYTES;
        Map<HostConnection, ByteBuffer> found = new LinkedHashMap<>();
        others.forEach(other -> found.put(other, ByteBuffer.allocate(bytes)));
        double[] sums = values.clone();
        if (rank() == 0) {
            each(other -> other.receive(Kind.NUMBERS, found.get(other)));
            found.values().forEach(f -> {
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += f.getDouble(i * Double.BYTES);
                }
            });
            ByteBuffer all = ByteBuffer.allocate(bytes);
            all.asDoubleBuffer().put(sums);
            each(other -> other.send(Kind.NUMBERS, all.duplicate()));
            return sums;
        }
        ByteBuffer own = ByteBuffer.allocate(bytes);
        own.asDoubleBuffer().put(values);
        each(other -> {
            other.send(Kind.NUMBERS, own);
            other.receive(Kind.NUMBERS, found.get(other));
            found.get(other).flip().asDoubleBuffer().get(sums);
        });
        return sums;
    }

    /**
     * Adds up an array. At rank 0 it is the sum of all hosts' arrays afterwards; at the others it stays as it is.
     *
     * @param values float32 in the machine's order of bytes, of the same length on all hosts
     */
    public void reduce(ByteBuffer values) throws IOException {
        for (ByteBuffer part : parts(values)) {
            if (rank() > 0) {
                each(other -> other.send(Kind.REDUCE, part));
                continue;
            }
            each(other -> other.receive(Kind.REDUCE, buffer(other, part.remaining())));
            for (HostConnection other : others) {
                add(
                        part.order(ByteOrder.nativeOrder()).asFloatBuffer(),
                        buffers.get(other).flip().asFloatBuffer());
            }
        }
    }

    private static void add(FloatBuffer sum, FloatBuffer more) {
        for (int i = 0; i < sum.limit(); i++) {
            sum.put(i, sum.get(i) + more.get(i));
        }
    }

    private ByteBuffer buffer(HostConnection other, int bytes) {
        synchronized (buffers) {
            return buffers.computeIfAbsent(other, o -> ByteBuffer.allocateDirect(HostConnection.CHUNK)
                            .order(ByteOrder.nativeOrder()))
                    .clear()
                    .limit(bytes);
        }
    }

    /** Gives what rank 0 has in a buffer to all others, whose buffers have the same length. */
    public void broadcast(ByteBuffer values) throws IOException {
        List<ByteBuffer> parts = parts(values);
        each(other -> {
            for (ByteBuffer part : parts) {
                if (rank() == 0) {
                    other.send(Kind.BROADCAST, part.duplicate());
                } else {
                    other.receive(Kind.BROADCAST, part);
                }
            }
        });
    }

    /**
     * Gives bytes of rank 0 to all others.
     *
     * @param bytes what others give is not looked at
     * @param most how many the others take
     */
    public byte[] broadcast(byte[] bytes, int most) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(Integer.BYTES).putInt(0, bytes.length);
        broadcast(length);
        int announced = length.getInt(0);
        if (announced < 0 || announced > most) {
            throw new ProtocolException("rank 0: expected at most " + most + " bytes, found " + announced);
        }
        byte[] all = rank() == 0 ? bytes : new byte[announced];
        broadcast(ByteBuffer.wrap(all));
        return all;
    }

    private static List<ByteBuffer> parts(ByteBuffer whole) {
        List<ByteBuffer> parts = new ArrayList<>();
        for (long at = 0; at < whole.capacity(); at += HostConnection.CHUNK) {
            parts.add(whole.slice((int) at, (int) Math.min(HostConnection.CHUNK, whole.capacity() - at)));
        }
        return parts;
    }

    /** What is done with one other host. */
    private interface Work {
        void with(HostConnection other) throws IOException;
    }

    /** Does it with all others at once, and waits for all of them, whoever interrupts. */
    private void each(Work work) throws IOException {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        for (HostConnection other : others) {
            all.add(CompletableFuture.runAsync(
                    () -> {
                        try {
                            work.with(other);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    },
                    threads));
        }
        Throwable failure = null; // whatever it is, it is thrown when nobody uses a connection any more
        for (CompletableFuture<Void> one : all) {
            try {
                one.join();
            } catch (CompletionException e) {
                failure = failure == null ? e.getCause() : failure;
            }
        }
        if (failure != null) {
            throw cause(failure);
        }
    }

    /** Tells all others that the run ends here by a fault, and why. Never fails. */
    public void abort(String why) {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        others.forEach(other -> all.add(CompletableFuture.runAsync(() -> other.abort(why), threads)));
        all.forEach(CompletableFuture::join);
    }

    @Override
    public void close() {
        others.forEach(HostConnection::close);
        threads.shutdown();
    }
}
