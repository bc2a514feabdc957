package io.tunebook.prepare;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.ObjIntConsumer;

/**
 * What tells duplicates, for each document that a unit kept, in their order: the 64-bit hash of its text and a 64-bit hash
 * of each band of its MinHash signature, big-endian. By chance two of a thousand million texts have one hash with a
 * probability of 1 in 37.
 */
final class KeyFile {
    private KeyFile() {}

    static final class Writer implements AutoCloseable {
        private final DataOutputStream out;

        Writer(Path file) throws IOException {
            out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
        }

        void add(long hash, long[] bands) throws IOException {
            out.writeLong(hash);
            for (long band : bands) {
                out.writeLong(band);
            }
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }

    /** @param rows given the columns of each document, in an array that is used again, and its number in the unit */
    static void read(InputStream file, int columns, ObjIntConsumer<long[]> rows) throws IOException {
        long[] row = new long[columns];
        byte[] bytes = new byte[columns * Long.BYTES];
        try (InputStream in = new BufferedInputStream(file, 1 << 16)) {
            for (int number = 0; ; number++) {
                int n = in.readNBytes(bytes, 0, bytes.length);
                if (n == 0) {
                    return;
                }
                if (n < bytes.length) {
                    throw new IOException(
                            "a file of keys in the work folder is cut off. Delete the folder and begin again");
                }
                ByteBuffer.wrap(bytes).asLongBuffer().get(row);
                rows.accept(row, number);
            }
        }
    }
}
