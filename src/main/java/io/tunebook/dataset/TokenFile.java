package io.tunebook.dataset;

import io.tunebook.files.Sha256;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * The tokens of a data set, one after the other, in memory or in a mapped file. A token is stored as its id where its
 * prediction counts in the loss and as the id's bitwise complement, a negative number, where not.
 *
 * <p>The file, all numbers little-endian: the {@link TokenHeader}, the tokens as int32, and for each example where it
 * ends, counted in tokens, as int64. A mapping lives as long as a data set refers to it; Windows refuses to delete the
 * file until then.
 */
final class TokenFile {
    /** Tokens of one mapped segment; Java maps less than 2 GiB at a time. */
    private static final int SEGMENT = 1 << 28;

    private final List<IntBuffer> segments;
    /** Where each segment begins, counted in tokens. */
    private final long[] segmentStarts;

    private final long[] ends;
    private final String checksum;
    /** Empty for tokens in memory. */
    private final List<Path> files;

    private boolean verified;

    private TokenFile(List<IntBuffer> segments, long[] ends, String checksum, List<Path> files) {
        this.segments = segments;
        this.segmentStarts = new long[segments.size()];
        for (int i = 1; i < segmentStarts.length; i++) {
            segmentStarts[i] = segmentStarts[i - 1] + segments.get(i - 1).capacity();
        }
        this.ends = ends;
        this.checksum = checksum;
        this.files = files;
    }

    /** Several files of one vocabulary as one, the examples of each after those of the one before. */
    static TokenFile joined(List<TokenFile> parts) {
        List<IntBuffer> segments = new ArrayList<>();
        List<Path> files = new ArrayList<>();
        long[] ends = new long
                [Math.toIntExact(parts.stream().mapToLong(TokenFile::examples).sum())];
        int example = 0;
        long tokens = 0;
        for (TokenFile part : parts) {
            for (long end : part.ends) {
                ends[example++] = tokens + end;
            }
            tokens += part.start(part.examples());
            segments.addAll(part.segments);
            files.addAll(part.files);
        }
        return new TokenFile(segments, ends, parts.get(0).checksum, files);
    }

    /** Tokens in memory. */
    static TokenFile of(int[] tokens, long[] ends, String checksum) {
        List<IntBuffer> segments = new ArrayList<>();
        for (int from = 0; from < tokens.length; from += SEGMENT) {
            segments.add(IntBuffer.wrap(tokens, from, Math.min(SEGMENT, tokens.length - from))
                    .slice());
        }
        return new TokenFile(segments, ends, checksum, List.of());
    }

    /**
     * Maps a file.
     *
     * @throws ModelFormatException if it is not of this form
     */
    static TokenFile open(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            TokenHeader header = TokenHeader.read(channel);
            if (header == null) {
                throw new ModelFormatException(
                        file,
                        "expected a file of tokens (TUNETOK2), found another. If an earlier version of Tunebook made"
                                + " it, delete it and make it again");
            }
            long examples = header.examples();
            long tokens = header.tokens();
            long expected = TokenHeader.BYTES + tokens * Integer.BYTES + examples * Long.BYTES;
            if (examples < 0 || tokens < 0 || channel.size() != expected) {
                throw new ModelFormatException(
                        file, "expected " + expected + " bytes by its header, found " + channel.size());
            }
            List<IntBuffer> segments = new ArrayList<>();
            for (long from = 0; from < tokens; from += SEGMENT) {
                segments.add(channel.map(
                                FileChannel.MapMode.READ_ONLY,
                                TokenHeader.BYTES + from * Integer.BYTES,
                                Math.min(SEGMENT, tokens - from) * Integer.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asIntBuffer());
            }
            return new TokenFile(segments, ends(channel, file, header), header.checksum(), List.of(file));
        }
    }

    private static long[] ends(FileChannel channel, Path file, TokenHeader header) throws IOException {
        long[] ends = new long[Math.toIntExact(header.examples())];
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        long at = TokenHeader.BYTES + header.tokens() * Integer.BYTES;
        for (int i = 0; i < ends.length; ) {
            buffer.clear().limit(Math.min(buffer.capacity(), (ends.length - i) * Long.BYTES));
            TokenFileWriter.readFully(channel, at, buffer, file);
            at += buffer.limit();
            for (buffer.flip(); buffer.hasRemaining(); i++) {
                ends[i] = buffer.getLong();
                if (ends[i] < (i == 0 ? 0 : ends[i - 1]) || ends[i] > header.tokens()) {
                    throw new ModelFormatException(
                            file, "example " + i + ": expected an end up to " + header.tokens() + ", found " + ends[i]);
                }
            }
        }
        return ends;
    }

