package io.tunebook.tensors;

import io.tunebook.files.AtomicFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * Writes a GGUF file of version 3: first collect metadata and tensors, then {@link #write} them. The file is written
 * beside its place, with {@code .part} after its name, and moved when it is whole.
 */
public final class GgufWriter {
    private static final int VERSION = 3;

    private final Map<String, byte[]> metadata = new LinkedHashMap<>();
    private final Map<String, Entry> tensors = new LinkedHashMap<>();
    private int alignment = GgufPart.DEFAULT_ALIGNMENT;

    /** Gives a tensor's bytes when they are to be written. */
    @FunctionalInterface
    public interface Body {
        /** Writes all of the tensor's bytes, in order. */
        void write(Output out) throws IOException;
    }

    /** Where a tensor's bytes go. */
    @FunctionalInterface
    public interface Output {
        /** Writes the buffer's remaining bytes. */
        void write(ByteBuffer bytes) throws IOException;
    }

    private record Entry(GgufType type, long[] shape, long bytes, FileChannel source, long sourceOffset, Body body) {}

    /** Takes a value over from another file, byte for byte; {@code general.alignment} included. */
    public GgufWriter copy(GgufFile from, String key) throws IOException {
        byte[] bytes = from.stored(key);
        if (bytes == null) {
            throw new IllegalArgumentException(from.path() + " has no metadata " + key);
        }
        metadata.put(key, bytes);
        if (key.equals("general.alignment")) {
            alignment = (int) from.integer(key).orElse(GgufPart.DEFAULT_ALIGNMENT);
        }
        return this;
    }

    /** Sets an unsigned 32-bit integer. */
    public GgufWriter uint32(String key, long value) {
        if (value < 0 || value > 0xffffffffL) {
            throw new IllegalArgumentException(key + ": expected an unsigned 32-bit integer, found " + value);
        }
        if (key.equals("general.alignment")) {
            if (Long.bitCount(value) != 1 || value > 1 << 20) {
                throw new IllegalArgumentException(key + ": expected a power of two up to 1048576, found " + value);
            }
            alignment = (int) value;
        }
        metadata.put(key, typed(GgufPart.U32, 4).putInt((int) value).array());
        return this;
    }

    /** Sets a 32-bit float. */
    public GgufWriter float32(String key, float value) {
        metadata.put(key, typed(GgufPart.F32, 4).putFloat(value).array());
        return this;
    }

    /** Sets a truth value. */
    public GgufWriter bool(String key, boolean value) {
        metadata.put(key, typed(GgufPart.BOOL, 1).put((byte) (value ? 1 : 0)).array());
        return this;
    }

    /** Sets a string. */
    public GgufWriter string(String key, String value) {
        byte[] text = value.getBytes(StandardCharsets.UTF_8);
        metadata.put(
                key,
                typed(GgufPart.STRING, 8 + text.length)
                        .putLong(text.length)
                        .put(text)
                        .array());
        return this;
    }

    /** Sets an array of strings. */
    public GgufWriter strings(String key, List<String> values) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String value : values) {
            byte[] text = value.getBytes(StandardCharsets.UTF_8);
            out.writeBytes(little(8).putLong(text.length).array());
            out.writeBytes(text);
        }
        metadata.put(
                key,
                array(GgufPart.STRING, values.size(), out.size())
                        .put(out.toByteArray())
                        .array());
        return this;
    }

    /** Sets an array of signed 32-bit integers. */
    public GgufWriter int32s(String key, int[] values) {
        ByteBuffer out = array(GgufPart.I32, values.length, 4 * values.length);
        for (int value : values) {
            out.putInt(value);
        }
        metadata.put(key, out.array());
        return this;
    }

    /** Sets an array of 32-bit floats. */
    public GgufWriter float32s(String key, float[] values) {
        ByteBuffer out = array(GgufPart.F32, values.length, 4 * values.length);
        for (float value : values) {
            out.putFloat(value);
        }
        metadata.put(key, out.array());
        return this;
    }

    /**
     * Adds a tensor whose bytes are made when it is written.
     *
     * @param shape the lengths of its dimensions, the slowest first
     * @throws IllegalArgumentException if the name was added before or a row does not fill whole blocks
     */
    public GgufWriter tensor(String name, GgufType type, long[] shape, Body body) {
        type.bytes(shape[shape.length - 1]);
        long values = 1;
        for (long d : shape) {
            values = Math.multiplyExact(values, d);
        }
        return add(name, new Entry(type, shape.clone(), type.bytes(values), null, 0, body));
    }

    /** Adds a tensor of another file, which is copied byte for byte and stays open until {@link #write} is done. */
    public GgufWriter tensor(GgufFile from, GgufTensor tensor) {
        return add(
                tensor.name(),
                new Entry(
                        tensor.type(),
                        tensor.shape(),
                        tensor.bytes(),
                        from.channel(tensor.file()),
                        tensor.offset(),
                        null));
    }

    private GgufWriter add(String name, Entry entry) {
        if (tensors.putIfAbsent(name, entry) != null) {
            throw new IllegalArgumentException("tensor " + name + " for the second time");
        }
        return this;
    }

    /** How many bytes the tensors will take, without the spaces between them. */
    public long tensorBytes() {
        return tensors.values().stream().mapToLong(Entry::bytes).sum();
    }

    /**
     * Writes the file and moves it into place; what was there before stays until then, and when this fails.
     *
     * @param progress told after each tensor how many of {@link #tensorBytes} are written
     */
    public void write(Path path, LongConsumer progress) throws IOException {
        AtomicFile.write(path, part -> {
            try (FileChannel out = FileChannel.open(
                    part, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
                write(out, ByteBuffer.wrap(header()));
                long written = 0;
                for (var tensor : tensors.entrySet()) {
                    write(out, ByteBuffer.allocate((int) (aligned(out.position()) - out.position())));
                    body(out, tensor.getKey(), tensor.getValue());
                    written += tensor.getValue().bytes();
                    progress.accept(written);
                }
                write(out, ByteBuffer.allocate((int) (aligned(out.position()) - out.position())));
            }
        });
    }

    private void body(FileChannel out, String name, Entry tensor) throws IOException {
        long start = out.position();
        if (tensor.source() == null) {
            tensor.body().write(bytes -> write(out, bytes));
        } else {
            long copied = 0;
            while (copied < tensor.bytes()) {
                long n = tensor.source().transferTo(tensor.sourceOffset() + copied, tensor.bytes() - copied, out);
                if (n <= 0) {
                    break;
                }
                copied += n;
            }
        }
        if (out.position() - start != tensor.bytes()) {
            throw new IOException("tensor " + name + ": expected " + tensor.bytes() + " bytes to write, got "
                    + (out.position() - start));
        }
    }

    private byte[] header() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(little(20)
                .putInt(VERSION)
                .putLong(tensors.size())
                .putLong(metadata.size())
                .array());
        metadata.forEach((key, value) -> {
            name(out, key);
            out.writeBytes(value);
        });
        long offset = 0;
        for (var tensor : tensors.entrySet()) {
            name(out, tensor.getKey());
            long[] shape = tensor.getValue().shape();
            ByteBuffer entry = little(4 + 8 * shape.length + 4 + 8).putInt(shape.length);
            for (int d = shape.length - 1; d >= 0; d--) {
                entry.putLong(shape[d]);
            }
            entry.putInt(tensor.getValue().type().id()).putLong(offset);
            out.writeBytes(entry.array());
            offset = aligned(offset + tensor.getValue().bytes());
        }
        out.writeBytes(new byte[(int) (aligned(out.size()) - out.size())]);
        return out.toByteArray();
    }

    private static void name(ByteArrayOutputStream out, String name) {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(little(8).putLong(text.length).array());
        out.writeBytes(text);
    }

    private long aligned(long position) {
        return (position + alignment - 1) / alignment * alignment;
    }

    private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }

    private static ByteBuffer typed(int type, int bytes) {
        return little(4 + bytes).putInt(type);
    }

    private static ByteBuffer array(int elementType, int length, int bytes) {
        return typed(GgufPart.ARRAY, 12 + bytes).putInt(elementType).putLong(length);
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
