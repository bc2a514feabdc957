package io.tunebook.kernel.protocol;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/** The five sockets of a kernel. Each is used by one thread, but for stdin, which is guarded by a lock. */
public final class Channels implements Transport, AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Channels.class.getName());
    /** A frame must fit into the heap several times over, or its sender could end the kernel. */
    private static final long LARGEST =
            Math.min(512L << 20, Runtime.getRuntime().maxMemory() / 8);
    /** So many messages may wait before whoever prints has to wait too. */
    private static final int WAITING = 1000;

    private static final long FAREWELL = 150; // ms

    private final ZContext context = new ZContext();
    private final Wire wire;
    private final ZMQ.Socket shell;
    private final ZMQ.Socket control;
    private final ZMQ.Socket stdin;
    private final BlockingQueue<Message> iopub = new ArrayBlockingQueue<>(WAITING);
    private final CountDownLatch drained = new CountDownLatch(1);
    private final List<UnixSocketBridge> bridges = new ArrayList<>();
    private volatile boolean closing;

    /** Opens the sockets and starts heartbeat and iopub. */
    public Channels(ConnectionFile connection) throws IOException {
        wire = new Wire(connection.key());
        shell = bind(SocketType.ROUTER, connection, connection.shellPort());
        control = bind(SocketType.ROUTER, connection, connection.controlPort());
        logEnds(shell, "shell");
        logEnds(control, "control");
        stdin = bind(SocketType.ROUTER, connection, connection.stdinPort());
        ZMQ.Socket publisher = bind(SocketType.XPUB, connection, connection.iopubPort());
        publisher.setXpubVerbose(true);
        publisher.setXpubManual(true); // nobody hears anything before the welcome
        ZMQ.Socket heartbeat = bind(SocketType.ROUTER, connection, connection.heartbeatPort());
        start("iopub", () -> publish(publisher));
        start("heartbeat", () -> echo(heartbeat));
    }

    private ZMQ.Socket bind(SocketType type, ConnectionFile connection, int port) throws IOException {
        ZMQ.Socket socket = context.createSocket(type);
        socket.setLinger(1000);
        socket.setMaxMsgSize(LARGEST);
        socket.setHWM(100_000);
        if (connection.transport().equals("ipc")) {
            int local = socket.bindToRandomPort("tcp://127.0.0.1");
            bridges.add(new UnixSocketBridge(Path.of(connection.ip() + "-" + port), local));
        } else {
            socket.bind(connection.address(port));
        }
        return socket;
    }

    /** JeroMQ says that a connection has ended, and not why. */
    private void logEnds(ZMQ.Socket socket, String name) {
        socket.setEventHook(
                event -> {
                    if (!closing) {
                        LOG.log(
                                System.Logger.Level.INFO,
                                "a connection on " + name + " has ended: its client left, sent what is not ZeroMQ, or a"
                                        + " frame above " + (LARGEST >> 20) + " MB, which is dropped");
                    }
                },
                ZMQ.EVENT_DISCONNECTED);
    }

    private static void start(String name, Runnable loop) {
        Thread thread = new Thread(loop, name);
        thread.setDaemon(true);
        thread.start();
    }

    private void echo(ZMQ.Socket heartbeat) {
        while (!closing) {
            List<byte[]> frames = receive(heartbeat, 1000);
            if (!frames.isEmpty()) {
                send(heartbeat, frames);
            }
        }
    }

    private void publish(ZMQ.Socket socket) {
        try {
            while (!closing || !iopub.isEmpty()) {
                Message next = iopub.poll(20, TimeUnit.MILLISECONDS);
                welcome(socket); // a new subscriber hears that it is one before anything else
                if (next != null) {
                    send(socket, wire.encode(next));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            drained.countDown();
        }
    }

    private void welcome(ZMQ.Socket socket) {
        for (byte[] s = socket.recv(ZMQ.DONTWAIT); s != null; s = socket.recv(ZMQ.DONTWAIT)) {
            // JeroMQ wants both as they came, with the byte in front that says which it is.
            if (s.length > 0 && s[0] == 0) {
                socket.unsubscribe(s);
            } else if (s.length > 0 && s[0] == 1) {
                socket.subscribe(s);
                String topic = new String(s, 1, s.length - 1, StandardCharsets.UTF_8);
                send(
                        socket,
                        wire.encode(Message.of(
                                List.of(topic.getBytes(StandardCharsets.UTF_8)),
                                Message.object(),
                                "iopub_welcome",
                                "",
                                Message.object().put("subscription", topic))));
            }
        }
    }

    /** Broadcasts a message; waits while too many are on their way. */
    @Override
    public void publish(Message message) {
        boolean interrupted = false;
        while (true) {
            try {
                iopub.put(message);
                break;
            } catch (InterruptedException e) {
                interrupted = true; // the message must not be lost; the interrupt comes through afterwards
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Handles the shell's messages until closed. Runs on the calling thread. */
    public void serveShell(Consumer<Message> handler) {
        serve("shell", shell, handler);
    }

    /** Handles control's messages on a thread of their own. */
    public void serveControl(Consumer<Message> handler) {
        start("control", () -> serve("control", control, handler));
    }

    private void serve(String name, ZMQ.Socket socket, Consumer<Message> handler) {
        while (!closing) {
            next(name, socket, 1000).ifPresent(handler);
        }
    }

    private Optional<Message> next(String name, ZMQ.Socket socket, int milliseconds) {
        List<byte[]> frames = receive(socket, milliseconds);
        if (frames.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(wire.decode(frames));
        } catch (Wire.MalformedMessage e) {
            LOG.log(System.Logger.Level.WARNING, "dropped a message on " + name + ": " + e.getMessage());
            return Optional.empty();
        }
    }

    /** The shell's messages that have come already, for those who abort them. Called from the shell's handler only. */
    @Override
    public Optional<Message> pending() {
        return next("shell", shell, 0);
    }

    /** Answers on the shell. Called from the shell's handler only. */
    @Override
    public void replyShell(Message reply) {
        send(shell, wire.encode(reply));
    }

    /** Answers on control. Called from control's handler only. */
    @Override
    public void replyControl(Message reply) {
        send(control, wire.encode(reply));
    }

    /**
     * Asks the frontend for a line and waits for it.
     *
     * @throws InterruptedException if the cell is interrupted meanwhile
     */
    @Override
    public Message ask(Message request) throws InterruptedException {
        synchronized (stdin) {
            while (!receive(stdin, 0).isEmpty()) {
                LOG.log(System.Logger.Level.DEBUG, "an answer came too late");
            }
            send(stdin, wire.encode(request));
            while (true) {
                Optional<Message> answer = next("stdin", stdin, 50);
                if (answer.isPresent() && answer.get().type().equals("input_reply")) {
                    return answer.get();
                }
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while waiting for input");
                }
            }
        }
    }

    private List<byte[]> receive(ZMQ.Socket socket, int milliseconds) {
        try {
            socket.setReceiveTimeOut(milliseconds);
            List<byte[]> frames = new ArrayList<>();
            byte[] frame = socket.recv();
            while (frame != null) {
                frames.add(frame);
                frame = socket.hasReceiveMore() ? socket.recv() : null;
            }
            return frames;
        } catch (org.zeromq.ZMQException e) {
            if (!closing) {
                throw e;
            }
            return List.of();
        }
    }

    private static void send(ZMQ.Socket socket, List<byte[]> frames) {
        for (int i = 0; i < frames.size(); i++) {
            socket.send(frames.get(i), i + 1 < frames.size() ? ZMQ.SNDMORE : 0);
        }
    }

    /** Sends what waits on iopub and gives ZeroMQ's own thread time to write it and the last reply; the process can end afterwards. */
    @Override
    public void close() {
        closing = true;
        try {
            drained.await(2, TimeUnit.SECONDS);
            Thread.sleep(FAREWELL);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        for (UnixSocketBridge bridge : bridges) {
            try {
                bridge.close();
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "a socket's file stays behind", e);
            }
        }
    }
}
