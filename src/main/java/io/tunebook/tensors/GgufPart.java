package io.tunebook.tensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One file of GGUF: a whole model, or one part of a split one. What comes before the tensors' values is read forwards,
 * each length checked before anything is allocated.
 */
final class GgufPart implements AutoCloseable {
    /** What a tensor's place is aligned to unless {@code general.alignment} says otherwise, in bytes. */
    static final int DEFAULT_ALIGNMENT = 32;

    /** The numbers by which a file names the types of metadata values. */
    static final int U8 = 0, I8 = 1, U16 = 2, I16 = 3, U32 = 4, I32 = 5, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9;

    static final int U64 = 10, I64 = 11, F64 = 12;

    private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
    private static final int MAX_DIMENSIONS = 4;
    private static final int MAX_NESTING = 4;

    /** Where a metadata value's type number and value lie in the file. */
    record Span(long offset, int bytes) {}

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private final ByteBuffer buffer =
            ByteBuffer.allocate(1 << 18).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    private long bufferStart;

    final Map<String, Object> metadata = new LinkedHashMap<>();
    final Map<String, Span> spans = new LinkedHashMap<>();
    final Map<String, GgufTensor> tensors = new LinkedHashMap<>();
    final Map<String, String> unread = new LinkedHashMap<>();

    private GgufPart(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
        byte[] magic = bytes(4, "the magic number");
        if (!Arrays.equals(magic, "GGUF".getBytes(StandardCharsets.US_ASCII))) {
            throw new ModelFormatException(
                    path,
                    "not GGUF: expected the bytes 47 47 55 46, found "
                            + String.format(
                                    Locale.ROOT, "%02x %02x %02x %02x", magic[0], magic[1], magic[2], magic[3]));
        }
        long version = u32("the version");
        if (version != 2 && version != 3) {
            throw fail(4, "expected version 2 or 3, found " + version + " (big-endian files are not read)");
        }
        long tensorCount = count("the number of tensors", 8 + 4 + 8 + 4 + 8);
        long pairs = count("the number of metadata pairs", 8 + 4 + 1);
        for (long i = 0; i < pairs; i++) {
            pair(i);
        }
        readTensors(tensorCount);
    }