    /**
     * Reads the whole file and compares it with its checksum, unless that was done before; so with each of several.
     *
     * @throws ModelFormatException if it is not what was written
     */
    synchronized void verify() throws IOException {
        if (verified) {
            return;
        }
        for (Path file : files) {
            verify(file);
        }
        verified = true;
    }

    private static void verify(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            TokenHeader header = TokenHeader.read(channel);
            String found = HexFormat.of().formatHex(digest(channel, file));
            String expected = header == null ? "none" : HexFormat.of().formatHex(header.contents());
            if (!found.equals(expected)) {
                throw new ModelFormatException(
                        file,
                        "expected tokens with the checksum " + expected + ", found " + found
                                + ": the file is damaged. Delete it and make it again");
            }
        }
    }

    /** The SHA-256 of what is behind the header. */
    static byte[] digest(FileChannel channel, Path file) throws IOException {
        MessageDigest digest = Sha256.digest();
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
        long size = channel.size();
        for (long at = TokenHeader.BYTES; at < size; at += buffer.limit()) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), size - at));
            TokenFileWriter.readFully(channel, at, buffer, file);
            digest.update(buffer.flip());
        }
        return digest.digest();
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
        if (into.length == 0) {
            return;
        }
        int found = Arrays.binarySearch(segmentStarts, from);
        int segment = found >= 0 ? found : -found - 2;
        for (int done = 0; done < into.length; segment++) {
            IntBuffer tokens = segments.get(segment);
            int offset = (int) (from + done - segmentStarts[segment]);
            int count = Math.min(into.length - done, tokens.capacity() - offset);
            tokens.get(offset, into, done, count);
            done += count;
        }
    }

    /**
     * The first 128 bytes of a file of tokens, numbers little-endian: the magic {@code TUNETOK2}; the number of
     * examples and the number of tokens as int64; the SHA-256 of the vocabulary, of the identity, and of all bytes
     * behind the header; the digest of the texts as int64, 0 if it is not of texts.
     *
     * @param checksum the vocabulary's
     * @param identity the SHA-256 of what tells the examples from others
     * @param contents the SHA-256 of what is behind the header
     */
    record TokenHeader(long examples, long tokens, String checksum, byte[] identity, byte[] contents, long texts) {
        static final int BYTES = 128;
        private static final byte[] MAGIC = "TUNETOK2".getBytes(StandardCharsets.US_ASCII);
        private static final byte[] ANY = "TUNETOK".getBytes(StandardCharsets.US_ASCII);

        /** The header of a file; null if there is no file, or one of another kind. */
        static TokenHeader read(Path file) throws IOException {
            if (!Files.isRegularFile(file)) {
                return null;
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                return read(channel);
            }
        }

        /** The header of an open file; null if it is of another kind. */
        static TokenHeader read(FileChannel channel) throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
            while (bytes.hasRemaining() && channel.read(bytes, bytes.position()) >= 0) {}
            if (bytes.hasRemaining() || !Arrays.equals(bytes.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
                return null;
            }
            byte[] all = bytes.array();
            return new TokenHeader(
                    bytes.getLong(8),
                    bytes.getLong(16),
                    HexFormat.of().formatHex(all, 24, 56),
                    Arrays.copyOfRange(all, 56, 88),
                    Arrays.copyOfRange(all, 88, 120),
                    bytes.getLong(120));
        }

        /** Of a file that is not finished. */
        static TokenHeader begun(String checksum, String identity) {
            return new TokenHeader(0, 0, checksum, Sha256.bytes(identity), new byte[32], 0);
        }

        boolean isOf(String vocabulary, String whose) {
            return checksum.equals(vocabulary) && Arrays.equals(identity, Sha256.bytes(whose));
        }

        ByteBuffer bytes() {
            return ByteBuffer.allocate(BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .put(MAGIC)
                    .putLong(examples)
                    .putLong(tokens)
                    .put(HexFormat.of().parseHex(checksum))
                    .put(identity)
                    .put(contents)
                    .putLong(texts)
                    .flip();
        }

        /**
         * @param torn whether the file may be one that a machine left behind when it went down, which begins with zeros
         * @throws IOException if a file is there that holds something else than tokens
         */
        static void requireReplaceable(Path file, boolean torn) throws IOException {
            if (!Files.exists(file) || Files.isRegularFile(file) && Files.size(file) == 0) {
                return;
            }
            byte[] start = new byte[ANY.length];
            if (Files.isRegularFile(file)) {
                try (var in = Files.newInputStream(file)) {
                    in.readNBytes(start, 0, start.length);
                }
            }
            boolean zeros = torn && Arrays.equals(start, new byte[ANY.length]);
            if (!zeros && !Arrays.equals(start, ANY)) {
                throw new IOException(
                        file + " is there already and holds no tokens, so it is not replaced. Choose another"
                                + " name, or delete it if nobody needs it");
            }
        }
    }
}
