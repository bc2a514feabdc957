package io.tunebook.kernel.display;

import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Channels between a cell and code in the frontend, such as a widget.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages">Jupyter messaging, custom messages</a>
 */
public final class Comms {
    private static final Map<String, Consumer<Comm>> TARGETS = new ConcurrentHashMap<>();
    private static final Map<String, Comm> OPEN = new ConcurrentHashMap<>();
    private static volatile Transport transport = (type, comm, target, data, metadata) -> {};

    private Comms() {}

    /** How messages leave the kernel. */
    public interface Transport {
        /**
         * Sends a message.
         *
         * @param type {@code comm_open}, {@code comm_msg} or {@code comm_close}
         * @param metadata of the message itself
         */
        void send(String type, String comm, String target, Map<String, Object> data, Map<String, Object> metadata);
    }

    /** For kernels. */
    public static void connect(Transport to) {
        transport = Objects.requireNonNull(to);
    }

    /** When the frontend opens a comm to this target, {@code opened} receives it. */
    public static void register(String target, Consumer<Comm> opened) {
        TARGETS.put(target, opened);
    }

    /** Opens a comm to a target of the frontend's. */
    public static Comm open(String target, Map<String, Object> data) {
        return open(target, data, Map.of());
    }

    /** The same with metadata of the message that opens it, such as the version of a protocol. */
    public static Comm open(String target, Map<String, Object> data, Map<String, Object> metadata) {
        Comm comm = new Comm(UUID.randomUUID().toString(), target, data);
        OPEN.put(comm.id, comm);
        transport.send("comm_open", comm.id, target, data, metadata);
        return comm;
    }

    /** The open comms: id to target. */
    public static Map<String, String> all() {
        Map<String, String> all = new java.util.TreeMap<>();
        OPEN.values().forEach(c -> all.put(c.id, c.target));
        return all;
    }

    /** For kernels: a message came. @return false if nobody wants it */
    public static boolean receive(String type, String id, String target, Map<String, Object> data) {
        Comm comm = OPEN.get(id);
        switch (type) {
            case "comm_open" -> {
                Consumer<Comm> opened = TARGETS.get(target);
                if (opened == null) {
                    transport.send("comm_close", id, target, Map.of(), Map.of());
                    return false;
                }
                Comm made = new Comm(id, target, data);
                OPEN.put(id, made);
                opened.accept(made);
            }
            case "comm_msg" -> {
                if (comm == null) {
                    return false;
                }
                comm.received.accept(data);
            }
            default -> {
                if (OPEN.remove(id) == null) {
                    return false;
                }
                comm.closed.accept(data);
            }
        }
        return true;
    }

    /** One channel. */
    public static final class Comm {
        private final String id;
        private final String target;
        private final Map<String, Object> opening;
        private volatile Consumer<Map<String, Object>> received = data -> {};
        private volatile Consumer<Map<String, Object>> closed = data -> {};

        private Comm(String id, String target, Map<String, Object> opening) {
            this.id = id;
            this.target = target;
            this.opening = Map.copyOf(opening);
        }

        public String id() {
            return id;
        }

        /** What came with the message that opened it. */
        public Map<String, Object> opening() {
            return opening;
        }

        public void send(Map<String, Object> data) {
            transport.send("comm_msg", id, target, data, Map.of());
        }

        public void onMessage(Consumer<Map<String, Object>> handler) {
            received = Objects.requireNonNull(handler);
        }

        public void onClose(Consumer<Map<String, Object>> handler) {
            closed = Objects.requireNonNull(handler);
        }

        public void close() {
            if (OPEN.remove(id) != null) {
                transport.send("comm_close", id, target, Map.of(), Map.of());
            }
        }
    }
}
