package io.tunebook.kernel.display;

import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Channels between a cell and code in the frontend, such as a widget. They are those of the session whose cell calls.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages">Jupyter messaging,
 *     custom messages</a>
 */
public final class Comms {
    /** One for the process, since these methods are static: it finds the session by the thread that calls. */
    private static volatile Supplier<CommTable> session = () -> new CommTable(); // where no kernel runs, nobody listens

    private Comms() {}

    /** For kernels: how the session of the calling thread is found. Each session connects the same. */
    public static void connect(Supplier<CommTable> found) {
        session = Objects.requireNonNull(found);
    }

    /** When the frontend opens a comm to this target, {@code opened} receives it. */
    public static void register(String target, Consumer<Comm> opened) {
        session.get().register(target, opened);
    }

    /** Opens a comm to a target of the frontend's. */
    public static Comm open(String target, Map<String, Object> data) {
        return open(target, data, Map.of());
    }

    /** The same with metadata of the message that opens it, such as the version of a protocol. */
    public static Comm open(String target, Map<String, Object> data, Map<String, Object> metadata) {
        return session.get().open(target, data, metadata);
    }

    /** The open comms: id to target. */
    public static Map<String, String> all() {
        return session.get().all();
    }

    /** One channel. */
    public static final class Comm {
        private final CommTable table;
        private final String id;
        private final String target;
        private final Map<String, Object> opening;
        private volatile Consumer<Map<String, Object>> received = data -> {};
        private volatile Consumer<Map<String, Object>> closed = data -> {};

        Comm(CommTable table, String id, String target, Map<String, Object> opening) {
            this.table = table;
            this.id = id;
            this.target = target;
            this.opening = Map.copyOf(opening);
        }

        public String id() {
            return id;
        }

        String target() {
            return target;
        }

        /** The frontend has sent something. */
        void receive(Map<String, Object> data) {
            received.accept(data);
        }

        /** The frontend has closed it. */
        void end(Map<String, Object> data) {
            closed.accept(data);
        }

        /** What came with the message that opened it. */
        public Map<String, Object> opening() {
            return opening;
        }

        public void send(Map<String, Object> data) {
            table.send("comm_msg", this, data);
        }

        public void onMessage(Consumer<Map<String, Object>> handler) {
            received = Objects.requireNonNull(handler);
        }

        public void onClose(Consumer<Map<String, Object>> handler) {
            closed = Objects.requireNonNull(handler);
        }

        public void close() {
            table.close(this);
        }
    }
}
