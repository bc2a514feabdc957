package io.tunebook.kernel.protocol;

import io.tunebook.kernel.zmtp.Listener;
import io.tunebook.kernel.zmtp.Peer;
import io.tunebook.kernel.zmtp.ProtocolException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The channel iopub. A subscriber loses nothing that was published since its welcome. If one is slow, whoever prints
 * waits for it; if one reads nothing at all, it is given up.
 */
final class Broadcast implements Listener.Handler {
    /** Bytes of a subscription at most. */
    static final long SUBSCRIPTION = 1024;

    private static final System.Logger LOG = System.getLogger(Broadcast.class.getName());
    private static final int TOPIC = 255;
    private static final int TOPICS = 1000;
    private static final long STUCK = 3_000_000_000L; // ns

    private final Wire wire;
    private final long most;
    private final Map<Peer, Set<String>> subscribers = new ConcurrentHashMap<>();
    private final Object room = new Object();

    /** @param most bytes that may wait for one subscriber */
    Broadcast(Wire wire, long most) {
        this.wire = wire;
        this.most = Math.max(most, 4 << 20);
    }

    @Override
    public void message(Peer peer, List<byte[]> frames) throws ProtocolException {
        byte[] first = frames.get(0);
        if (frames.size() > 1 || first.length == 0 || first.length > 1 + TOPIC || first[0] < 0 || first[0] > 1) {
            throw new ProtocolException("what came is no subscription to a topic of at most " + TOPIC + " bytes");
        }
        String topic = new String(first, 1, first.length - 1, StandardCharsets.ISO_8859_1);
        synchronized (subscribers) { // the welcome comes before whatever is published from now on
            Set<String> topics = subscribers.computeIfAbsent(peer, p -> new HashSet<>());
            if (first[0] == 0) {
                topics.remove(topic);
            } else if (topics.size() == TOPICS) {
                throw new ProtocolException("more than " + TOPICS + " subscriptions");
            } else {
                topics.add(topic);
                byte[] name = Arrays.copyOfRange(first, 1, first.length);
                String text = new String(name, StandardCharsets.UTF_8);
                peer.send(wire.encode(Message.of(
                        List.of(name),
                        Message.object(),
                        "iopub_welcome",
                        "",
                        Message.object().put("subscription", text))));
            }
        }
    }

    @Override
    public void drained(Peer peer) {
        synchronized (room) {
            room.notifyAll();
        }
    }

    @Override
    public void closed(Peer peer, String reason) {
        synchronized (subscribers) {
            subscribers.remove(peer);
        }
        drained(peer);
        if (reason != null) {
            LOG.log(System.Logger.Level.INFO, "a connection on iopub was closed: " + reason);
        }
    }

    void publish(Message message) {
        boolean small = message.type().equals("status") || message.type().equals("shutdown_reply");
        if (!small) {
            awaitRoom(); // an interrupt's own status must come through while a cell prints
        }
        List<byte[]> frames = wire.encode(message);
        String topic = new String(frames.get(0), StandardCharsets.ISO_8859_1);
        synchronized (subscribers) {
            subscribers.forEach((peer, topics) -> {
                if (topics.stream().anyMatch(topic::startsWith)) {
                    peer.send(frames);
                }
            });
        }
    }

    /**
     * Waits until no subscriber has too much before it. The message must not be lost, so an interrupt comes through
     * afterwards.
     */
    private void awaitRoom() {
        boolean interrupted = false;
        synchronized (room) {
            while (isCrowded()) {
                try {
                    room.wait(100);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean isCrowded() {
        boolean crowded = false;
        for (Peer peer : subscribers.keySet()) {
            if (peer.waiting() > most && !peer.isClosed()) {
                if (peer.isStuck(STUCK)) {
                    LOG.log(System.Logger.Level.WARNING, "gave up a subscriber that reads nothing");
                    peer.close();
                } else {
                    crowded = true;
                }
            }
        }
        return crowded;
    }
}
