package io.tunebook.dataset;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The right to write a file of tokens, which one process has at a time: a lock on {@code file.lock} beside it, which
 * says who holds it. The lock goes with the process, however that ends.
 */
final class TokenFileLock implements AutoCloseable {
    /** The byte that is locked lies behind all text, since Windows lets nobody read a locked one. */
    private static final long LOCKED = Long.MAX_VALUE - 1;

    /**
     * The files that this process writes. A lock of POSIX belongs to the process and goes when any of its channels to
     * the file is closed, so a second one must not even be opened here.
     */
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    private final Path path;
    private final FileChannel channel;

    private TokenFileLock(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** @throws IOException if another writer has it; it says which */
    static TokenFileLock take(Path file) throws IOException {
        Path path = file.toAbsolutePath().normalize().resolveSibling(file.getFileName() + ".lock");
        if (!HELD.add(path)) {
            throw held(file, me());
        }
        boolean mine = false;
        try {
            FileChannel channel = null;
            while (channel == null) {
                channel = tried(file, path);
            }
            mine = true;
            return new TokenFileLock(path, channel);
        } finally {
            if (!mine) {
                HELD.remove(path);
            }
        }
    }

    /** The locked file; null if it was deleted meanwhile by the one who held it before. */
    private static FileChannel tried(Path file, Path path) throws IOException {
        FileChannel channel =
                FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        boolean mine = false;
        try {
            if (channel.tryLock(LOCKED, 1, false) == null) {
                ByteBuffer text = ByteBuffer.allocate(1 << 10);
                channel.read(text, 0);
                String holder = new String(text.array(), 0, text.position(), StandardCharsets.UTF_8).strip();
                throw held(file, holder.isEmpty() ? "another process" : holder);
            }
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(me().getBytes(StandardCharsets.UTF_8)), 0);
            // What is locked is the file of this name only if that grows with it.
            mine = isFile(path, channel.size());
            channel.write(ByteBuffer.wrap(new byte[] {'\n'}), channel.size());
            mine &= isFile(path, channel.size());
            return mine ? channel : null;
        } finally {
            if (!mine) {
                channel.close();
            }
        }
    }

    /** Not by opening it, which would end the lock. */
    private static boolean isFile(Path path, long size) throws IOException {
        try {
            return Files.size(path) == size;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private static IOException held(Path file, String holder) {
        return new IOException(
                file + " is being written by " + holder + ". Wait until it has finished, or choose another file");
    }

    private static String me() {
        return "process " + ProcessHandle.current().pid() + " on " + host() + " since "
                + Instant.now().truncatedTo(ChronoUnit.SECONDS);
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "this machine";
        }
    }

    @Override
    public void close() throws IOException {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // Windows does not delete an open file; one that nobody locks harms nobody
        } finally {
            channel.close();
            HELD.remove(path);
        }
    }
}
