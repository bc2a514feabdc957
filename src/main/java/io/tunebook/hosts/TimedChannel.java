package io.tunebook.hosts;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;

/**
 * A connection that reads and writes whole buffers, each within a time. One thread uses it at a time; another one may
 * close it meanwhile.
 */
final class TimedChannel implements AutoCloseable {
    private final SocketChannel channel;
    private final Selector selector;
    private final SelectionKey key;
    private long idle = Long.MAX_VALUE;
    private long end = Long.MAX_VALUE;

    /** Takes over a connected channel. */
    TimedChannel(SocketChannel channel) throws IOException {
        this.channel = channel;
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        selector = Selector.open();
        key = channel.register(selector, 0);
    }

    /** From now on all that is read and written together must be done within this time. */
    void within(Duration time) {
        idle = Long.MAX_VALUE;
        end = System.nanoTime() + time.toNanos();
    }

    /** From now on a byte must come or go at least this often. */
    void atLeastEvery(Duration time) {
        idle = time.toNanos();
        end = Long.MAX_VALUE;
    }

    /** Fills what remains of the buffer. */
    void read(ByteBuffer into) throws IOException {
        while (into.hasRemaining()) {
            int read = channel.read(into);
            if (read < 0) {
                throw new EOFException("the connection was closed");
            }
            if (read == 0) {
                await(SelectionKey.OP_READ);
            }
        }
    }

    /** Sends what remains in the buffer. */
    void write(ByteBuffer from) throws IOException {
        while (from.hasRemaining()) {
            if (channel.write(from) == 0) {
                await(SelectionKey.OP_WRITE);
            }
        }
    }

    /** Whether the other side has closed the connection. Expects that it has sent nothing else. */
    boolean gone() {
        try {
            return channel.read(ByteBuffer.allocate(1)) != 0;
        } catch (IOException e) {
            return true;
        }
    }

    /** Says that nothing more comes, and reads until the other side says so too, so that it gets what was sent. */
    void finish() throws IOException {
        channel.shutdownOutput();
        ByteBuffer lost = ByteBuffer.allocate(1 << 16);
        while (channel.read(lost.clear()) >= 0) {
            await(SelectionKey.OP_READ);
        }
    }

    private void await(int what) throws IOException {
        long left = Math.min(idle, end == Long.MAX_VALUE ? Long.MAX_VALUE : end - System.nanoTime());
        try {
            key.interestOps(what);
            if (left <= 0 || selector.select(Math.max(1, left / 1_000_000)) == 0) {
                throw new SocketTimeoutException("nothing came or went in time");
            }
            selector.selectedKeys().clear();
        } catch (CancelledKeyException | ClosedSelectorException e) {
            throw new IOException("the connection was closed here", e);
        }
    }

    @Override
    public void close() {
        try (channel;
                selector) {
            key.cancel();
        } catch (IOException e) {
            // nothing is sent any more, so nothing is lost
        }
    }
}
