package io.tunebook.kernel.protocol;

import io.tunebook.kernel.zmtp.Budget;
import io.tunebook.kernel.zmtp.IoThread;
import io.tunebook.kernel.zmtp.Listener;
import io.tunebook.kernel.zmtp.Peer;
import io.tunebook.kernel.zmtp.ProtocolException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;

/**
 * The five sockets of a kernel. What comes is checked at once, on the thread of input and output, so that unsigned
 * messages never wait.
 */
public final class Channels implements Transport, AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Channels.class.getName());
    private static final long HEAP = Runtime.getRuntime().maxMemory();
    /** Bytes of one message, and of all that arrive at the same time. */
    private static final long LARGEST = Math.min(512L << 20, HEAP / 8);

    private static final long ARRIVING = HEAP / 4;
    private static final long PING = 64 * 1024;
    private static final long FAREWELL = 2000; // ms
    private static final long FRONTEND = 2000; // ms

    private final IoThread io;
    private final Memory memory;
    private final Wire wire;
    private final Broadcast iopub;
    private final Map<Channel, Map<String, Peer>> peers = Map.of(
            Channel.SHELL, new ConcurrentHashMap<>(),
            Channel.CONTROL, new ConcurrentHashMap<>(),
            Channel.STDIN, new ConcurrentHashMap<>());
    private final AtomicLong nameless = new AtomicLong();
    private final LinkedBlockingQueue<Message> answers = new LinkedBlockingQueue<>();
    private final Object asking = new Object();
    private BiConsumer<Channel, Message> receiver;

    /**
     * Prepares the sockets; {@link #serve} opens them.
     *
     * @param group of the kernel's own threads
     */
    public Channels(ConnectionFile connection, ThreadGroup group, Memory memory) throws IOException {
        this.memory = memory;
        wire = new Wire(connection.key());
        iopub = new Broadcast(wire, HEAP / 16);
        io = new IoThread(group, new Budget(ARRIVING, LARGEST), t -> {
            memory.troubled(t);
            LOG.log(System.Logger.Level.WARNING, "input and output go on after " + t);
        });
    }

    /**
     * Opens the sockets.
     *
     * @param to receives the messages of shell and control, those with a good signature alone; it must not wait
     * @throws IOException if an address is taken
     */
    public void serve(ConnectionFile connection, BiConsumer<Channel, Message> to) throws IOException {
        receiver = to;
        io.listen(connection.address(connection.heartbeatPort()), router(PING, new Heartbeat()));
        io.listen(
                connection.address(connection.iopubPort()),
                new Listener("XPUB", Set.of("SUB", "XSUB"), Broadcast.SUBSCRIPTION, iopub));
        for (Channel channel : Channel.values()) {
            io.listen(connection.address(connection.port(channel)), router(LARGEST, new Requests(channel)));
        }
        connection.protect();
    }

    private static Listener router(long largest, Listener.Handler handler) {
        return new Listener("ROUTER", Set.of("DEALER", "REQ", "ROUTER"), largest, handler);
    }

    private static final class Heartbeat implements Listener.Handler {
        @Override
        public void message(Peer peer, List<byte[]> frames) {
            peer.send(frames);
        }
    }

    /** One of the channels that carry requests. */
    private final class Requests implements Listener.Handler {
        private final Channel channel;
        private final Map<Peer, String> names = new ConcurrentHashMap<>();

        Requests(Channel channel) {
            this.channel = channel;
        }

        @Override
        public void connected(Peer peer) {
            String name = name(peer.identity());
            // An identity belongs to who had it first: nobody gets another's answers.
            if (name.isEmpty() || peers.get(channel).putIfAbsent(name, peer) != null) {
                name = "00" + HexFormat.of().toHexDigits(nameless.incrementAndGet());
                peers.get(channel).put(name, peer);
            }
            names.put(peer, name);
        }

        @Override
        public void message(Peer peer, List<byte[]> frames) throws ProtocolException {
            List<byte[]> all = new ArrayList<>(frames.size() + 1);
            all.add(HexFormat.of().parseHex(names.get(peer)));
            all.addAll(frames);
            try {
                accept(all);
            } catch (OutOfMemoryError e) { // a request that was lost would keep its sender waiting for ever
                memory.troubled(e);
                accept(all);
            }
        }

        private void accept(List<byte[]> frames) {
            Message message;
            try {
                message = wire.decode(frames);
            } catch (Wire.MalformedMessage e) {
                LOG.log(System.Logger.Level.WARNING, "dropped a message on " + this + ": " + e.getMessage());
                return;
            }
            if (channel == Channel.STDIN) {
                answers.add(message);
            } else {
                receiver.accept(channel, message);
            }
        }

        @Override
        public void closed(Peer peer, String reason) {
            String name = names.remove(peer);
            if (name != null) {
                peers.get(channel).remove(name);
            }
            if (reason != null) {
                LOG.log(System.Logger.Level.INFO, "a connection on " + this + " was closed: " + reason);
            }
        }

        @Override
        public String toString() {
            return channel.name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    private static String name(byte[] identity) {
        return HexFormat.of().formatHex(identity);
    }

    private Optional<Peer> peer(Channel channel, Message message) {
        return message.identities().isEmpty()
                ? Optional.empty()
                : Optional.ofNullable(
                        peers.get(channel).get(name(message.identities().get(0))));
    }

    @Override
    public void publish(Message message) {
        iopub.publish(message);
    }

    @Override
    public void reply(Channel channel, Message reply) {
        peer(channel, reply).ifPresent(p -> send(p, reply));
    }

    private void send(Peer peer, Message message) {
        List<byte[]> frames = wire.encode(message);
        peer.send(frames.subList(1, frames.size())); // the first is the peer's own identity
    }

    @Override
    public Message ask(Message request) throws InterruptedException {
        synchronized (asking) {
            long start = System.nanoTime();
            Optional<Peer> frontend = peer(Channel.STDIN, request);
            while (frontend.isEmpty()) { // it may still be connecting
                if (System.nanoTime() - start > FRONTEND * 1_000_000) {
                    return null;
                }
                Thread.sleep(20);
                frontend = peer(Channel.STDIN, request);
            }
            answers.clear(); // an answer that came too late is none to this question
            send(frontend.get(), request);
            while (true) {
                Message answer = answers.poll(100, TimeUnit.MILLISECONDS);
                if (answer != null && answer.type().equals("input_reply")) {
                    return answer;
                } else if (frontend.get().isClosed()) {
                    return null;
                }
            }
        }
    }

    /** Sends what waits, and closes the sockets. */
    @Override
    public void close() {
        io.drain(FAREWELL);
        try {
            io.close();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "a socket stays open until the process ends", e);
        }
    }
}
