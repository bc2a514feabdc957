package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Wire;
import io.tunebook.kernel.protocol.WireTest;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/** A kernel in a process of its own, on real sockets. */
class SocketsTest {
    private static final String KEY = "0123-key-4567";
    private static final List<String> NONSENSE = List.of(
            "history_request",
            "comm_info_request",
            "comm_open",
            "comm_msg",
            "comm_close",
            "kernel_info_request",
            "debug_request",
            "nothing_request",
            "",
            "input_reply");

    @TempDir
    Path folder;

    private final Map<String, Integer> ports = new LinkedHashMap<>();
    private final Wire wire = new Wire(KEY);
    private Process process;
    private ZContext context;

    @BeforeEach
    void start() throws IOException {
        Map<String, Object> connection = new LinkedHashMap<>();
        for (String name : List.of("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")) {
            try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                ports.put(name, free.getLocalPort());
            }
        }
        connection.putAll(ports);
        connection.putAll(Map.of("ip", "127.0.0.1", "transport", "tcp", "key", KEY, "signature_scheme", "hmac-sha256"));
        Path file = folder.resolve("connection.json");
        new ObjectMapper().writeValue(file.toFile(), connection);
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-cp",
                System.getProperty("java.class.path"),
                "io.tunebook.kernel.Main",
                "kernel",
                file.toString());
        builder.environment()
                .put("TUNEBOOK_HISTORY", folder.resolve("history.jsonl").toString());
        builder.redirectErrorStream(true).redirectOutput(new File(folder.toFile(), "log"));
        process = builder.start();
        context = new ZContext();
    }

    @AfterEach
    void stop() {
        process.destroyForcibly();
        context.close();
    }

    private ZMQ.Socket connect(SocketType type, String port) {
        ZMQ.Socket socket = context.createSocket(type);
        socket.setReceiveTimeOut(30_000);
        socket.setLinger(0);
        socket.connect("tcp://127.0.0.1:" + ports.get(port));
        return socket;
    }

    private static void send(ZMQ.Socket socket, List<byte[]> frames) {
        for (int i = 0; i < frames.size(); i++) {
            socket.send(frames.get(i), i + 1 < frames.size() ? ZMQ.SNDMORE : 0);
        }
    }

    private Message receive(ZMQ.Socket socket) throws Wire.MalformedMessage {
        List<byte[]> frames = new ArrayList<>();
        do {
            byte[] frame = socket.recv();
            assertThat(frame).as("an answer within 30 s").isNotNull();
            frames.add(frame);
        } while (socket.hasReceiveMore());
        return new Wire(KEY).decode(frames);
    }

    private Message ask(ZMQ.Socket socket, String type, String code) throws Wire.MalformedMessage {
        Message request = Message.of(
                List.of(), Message.object(), type, "test", Message.object().put("code", code));
        send(socket, wire.encode(request));
        while (true) {
            Message reply = receive(socket);
            if (reply.parent().path("msg_id").asText().equals(request.id())) {
                return reply;
            }
        }
    }

    private String log() throws IOException {
        return Files.readString(folder.resolve("log"), StandardCharsets.UTF_8);
    }

    @Test
    void allChannelsWork() throws Exception {
        ZMQ.Socket iopub = connect(SocketType.SUB, "iopub_port");
        iopub.subscribe(new byte[0]);
        ZMQ.Socket shell = connect(SocketType.DEALER, "shell_port");
        ZMQ.Socket control = connect(SocketType.DEALER, "control_port");
        ZMQ.Socket heartbeat = connect(SocketType.REQ, "hb_port");
        heartbeat.send("alive");
        assertThat(heartbeat.recvStr()).isEqualTo("alive");
        assertThat(receive(iopub).type()).isIn("iopub_welcome", "status");
        Message info = ask(shell, "kernel_info_request", "");
        assertThat(info.content().path("protocol_version").asText()).isEqualTo("5.4");
        assertThat(info.header().path("date").asText()).matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z");
        assertThat(ask(shell, "execute_request", "6 * 7")
                        .content()
                        .path("status")
                        .asText())
                .isEqualTo("ok");
        Message published = receive(iopub);
        while (!published.type().equals("execute_result")) {
            published = receive(iopub);
        }
        assertThat(published.content().path("data").path("text/plain").asText()).isEqualTo("42");
        assertThat(ask(control, "shutdown_request", "").content().path("status").asText())
                .isEqualTo("ok");
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
    }

    @Test
    void aBusyKernelShutsDown() throws Exception {
        ZMQ.Socket shell = connect(SocketType.DEALER, "shell_port");
        ask(shell, "kernel_info_request", "");
        send(
                shell,
                wire.encode(Message.of(
                        List.of(),
                        Message.object(),
                        "execute_request",
                        "test",
                        Message.object().put("code", "while (true) {}"))));
        ask(connect(SocketType.DEALER, "control_port"), "shutdown_request", "");
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void noiseForgeriesAndDeadClientsAreDroppedWithALineEach() throws Exception {
        ZMQ.Socket shell = connect(SocketType.DEALER, "shell_port");
        ask(shell, "kernel_info_request", "");
        Random random = new Random(1);
        Message request = Message.of(
                List.of(),
                Message.object(),
                "execute_request",
                "test",
                Message.object().put("code", "1"));
        for (int i = 0; i < 500; i++) {
            send(shell, new Wire("wrong" + i).encode(request));
        }
        List<byte[]> once = wire.encode(request);
        send(shell, once);
        send(shell, once); // a replay
        send(connect(SocketType.DEALER, "control_port"), new Wire("wrong").encode(request));
        for (String port : ports.keySet()) {
            for (int i = 0; i < 20; i++) {
                byte[] noise = new byte[200];
                random.nextBytes(noise);
                raw(ports.get(port), noise);
            }
            // The greeting and handshake of ZMTP 3.0, then a frame that claims to be 2^60 bytes long.
            byte[] huge = new byte[64 + 2 + 9];
            huge[0] = (byte) 0xff;
            huge[9] = 0x7f;
            huge[10] = 3;
            System.arraycopy("NULL".getBytes(StandardCharsets.US_ASCII), 0, huge, 12, 4);
            huge[64] = 2;
            huge[65] = 0x10;
            raw(ports.get(port), huge);
        }
        assertThat(ask(shell, "execute_request", "6 * 7")
                        .content()
                        .path("status")
                        .asText())
                .isEqualTo("ok");
        assertThat(log())
                .contains("the signature is wrong", "the message came before")
                .doesNotContain(KEY);
        assertThat(log().lines().filter(l -> l.contains("came before"))).hasSize(1);
        assertThat(log().lines().filter(l -> l.contains("a connection on shell was closed")))
                .hasSizeGreaterThanOrEqualTo(21);
    }

    /**
     * A million messages that are none, cost a line of the log each, and a hundred thousand signed ones whose content
     * is nonsense are answered or dropped.
     */
    @Test
    void aMillionMalformedMessages() throws Exception {
        ZMQ.Socket shell = connect(SocketType.DEALER, "shell_port");
        ask(shell, "kernel_info_request", "");
        Random random = new Random(2);
        Wire other = new Wire("another key");
        List<byte[]> good = wire.encode(Message.of(
                List.of("id".getBytes(StandardCharsets.UTF_8)),
                Message.object(),
                "execute_request",
                "test",
                Message.object().put("code", "System.exit(1);")));
        for (int i = 0; i < 1_000_000; i++) {
            List<byte[]> frames = WireTest.copy(good);
            if (i % 10 == 0) {
                frames = new ArrayList<>(other.encode(nonsense(random)));
            } else {
                WireTest.mutate(frames, random);
            }
            if (frames.isEmpty()) {
                frames.add(new byte[0]);
            }
            send(shell, frames);
        }
        for (int i = 0; i < 100_000; i++) {
            send(shell, wire.encode(nonsense(random)));
            while (shell.recv(ZMQ.DONTWAIT) != null) {
                // the answers do not matter
            }
        }
        assertThat(ask(shell, "execute_request", "6 * 7")
                        .content()
                        .path("status")
                        .asText())
                .isEqualTo("ok");
        try (Stream<String> lines = Files.lines(folder.resolve("log"), StandardCharsets.UTF_8)) {
            assertThat(lines.filter(l -> l.contains("dropped a message on shell"))
                            .count())
                    .isEqualTo(1_000_000);
        }
    }

    /** A message as it should be, but for what it asks. */
    private static Message nonsense(Random random) {
        String type = NONSENSE.get(random.nextInt(NONSENSE.size()));
        ObjectNode content = Message.object();
        for (String field :
                List.of("code", "comm_id", "data", "cursor_pos", "hist_access_type", "n", "pattern", "target_name")) {
            switch (random.nextInt(5)) {
                case 0 -> content.put(field, random.nextInt());
                case 1 -> content.put(field, "\u0000%*{" + random.nextInt());
                case 2 -> content.putNull(field);
                case 3 -> content.putArray(field).add(1).addObject().put("a", true);
                default -> content.remove(field);
            }
        }
        return Message.of(List.of(), Message.object(), type, "test", content);
    }

    private static void raw(int port, byte[] bytes) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
                OutputStream out = socket.getOutputStream()) {
            out.write(bytes);
        } catch (java.net.SocketException e) {
            // the kernel hung up first, as it may
        }
    }
}
