package io.tunebook.dataset;

import io.tunebook.files.AtomicFile;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

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
}
