package io.tunebook.prepare;

import com.github.luben.zstd.Zstd;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The documents that one unit kept, on their way to the shards: blocks of one shard's documents each, compressed by
 * zstd, and behind them an index. Numbers are big-endian. A block holds for each document its number in the unit as
 * int32, the hash of its text as int64, the bytes of its UTF-8 as int32, and these bytes. The index has 20 bytes for
 * each block: its shard, its size and its size without compression as int32, its place as int64; then their number as
 * int32.
 */
public final class PartFile {
    private static final int ENTRY = 20;
    private static final int HEAD = Integer.BYTES + Long.BYTES + Integer.BYTES;

    private PartFile() {}

    /** A file that can be read at any place: one on this machine, or one of a cluster's. */
    @FunctionalInterface
    public interface Source {
        /** Fills an array from a place in the file on. */
        void read(long at, byte[] into) throws IOException;
    }

    /** A block's place in its file. */
    public record Block(int shard, int bytes, int raw, long at) implements java.io.Serializable {}

    /** Who is told of documents. */
    @FunctionalInterface
    interface Reader {
        /** @param block what holds the text, in UTF-8 */
        void document(int number, long hash, byte[] block, int from, int length);
    }

    /**
     * All blocks of a file.
     *
     * @param size of the whole file
     */
    public static List<Block> index(Source file, long size) throws IOException {
        byte[] count = new byte[Integer.BYTES];
        file.read(size - count.length, count);
        byte[] entries = new byte[ByteBuffer.wrap(count).getInt() * ENTRY];
        file.read(size - count.length - entries.length, entries);
        List<Block> blocks = new ArrayList<>();
        for (ByteBuffer b = ByteBuffer.wrap(entries); b.hasRemaining(); ) {
            blocks.add(new Block(b.getInt(), b.getInt(), b.getInt(), b.getLong()));
        }
        return blocks;
    }

    static void read(Source file, Block block, Reader reader) throws IOException {
        byte[] packed = new byte[block.bytes()];
        file.read(block.at(), packed);
        byte[] raw = new byte[block.raw()];
        long got = Zstd.decompress(raw, packed);
        if (Zstd.isError(got) || got != raw.length) {
            throw new IOException("a file of the work folder is damaged. Delete the folder and begin again");
        }
        for (ByteBuffer b = ByteBuffer.wrap(raw); b.hasRemaining(); ) {
            int number = b.getInt();
            long hash = b.getLong();
            int length = b.getInt();
            reader.document(number, hash, raw, b.position(), length);
            b.position(b.position() + length);
        }
    }

    /** Writes one. Memory is taken up to a bound, then blocks are written. */
    static final class Writer implements AutoCloseable {
        private final DataOutputStream out;
        private final byte[][] open;
        private final int[] filled;
        private final List<Block> blocks = new ArrayList<>();
        private final long most;
        private long held;
        private long at;

        Writer(Path file, int shards, long most) throws IOException {
            this.out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
            this.open = new byte[shards][];
            this.filled = new int[shards];
            this.most = most;
        }

        void add(int shard, int number, long hash, byte[] text) throws IOException {
            int need = filled[shard] + HEAD + text.length;
            byte[] block = open[shard] == null ? new byte[0] : open[shard];
            if (need > block.length) {
                int larger = (int) Math.min(Integer.MAX_VALUE - 16, Math.max(need, block.length * 3L / 2));
                held += larger - block.length;
                block = Arrays.copyOf(block, larger);
                open[shard] = block;
            }
            ByteBuffer.wrap(block, filled[shard], HEAD + text.length)
                    .putInt(number)
                    .putLong(hash)
                    .putInt(text.length)
                    .put(text);
            filled[shard] = need;
            if (held > most) {
                flush();
            }
        }

        private void flush() throws IOException {
            for (int shard = 0; shard < open.length; shard++) {
                if (filled[shard] > 0) {
                    byte[] raw = filled[shard] == open[shard].length
                            ? open[shard]
                            : Arrays.copyOf(open[shard], filled[shard]);
                    byte[] packed = Zstd.compress(raw, 1);
                    blocks.add(new Block(shard, packed.length, raw.length, at));
                    out.write(packed);
                    at += packed.length;
                }
                open[shard] = null;
                filled[shard] = 0;
            }
            held = 0;
        }

        void finish() throws IOException {
            flush();
            for (Block block : blocks) {
                out.writeInt(block.shard());
                out.writeInt(block.bytes());
                out.writeInt(block.raw());
                out.writeLong(block.at());
            }
            out.writeInt(blocks.size());
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }
}
