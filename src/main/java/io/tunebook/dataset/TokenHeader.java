package io.tunebook.dataset;

import io.tunebook.files.Sha256;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The first 128 bytes of a file of tokens, numbers little-endian: the magic {@code TUNETOK2}; the number of examples
 * and the number of tokens as int64; the SHA-256 of the vocabulary, of the identity, and of all bytes behind the
 * header; the digest of the texts as int64, 0 if it is not of texts.
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
            throw new IOException(file + " is there already and holds no tokens, so it is not replaced. Choose another"
                    + " name, or delete it if nobody needs it");
        }
    }
}
