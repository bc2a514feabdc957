package io.tunebook.hosts;

import io.tunebook.hosts.HostConnection.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * How the hosts of a run meet. Rank 0 listens until all others have come; these try to connect until it listens. Who
 * does not prove in ten seconds that it knows the secret is refused, and nobody waits for it meanwhile. When all are
 * there, nothing listens any more.
 */
final class Rendezvous implements AutoCloseable {
    private static final Duration HANDSHAKE = Duration.ofSeconds(10);
    private static final int HANDSHAKES = 64;
    private static final int POLL_MILLIS = 50;
    private static final int RETRY_MILLIS = 200;
    private static final int ALIKE = 1 << 20;
    private static final int REFUSED = 10;

    private final Hosts hosts;
    private final byte[] alike;
    private final ExecutorService threads;
    private final Semaphore handshakes = new Semaphore(HANDSHAKES);
    private final BlockingQueue<Joined> joined = new LinkedBlockingQueue<>();
    private final Set<String> refused = new LinkedHashSet<>();
    private final long end;
    private volatile boolean closed;
    private boolean over;
    private volatile AutoCloseable waiting = () -> {};

    /** Another host that knows the secret, and what must be the same there, as text. */
    private record Joined(int rank, HostConnection connection, String alike) {}

    /**
     * @param alike what must be the same on all hosts, by names
     * @param threads for strangers as well as for hosts
     */
    Rendezvous(Hosts hosts, Map<String, String> alike, ExecutorService threads) {
        this.hosts = hosts;
        this.alike = Alike.text(alike).getBytes(StandardCharsets.UTF_8);
        this.threads = threads;
        end = System.nanoTime() + hosts.timeout().toNanos();
    }

    /** Who was refused, in sentences. */
    List<String> refused() {
        synchronized (refused) {
            return List.copyOf(refused);
        }
    }

    /**
     * Waits for the others.
     *
     * @return at rank 0 the connections to ranks 1 and up, at the others the one to rank 0
     * @throws IOException if they do not come in time, or something differs; the message names host and difference
     */
    List<HostConnection> meet() throws IOException {
        InetSocketAddress place = new InetSocketAddress(hosts.resolved(), hosts.port());
        return hosts.rank() == 0 ? listen(place) : List.of(connect(place));
    }

    // ---- rank 0

