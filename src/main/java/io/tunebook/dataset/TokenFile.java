package io.tunebook.dataset;

import io.tunebook.files.AtomicFile;
import io.tunebook.files.Sha256;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;

/**
 * The tokens of a data set, one after the other, in memory or in a mapped file. A token is stored as its id where its
 * prediction counts in the loss and as the id's bitwise complement, a negative number, where not.
 *
 * <p>The file, all numbers little-endian: a header of 96 bytes (the magic {@code TUNETOK1}, the number of examples and
 * the number of tokens as int64, the vocabulary's SHA-256, the identity's SHA-256, 8 bytes of zero), the tokens as
 * int32, and for each example where it ends, counted in tokens, as int64. A mapping lives as long as a data set refers
 * to it; Windows refuses to delete the file until then.
 */
final class TokenFile {
    private static final byte[] MAGIC = "TUNETOK1".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER = 96;

    /** Tokens of one mapped segment; Java maps less than 2 GiB at a time. */
    private static final int SEGMENT = 1 << 28;

    /** So many characters go to the tokenizer at a time. */
    private static final int PARCEL = 1 << 22;

    private final List<IntBuffer> segments;
    private final long[] ends;
    private final String checksum;

    private TokenFile(List<IntBuffer> segments, long[] ends, String checksum) {
        this.segments = segments;
        this.ends = ends;
        this.checksum = checksum;
    }

    /** Gathers tokens in memory. */
    static final class Builder {
        private final String checksum;
        private int[] tokens = new int[1 << 12];
        private int used;
        private long[] ends = new long[64];
        private int examples;

        Builder(String checksum) {
            this.checksum = checksum;
        }

        void add(int[] marked) {
            if (used + marked.length > tokens.length) {
                tokens = Arrays.copyOf(tokens, Math.max(Math.addExact(used, marked.length), tokens.length * 2));
            }
            System.arraycopy(marked, 0, tokens, used, marked.length);
            used += marked.length;
            if (examples == ends.length) {
                ends = Arrays.copyOf(ends, examples * 2);
            }
            ends[examples++] = used;
        }

        TokenFile build() {
            List<IntBuffer> segments = new ArrayList<>();
            for (int from = 0; from < used; from += SEGMENT) {
                segments.add(IntBuffer.wrap(tokens, from, Math.min(SEGMENT, used - from))
                        .slice());
            }
            return new TokenFile(segments, Arrays.copyOf(ends, examples), checksum);
        }
    }

    /** Writes a file: tokens and ends in two files beside it, which become one at the end. */
    static final class Writer implements AutoCloseable {
        private final Path file;
        private final Path part;
        private final Path indexPart;
        private final byte[] header;
        private final FileChannel tokens;
        private final FileChannel index;
        private final ByteBuffer tokenBuffer =
                ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        private final ByteBuffer indexBuffer =
                ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        private long written;
        private long examples;

