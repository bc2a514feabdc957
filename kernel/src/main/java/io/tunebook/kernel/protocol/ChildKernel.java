package io.tunebook.kernel.protocol;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** A kernel in a process of its own, seen from the one that starts it and is its only frontend. */
public final class ChildKernel implements AutoCloseable {
    /** The place of the connection file in a command, as kernelspecs have it. */
    public static final String CONNECTION_FILE = "{connection_file}";

    private static final int ANSWER = 60_000; // ms
    private static final int KEPT = 8_000; // characters of its log

    private final Wire wire;
    private final Ports ports;
    private final Path folder;
    private final Process process;
    private final StringBuffer log = new StringBuffer();
    private final Thread logging;

    private record Ports(int shell, int control, int iopub, int stdin, int heartbeat) {}

    /**
     * Starts a kernel.
     *
     * @param command with {@link #CONNECTION_FILE} as a placeholder
     * @param environment beside this process's own
     * @param output where its standard output and error go
     * @throws IOException if no such process can be started
     */
    public ChildKernel(List<String> command, Map<String, String> environment, OutputStream output) throws IOException {
        String key = UUID.randomUUID().toString();
        wire = new Wire(key);
        ports = freePorts();
        folder = Files.createTempDirectory("tunebook-"); // readable for this user only: it holds the key
        Path connection = folder.resolve("connection.json");
        Files.writeString(connection, connection(key).toString(), StandardCharsets.UTF_8);
        ProcessBuilder builder = new ProcessBuilder(command.stream()
                .map(c -> c.equals(CONNECTION_FILE) ? connection.toString() : c)
                .toList());
        builder.environment().putAll(environment);
        process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        logging = new Thread(() -> copyLog(output), "log of the child");
        logging.setDaemon(true);
        logging.start();
    }

    private ObjectNode connection(String key) {
        return Message.object()
                .put("transport", "tcp")
                .put("ip", "127.0.0.1")
                .put("key", key)
                .put("signature_scheme", "hmac-sha256")
                .put("shell_port", ports.shell())
                .put("control_port", ports.control())
                .put("iopub_port", ports.iopub())
                .put("stdin_port", ports.stdin())
                .put("hb_port", ports.heartbeat());
    }

    private void copyLog(OutputStream output) {
        byte[] buffer = new byte[8192];
        try (InputStream in = process.getInputStream()) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                if (log.length() < KEPT) {
                    log.append(new String(buffer, 0, n, StandardCharsets.UTF_8));
                }
                output.write(buffer, 0, n);
                output.flush();
            }
        } catch (IOException e) {
            return; // it was ended, or nobody reads this
        }
    }

    /** The process. */
    public Process process() {
        return process;
    }

    /** What it has written to its standard output and error: the beginning. */
    public String log() {
        if (!process.isAlive()) {
            try {
                logging.join(2000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return log.toString();
    }

    /**
     * Connects to a channel of requests, once the kernel listens.
     *
     * @param identity of the frontend, may be empty
     */
    public Client connect(Channel channel, byte[] identity) throws IOException, InterruptedException {
        int port =
                switch (channel) {
                    case SHELL -> ports.shell();
                    case CONTROL -> ports.control();
                    case STDIN -> ports.stdin();
                };
        return connect(port, "DEALER", identity);
    }

    /** Connects to all that it publishes. */
    public Client subscribe() throws IOException, InterruptedException {
        Client iopub = connect(ports.iopub(), "SUB", new byte[0]);
        iopub.send(List.of(new byte[] {1})); // to all
        return iopub;
    }

    private Client connect(int port, String socketType, byte[] identity) throws IOException, InterruptedException {
        for (long start = System.nanoTime(); ; Thread.sleep(20)) {
            try {
                return new Client(port, socketType, identity, ANSWER);
            } catch (ConnectException e) {
                if (!process.isAlive() || System.nanoTime() - start > ANSWER * 1_000_000L) {
                    throw new IOException(
                            process.isAlive()
                                    ? "the kernel does not listen at port " + port
                                    : "the kernel ended with exit status " + process.exitValue()
                                            + " before it listened",
                            e);
                }
            }
        }
    }

    /** Sends a request and waits for the answer. */
    public Message ask(Client client, String type, ObjectNode content) throws IOException {
        send(client, Message.of(List.of(), Message.object(), type, "parent", content));
        try {
            return receive(client);
        } catch (IOException e) {
            throw new IOException(
                    process.isAlive()
                            ? "the kernel did not answer " + type + " within " + ANSWER / 1000 + " s: " + e.getMessage()
                            : "the kernel ended with exit status " + process.exitValue() + " before its answer to "
                                    + type,
                    e);
        }
    }

    /** Sends a message. */
    public void send(Client client, Message message) throws IOException {
        client.send(wire.encode(message));
    }

    /** Waits for a message. */
    public Message receive(Client client) throws IOException {
        try {
            return wire.decode(client.receive());
        } catch (Wire.MalformedMessage e) {
            throw new IOException("a message of the kernel is malformed: " + e.getMessage(), e);
        }
    }

    private static Ports freePorts() throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 5; i++) { // all stay open until all are known, so that no port comes twice
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            List<Integer> p = sockets.stream().map(ServerSocket::getLocalPort).toList();
            return new Ports(p.get(0), p.get(1), p.get(2), p.get(3), p.get(4));
        } finally {
            for (ServerSocket s : sockets) {
                s.close();
            }
        }
    }

    /** Ends the process, if it has not ended. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
            Files.deleteIfExists(folder.resolve("connection.json"));
            Files.deleteIfExists(folder);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            return; // the system empties its temporary folder
        }
    }
}
