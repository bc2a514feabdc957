package io.tunebook.kernel.zmtp;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** One connection to a port of this machine, for a program that waits for its answers. */
public final class Client implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;
    private final OutputStream out;

    /**
     * Connects.
     *
     * @param socketType as ZeroMQ names it, {@code DEALER} or {@code SUB} for example
     * @param identity the name by which the other side knows it, of at most 100 bytes; may be empty
     * @param timeout of the connection and of every {@link #receive}, in milliseconds
     * @throws IOException if nobody listens there, or speaks something else
     */
    public Client(int port, String socketType, byte[] identity, int timeout) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        try {
            socket.setSoTimeout(timeout);
            socket.setTcpNoDelay(true);
            in = new DataInputStream(new java.io.BufferedInputStream(socket.getInputStream()));
            out = socket.getOutputStream();
            write(Frames.greeting());
            byte[] greeting = new byte[Frames.GREETING];
            in.readFully(greeting);
            if (!Frames.isGreeting(greeting)) {
                throw new ProtocolException("what listens at port " + port + " does not speak ZMTP 3");
            }
            write(Frames.ready(socketType, identity));
            frame(new ArrayList<>()); // its READY
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    /** From now on {@link #receive} waits as long as it takes. */
    public void waitForEver() throws IOException {
        socket.setSoTimeout(0);
    }

    /** Sends a message. */
    public void send(List<byte[]> frames) throws IOException {
        for (ByteBuffer piece : Frames.message(frames)) {
            write(piece);
        }
    }

    /**
     * Waits for a message.
     *
     * @throws java.net.SocketTimeoutException if none begins in time
     */
    public List<byte[]> receive() throws IOException {
        List<byte[]> frames = new ArrayList<>();
        while (frame(frames)) {
            // there is more of it
        }
        return frames;
    }

    private boolean frame(List<byte[]> frames) throws IOException {
        int flags = in.readUnsignedByte();
        long size = (flags & Frames.LONG) != 0 ? in.readLong() : in.readUnsignedByte();
        byte[] body = new byte[Math.toIntExact(size)];
        in.readFully(body);
        frames.add(body);
        return (flags & Frames.MORE) != 0;
    }

    private void write(ByteBuffer bytes) throws IOException {
        out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
        out.flush();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
