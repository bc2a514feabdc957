package io.tunebook.prepare;

import it.unimi.dsi.fastutil.longs.LongArrays;
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
 * Pairs of a key and a document, put into buckets so that equal keys of one column meet in one bucket, which is sorted
 * in memory. A bucket needs 16 bytes for each of its pairs.
 *
 * @param columns of the {@link KeyFile}
 * @param bits 2 to this power buckets for each column
 */
public record KeyBuckets(int columns, int bits) implements java.io.Serializable {
    /** The bytes of a pair. */
    static final int PAIR = 2 * Long.BYTES;

    /** So many buckets at most: each is a file that is open while they are filled. */
    private static final int MOST = 512;

    /** Buckets for so many documents, each of at most so many bytes on average. */
    public static KeyBuckets of(Plan plan, long documents, long memory) {
        int bits = 0;
        while (plan.columns() << bits + 1 <= MOST && (documents * PAIR >> bits) > memory) {
            bits++;
        }
        return new KeyBuckets(plan.columns(), bits);
    }

    /** The number of buckets. */
    public int count() {
        return columns << bits;
    }

    /** Who is told of pairs. */
    @FunctionalInterface
    public interface Pairs {
        void pair(int bucket, long key, long document) throws IOException;
    }

    /** Reads the {@link KeyFile} of a unit. */
    public void read(int unit, InputStream keys, Pairs pairs) throws IOException {
        try {
            KeyFile.read(keys, columns, (row, number) -> {
                long document = (long) unit << 32 | number;
                for (int c = 0; c < columns; c++) {
                    try {
                        pairs.pair(bucket(c, row[c]), row[c], document);
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                }
            });
        } catch (java.io.UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private int bucket(int column, long key) {
        return column << bits | (bits == 0 ? 0 : (int) (key >>> (64 - bits)));
    }

    /** Who is told of duplicates. */
    @FunctionalInterface
    public interface Duplicates {
        /** @param first the earliest document with the same key */
        void duplicate(long document, long first);
    }

    /** Tells which documents of a bucket have an earlier one with the same key. Changes both arrays. */
    public static void find(long[] keys, long[] documents, Duplicates duplicates) {
        LongArrays.quickSort(keys, documents); // by key, then by document
        long first = 0;
        for (int i = 0; i < keys.length; i++) {
            if (i == 0 || keys[i] != keys[i - 1]) {
                first = documents[i];
            } else {
                duplicates.duplicate(documents[i], first);
            }
        }
    }

    /** As {@link #find(long[], long[], Duplicates)}, of pairs as they are stored: big-endian, the key first. */
    public static void find(ByteBuffer pairs, Duplicates duplicates) {
        int n = pairs.remaining() / PAIR;
        long[] keys = new long[n];
        long[] documents = new long[n];
        for (int i = 0; i < n; i++) {
            keys[i] = pairs.getLong();
            documents[i] = pairs.getLong();
        }
        find(keys, documents, duplicates);
    }

    /** Whether a bucket's keys are texts' own hashes, so that its duplicates are exact. */
    public boolean isExact(int bucket) {
        return bucket >> bits == 0;
    }

    /**
     * What tells duplicates, for each document that a unit kept, in their order: the 64-bit hash of its text and a
     * 64-bit hash of each band of its MinHash signature, big-endian. By chance two of a thousand million texts have one
     * hash with a probability of 1 in 37.
     */
    static final class KeyFile {
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

        /**
         * @param rows given the columns of each document, in an array that is used again, and its number in the unit
         */
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
}
