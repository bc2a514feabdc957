package io.tunebook.hosts;

import java.io.IOException;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import javax.crypto.Mac;

/**
 * The connection to one other host, which has proven that it knows the secret. A frame is its kind and the payload's
 * length, int32 each, the payload, and an HMAC-SHA256 of these and of the frame's number: none can be changed, left out
 * or sent twice. How long a payload may be, the one who receives it says.
 */
final class HostConnection implements AutoCloseable {
    /** The most bytes of a frame; what is longer goes as several. */
    static final int CHUNK = 1 << 20;

    private static final int SIGNATURE = 32;
    private static final int REASON = 8000;
    private static final Duration FAREWELL = Duration.ofSeconds(2);

    private final String name;
    private final TimedChannel channel;
    private Duration timeout;
    private final Mac outgoing;
    private final Mac incoming;
    private final ByteBuffer head = ByteBuffer.allocate(2 * Integer.BYTES);
    private final ByteBuffer signature = ByteBuffer.allocate(SIGNATURE);
    private long sent;
    private long received;

    /** What a frame is for. */
    enum Kind {
        /** The sender ends the training; the reason, as text. */
        ABORT,
        /** What must be the same on all hosts, as text. */
        ALIKE,
        /** All are there. */
        START,
        /** Numbers of which the sum is wanted, and the sum; float64. */
        NUMBERS,
        /** A part of an array of which the sum is wanted; float32. */
        REDUCE,
        /** A part of what rank 0 has for all. */
        BROADCAST
    }

    /** @param name rank and address, for messages */
    HostConnection(String name, TimedChannel channel, Handshake.Proven proven, Duration timeout) {
        this.name = name;
        this.channel = channel;
        outgoing = proven.outgoing();
        incoming = proven.incoming();
        waits(timeout);
    }

    /** From now on a byte must come or go at least this often. */
    void waits(Duration time) {
        timeout = time;
        channel.atLeastEvery(time);
    }

    /** Rank and address. */
    String name() {
        return name;
    }

    /** Sends one frame of what remains in the payload. */
    void send(Kind kind, ByteBuffer payload) throws IOException {
        try {
            write(kind, payload);
        } catch (IOException e) {
            throw left(e);
        }
    }

    private void write(Kind kind, ByteBuffer payload) throws IOException {
        head.clear().putInt(kind.ordinal()).putInt(payload.remaining()).flip();
        byte[] signed = sign(outgoing, sent++, payload.duplicate());
        channel.write(head);
        channel.write(payload);
        channel.write(ByteBuffer.wrap(signed));
    }

    /**
     * Receives one frame, which fills what remains of a buffer.
     *
     * @throws IOException if the other host ended the training, is gone, or sent something else; the message names it
     */
    void receive(Kind kind, ByteBuffer into) throws IOException {
        int length = header(kind);
        if (length != into.remaining()) {
            throw outOfStep(kind + " of " + into.remaining() + " bytes", kind + " of " + length);
        }
        payload(into);
    }

    /** Receives one frame of at most so many bytes. */
    ByteBuffer receive(Kind kind, int most) throws IOException {
        int length = header(kind);
        if (length < 0 || length > most) {
            throw outOfStep(kind + " of at most " + most + " bytes", kind + " of " + length);
        }
        ByteBuffer into = ByteBuffer.allocate(length);
        payload(into);
        return into.flip();
    }

    /** @return the payload's length, as the frame claims it */
    private int header(Kind expected) throws IOException {
        fill(head.clear());
        int kind = head.getInt(0);
        int length = head.getInt(Integer.BYTES);
        if (kind == Kind.ABORT.ordinal()) {
            throw ended(length);
        }
        if (kind != expected.ordinal()) {
            boolean known = kind >= 0 && kind < Kind.values().length;
            throw outOfStep(expected.name(), known ? Kind.values()[kind].name() : Integer.toString(kind));
        }
        return length;
    }

    /** What to throw, where the other host says why it ends the training in so many bytes. */
    private IOException ended(int length) throws IOException {
        if (length < 0 || length > REASON) {
            throw outOfStep("a reason of at most " + REASON + " bytes", Integer.toString(length));
        }
        ByteBuffer reason = ByteBuffer.allocate(length);
        payload(reason);
        return new IOException(name + " ended the training: " + StandardCharsets.UTF_8.decode(reason.flip()));
    }

    private void payload(ByteBuffer into) throws IOException {
        ByteBuffer whole = into.duplicate();
        fill(into);
        whole.limit(into.position());
        fill(signature.clear());
        if (!MessageDigest.isEqual(sign(incoming, received++, whole), signature.array())) {
            throw new ProtocolException(
                    name + " sent a frame whose signature is wrong: somebody changed it on its way");
        }
    }

    private void fill(ByteBuffer into) throws IOException {
        try {
            channel.read(into);
        } catch (IOException e) {
            throw gone(e);
        }
    }

    private byte[] sign(Mac mac, long number, ByteBuffer payload) {
        mac.update(ByteBuffer.allocate(Long.BYTES).putLong(0, number));
        mac.update(head.duplicate().rewind());
        mac.update(payload);
        return mac.doFinal();
    }

    private ProtocolException outOfStep(String expected, String found) {
        return new ProtocolException(name + ": expected a frame " + expected + ", found " + found
                + ". Run the same program with the same version of Tunebook on all hosts");
    }

    private IOException gone(IOException e) {
        return e instanceof SocketTimeoutException
                ? new SocketTimeoutException(name + " sent and took nothing for " + timeout.toMillis() / 1000.0
                        + " s: it hangs, or cannot be reached any more")
                : new IOException(name + " is gone: " + (e.getMessage() == null ? e.toString() : e.getMessage()), e);
    }

    /** Where nothing can be sent, the other host may have said why before it left. */
    private IOException left(IOException failure) {
        channel.within(FAREWELL);
        try {
            channel.read(head.clear());
            return head.getInt(0) == Kind.ABORT.ordinal() ? ended(head.getInt(Integer.BYTES)) : gone(failure);
        } catch (IOException e) {
            return gone(failure);
        }
    }

    /** Tells the other host that the training ends, and why; what it sends meanwhile is lost. Never fails. */
    void abort(String why) {
        channel.within(FAREWELL);
        try {
            String shortened = why.length() > REASON / 4 ? why.substring(0, REASON / 4) : why;
            write(Kind.ABORT, StandardCharsets.UTF_8.encode(shortened));
            channel.finish();
        } catch (IOException e) {
            // it has left itself
        }
    }

    /** Whether the other host has left before anything was expected of it. */
    boolean gone() {
        return channel.gone();
    }

    @Override
    public void close() {
        channel.close();
    }
}
