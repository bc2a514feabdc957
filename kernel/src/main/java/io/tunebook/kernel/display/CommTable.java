package io.tunebook.kernel.display;

import io.tunebook.kernel.display.Comms.Comm;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** The comms of one session: the targets that its cells have registered, and what is open. */
public final class CommTable {
    private final Map<String, Consumer<Comm>> targets = new ConcurrentHashMap<>();
    private final Map<String, Comm> open = new ConcurrentHashMap<>();
    private volatile Transport transport = (type, comm, target, data, metadata) -> {};

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

    /** From now on messages go there; until then nobody gets them. */
    public void connect(Transport to) {
        transport = Objects.requireNonNull(to);
    }

    void register(String target, Consumer<Comm> opened) {
        targets.put(target, opened);
    }

    Comm open(String target, Map<String, Object> data, Map<String, Object> metadata) {
        Comm comm = new Comm(this, UUID.randomUUID().toString(), target, data);
        open.put(comm.id(), comm);
        transport.send("comm_open", comm.id(), target, data, metadata);
        return comm;
    }

    /** The open comms: id to target. */
    public Map<String, String> all() {
        Map<String, String> all = new TreeMap<>();
        open.values().forEach(c -> all.put(c.id(), c.target()));
        return all;
    }

    void send(String type, Comm comm, Map<String, Object> data) {
        transport.send(type, comm.id(), comm.target(), data, Map.of());
    }

    void close(Comm comm) {
        if (open.remove(comm.id()) != null) {
            send("comm_close", comm, Map.of());
        }
    }

    /**
     * A message has come.
     *
     * @return false if nobody wants it
     */
    public boolean receive(String type, String id, String target, Map<String, Object> data) {
        Comm comm = open.get(id);
        switch (type) {
            case "comm_open" -> {
                Consumer<Comm> opened = targets.get(target);
                if (opened == null) {
                    transport.send("comm_close", id, target, Map.of(), Map.of());
                    return false;
                }
                Comm made = new Comm(this, id, target, data);
                open.put(id, made);
                opened.accept(made);
            }
            case "comm_msg" -> {
                if (comm == null) {
                    return false;
                }
                comm.receive(data);
            }
            default -> {
                if (open.remove(id) == null) {
                    return false;
                }
                comm.end(data);
            }
        }
        return true;
    }
}