        /** Goes on where a writer of the same vocabulary and identity was cut off, else begins anew. */
        Writer(Path file, String checksum, String identity) throws IOException {
            this.file = file;
            this.part = file.resolveSibling(file.getFileName() + ".part");
            this.indexPart = file.resolveSibling(file.getFileName() + ".index.part");
            this.header = header(checksum, identity);
            this.tokens = FileChannel.open(
                    part, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            this.index = FileChannel.open(
                    indexPart, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            resume();
        }

        private void resume() throws IOException {
            ByteBuffer found = ByteBuffer.allocate(HEADER);
            if (tokens.size() >= HEADER) {
                readFully(tokens, 0, found, part);
            }
            if (Arrays.equals(found.array(), header)) {
                examples = index.size() / Long.BYTES;
                long whole = (tokens.size() - HEADER) / Integer.BYTES;
                ByteBuffer end = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                while (examples > 0) {
                    readFully(index, (examples - 1) * Long.BYTES, end.clear(), indexPart);
                    written = end.getLong(0);
                    if (written <= whole) {
                        break;
                    }
                    examples--;
                    written = 0;
                }
            } else {
                tokens.truncate(0);
                tokens.write(ByteBuffer.wrap(header), 0);
            }
            tokens.truncate(HEADER + written * Integer.BYTES);
            index.truncate(examples * Long.BYTES);
            tokens.position(tokens.size());
            index.position(index.size());
        }

        long examples() {
            return examples;
        }

        void add(int[] marked) throws IOException {
            for (int token : marked) {
                if (!tokenBuffer.hasRemaining()) {
                    flush(tokenBuffer, tokens);
                }
                tokenBuffer.putInt(token);
            }
            written += marked.length;
            examples++;
            if (!indexBuffer.hasRemaining()) {
                checkpoint();
            }
            indexBuffer.putLong(written);
        }

        /** Puts down what is complete, tokens before the ends that refer to them. */
        void checkpoint() throws IOException {
            flush(tokenBuffer, tokens);
            flush(indexBuffer, index);
        }

        void finish() throws IOException {
            checkpoint();
            index.position(0);
            for (long at = 0; at < index.size(); ) {
                at += index.transferTo(at, index.size() - at, tokens);
            }
            ByteBuffer counts = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
            tokens.write(counts.putLong(examples).putLong(written).flip(), MAGIC.length);
            tokens.force(true);
            close();
            AtomicFile.move(part, file);
            Files.delete(indexPart);
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
    }

    /** Makes the file of texts, goes on with it, or opens it where it is there already. */
    static TokenFile create(Iterable<String> texts, Tokenizer tokenizer, String identity, Path file)
            throws IOException {
        if (Files.exists(file)) {
            ByteBuffer found = ByteBuffer.allocate(HEADER);
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                readFully(channel, 0, found, file);
            }
            byte[] expected = header(tokenizer.checksum(), identity);
            System.arraycopy(found.array(), MAGIC.length, expected, MAGIC.length, 16);
            if (Arrays.equals(expected, found.array())) {
                return open(file);
            }
        }
        try (Writer writer = new Writer(file, tokenizer.checksum(), identity)) {
            Iterator<String> rest = texts.iterator();
            for (long done = writer.examples(); done > 0 && rest.hasNext(); done--) {
                rest.next();
            }
            try {
                tokenize(rest, tokenizer, marked -> {
                    try {
                        writer.add(marked);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
            } catch (UncheckedIOException e) {
                throw e.getCause();
            } finally {
                writer.checkpoint();
            }
            writer.finish();
        }
        return open(file);
    }

    /** Tokenizes texts in parcels, in parallel, each with an end of sequence. */
    static void tokenize(Iterator<String> texts, Tokenizer tokenizer, Consumer<int[]> into) {
        int eos = tokenizer
                .eosId()
                .orElseThrow(() ->
                        new IllegalArgumentException(tokenizer + " names no end-of-sequence token to end a text with"));
        List<String> parcel = new ArrayList<>();
        long characters = 0;
        while (texts.hasNext()) {
            String text = texts.next();
            parcel.add(text);
            characters += text.length();
            if (characters >= PARCEL || !texts.hasNext()) {
                for (int[] ids : tokenizer.ids(parcel, true)) {
                    boolean ended = ids.length > 0 && ids[ids.length - 1] == eos;
                    int[] whole = ended ? ids : Arrays.copyOf(ids, ids.length + 1);
                    whole[whole.length - 1] = eos;
                    into.accept(whole);
                }
                parcel.clear();
                characters = 0;
            }
        }
    }

    /**
     * Maps a file.
     *
     * @throws ModelFormatException if it is not of this form
     */
    static TokenFile open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
            if (channel.size() >= HEADER) {
                readFully(channel, 0, header, file);
            }
            if (!Arrays.equals(header.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
                throw new ModelFormatException(file, "expected a file of tokens (TUNETOK1), found another");
            }
            long examples = header.getLong(8);
            long tokens = header.getLong(16);
            long expected = HEADER + tokens * Integer.BYTES + examples * Long.BYTES;
            if (examples < 0 || tokens < 0 || channel.size() != expected) {
                throw new ModelFormatException(
                        file, "expected " + expected + " bytes by its header, found " + channel.size());
            }
            List<IntBuffer> segments = new ArrayList<>();
            for (long from = 0; from < tokens; from += SEGMENT) {
                segments.add(channel.map(
                                FileChannel.MapMode.READ_ONLY,
                                HEADER + from * Integer.BYTES,
                                Math.min(SEGMENT, tokens - from) * Integer.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asIntBuffer());
            }
            long[] ends = new long[Math.toIntExact(examples)];
            ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
            long at = HEADER + tokens * Integer.BYTES;
            for (int i = 0; i < ends.length; ) {
                buffer.clear().limit(Math.min(buffer.capacity(), (ends.length - i) * Long.BYTES));
                readFully(channel, at, buffer, file);
                at += buffer.limit();
                for (buffer.flip(); buffer.hasRemaining(); i++) {
                    ends[i] = buffer.getLong();
                    if (ends[i] < (i == 0 ? 0 : ends[i - 1]) || ends[i] > tokens) {
                        throw new ModelFormatException(
                                file, "example " + i + ": expected an end up to " + tokens + ", found " + ends[i]);
                    }
                }
            }
            byte[] sha = Arrays.copyOfRange(header.array(), 24, 56);
            return new TokenFile(segments, ends, HexFormat.of().formatHex(sha));
        }
    }

    int examples() {
        return ends.length;
    }

    /** Where an example begins, counted in tokens; for the number of examples, where the last ends. */
    long start(int example) {
        return example == 0 ? 0 : ends[example - 1];
    }

    String checksum() {
        return checksum;
    }

    /** Fills an array with tokens as they are stored. */
    void read(long from, int[] into) {
        for (int done = 0; done < into.length; ) {
            int offset = (int) ((from + done) % SEGMENT);
            int count = Math.min(into.length - done, SEGMENT - offset);
            segments.get((int) ((from + done) / SEGMENT)).get(offset, into, done, count);
            done += count;
        }
    }

    private static byte[] header(String checksum, String identity) {
        return ByteBuffer.allocate(HEADER)
                .put(MAGIC)
                .putLong(0)
                .putLong(0)
                .put(HexFormat.of().parseHex(checksum))
                .put(Sha256.bytes(identity))
                .array();
    }

    private static void readFully(FileChannel channel, long position, ByteBuffer into, Path file) throws IOException {
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