    private List<HostConnection> listen(InetSocketAddress place) throws IOException {
        Map<Integer, HostConnection> others = new TreeMap<>();
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            bind(server, place);
            server.configureBlocking(false);
            while (others.size() < hosts.count() - 1) {
                requireTime(others);
                SocketChannel channel = server.accept();
                if (channel != null) {
                    receive(channel);
                }
                Joined next = poll(channel == null ? POLL_MILLIS : 0);
                if (next != null) {
                    take(next, others);
                }
            }
            for (HostConnection other : others.values()) {
                other.send(Kind.START, ByteBuffer.allocate(0));
            }
            return List.copyOf(others.values());
        } catch (IOException | RuntimeException | Error e) {
            others.values().forEach(other -> other.abort(String.valueOf(e.getMessage())));
            others.values().forEach(HostConnection::close);
            throw e;
        } finally {
            end();
        }
    }

    private static void bind(ServerSocketChannel server, InetSocketAddress place) throws IOException {
        try {
            server.bind(place);
        } catch (BindException e) {
            throw new BindException("rank 0 cannot listen at " + place + ": " + e.getMessage()
                    + ". The address must be one of the host with rank 0, and the port free");
        }
    }

    private void requireTime(Map<Integer, HostConnection> others) throws IOException {
        requireOpen();
        if (System.nanoTime() - end > 0) {
            List<String> missing = new ArrayList<>();
            for (int rank = 1; rank < hosts.count(); rank++) {
                if (!others.containsKey(rank)) {
                    missing.add("rank " + rank);
                }
            }
            throw new SocketTimeoutException(String.join(", ", missing) + " did not come to " + hosts.address() + ":"
                    + hosts.port() + " in " + hosts.timeout().toSeconds() + " s. "
                    + (refused().isEmpty()
                            ? "Start the same program there, with this address"
                            : String.join(" ", refused())));
        }
    }

    private void requireOpen() throws IOException {
        if (closed) {
            throw new IOException("the wait for other hosts was interrupted");
        }
    }

    /** Lets a thread of its own hear who that is. */
    private void receive(SocketChannel accepted) throws IOException {
        String from = address(accepted);
        if (!handshakes.tryAcquire()) {
            accepted.close();
            return;
        }
        threads.execute(() -> {
            TimedChannel channel = null;
            try {
                channel = new TimedChannel(accepted);
                channel.within(HANDSHAKE);
                Handshake.Proven proven =
                        Handshake.asFirst(channel, hosts.secret().text());
                HostConnection other =
                        new HostConnection("rank " + proven.rank() + " (" + from + ")", channel, proven, HANDSHAKE);
                ByteBuffer text = other.receive(Kind.ALIKE, ALIKE);
                other.waits(hosts.timeout());
                add(new Joined(
                        proven.rank(),
                        other,
                        StandardCharsets.UTF_8.decode(text).toString()));
            } catch (IOException | RuntimeException e) {
                refuse(from, e.getMessage() == null ? e.toString() : e.getMessage());
                close(channel, accepted);
            } finally {
                handshakes.release();
            }
        });
    }

    private synchronized void add(Joined one) {
        if (over) {
            one.connection.close();
        } else {
            joined.add(one);
        }
    }

    /** Nobody is waited for any more. */
    private synchronized void end() {
        over = true;
        joined.forEach(late -> late.connection.close());
    }

    private static void close(TimedChannel channel, SocketChannel accepted) {
        try (accepted) {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // it was refused; nothing of it is wanted
        }
    }

    private void refuse(String from, String why) {
        synchronized (refused) {
            if (refused.size() < REFUSED) {
                refused.add("A connection from " + from.replaceFirst(":\\d+$", "") + " was refused: " + why + ".");
            }
        }
    }

    private Joined poll(int millis) throws IOException {
        try {
            return joined.poll(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            throw new IOException("the wait for other hosts was interrupted", e);
        }
    }

    /** One that left before the run began may come again. */
    private void take(Joined next, Map<Integer, HostConnection> others) throws IOException {
        HostConnection before = others.get(next.rank);
        if (before != null && before.gone()) {
            before.close();
            others.remove(next.rank);
            before = null;
        }
        String wrong = null;
        if (next.rank < 1 || next.rank >= hosts.count()) {
            wrong = "expected a rank from 1 to " + (hosts.count() - 1);
        } else if (before != null) {
            wrong = "that rank has joined already, from " + before.name();
        }
        if (wrong != null) {
            refuse(next.connection.name(), wrong);
            next.connection.abort(next.connection.name() + ": " + wrong);
            next.connection.close();
            return;
        }
        others.put(next.rank, next.connection);
        Alike.requireEqual(next.connection.name(), next.alike, new String(alike, StandardCharsets.UTF_8));
    }

    // ---- the other ranks

    private HostConnection connect(InetSocketAddress place) throws IOException {
        String name = "rank 0 (" + hosts.address() + ":" + hosts.port() + ")";
        while (true) {
            TimedChannel channel = new TimedChannel(connected(place, name));
            waiting = channel;
            try {
                requireOpen();
                channel.within(HANDSHAKE);
                Handshake.Proven proven = proven(channel, name);
                HostConnection first = new HostConnection(name, channel, proven, hosts.timeout());
                first.send(Kind.ALIKE, ByteBuffer.wrap(alike));
                first.receive(Kind.START, ByteBuffer.allocate(0));
                return first;
            } catch (EOFException turnedAway) {
                channel.close();
                requireTime(name, "it closed each connection");
                poll(RETRY_MILLIS);
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        }
    }

    /** @throws EOFException if rank 0 had no place for one more handshake */
    private Handshake.Proven proven(TimedChannel channel, String name) throws IOException {
        try {
            return Handshake.asOther(channel, hosts.secret().text(), hosts.rank());
        } catch (EOFException e) {
            throw e;
        } catch (IOException e) {
            throw new ProtocolException(name + ": " + e.getMessage());
        }
    }

    private SocketChannel connected(InetSocketAddress place, String name) throws IOException {
        while (true) {
            SocketChannel channel = SocketChannel.open();
            waiting = channel; // first: from here on close() finds it
            if (closed) {
                channel.close();
            }
            requireOpen();
            try {
                int left = (int) Math.min(HANDSHAKE.toMillis(), (end - System.nanoTime()) / 1_000_000);
                channel.socket().connect(place, Math.max(1, left));
                if (channel.getLocalAddress().equals(channel.getRemoteAddress())) {
                    throw new IOException("nobody listens"); // TCP connects a port of this machine with itself
                }
                return channel;
            } catch (IOException e) {
                channel.close();
                requireTime(name, e.getMessage());
                poll(RETRY_MILLIS);
            }
        }
    }

    private void requireTime(String name, String why) throws SocketTimeoutException {
        if (System.nanoTime() - end > 0) {
            throw new SocketTimeoutException(name + " did not listen in "
                    + hosts.timeout().toSeconds() + " s: " + why + ". Start the same program there, with rank 0");
        }
    }

    private static String address(SocketChannel channel) throws IOException {
        InetSocketAddress from = (InetSocketAddress) channel.getRemoteAddress();
        InetAddress ip = from.getAddress();
        return ip.getHostAddress() + ":" + from.getPort();
    }

    /** Ends a wait that another thread is in. */
    @Override
    public void close() {
        closed = true;
        try {
            waiting.close();
        } catch (Exception e) {
            // whoever waited learns it all the same
        }
    }
}
