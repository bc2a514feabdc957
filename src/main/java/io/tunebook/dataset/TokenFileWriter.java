package io.tunebook.dataset;

import io.tunebook.dataset.TokenFile.TokenHeader;
import io.tunebook.files.AtomicFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
 * Writes a file of tokens: tokens in {@code file.part}, and in {@code file.index.part} for each example where it ends
 * and the digest of the texts up to it; at the end the two become one. Only the holder of {@link TokenFileLock} may.
 */
final class TokenFileWriter implements AutoCloseable {
    private static final int ENTRY = 2 * Long.BYTES;

    private final Path file;
    private final Path part;
    private final Path indexPart;
    private final TokenHeader begun;
    private final FileChannel tokens;
    private final FileChannel index;
    private final ByteBuffer tokenBuffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer indexBuffer = ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    private long written;
    private long examples;
    private long lastText;

    private TokenFileWriter(Path file, TokenHeader begun) throws IOException {
        this.file = file;
        this.part = file.resolveSibling(file.getFileName() + ".part");
        this.indexPart = file.resolveSibling(file.getFileName() + ".index.part");
        this.begun = begun;
        TokenHeader.requireReplaceable(file, false);
        TokenHeader.requireReplaceable(part, true);
        this.tokens = open(part);
        this.index = open(indexPart);
    }

    private static FileChannel open(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /** Goes on where a writer of the same vocabulary and identity was cut off, else begins anew. */
    static TokenFileWriter resume(Path file, String checksum, String identity) throws IOException {
        TokenFileWriter writer = new TokenFileWriter(file, TokenHeader.begun(checksum, identity));
        try {
            writer.resume();
            return writer;
        } catch (IOException | RuntimeException e) {
            writer.close();
            throw e;
        }
    }

    /** Begins anew, whatever a former writer left. */
    static TokenFileWriter anew(Path file, String checksum, String identity) throws IOException {
        TokenFileWriter writer = new TokenFileWriter(file, TokenHeader.begun(checksum, identity));
        try {
            writer.restart();
            return writer;
        } catch (IOException | RuntimeException e) {
            writer.close();
            throw e;
        }
    }

    private void resume() throws IOException {
        TokenHeader found = TokenHeader.read(tokens);
        if (found == null || !found.bytes().equals(begun.bytes())) {
            restart();
            return;
        }
        examples = index.size() / ENTRY;
        long whole = (tokens.size() - TokenHeader.BYTES) / Integer.BYTES;
        ByteBuffer entry = ByteBuffer.allocate(ENTRY).order(ByteOrder.LITTLE_ENDIAN);
        while (examples > 0) {
            readFully(index, (examples - 1) * ENTRY, entry.clear(), indexPart);
            written = entry.getLong(0);
            lastText = entry.getLong(Long.BYTES);
            if (written <= whole) {
                break;
            }
            examples--;
            written = 0;
            lastText = 0;
        }
        tokens.truncate(TokenHeader.BYTES + written * Integer.BYTES);
        index.truncate(examples * ENTRY);
        tokens.position(tokens.size());
        index.position(index.size());
    }

    void restart() throws IOException {
        examples = 0;
        written = 0;
        lastText = 0;
        index.truncate(0);
        tokens.truncate(0);
        tokens.write(begun.bytes(), 0);
        tokens.position(tokens.size());
        index.position(0);
    }

    long examples() {
        return examples;
    }

    /** The digest of the texts up to the last example. */
    long lastText() {
        return lastText;
    }

    /** @param text the digest of the texts up to this example; 0 if it is not of texts */
    void add(int[] marked, long text) throws IOException {
        for (int token : marked) {
            if (!tokenBuffer.hasRemaining()) {
                flush(tokenBuffer, tokens);
            }
            tokenBuffer.putInt(token);
        }
        written += marked.length;
        examples++;
        lastText = text;
        if (!indexBuffer.hasRemaining()) {
            checkpoint();
        }
        indexBuffer.putLong(written).putLong(text);
    }

    /** Puts down what is complete, tokens before the ends that refer to them. */
    void checkpoint() throws IOException {
        flush(tokenBuffer, tokens);
        flush(indexBuffer, index);
    }

    void finish() throws IOException {
        checkpoint();
        appendEnds();
        TokenHeader header = new TokenHeader(
                examples, written, begun.checksum(), begun.identity(), TokenFile.digest(tokens, part), lastText);
        tokens.write(header.bytes(), 0);
        tokens.force(true);
        close();
        AtomicFile.move(part, file);
        Files.delete(indexPart);
    }

    private void appendEnds() throws IOException {
        ByteBuffer entries = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer ends = ByteBuffer.allocate(1 << 15).order(ByteOrder.LITTLE_ENDIAN);
        for (long at = 0; at < examples * ENTRY; at += entries.limit()) {
            entries.clear().limit((int) Math.min(entries.capacity(), examples * ENTRY - at));
            readFully(index, at, entries, indexPart);
            for (int e = 0; e < entries.limit(); e += ENTRY) {
                ends.putLong(entries.getLong(e));
            }
            flush(ends, tokens);
        }
    }

    @Override
    public void close() throws IOException {
        tokens.close();
        index.close();
    }

    private static void flush(ByteBuffer buffer, FileChannel into) throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            into.write(buffer);
        }
        buffer.clear();
    }

    static void readFully(FileChannel channel, long position, ByteBuffer into, Path file) throws IOException {
        for (long at = position; into.hasRemaining(); ) {
            int n = channel.read(into, at);
            if (n < 0) {
                throw new ModelFormatException(
                        file, "expected " + into.remaining() + " more bytes at byte " + at + ", found the file's end");
            }
            at += n;
        }
    }

    /**
     * The right to write a file of tokens, which one process has at a time: a lock on {@code file.lock} beside it,
     * which says who holds it. The lock goes with the process, however that ends.
     */
    static final class TokenFileLock implements AutoCloseable {
        /** The byte that is locked lies behind all text, since Windows lets nobody read a locked one. */
        private static final long LOCKED = Long.MAX_VALUE - 1;

        /**
         * The files that this process writes. A lock of POSIX belongs to the process and goes when any of its channels
         * to the file is closed, so a second one must not even be opened here.
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
            FileChannel channel = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
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
}
