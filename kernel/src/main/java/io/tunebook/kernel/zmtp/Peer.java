package io.tunebook.kernel.zmtp;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;

/**
 * One connection. Its bytes are read and written by the thread of {@link IoThread} alone; {@link #send} may be called
 * from any.
 */
public final class Peer {
    /** So many bytes are given to the system at once: for a heap buffer the JVM keeps as many outside the heap. */
    private static final int SLICE = 128 * 1024;

    private final IoThread io;
    private final Listener listener;
    private final SocketChannel channel;
    private final Incoming incoming;
    private final Deque<ByteBuffer> outgoing = new ArrayDeque<>();
    private SelectionKey key;
    private byte[] identity = {};
    private boolean ready;
    private long waiting;
    private long progress = System.nanoTime();
    private volatile boolean closed;

    Peer(IoThread io, Listener listener, SocketChannel channel, Budget budget) {
        this.io = io;
        this.listener = listener;
        this.channel = channel;
        incoming = new Incoming(budget, Math.min(listener.largest(), budget.message()), () -> io.makeRoom(this));
    }

    // ---- for everybody

    /** The name that the peer gave itself, or an empty array. */
    public byte[] identity() {
        return identity.clone();
    }

    /** Sends a message as soon as the network takes it. It is lost if the connection is closed. */
    public void send(List<byte[]> frames) {
        sendPieces(Frames.message(frames));
    }

    /** How many bytes wait for the peer to take them. */
    public synchronized long waiting() {
        return waiting;
    }

    /** Whether bytes have waited for so long and none was taken. */
    public synchronized boolean isStuck(long nanoseconds) {
        return waiting > 0 && System.nanoTime() - progress > nanoseconds;
    }

    public boolean isClosed() {
        return closed;
    }

    /** Closes the connection. */
    public void close() {
        io.later(() -> end(null));
    }

    void sendPieces(List<ByteBuffer> pieces) {
        synchronized (this) {
            if (closed) {
                return;
            }
            if (outgoing.isEmpty()) {
                progress = System.nanoTime();
            }
            for (ByteBuffer piece : pieces) {
                outgoing.add(piece.duplicate());
                waiting += piece.remaining();
            }
        }
        io.writable(this);
    }

    // ---- for the thread of input and output

    /** How many bytes of a message have arrived, the rest of which has not. */
    long arriving() {
        return incoming.taken();
    }

    void begin(SelectionKey selection) {
        key = selection;
        sendPieces(List.of(Frames.greeting(), Frames.ready(listener.socketType(), new byte[0])));
    }

    void read() {
        if (closed) {
            return; // what it still had would count for ever
        }
        try {
            boolean open = incoming.read(channel, new Incoming.Receiver() {
                @Override
                public void command(byte[] body) throws ProtocolException {
                    obey(body);
                }

                @Override
                public void message(List<byte[]> frames) throws ProtocolException {
                    if (!ready) {
                        throw new ProtocolException("a message came before the handshake");
                    }
                    listener.handler().message(Peer.this, frames);
                }
            });
            if (!open) {
                end(null);
            }
        } catch (ProtocolException e) {
            end(e.getMessage());
        } catch (IOException e) {
            end(null); // the peer has gone
        }
    }

    private void obey(byte[] body) throws ProtocolException {
        String name = body.length == 0 || body.length < 1 + body[0]
                ? ""
                : new String(body, 1, Math.max(body[0], 0), StandardCharsets.US_ASCII);
        if (name.equals("PING")) {
            sendPieces(List.of(Frames.pong(body)));
        } else if (name.equals("READY") && !ready) {
            properties(ByteBuffer.wrap(body, 6, body.length - 6));
            ready = true;
            listener.handler().connected(this);
        }
    }

    private void properties(ByteBuffer from) throws ProtocolException {
        try {
            while (from.hasRemaining()) {
                byte[] name = new byte[from.get() & 0xff];
                from.get(name);
                int size = from.getInt();
                if (size < 0 || size > from.remaining()) {
                    throw new ProtocolException("a handshake that is cut off");
                }
                byte[] value = new byte[size];
                from.get(value);
                String property = new String(name, StandardCharsets.US_ASCII);
                if (property.equalsIgnoreCase("Identity")) {
                    identity = Arrays.copyOf(value, Math.min(value.length, 255));
                } else if (property.equalsIgnoreCase("Socket-Type")
                        && !listener.peers().contains(new String(value, StandardCharsets.US_ASCII))) {
                    throw new ProtocolException("a socket of a kind that does not belong here");
                }
            }
        } catch (java.nio.BufferUnderflowException e) {
            throw new ProtocolException("a handshake that is cut off");
        }
    }

    /** Writes what the network takes, and asks to be called again if it does not take all. */
    void write() {
        try {
            while (true) {
                ByteBuffer next;
                synchronized (this) {
                    next = outgoing.peek();
                    if (next == null) {
                        interest(SelectionKey.OP_READ);
                        break;
                    }
                }
                int end = next.limit();
                next.limit(Math.min(end, next.position() + SLICE));
                int n;
                try {
                    n = channel.write(next);
                } finally {
                    next.limit(end);
                }
                synchronized (this) {
                    waiting -= n;
                    if (n > 0) {
                        progress = System.nanoTime();
                    }
                    if (!next.hasRemaining()) {
                        outgoing.poll();
                    } else if (n == 0) {
                        interest(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
                        break;
                    }
                }
            }
        } catch (IOException e) {
            end(null);
        }
        listener.handler().drained(this);
    }

    private void interest(int operations) {
        if (key.isValid()) {
            key.interestOps(operations);
        }
    }

    /**
     * Closes the connection.
     *
     * @param reason for the log; null if the peer has just gone
     */
    void end(String reason) {
        if (closed) {
            return;
        }
        synchronized (this) {
            closed = true;
            outgoing.clear();
            waiting = 0;
        }
        incoming.discard();
        io.forget(this);
        try {
            channel.close();
        } catch (IOException e) {
            // it is gone all the same
        }
        boolean early = reason == null && !ready;
        listener.handler().closed(this, early ? "its client left before the handshake was done" : reason);
    }
}
