package io.tunebook.ollama.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Stands between clients and the HTTP server and sees when a client goes: Java's server does not look at a connection
 * while an answer is computed. Bytes are passed on as they come, both ways. Go's server, which Ollama uses, ends a
 * request where its client's side is closed; so does this.
 */
final class ClientWatch implements AutoCloseable {
    /** How long a client may go on sending after the server closed a connection. */
    private static final int LINGER_MILLIS = 2000;

    private final InetSocketAddress server;
    private final ServerSocket door;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    /** By the connection's port on the server's side; guards {@link #gone} too. */
    private final Map<Integer, Thread> working = new HashMap<>();

    private final Set<Integer> gone = new HashSet<>();

    /** What a client waits for. */
    interface Work {
        void run() throws IOException, InterruptedException;
    }

    /**
     * Begins to listen on the loopback address.
     *
     * @param port 0 for any that is free
     * @param server where the HTTP server listens
     * @throws IOException if the port is taken
     */
    ClientWatch(int port, InetSocketAddress server) throws IOException {
        this.server = server;
        door = new ServerSocket(port, 0, InetAddress.getLoopbackAddress());
    }

    /** Lets clients in. */
    void start() {
        EmbeddedOllama.daemon(this::accept).start();
    }

    /** The port that clients know. */
    int port() {
        return door.getLocalPort();
    }

    /**
     * Does what a client waits for, and interrupts it when the client goes.
     *
     * @param port the client's port as the server sees it
     * @throws IOException if the client has gone already, or by the work
     */
    void whileThere(int port, Work work) throws IOException, InterruptedException {
        synchronized (working) {
            if (gone.contains(port)) {
                throw new IOException("the client went away");
            }
            working.put(port, Thread.currentThread());
        }
        try {
            work.run();
        } finally {
            synchronized (working) {
                working.remove(port);
                Thread.interrupted(); // one that came when all was done is nobody's
            }
        }
    }

    private void accept() {
        while (!door.isClosed()) {
            try {
                Socket client = door.accept();
                open.add(client);
                EmbeddedOllama.daemon(() -> serve(client)).start();
            } catch (IOException closed) {
                LockSupport.parkNanos(10_000_000); // or there are too many connections: the next one may get in
            }
        }
    }

    /** Passes on what the client sends, until its end, and in a second thread what the server answers. */
    private void serve(Socket client) {
        try (client;
                Socket inside = new Socket(server.getAddress(), server.getPort())) {
            open.add(inside);
            if (door.isClosed()) {
                return;
            }
            client.setTcpNoDelay(true);
            inside.setTcpNoDelay(true);
            int port = inside.getLocalPort();
            CountDownLatch said = new CountDownLatch(1);
            Thread answers = EmbeddedOllama.daemon(() -> answer(inside, client, said));
            answers.start();
            try {
                pass(client.getInputStream(), inside.getOutputStream());
            } catch (IOException ended) {
                // by one of the two
            }
            said.countDown();
            synchronized (working) {
                gone.add(port);
                Thread thread = working.get(port);
                if (thread != null) {
                    thread.interrupt();
                }
            }
            try {
                inside.shutdownOutput();
            } catch (IOException ended) {
                // by the server
            }
            answers.join();
            synchronized (working) {
                gone.remove(port);
            }
        } catch (IOException | InterruptedException ended) {
            // the server is closed
        } finally {
            open.removeIf(Socket::isClosed);
        }
    }

    /**
     * When the server ends the connection, the client is told so, and has a moment to read the answer.
     *
     * @param said counted down when the client has ended its side
     */
    private static void answer(Socket inside, Socket client, CountDownLatch said) {
        try {
            pass(inside.getInputStream(), client.getOutputStream());
            client.shutdownOutput();
            said.await(LINGER_MILLIS, TimeUnit.MILLISECONDS);
        } catch (IOException | InterruptedException ended) {
            // by one of the two
        }
        try {
            client.close();
        } catch (IOException closed) {
            // it is
        }
    }

    private static void pass(InputStream from, OutputStream to) throws IOException {
        byte[] bytes = new byte[1 << 16];
        for (int n = from.read(bytes); n >= 0; n = from.read(bytes)) {
            to.write(bytes, 0, n);
        }
    }

    /** Closes the door and all connections. */
    @Override
    public void close() {
        try {
            door.close();
            for (Socket each : open) {
                each.close();
            }
        } catch (IOException closed) {
            throw new UncheckedIOException(closed);
        }
    }
}
