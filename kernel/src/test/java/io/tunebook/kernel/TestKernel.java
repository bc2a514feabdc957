package io.tunebook.kernel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.tools.attach.VirtualMachine;
import io.tunebook.kernel.eval.RedefinitionAgent;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.Memory;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import io.tunebook.kernel.server.Kernel;
import io.tunebook.kernel.session.Session;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** A kernel without sockets: requests go in, what it broadcasts and answers is kept. */
public final class TestKernel implements AutoCloseable {
    /** The session that was started last, for cells that use it themselves. */
    public static volatile Session latest;

    private final Path history;
    private final Wires wires = new Wires();
    private final Session session;
    private final Kernel kernel;

    /**
     * What one request caused.
     *
     * @param published what was broadcast with it as the parent, without status
     */
    public record Answer(JsonNode reply, List<Message> published) {
        public String status() {
            return reply.path("status").asText();
        }

        public String stream(String name) {
            StringBuilder all = new StringBuilder();
            published.stream()
                    .filter(m -> m.type().equals("stream")
                            && m.content().path("name").asText().equals(name))
                    .forEach(m -> all.append(m.content().path("text").asText()));
            return all.toString();
        }

        public String stdout() {
            return stream("stdout");
        }

        /** The plain text of the result, or null if there is none. */
        public String result() {
            return published.stream()
                    .filter(m -> m.type().equals("execute_result"))
                    .map(m -> m.content().path("data").path("text/plain").asText())
                    .findFirst()
                    .orElse(null);
        }

        /** The traceback without its colours. */
        public String traceback() {
            StringBuilder all = new StringBuilder();
            reply.path("traceback").forEach(l -> all.append(l.asText()).append('\n'));
            return all.toString().replaceAll("\u001b\\[[\\d;]*m", "");
        }

        public List<Message> of(String type) {
            return published.stream().filter(m -> m.type().equals(type)).toList();
        }
    }

    public TestKernel() {
        this(Duration.ZERO);
    }

    /** @param timeout after which a cell is stopped; zero for none */
    public TestKernel(Duration timeout) {
        attachAgent();
        try {
            history = Files.createTempDirectory("history").resolve("history.jsonl");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        session = new Session(new Session.SessionOptions(List.of(), List.of(), List.of(), 1L << 20, timeout));
        latest = session;
        ThreadGroup group = new ThreadGroup("kernel");
        kernel = new Kernel(wires, CompletableFuture.completedFuture(session), history, group, new Memory());
        wires.arrive = m -> kernel.receive(Channel.SHELL, m);
    }

    /** Under {@code java -jar} the manifest brings the agent. */
    private static synchronized void attachAgent() {
        if (System.getProperty("tunebook.test.agent") != null) {
            return;
        }
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Agent-Class", RedefinitionAgent.class.getName());
        main.putValue("Can-Redefine-Classes", "true");
        try {
            Path jar = Files.createTempFile("agent", ".jar");
            new JarOutputStream(Files.newOutputStream(jar), manifest).close();
            VirtualMachine vm =
                    VirtualMachine.attach(Long.toString(ProcessHandle.current().pid()));
            vm.loadAgent(jar.toString());
            vm.detach();
            System.setProperty("tunebook.test.agent", "loaded");
        } catch (Exception e) {
            throw new IllegalStateException("the tests need -Djdk.attach.allowAttachSelf=true", e);
        }
    }

    public Kernel kernel() {
        return kernel;
    }

    public Path history() {
        return history;
    }

    /** Answers the next input_request so. */
    public void onInput(Function<JsonNode, String> answer) {
        wires.input = answer;
    }

    /** These come while the next request is handled. */
    public void enqueue(Message... requests) {
        wires.pending.addAll(List.of(requests));
    }

    public static Message request(String type, ObjectNode content) {
        return Message.of(List.of("client".getBytes()), Message.object(), type, "test", content);
    }

    public static Message execute(String code) {
        return request("execute_request", Message.object().put("code", code).put("allow_stdin", true));
    }

    public Answer run(String code) {
        return shell(execute(code));
    }

    public Answer shell(String type, ObjectNode content) {
        return shell(request(type, content));
    }

    public Answer shell(Message request) {
        return ask(Channel.SHELL, request);
    }

    public Answer control(String type) {
        return ask(Channel.CONTROL, request(type, Message.object()));
    }

    private Answer ask(Channel channel, Message request) {
        kernel.receive(channel, request);
        return await(request);
    }

    /** Sends a request and does not wait. */
    public void start(Message request) {
        kernel.receive(Channel.SHELL, request);
    }

    /** Waits until a request is answered. */
    public Answer await(Message request) {
        wires.await(() -> states(request).contains("idle"));
        return answer(request);
    }

    /** What a request has caused so far. */
    public Answer answer(Message request) {
        return new Answer(
                wires.replies.stream()
                        .filter(m -> isAbout(m, request))
                        .map(m -> (JsonNode) m.content())
                        .findFirst()
                        .orElse(Message.object()),
                wires.published.stream()
                        .filter(m -> isAbout(m, request) && !m.type().equals("status"))
                        .toList());
    }

    /** The states that were broadcast about a request. */
    public List<String> states(Message request) {
        return wires.published.stream()
                .filter(m -> isAbout(m, request) && m.type().equals("status"))
                .map(m -> m.content().path("execution_state").asText())
                .toList();
    }

    public void forget() {
        wires.published.clear();
        wires.replies.clear();
    }

    private static boolean isAbout(Message m, Message request) {
        return m.parent().path("msg_id").asText().equals(request.id());
    }

    /** Runs a cell, interrupts it after a while, and says how long it took to end. */
    public Answer interrupt(String code, long afterMillis) throws InterruptedException {
        Message request = execute(code);
        kernel.receive(Channel.SHELL, request);
        Thread.sleep(afterMillis);
        ask(Channel.CONTROL, request("interrupt_request", Message.object()));
        await(request);
        return answer(request);
    }

    @Override
    public void close() {
        kernel.close();
    }

    private static final class Wires implements Transport {
        private final ConcurrentLinkedQueue<Message> published = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<Message> replies = new ConcurrentLinkedQueue<>();
        private final ConcurrentLinkedQueue<Message> pending = new ConcurrentLinkedQueue<>();
        private volatile Consumer<Message> arrive = m -> {};
        private volatile Function<JsonNode, String> input = request -> "";

        @Override
        public void publish(Message message) {
            published.add(message);
            if (message.type().equals("execute_input")) { // its cell is about to run
                for (Message next = pending.poll(); next != null; next = pending.poll()) {
                    arrive.accept(next);
                }
            }
            changed();
        }

        @Override
        public void reply(Channel channel, Message message) {
            replies.add(message);
            changed();
        }

        private synchronized void changed() {
            notifyAll();
        }

        synchronized void await(BooleanSupplier condition) {
            while (!condition.getAsBoolean()) {
                try {
                    wait(60_000);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }

        @Override
        public Message ask(Message request) throws InterruptedException {
            Thread.sleep(1); // as a real one it ends by an interrupt
            String answer = input.apply(request.content());
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            return TestKernel.request("input_reply", Message.object().put("value", answer));
        }
    }
}
