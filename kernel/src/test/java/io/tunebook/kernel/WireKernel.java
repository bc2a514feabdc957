package io.tunebook.kernel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.eval.RedefinitionAgent;
import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Wire;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.zeromq.SocketType;
import org.zeromq.ZContext;
import org.zeromq.ZMQ;

/**
 * A kernel in a process of its own, started as a kernelspec starts it but from the build's classes, and a frontend that
 * speaks to it over ZeroMQ with signed messages. It may be used by several threads.
 */
public final class WireKernel implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final int SLICE = 20; // ms

    /** The channels by which requests go. */
    public enum Channel {
        SHELL("shell_port"),
        CONTROL("control_port");

        private final String port;

        Channel(String port) {
            this.port = port;
        }
    }

    /** A message and the channel that brought it: {@code shell}, {@code control}, {@code iopub} or {@code stdin}. */
    public record Received(String channel, Message message) {}

    private final Path folder;
    private final ObjectNode connection;
    private final Wire wire;
    private final Process process;
    private final ZContext context = new ZContext();
    private final Map<Channel, ZMQ.Socket> requests = new EnumMap<>(Channel.class);
    private final ZMQ.Socket iopub;
    private final ZMQ.Socket stdin;
    private final ZMQ.Poller poller;
    private final List<Received> received = new ArrayList<>();
    private Function<JsonNode, String> input = request -> "";

    /**
     * What one request caused.
     *
     * @param published what was broadcast with it as the parent, without status
     */
    public record Answer(JsonNode reply, List<Message> published) {
        public String status() {
            return reply.path("status").asText();
        }

        public List<Message> of(String type) {
            return published.stream().filter(m -> m.type().equals(type)).toList();
        }

        public String stream(String name) {
            StringBuilder all = new StringBuilder();
            of("stream").stream()
                    .filter(m -> m.content().path("name").asText().equals(name))
                    .forEach(m -> all.append(m.content().path("text").asText()));
            return all.toString();
        }

        public String stdout() {
            return stream("stdout");
        }

        public String stderr() {
            return stream("stderr");
        }

        /** The plain text of the result, or null if there is none. */
        public String result() {
            return result("text/plain");
        }

        /** The result in one of its representations, or null if it has none. */
        public String result(String type) {
            return of("execute_result").stream()
                    .map(m -> m.content().path("data").path(type).asText(null))
                    .findFirst()
                    .orElse(null);
        }

        /** What was displayed in one representation, in order. */
        public List<String> displays(String type) {
            return of("display_data").stream()
                    .map(m -> m.content().path("data").path(type).asText(null))
                    .toList();
        }

        /** The error as the frontend shows it: the content of the message on iopub, or null if there was none. */
        public JsonNode error() {
            return of("error").stream()
                    .map(m -> (JsonNode) m.content())
                    .findFirst()
                    .orElse(null);
        }

        /** The published error's traceback without its colours; empty if there was none. */
        public String traceback() {
            StringBuilder all = new StringBuilder();
            if (error() != null) {
                error().path("traceback").forEach(l -> all.append(l.asText()).append('\n'));
            }
            return all.toString().replaceAll("\u001b\\[[\\d;]*m", "");
        }
    }

    // ---- its life

    /** Starts a kernel and waits until it answers. */
    public static WireKernel start(List<String> jvmOptions, Map<String, String> environment) {
        while (true) {
            try {
                return new WireKernel(jvmOptions, environment).ready();
            } catch (AssertionError e) {
                // Between the choice of free ports and the kernel's start another program may have taken one.
                if (!String.valueOf(e.getMessage()).contains("Address already in use")) {
                    throw e;
                }
            }
        }
    }

    private WireKernel(List<String> jvmOptions, Map<String, String> environment) {
        try {
            folder = Files.createTempDirectory("tunebook-wire-");
            String key = UUID.randomUUID().toString();
            wire = new Wire(key);
            connection = connection(key);
            Path file = folder.resolve("connection.json");
            Files.writeString(file, connection.toString());
            List<String> options = new ArrayList<>(List.of("-Xmx512m", "-javaagent:" + agent(folder)));
            options.addAll(jvmOptions);
            List<String> command = KernelProcess.command(options);
            command.addAll(List.of("kernel", file.toString()));
            ProcessBuilder builder = new ProcessBuilder(command);
            builder.environment().put("TUNEBOOK_HISTORY", history().toString());
            builder.environment().putAll(environment);
            process = builder.redirectErrorStream(true)
                    .redirectOutput(folder.resolve("log").toFile())
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        iopub = connect(SocketType.SUB, "iopub_port");
        iopub.subscribe(ZMQ.SUBSCRIPTION_ALL);
        stdin = context.createSocket(SocketType.DEALER);
        poller = context.createPoller(4);
        for (Channel channel : Channel.values()) {
            ZMQ.Socket socket = context.createSocket(SocketType.DEALER);
            socket.setIdentity("frontend".getBytes(StandardCharsets.US_ASCII)); // stdin answers by the shell's identity
            requests.put(channel, open(socket, channel.port));
            poller.register(socket, ZMQ.Poller.POLLIN);
        }
        stdin.setIdentity("frontend".getBytes(StandardCharsets.US_ASCII));
        open(stdin, "stdin_port");
        poller.register(iopub, ZMQ.Poller.POLLIN);
        poller.register(stdin, ZMQ.Poller.POLLIN);
    }

    private static ObjectNode connection(String key) throws IOException {
        ObjectNode connection = Message.object()
                .put("ip", "127.0.0.1")
                .put("transport", "tcp")
                .put("key", key)
                .put("signature_scheme", "hmac-sha256");
        List<ServerSocket> free = new ArrayList<>();
        for (String name : List.of("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")) {
            ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
            free.add(socket); // all stay open until all are known, so that no port comes twice
            connection.put(name, socket.getLocalPort());
        }
        for (ServerSocket socket : free) {
            socket.close();
        }
        return connection;
    }

    /** Under {@code java -jar} the jar's manifest names the agent; classes have none. */
    private static Path agent(Path folder) throws IOException {
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Premain-Class", RedefinitionAgent.class.getName());
        main.putValue("Can-Redefine-Classes", "true");
        Path jar = folder.resolve("agent.jar");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        return jar;
    }

    private WireKernel ready() {
        try {
            long start = System.nanoTime();
            while (received().stream().noneMatch(r -> r.message().type().equals("iopub_welcome"))) {
                requirePatience(start, "welcome on iopub");
                requireAlive();
                pump();
            }
            request(Channel.SHELL, "kernel_info_request", Message.object());
            forget();
            return this;
        } catch (AssertionError e) {
            close();
            throw e;
        }
    }

    public Process process() {
        return process;
    }

    /** The connection file's content. */
    public ObjectNode connection() {
        return connection.deepCopy();
    }

    /** Where this kernel keeps its history. */
    public Path history() {
        return folder.resolve("history.jsonl");
    }

    /** What the process has written to its standard output and error. */
    public String log() {
        try {
            return new String(Files.readAllBytes(folder.resolve("log")), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** For the message of a failed test. */
    String state() {
        String log = log();
        return "the kernel " + (process.isAlive() ? "lives" : "ended with status " + process.exitValue())
                + "; the end of its log:\n" + log.substring(Math.max(0, log.length() - 4000));
    }

    /** Whether it lives and no request is unanswered. */
    boolean isIdle() {
        if (!process.isAlive()) {
            return false;
        }
        Message probe = send(Channel.SHELL, "comm_info_request", Message.object()); // waits for the cell that runs
        try {
            await(probe, Duration.ofSeconds(10));
            return true;
        } catch (AssertionError e) {
            return false;
        }
    }

    /** Whether the process ends within the time that tests have. */
    public boolean ends() {
        try {
            return process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        ends();
        synchronized (this) {
            poller.close();
            context.close();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ---- requests

    /** The content of an execute_request as a frontend sends it. */
    public static ObjectNode cell(String code) {
        return Message.object()
                .put("code", code)
                .put("silent", false)
                .put("store_history", true)
                .put("allow_stdin", true)
                .put("stop_on_error", true);
    }

    /** Runs a cell and waits for its reply and its idle. */
    public Answer execute(String code) {
        return request(Channel.SHELL, "execute_request", cell(code));
    }

    /** Sends a request and waits for its reply, if its type has one, and its idle. */
    public Answer request(Channel channel, String type, ObjectNode content) {
        return await(send(channel, type, content));
    }

    /**
     * Sends a request and does not wait.
     *
     * @return what {@link #await} takes
     */
    public Message send(Channel channel, String type, ObjectNode content) {
        Message request = Message.of(List.of(), Message.object(), type, "test", content);
        send(channel, request);
        return request;
    }

    /** Sends a message of your own making, a subshell's request for example. */
    public synchronized void send(Channel channel, Message request) {
        send(requests.get(channel), wire.encode(request));
    }

    /** Starts a cell and does not wait for it. */
    public Message start(String code) {
        return send(Channel.SHELL, "execute_request", cell(code));
    }

    /** Waits for the reply and the idle of a request. */
    public Answer await(Message request) {
        return await(request, PATIENCE);
    }

    /** The same within a time. */
    public Answer await(Message request, Duration within) {
        long start = System.nanoTime();
        boolean replies = request.type().endsWith("_request");
        while (!(isIdle(request) && (!replies || reply(request) != null))) {
            if (System.nanoTime() - start > within.toNanos()) {
                throw new AssertionError("no answer within " + within.toSeconds() + " s to " + request.type() + " "
                        + request.content() + "; " + state());
            }
            requireAlive();
            pump();
        }
        return answer(request);
    }

    /** Waits until a message comes that is about a request, a stream or a display for example. */
    public Message await(Message request, String type) {
        long start = System.nanoTime();
        while (true) {
            for (Received r : received()) {
                if (isAbout(r.message(), request) && r.message().type().equals(type)) {
                    return r.message();
                }
            }
            requirePatience(start, type + " about " + request.content());
            requireAlive();
            pump();
        }
    }

    /** Asks the kernel to interrupt what runs. */
    public Answer interrupt() {
        return request(Channel.CONTROL, "interrupt_request", Message.object());
    }

    /** Runs a cell and interrupts it when it has printed its first output. */
    public Answer interruptAfterOutput(String code) {
        Message request = start(code);
        await(request, "stream");
        interrupt();
        return await(request);
    }

    /** From now on input_requests are answered so: from their content to the line. */
    public synchronized void onInput(Function<JsonNode, String> answer) {
        input = answer;
    }

    /** What a request has caused so far. */
    public Answer answer(Message request) {
        List<Message> published = received().stream()
                .filter(r -> r.channel().equals("iopub"))
                .map(Received::message)
                .filter(m -> isAbout(m, request) && !m.type().equals("status"))
                .toList();
        Message reply = reply(request);
        return new Answer(reply == null ? Message.object() : reply.content(), published);
    }

    /** All that came since {@link #forget}, in the order of its channel. */
    public synchronized List<Received> received() {
        return List.copyOf(received);
    }

    public synchronized void forget() {
        received.clear();
    }

    private Message reply(Message request) {
        return received().stream()
                .filter(r -> !r.channel().equals("iopub") && !r.channel().equals("stdin"))
                .map(Received::message)
                .filter(m -> isAbout(m, request))
                .findFirst()
                .orElse(null);
    }

    private boolean isIdle(Message request) {
        return received().stream()
                .map(Received::message)
                .anyMatch(m -> isAbout(m, request)
                        && m.type().equals("status")
                        && m.content().path("execution_state").asText().equals("idle"));
    }

    private static boolean isAbout(Message m, Message request) {
        return m.parent().path("msg_id").asText().equals(request.id());
    }

    private void requirePatience(long start, String what) {
        if (System.nanoTime() - start > PATIENCE.toNanos()) {
            throw new AssertionError("within " + PATIENCE.toSeconds() + " s there was no " + what + "; " + state());
        }
    }

    private void requireAlive() {
        if (!process.isAlive()) {
            throw new AssertionError(state());
        }
    }

    // ---- sockets

    /** One more connection to a port such as {@code shell_port}; this kernel's {@link #close} closes it. */
    public ZMQ.Socket connect(SocketType type, String port) {
        return open(context.createSocket(type), port);
    }

    private ZMQ.Socket open(ZMQ.Socket socket, String port) {
        socket.setLinger(0);
        socket.setReceiveTimeOut((int) PATIENCE.toMillis());
        socket.connect("tcp://127.0.0.1:" + connection.path(port).asInt());
        return socket;
    }

    /** The signatures of this kernel's connection. */
    public Wire wire() {
        return wire;
    }

    public static void send(ZMQ.Socket socket, List<byte[]> frames) {
        for (int i = 0; i < frames.size(); i++) {
            socket.send(frames.get(i), i + 1 < frames.size() ? ZMQ.SNDMORE : 0);
        }
    }

    private synchronized void pump() {
        poller.poll(SLICE);
        drain("iopub", iopub);
        requests.forEach((channel, socket) -> drain(channel.name().toLowerCase(java.util.Locale.ROOT), socket));
        drain("stdin", stdin);
    }

    private void drain(String channel, ZMQ.Socket socket) {
        for (byte[] frame = socket.recv(ZMQ.DONTWAIT); frame != null; frame = socket.recv(ZMQ.DONTWAIT)) {
            List<byte[]> frames = new ArrayList<>(List.of(frame));
            while (socket.hasReceiveMore()) {
                frames.add(socket.recv());
            }
            try {
                Message message = wire.decode(frames);
                received.add(new Received(channel, message));
                if (message.type().equals("input_request")) {
                    ObjectNode content = Message.object().put("value", input.apply(message.content()));
                    send(stdin, wire.encode(message.reply("input_reply", "test", content)));
                }
            } catch (Wire.MalformedMessage e) {
                throw new AssertionError("the kernel sent on " + channel + " what is no message", e);
            }
        }
    }
}
