package io.tunebook.kernel.install;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Wire;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/**
 * Starts an installed kernel once, as a frontend would, and asks for what the first minute of a notebook asks: it shows that the kernel works on this
 * machine, and lets the JVM record which classes a start needs.
 */
final class FirstRun {
    private static final int ANSWER = 60_000; // ms

    private FirstRun() {}

    /**
     * Runs the kernel from start to shutdown.
     *
     * @param command the kernelspec's, with {@code {connection_file}} as a placeholder
     * @throws IOException if it does not start, does not answer, or answers {@code 1 + 1} with something else
     */
    static void run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("tunebook-");
        Path connection = folder.resolve("connection.json");
        Path log = folder.resolve("log.txt");
        String key = UUID.randomUUID().toString();
        List<Integer> ports = freePorts();
        ObjectNode json = Message.object()
                .put("transport", "tcp")
                .put("ip", "127.0.0.1")
                .put("key", key)
                .put("signature_scheme", "hmac-sha256")
                .put("shell_port", ports.get(0))
                .put("control_port", ports.get(1))
                .put("iopub_port", ports.get(2))
                .put("stdin_port", ports.get(3))
                .put("hb_port", ports.get(4));
        Files.writeString(connection, json.toString(), StandardCharsets.UTF_8);
        ProcessBuilder builder = new ProcessBuilder(command.stream()
                .map(c -> c.equals("{connection_file}") ? connection.toString() : c)
                .toList());
        builder.environment().putAll(environment);
        builder.environment()
                .put("TUNEBOOK_HISTORY", folder.resolve("history.jsonl").toString());
        Process process =
                builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        try (ZContext context = new ZContext()) {
            context.setLinger(0);
            converse(context, new Wire(key), ports, process);
            if (!process.waitFor(ANSWER, TimeUnit.MILLISECONDS)) {
                throw new IOException("the kernel did not end when it was asked to");
            }
        } catch (IOException e) {
            throw new IOException(
                    e.getMessage() + "\nCommand: " + String.join(" ", command) + "\nIt said: "
                            + Files.readString(log, StandardCharsets.UTF_8),
                    e);
        } finally {
            process.destroyForcibly().waitFor();
            for (Path p : List.of(connection, log, folder.resolve("history.jsonl"), folder)) {
                Files.deleteIfExists(p);
            }
        }
    }

    private static void converse(ZContext context, Wire wire, List<Integer> ports, Process process) throws IOException {
        ZMQ.Socket iopub = context.createSocket(SocketType.SUB);
        iopub.subscribe(ZMQ.SUBSCRIPTION_ALL);
        iopub.connect("tcp://127.0.0.1:" + ports.get(2));
        ZMQ.Socket shell = context.createSocket(SocketType.DEALER);
        shell.connect("tcp://127.0.0.1:" + ports.get(0));
        ask(shell, wire, process, "kernel_info_request", Message.object());
        ask(shell, wire, process, "execute_request", cell("System.out.println(\"warm\");\nList.of(1, 2, 3)"));
        ask(
                shell,
                wire,
                process,
                "execute_request",
                cell("record Warm(int x) {}\nfor (int i = 0; i < 2; i++) new Warm(i);"));
        Message sum = ask(shell, wire, process, "execute_request", cell("1 + 1"));
        if (!sum.content().path("status").asText().equals("ok")) {
            throw new IOException("expected the kernel to run 1 + 1, found " + sum.content());
        }
        ask(
                shell,
                wire,
                process,
                "complete_request",
                Message.object().put("code", "\"\".len").put("cursor_pos", 6));
        ask(
                shell,
                wire,
                process,
                "inspect_request",
                Message.object()
                        .put("code", "\"\".length(")
                        .put("cursor_pos", 10)
                        .put("detail_level", 0));
        ask(shell, wire, process, "is_complete_request", Message.object().put("code", "int x = 1;"));
        ZMQ.Socket control = context.createSocket(SocketType.DEALER);
        control.connect("tcp://127.0.0.1:" + ports.get(1));
        ask(control, wire, process, "shutdown_request", Message.object().put("restart", false));
    }

    private static ObjectNode cell(String code) {
        return Message.object().put("code", code).put("silent", false).put("store_history", false);
    }

    private static Message ask(ZMQ.Socket socket, Wire wire, Process process, String type, ObjectNode content)
            throws IOException {
        List<byte[]> request = wire.encode(Message.of(List.of(), Message.object(), type, "install", content));
        for (int i = 0; i < request.size(); i++) {
            socket.send(request.get(i), i + 1 < request.size() ? ZMQ.SNDMORE : 0);
        }
        socket.setReceiveTimeOut(100);
        for (long waited = 0; waited < ANSWER; waited += 100) {
            byte[] frame = socket.recv();
            if (frame != null) {
                List<byte[]> frames = new ArrayList<>(List.of(frame));
                while (socket.hasReceiveMore()) {
                    frames.add(socket.recv());
                }
                try {
                    return wire.decode(frames);
                } catch (Wire.MalformedMessage e) {
                    throw new IOException("the answer to " + type + " is malformed: " + e.getMessage(), e);
                }
            } else if (!process.isAlive()) {
                throw new IOException(
                        "the kernel ended with exit status " + process.exitValue() + " before its answer to " + type);
            }
        }
        throw new IOException("the kernel did not answer " + type + " within " + ANSWER / 1000 + " s");
    }

    private static List<Integer> freePorts() throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 5; i++) {
                sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().map(ServerSocket::getLocalPort).toList();
        } finally {
            for (ServerSocket s : sockets) {
                s.close();
            }
        }
    }
}
