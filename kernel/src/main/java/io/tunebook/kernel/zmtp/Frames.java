package io.tunebook.kernel.zmtp;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The bytes of greetings, commands and messages. */
final class Frames {
    static final int MORE = 1;
    static final int LONG = 2;
    static final int COMMAND = 4;
    static final int GREETING = 64;

    private static final int TOGETHER = 64 * 1024;

    private Frames() {}

    /** What each side sends first: signature, version 3.0, mechanism NULL. */
    static ByteBuffer greeting() {
        byte[] bytes = new byte[GREETING];
        bytes[0] = (byte) 0xff;
        bytes[9] = 0x7f;
        bytes[10] = 3;
        System.arraycopy("NULL".getBytes(StandardCharsets.US_ASCII), 0, bytes, 12, 4);
        return ByteBuffer.wrap(bytes);
    }

    /** Whether these are the 64 bytes of a peer that speaks version 3 without encryption. */
    static boolean isGreeting(byte[] bytes) {
        return (bytes[0] & 0xff) == 0xff
                && (bytes[9] & 1) == 1
                && (bytes[10] & 0xff) >= 3
                && new String(bytes, 12, 20, StandardCharsets.US_ASCII).equals("NULL" + "\0".repeat(16));
    }

    /**
     * The command READY, by which a side names its kind of socket.
     *
     * @param identity the name by which a router knows it, or nothing
     */
    static ByteBuffer ready(String socketType, byte[] identity) {
        ByteBuffer command = ByteBuffer.allocate(2 + 255)
                .put((byte) COMMAND)
                .put((byte) 0)
                .put((byte) 5)
                .put("READY".getBytes(StandardCharsets.US_ASCII));
        property(command, "Socket-Type", socketType.getBytes(StandardCharsets.US_ASCII));
        if (identity.length > 0) {
            property(command, "Identity", identity);
        }
        return command.put(1, (byte) (command.position() - 2)).flip();
    }

    private static void property(ByteBuffer command, String name, byte[] value) {
        byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
        command.put((byte) ascii.length).put(ascii).putInt(value.length).put(value);
    }

    /**
     * The answer to a PING: its context comes back.
     *
     * @param ping the body, with the name of the command and two bytes of time
     */
    static ByteBuffer pong(byte[] ping) {
        int context = Math.min(Math.max(ping.length - 7, 0), 16);
        ByteBuffer command = ByteBuffer.allocate(2 + 5 + context)
                .put((byte) COMMAND)
                .put((byte) (5 + context))
                .put((byte) 4)
                .put("PONG".getBytes(StandardCharsets.US_ASCII))
                .put(ping, Math.min(7, ping.length), context);
        return command.flip();
    }

    /**
     * The frames of a message as the network gets them; small ones are in one piece, the bodies of large ones are not
     * copied.
     */
    static List<ByteBuffer> message(List<byte[]> frames) {
        long size = 0;
        for (byte[] frame : frames) {
            size += frame.length + 9L;
        }
        List<ByteBuffer> pieces = new ArrayList<>();
        if (size <= TOGETHER) {
            ByteBuffer whole = ByteBuffer.allocate((int) size);
            for (int i = 0; i < frames.size(); i++) {
                header(whole, frames.get(i).length, i + 1 < frames.size());
                whole.put(frames.get(i));
            }
            pieces.add(whole.flip());
            return pieces;
        }
        for (int i = 0; i < frames.size(); i++) {
            ByteBuffer header = ByteBuffer.allocate(9);
            header(header, frames.get(i).length, i + 1 < frames.size());
            pieces.add(header.flip());
            pieces.add(ByteBuffer.wrap(frames.get(i)));
        }
        return pieces;
    }

    private static void header(ByteBuffer to, int length, boolean more) {
        int flags = more ? MORE : 0;
        if (length > 255) {
            to.put((byte) (flags | LONG)).putLong(length);
        } else {
            to.put((byte) flags).put((byte) length);
        }
    }
}
