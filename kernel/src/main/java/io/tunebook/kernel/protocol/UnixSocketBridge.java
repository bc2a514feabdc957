package io.tunebook.kernel.protocol;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Carries bytes between a Unix domain socket and a port of this machine: JeroMQ's own {@code ipc} is TCP under another name, which no other ZeroMQ
 * understands.
 */
final class UnixSocketBridge implements AutoCloseable {
    private static final int BUFFER = 64 * 1024;

    private final Path path;
    private final int port;
    private final ServerSocketChannel server;

    /**
     * Listens at a path.
     *
     * @param port where the ZeroMQ socket listens on the loopback address
     */
    UnixSocketBridge(Path path, int port) throws IOException {
        this.path = path;
        this.port = port;
        Files.deleteIfExists(path); // a kernel that died leaves its file
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path));
        start(this::accept);
    }

    private static void start(Runnable work) {
        Thread thread = new Thread(work, "ipc");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel client = server.accept();
                SocketChannel kernel =
                        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
                kernel.socket().setTcpNoDelay(true);
                start(() -> pump(client, kernel));
                start(() -> pump(kernel, client));
            }
        } catch (IOException e) {
            // closed: the kernel ends
        }
    }

    /** Ends both when one ends. */
    private static void pump(SocketChannel from, SocketChannel to) {
        try (from;
                to) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
            while (from.read(buffer) >= 0) {
                buffer.flip();
                while (buffer.hasRemaining()) {
                    to.write(buffer);
                }
                buffer.clear();
            }
        } catch (IOException e) {
            // the client is gone, and the other side is told so by the close
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(path);
    }
}
