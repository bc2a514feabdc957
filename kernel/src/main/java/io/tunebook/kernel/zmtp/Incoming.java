package io.tunebook.kernel.zmtp;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Takes the bytes of one connection apart. A frame's memory grows as its bytes arrive, whatever its header claims. If
 * memory runs out nothing is lost: the next {@link #read} goes on where it stopped.
 */
final class Incoming {
    static final String TOO_MUCH = "too much is on its way from all connections together";

    private static final int BUFFER = 8 * 1024;
    private static final int FIRST = 16 * 1024;
    /** What a frame costs besides its bytes, so that many small ones count too. */
    private static final int OVERHEAD = 64;
    /** So often one connection is read before the others have their turn. */
    private static final int TURNS = 64;

    private final Budget budget;
    private final long largest;
    private final BooleanSupplier room;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER).flip();
    private List<byte[]> frames = new ArrayList<>();
    private long taken;
    private byte[] body;
    private long length = -1;
    private int filled;
    private int flags;
    private boolean greeted;

    /** What the bytes mean. */
    interface Receiver {
        /** @throws ProtocolException if the connection is to be closed for it */
        void command(byte[] body) throws ProtocolException;

        /** @throws ProtocolException if the connection is to be closed for it */
        void message(List<byte[]> frames) throws ProtocolException;
    }

    /**
     * What arrives by one connection.
     *
     * @param largest bytes of a message that this connection may send at most
     * @param room makes room in the budget at the cost of another connection; false if there is none that has more of
     *     it
     */
    Incoming(Budget budget, long largest, BooleanSupplier room) {
        this.budget = budget;
        this.largest = largest;
        this.room = room;
    }

    /** How many bytes of the budget this connection has. */
    long taken() {
        return taken;
    }

    /**
     * Reads what is there.
     *
     * @return false at the end of the stream
     * @throws ProtocolException if the peer speaks something else or more than it may
     */
    boolean read(ReadableByteChannel channel, Receiver receiver) throws IOException {
        for (int turn = 0; turn < TURNS; turn++) {
            parse(receiver);
            int n;
            if (body != null && !buffer.hasRemaining() && body.length - filled > BUFFER) {
                n = channel.read(ByteBuffer.wrap(body, filled, Math.min(body.length - filled, 8 * BUFFER)));
                filled += Math.max(n, 0);
            } else {
                buffer.compact();
                try {
                    n = channel.read(buffer);
                } finally {
                    buffer.flip();
                }
            }
            if (n <= 0) {
                return n == 0;
            }
        }
        parse(receiver); // what is here needs no further byte to be noticed
        return true; // the others come first
    }

    private void parse(Receiver receiver) throws ProtocolException {
        while (true) {
            if (!greeted) {
                if (buffer.remaining() < Frames.GREETING) {
                    refuseEarly();
                    return;
                }
                byte[] greeting = new byte[Frames.GREETING];
                buffer.get(greeting);
                greeted = Frames.isGreeting(greeting);
                if (!greeted) {
                    throw new ProtocolException("what came is not ZMTP 3 without encryption");
                }
            }
            if (length < 0 && !header()) {
                return;
            }
            if (!body()) {
                return;
            }
            byte[] done = body;
            if ((flags & Frames.COMMAND) != 0) {
                restart();
                receiver.command(done);
                continue;
            }
            frames.add(done);
            boolean more = (flags & Frames.MORE) != 0;
            body = null;
            length = -1;
            if (!more) {
                List<byte[]> message = frames;
                long used = taken;
                frames = new ArrayList<>();
                taken = 0;
                try {
                    receiver.message(message);
                } finally {
                    budget.give(used);
                }
            }
        }
    }

    /** Another protocol, or an older ZMTP, shows in its first byte: nobody needs to wait for the rest. */
    private void refuseEarly() throws ProtocolException {
        if (buffer.hasRemaining() && (buffer.get(buffer.position()) & 0xff) != 0xff) {
            throw new ProtocolException("what came is not ZMTP");
        }
    }

    private boolean header() throws ProtocolException {
        if (buffer.remaining() < 2) {
            return false;
        }
        int at = buffer.position();
        int bits = buffer.get(at) & 0xff;
        boolean isLong = (bits & Frames.LONG) != 0;
        if (isLong && buffer.remaining() < 9) {
            return false;
        }
        if ((bits & ~(Frames.MORE | Frames.LONG | Frames.COMMAND)) != 0) {
            throw new ProtocolException("a frame with the unknown flags " + bits);
        }
        long size = isLong ? buffer.getLong(at + 1) : buffer.get(at + 1) & 0xff;
        if (size < 0 || size > Integer.MAX_VALUE - 64 || size + taken + OVERHEAD > largest) {
            throw new ProtocolException("a message above " + largest + " bytes");
        }
        take(OVERHEAD);
        buffer.position(at + (isLong ? 9 : 2));
        flags = bits;
        length = size;
        filled = 0;
        body = null;
        return true;
    }

    private boolean body() throws ProtocolException {
        while (true) {
            if (body == null || filled == body.length && filled < length) {
                int bigger = (int) Math.min(length, body == null ? FIRST : 2L * body.length);
                int before = body == null ? 0 : body.length;
                take(bigger - before);
                try {
                    body = body == null ? new byte[bigger] : Arrays.copyOf(body, bigger);
                } catch (OutOfMemoryError e) {
                    taken -= bigger - before;
                    budget.give(bigger - before);
                    throw e;
                }
            }
            int n = Math.min(buffer.remaining(), body.length - filled);
            buffer.get(body, filled, n);
            filled += n;
            if (filled == length) {
                return true;
            } else if (!buffer.hasRemaining() && filled < body.length) {
                return false;
            }
        }
    }

    private void take(long bytes) throws ProtocolException {
        while (!budget.take(bytes)) {
            if (!room.getAsBoolean()) {
                throw new ProtocolException(TOO_MUCH);
            }
        }
        taken += bytes;
    }

    /** Behind a command: it is no part of a message. */
    private void restart() {
        long used = (body == null ? 0 : body.length) + OVERHEAD;
        taken -= used;
        budget.give(used);
        body = null;
        length = -1;
    }

    /** The connection is closed: what had arrived counts no more. */
    void discard() {
        budget.give(taken);
        taken = 0;
        frames = new ArrayList<>();
        body = null;
    }
}
