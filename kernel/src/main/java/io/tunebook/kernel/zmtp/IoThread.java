package io.tunebook.kernel.zmtp;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;

/**
 * The one thread that reads and writes all connections. Nothing ends it but {@link #close}: neither an interrupt, since
 * its channels do not block, nor memory that runs out.
 */
public final class IoThread implements AutoCloseable {
    private static final int CONNECTIONS = 4000;
    private static final long PAUSE = 200; // ms

    private final Selector selector;
    private final Budget budget;
    private final Consumer<Throwable> troubled;
    private final Set<Peer> peers = ConcurrentHashMap.newKeySet();
    private final Set<Peer> writable = ConcurrentHashMap.newKeySet();
    private final Queue<Runnable> later = new ConcurrentLinkedQueue<>();
    private final List<ServerSocketChannel> servers = new ArrayList<>();
    private final Thread thread;
    private boolean again;
    private volatile boolean closing;

    /**
     * Starts the thread.
     *
     * @param group of the thread
     * @param budget for all that arrives
     * @param troubled is told, on that thread, what should not happen, memory that ran out among it; the thread goes on
     */
    public IoThread(ThreadGroup group, Budget budget, Consumer<Throwable> troubled) throws IOException {
        this.budget = budget;
        this.troubled = troubled;
        selector = Selector.open();
        thread = new Thread(group, this::run, "input and output");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Listens.
     *
     * @throws IOException if the address is taken or does not exist
     */
    public void listen(SocketAddress address, Listener listener) throws IOException {
        boolean unix = address instanceof UnixDomainSocketAddress;
        ServerSocketChannel server =
                unix ? ServerSocketChannel.open(StandardProtocolFamily.UNIX) : ServerSocketChannel.open();
        try {
            if (!unix) {
                server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            }
            server.bind(address, 128);
            server.configureBlocking(false);
        } catch (IOException e) {
            server.close();
            throw new IOException("cannot listen at " + address + ": " + e.getMessage(), e);
        }
        servers.add(server);
        later(() -> {
            try {
                server.register(selector, SelectionKey.OP_ACCEPT, listener);
            } catch (IOException e) {
                troubled.accept(e);
            }
        });
    }

    /** Runs something on the thread. */
    void later(Runnable action) {
        later.add(action);
        selector.wakeup();
    }

    void writable(Peer peer) {
        writable.add(peer);
        if (Thread.currentThread() != thread) {
            selector.wakeup();
        }
    }

    void forget(Peer peer) {
        peers.remove(peer);
        writable.remove(peer);
    }

    /**
     * Closes the connection that has most on its way, so that many halves of messages never keep a whole small one out.
     *
     * @return false if none has more than the one that asks
     */
    boolean makeRoom(Peer asking) {
        Peer most = asking;
        for (Peer peer : peers) {
            if (peer.arriving() > most.arriving()) {
                most = peer;
            }
        }
        if (most == asking) {
            return false;
        }
        most.end(Incoming.TOO_MUCH);
        return true;
    }

    private void run() {
        while (!closing) {
            try {
                turn();
            } catch (Throwable t) {
                again = true; // what was not read or written this time is tried once more
                trouble(t);
            }
        }
    }

    private void trouble(Throwable t) {
        try {
            troubled.accept(t);
        } catch (Throwable worse) {
            // there is not even memory to say so; the next turn may have it
        }
    }

    private void turn() throws IOException {
        selector.select(again ? 20 : 500);
        Thread.interrupted(); // a cell may interrupt all threads that it finds; a flag left standing would let
        // select() spin
        for (Runnable next = later.poll(); next != null; next = later.poll()) {
            next.run();
        }
        if (again) {
            again = false;
            for (Peer peer : peers) {
                peer.read();
                peer.write();
            }
        }
        for (SelectionKey key : selector.selectedKeys()) {
            if (key.isValid() && key.isAcceptable()) {
                accept((ServerSocketChannel) key.channel(), (Listener) key.attachment());
            } else if (key.isValid()) {
                serve(key, (Peer) key.attachment());
            }
        }
        selector.selectedKeys().clear();
        for (Peer peer : writable) {
            writable.remove(peer);
            peer.write();
        }
    }

    private void serve(SelectionKey key, Peer peer) {
        try {
            if (key.isReadable()) {
                peer.read();
            }
            if (key.isValid() && key.isWritable()) {
                peer.write();
            }
        } catch (RuntimeException e) {
            trouble(e);
            peer.end("it caused " + e);
        }
    }

    private void accept(ServerSocketChannel server, Listener listener) {
        SocketChannel channel = null;
        try {
            channel = server.accept();
            if (channel == null) {
                return;
            }
            if (peers.size() >= CONNECTIONS) {
                channel.close();
                return;
            }
            channel.configureBlocking(false);
            if (!(channel.getLocalAddress() instanceof UnixDomainSocketAddress)) {
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            }
            Peer peer = new Peer(this, listener, channel, budget);
            SelectionKey key = channel.register(selector, SelectionKey.OP_READ, peer);
            peer.begin(key);
            peers.add(peer);
        } catch (IOException e) {
            close(channel);
            trouble(e);
            sleep(); // no more files can be opened, and the connection still waits: do not spin
        } catch (Error e) {
            close(channel);
            throw e;
        }
    }

    private static void close(SocketChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // it is gone all the same
        }
    }

    private static void sleep() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            // then the pause is over
        }
    }

    /** Waits for so long until all that was sent is written. */
    public void drain(long milliseconds) {
        long end = System.nanoTime() + milliseconds * 1_000_000;
        while (System.nanoTime() < end && peers.stream().anyMatch(p -> p.waiting() > 0)) {
            try {
                Thread.sleep(2);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** Closes all connections. */
    @Override
    public void close() throws IOException {
        closing = true;
        selector.wakeup();
        for (ServerSocketChannel server : servers) {
            server.close();
        }
    }
}
