package io.tunebook.kernel.install;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Wire;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
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
import java.util.concurrent.TimeUnit;

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
        try {
            converse(new Wire(key), ports, process);
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

    private static void converse(Wire wire, List<Integer> ports, Process process)
            throws IOException, InterruptedException {
        try (Client shell = connect(ports.get(0), "DEALER", process);
                Client control = connect(ports.get(1), "DEALER", process);
                Client iopub = connect(ports.get(2), "SUB", process)) {
            iopub.send(List.of(new byte[] {1})); // to all
            first(shell, wire, process);
            ask(control, wire, process, "shutdown_request", Message.object().put("restart", false));
        }
    }

    private static Client connect(int port, String socketType, Process process)
            throws IOException, InterruptedException {
        for (long start = System.nanoTime(); ; Thread.sleep(20)) {
            try {
                return new Client(port, socketType, ANSWER);
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

    /** What the first minute of a notebook asks. */
    private static void first(Client shell, Wire wire, Process process) throws IOException {
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
    }

    private static ObjectNode cell(String code) {
        return Message.object().put("code", code).put("silent", false).put("store_history", false);
    }

    private static Message ask(Client client, Wire wire, Process process, String type, ObjectNode content)
            throws IOException {
        client.send(wire.encode(Message.of(List.of(), Message.object(), type, "install", content)));
        try {
            return wire.decode(client.receive());
        } catch (Wire.MalformedMessage e) {
            throw new IOException("the answer to " + type + " is malformed: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new IOException(
                    process.isAlive()
                            ? "the kernel did not answer " + type + " within " + ANSWER / 1000 + " s"
                            : "the kernel ended with exit status " + process.exitValue() + " before its answer to "
                                    + type,
                    e);
        }
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
