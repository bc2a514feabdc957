package io.tunebook.kernel.server;

import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.protocol.Channel;
import io.tunebook.kernel.protocol.ChildKernel;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * Hands on what comes from this kernel's frontends to another kernel, which has taken its place with other options of
 * the JVM, and back what that one says. The frontends keep their connections, so that nothing that waits is lost.
 */
final class Relay implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Relay.class.getName());
    private static final long FAREWELL = 2000; // ms
    /** A question of the kernel finds the frontend that it is for by the identity of the request. */
    private static final byte[] IDENTITY = "relay".getBytes(StandardCharsets.US_ASCII);

    private final ChildKernel child;
    private final Transport transport;
    private final ThreadGroup group;
    private final Client iopub;
    private final Map<Channel, Client> clients = new EnumMap<>(Channel.class);
    private final Map<Channel, LinkedBlockingQueue<Message>> outgoing = new EnumMap<>(Channel.class);
    private volatile Thread asking;

    /**
     * Connects to a kernel and waits until it answers.
     *
     * @param transport the way to the frontends
     * @param group of the kernel's own threads
     */
    Relay(ChildKernel child, Transport transport, ThreadGroup group) throws IOException, InterruptedException {
        this.child = child;
        this.transport = transport;
        this.group = group;
        for (Channel channel : Channel.values()) {
            clients.put(channel, child.connect(channel, IDENTITY));
            outgoing.put(channel, new LinkedBlockingQueue<>());
        }
        child.ask(clients.get(Channel.CONTROL), "kernel_info_request", Message.object());
        iopub = child.subscribe(); // after what concerns nobody else
    }

    /**
     * Begins.
     *
     * @param ended is told the exit status when that kernel has ended and all is handed on that it had to say
     */
    void begin(IntConsumer ended) throws IOException {
        List<Thread> readers = new ArrayList<>();
        readers.add(reader(iopub, this::publish));
        readers.add(reader(clients.get(Channel.SHELL), m -> transport.reply(Channel.SHELL, m)));
        readers.add(reader(clients.get(Channel.CONTROL), m -> transport.reply(Channel.CONTROL, m)));
        readers.add(reader(clients.get(Channel.STDIN), this::ask));
        for (Channel channel : Channel.values()) {
            thread("relay to " + channel, () -> write(channel)).start();
        }
        readers.forEach(Thread::start);
        thread("relay", () -> {
                    int status = waitForEnd();
                    for (Thread reader : readers) {
                        join(reader);
                    }
                    ended.accept(status);
                })
                .start();
    }

    private Thread thread(String name, Runnable work) {
        Thread thread = new Thread(
                group,
                () -> {
                    CellContext.detach();
                    work.run();
                },
                name);
        thread.setDaemon(true);
        return thread;
    }

    private Thread reader(Client client, Consumer<Message> to) throws IOException {
        client.waitForEver();
        return thread("relay from kernel", () -> {
            try {
                while (true) {
                    to.accept(child.receive(client));
                }
            } catch (IOException e) {
                return; // that kernel has ended
            }
        });
    }

    /** What belongs to the start of a kernel, and to its connections, concerns no frontend. */
    private void publish(Message message) {
        boolean start = message.type().equals("status")
                && message.content().path("execution_state").asText().equals("starting");
        if (!start && !message.type().equals("iopub_welcome")) {
            transport.publish(message);
        }
    }

    /** The kernel asks a frontend for a line. Its former question, if that cell was interrupted, is none any more. */
    private void ask(Message question) {
        Thread before = asking;
        if (before != null) {
            before.interrupt();
            join(before);
        }
        asking = thread("relay asks", () -> {
            try {
                Message answer = transport.ask(question);
                if (answer != null) {
                    forward(Channel.STDIN, answer);
                }
            } catch (InterruptedException e) {
                return;
            }
        });
        asking.start();
    }

    /** Hands on a message of a frontend. Does not wait. */
    void forward(Channel channel, Message message) {
        outgoing.get(channel).add(message);
    }

    private void write(Channel channel) {
        try {
            while (true) {
                child.send(clients.get(channel), outgoing.get(channel).take());
            }
        } catch (IOException | InterruptedException e) {
            LOG.log(System.Logger.Level.DEBUG, "the kernel behind this one takes no more", e);
        }
    }

    private int waitForEnd() {
        while (true) {
            try {
                return child.process().waitFor();
            } catch (InterruptedException e) {
                continue; // nobody of ours
            }
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join(FAREWELL);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends that kernel. */
    @Override
    public void close() {
        child.close();
    }
}