    /** Opens a file and reads its header. */
    static GgufPart open(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new GgufPart(path, channel);
        } catch (Throwable failure) {
            channel.close();
            throw failure;
        }
    }

    Path path() {
        return path;
    }

    /** Fills a buffer's remaining space with bytes of the file. */
    void read(long position, ByteBuffer into) throws IOException {
        fill(path, channel, position, into);
    }

    /** The open channel, for copying. */
    FileChannel channel() {
        return channel;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    Map<String, Object> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    private void pair(long i) throws IOException {
        long at = position();
        String key = text("the key of metadata pair " + i);
        long start = position();
        int type = type("the type of " + key);
        Object value = value(type, key, 0);
        if (metadata.putIfAbsent(key, value) != null) {
            throw fail(at, "metadata key " + key + " for the second time");
        }
        long length = position() - start;
        if (length > Integer.MAX_VALUE) {
            throw fail(start, "metadata " + key + " takes " + length + " bytes, more than 2 GiB");
        }
        spans.put(key, new Span(start, (int) length));
    }

    private void readTensors(long count) throws IOException {
        long alignment = metadata.get("general.alignment") instanceof Long a ? a : DEFAULT_ALIGNMENT;
        if (alignment < 1 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
            throw new ModelFormatException(
                    path, "general.alignment: expected a power of two up to 1048576, found " + alignment);
        }
        List<GgufTensor> relative = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            GgufTensor tensor = tensor(i, alignment);
            if (tensor != null) {
                relative.add(tensor);
            }
        }
        long data = -Math.floorDiv(-position(), alignment) * alignment;
        for (GgufTensor t : relative) {
            long room = size - data - t.offset();
            if (room < t.bytes()) {
                throw new ModelFormatException(
                        path,
                        "tensor " + t.name() + " (" + t.type() + " " + Arrays.toString(t.shape()) + "): expected "
                                + t.bytes() + " bytes from byte " + (data + t.offset()) + ", found "
                                + Math.max(0, room) + ": the file is cut short");
            }
            GgufTensor placed = new GgufTensor(t.name(), t.type(), t.shape(), path, data + t.offset(), t.bytes());
            if (tensors.putIfAbsent(t.name(), placed) != null) {
                throw new ModelFormatException(path, "tensor " + t.name() + " for the second time");
            }
        }
    }

    /** One entry, null if it is of a type that is not read; its offset is still relative to the data section. */
    private GgufTensor tensor(long i, long alignment) throws IOException {
        String name = text("the name of tensor " + i);
        long at = position();
        long dimensions = u32("the dimensions of " + name);
        if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
            throw fail(at, "tensor " + name + ": expected 1 to " + MAX_DIMENSIONS + " dimensions, found " + dimensions);
        }
        long[] shape = new long[(int) dimensions];
        long values = 1;
        for (int d = shape.length - 1; d >= 0; d--) {
            at = position();
            shape[d] = i64("the shape of " + name);
            if (shape[d] < 1 || shape[d] > Long.MAX_VALUE / 8 / values) {
                throw fail(
                        at,
                        "tensor " + name + ": expected a length of a dimension, found "
                                + Long.toUnsignedString(shape[d]));
            }
            values *= shape[d];
        }
        at = position();
        long id = u32("the type of " + name);
        GgufType type = GgufType.of((int) id).orElse(null);
        if (type == null) {
            i64("the offset of " + name);
            if (unread.putIfAbsent(name, GgufType.nameOf(id)) != null) {
                throw fail(at, "tensor " + name + " for the second time");
            }
            return null;
        }
        if (shape[shape.length - 1] % type.blockSize() != 0) {
            throw fail(
                    at,
                    "tensor " + name + ": expected rows of a multiple of " + type.blockSize() + " values for " + type
                            + ", found " + shape[shape.length - 1]);
        }
        at = position();
        long offset = i64("the offset of " + name);
        if (offset < 0 || offset > size || offset % alignment != 0) {
            throw fail(
                    at,
                    "tensor " + name + ": expected an offset in the file, a multiple of " + alignment + ", found "
                            + Long.toUnsignedString(offset));
        }
        return new GgufTensor(name, type, shape, path, offset, type.bytes(values));
    }

    private Object value(int type, String key, int depth) throws IOException {
        String what = "the value of " + key;
        return switch (type) {
            case U8 -> bytes(1, what)[0] & 255L;
            case I8 -> (long) bytes(1, what)[0];
            case U16 -> need(2, what).getShort() & 0xffffL;
            case I16 -> (long) need(2, what).getShort();
            case U32 -> u32(what);
            case I32 -> (long) need(4, what).getInt();
            case U64, I64 -> i64(what);
            case F32 -> need(4, what).getFloat();
            case F64 -> need(8, what).getDouble();
            case BOOL -> truth(what);
            case STRING -> text(what);
            default -> array(key, depth);
        };
    }

    private Object array(String key, int depth) throws IOException {
        long at = position();
        if (depth == MAX_NESTING) {
            throw fail(at, "metadata " + key + ": arrays in arrays, more than " + MAX_NESTING + " deep");
        }
        int type = type("the element type of " + key);
        int n = (int) count("the length of " + key, SIZES[type]);
        switch (type) {
            case F32 -> {
                float[] out = new float[n];
                for (int i = 0; i < n; i++) {
                    out[i] = need(4, key).getFloat();
                }
                return out;
            }
            case F64 -> {
                double[] out = new double[n];
                for (int i = 0; i < n; i++) {
                    out[i] = need(8, key).getDouble();
                }
                return out;
            }
            case BOOL -> {
                boolean[] out = new boolean[n];
                for (int i = 0; i < n; i++) {
                    out[i] = truth(key);
                }
                return out;
            }
            case STRING, ARRAY -> {
                List<Object> out = new ArrayList<>(n);
                for (int i = 0; i < n; i++) {
                    out.add(value(type, key, depth + 1));
                }
                return Collections.unmodifiableList(out);
            }
            default -> {
                long[] out = new long[n];
                for (int i = 0; i < n; i++) {
                    out[i] = (Long) value(type, key, depth);
                }
                return out;
            }
        }
    }

    private boolean truth(String what) throws IOException {
        byte b = bytes(1, what)[0];
        if (b != 0 && b != 1) {
            throw fail(position() - 1, what + ": expected 0 or 1, found " + (b & 255));
        }
        return b == 1;
    }

    private int type(String what) throws IOException {
        long type = u32(what);
        if (type >= SIZES.length) {
            throw fail(position() - 4, what + ": expected a type from 0 to 12, found " + type);
        }
        return (int) type;
    }

    private String text(String what) throws IOException {
        int n = (int) count("the length of " + what, 1);
        return new String(bytes(n, what), StandardCharsets.UTF_8);
    }

    /** A 64-bit count of things that take at least {@code each} bytes: no more than the rest of the file can hold. */
    private long count(String what, int each) throws IOException {
        long n = i64(what);
        long room = size - position();
        if (n < 0 || n > room / each || n > Integer.MAX_VALUE - 8) {
            throw fail(
                    position() - 8,
                    what + ": " + Long.toUnsignedString(n) + " does not fit into the " + room + " bytes that follow");
        }
        return n;
    }

    private long u32(String what) throws IOException {
        return need(4, what).getInt() & 0xffffffffL;
    }

    private long i64(String what) throws IOException {
        return need(8, what).getLong();
    }

    private byte[] bytes(int n, String what) throws IOException {
        byte[] out = new byte[n];
        if (n <= buffer.capacity()) {
            need(n, what).get(out);
        } else {
            long at = position();
            fill(path, channel, at, ByteBuffer.wrap(out));
            bufferStart = at + n;
            buffer.position(0).limit(0);
        }
        return out;
    }

    /** The buffer with at least {@code n} bytes at its position. */
    private ByteBuffer need(int n, String what) throws IOException {
        if (buffer.remaining() >= n) {
            return buffer;
        }
        long at = position();
        if (size - at < n) {
            throw fail(at, what + ": expected " + n + " bytes, found the file's end after " + (size - at));
        }
        bufferStart = at;
        buffer.clear().limit((int) Math.min(buffer.capacity(), size - at));
        fill(path, channel, at, buffer);
        return buffer.flip();
    }

    private long position() {
        return bufferStart + buffer.position();
    }

    private ModelFormatException fail(long at, String what) {
        return new ModelFormatException(path, "byte " + at + ": " + what);
    }

    private static void fill(Path path, FileChannel channel, long position, ByteBuffer into) throws IOException {
        long at = position;
        while (into.hasRemaining()) {
            int n = channel.read(into, at);
            if (n < 0) {
                throw new ModelFormatException(
                        path, "expected " + into.remaining() + " more bytes at byte " + at + ", found the file's end");
            }
            at += n;
        }
    }
}
