package io.tunebook.tensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * A GGUF file that is open for reading: its metadata and the places of its tensors are checked against the file's
 * length when it is opened, their values are read where they lie.
 *
 * <p>Values are read by position and not mapped: a file that another program shortens then gives an exception and not
 * a fault of the process, and on Windows nothing keeps it from being replaced once it is closed. Safe for several
 * threads.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">The format's specification</a>
 */
public final class GgufFile implements AutoCloseable {
    private final Path path;
    private final List<GgufPart> parts;
    private final Map<Path, GgufPart> byPath = new LinkedHashMap<>();
    private final Map<String, GgufTensor> tensors = new LinkedHashMap<>();
    private final Map<String, String> unread = new LinkedHashMap<>();

    private GgufFile(Path path, List<GgufPart> parts) throws ModelFormatException {
        this.path = path;
        this.parts = parts;
        for (GgufPart part : parts) {
            byPath.put(part.path(), part);
            for (GgufTensor tensor : part.tensors.values()) {
                if (tensors.putIfAbsent(tensor.name(), tensor) != null) {
                    throw new ModelFormatException(
                            part.path(), "tensor " + tensor.name() + " lies in another part of the split GGUF too");
                }
            }
            unread.putAll(part.unread);
        }
    }

    /**
     * Opens a file and checks all of it but the tensors' values. A split GGUF ({@code model-00001-of-00003.gguf}) is opened
     * whole by any of its parts, which lie in one folder.
     *
     * <p>Tensors of types that {@link GgufType} does not have are left out, see {@link #unread}: metadata, tokenizer and
     * template can be read without them.
     *
     * @throws ModelFormatException if a file is not GGUF of version 2 or 3 or is cut short, or a part of a split one is
     *     missing or belongs to another model
     * @throws IOException if it cannot be read
     */
    public static GgufFile open(Path path) throws IOException {
        List<GgufPart> parts = GgufSplit.open(path);
        try {
            return new GgufFile(path, parts);
        } catch (Throwable failure) {
            for (GgufPart part : parts) {
                part.close();
            }
            throw failure;
        }
    }

    /**
     * Whether a file is one part of a split GGUF, so that it cannot be sent or copied alone.
     *
     * @throws ModelFormatException as {@link #open}
     */
    public static boolean isSplit(Path path) throws IOException {
        try (GgufFile file = open(path)) {
            return file.parts.size() > 1;
        }
    }

    /** The file that was opened, which may be any part of a split one. */
    public Path path() {
        return path;
    }

    /** The files that it consists of, in their order: one, or the parts of a split GGUF. */
    public List<Path> files() {
        return List.copyOf(byPath.keySet());
    }

    /**
     * The metadata in the file's order. Integers of any width are {@link Long} (an unsigned 64-bit one keeps its
     * bits), the others {@link Float}, {@link Double}, {@link Boolean} and {@link String}; an array is a
     * {@code long[]}, {@code float[]}, {@code double[]}, {@code boolean[]} or a {@link List}. A split GGUF has its
     * model's metadata in the first part.
     */
    public Map<String, Object> metadata() {
        return parts.get(0).metadata();
    }

    /** A string of the metadata, empty where the key is absent or something else. */
    public Optional<String> string(String key) {
        return metadata().get(key) instanceof String s ? Optional.of(s) : Optional.empty();
    }

    /** An integer of the metadata, empty where the key is absent or something else. */
    public OptionalLong integer(String key) {
        return metadata().get(key) instanceof Long n ? OptionalLong.of(n) : OptionalLong.empty();
    }

    /** A number of the metadata, integer or float, empty where the key is absent or something else. */
    public OptionalDouble number(String key) {
        return metadata().get(key) instanceof Number n ? OptionalDouble.of(n.doubleValue()) : OptionalDouble.empty();
    }

    /** A truth value of the metadata, empty where the key is absent or something else. */
    public Optional<Boolean> bool(String key) {
        return metadata().get(key) instanceof Boolean b ? Optional.of(b) : Optional.empty();
    }

    /** An array of strings of the metadata, an empty list where the key is absent or something else. */
    public List<String> strings(String key) {
        if (!(metadata().get(key) instanceof List<?> list) || !list.stream().allMatch(String.class::isInstance)) {
            return List.of();
        }
        return list.stream().map(String.class::cast).toList();
    }

    /** An array of integers of the metadata, of length 0 where the key is absent or something else. */
    public int[] integers(String key) {
        return metadata().get(key) instanceof long[] array
                ? Arrays.stream(array).mapToInt(Math::toIntExact).toArray()
                : new int[0];
    }

    /** An array of floats of the metadata, of length 0 where the key is absent or something else. */
    public float[] floats(String key) {
        return metadata().get(key) instanceof float[] array ? array.clone() : new float[0];
    }

    /** The tensors in the file's order. */
    public List<GgufTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    /** The tensors of types that are not read here: the name of its type by each one's name, such as {@code IQ2_XXS}. */
    public Map<String, String> unread() {
        return Collections.unmodifiableMap(unread);
    }

    /** The tensor of a name, if the file has it in a type that is read. */
    public Optional<GgufTensor> tensor(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /**
     * Fills a buffer's remaining space with bytes of one of the {@link #files}.
     *
     * @param file the file, as a tensor names it
     * @param position where in it to begin
     * @throws ModelFormatException if the file ends before the buffer is full
     */
    public void read(Path file, long position, ByteBuffer into) throws IOException {
        byPath.get(file).read(position, into);
    }

    /** Reads a whole tensor of fewer than 2³¹ values as floats, the last dimension fastest. */
    public float[] read(GgufTensor tensor) throws IOException {
        float[] out = new float[Math.toIntExact(tensor.values())];
        int step = (1 << 16) / tensor.type().blockSize() * tensor.type().blockSize();
        ByteBuffer buffer = ByteBuffer.allocate((int) tensor.type().bytes(step));
        for (int at = 0; at < out.length; at += step) {
            int count = Math.min(step, out.length - at);
            buffer.clear().limit((int) tensor.type().bytes(count));
            read(tensor.file(), tensor.offset() + tensor.type().bytes(at), buffer);
            tensor.type().dequantize(buffer.flip(), out, at, count);
        }
        return out;
    }

    /** A metadata value's bytes, its type's number first; null where the key is absent. */
    byte[] stored(String key) throws IOException {
        GgufPart.Span span = parts.get(0).spans.get(key);
        if (span == null) {
            return null;
        }
        byte[] bytes = new byte[span.bytes()];
        parts.get(0).read(span.offset(), ByteBuffer.wrap(bytes));
        return bytes;
    }

    /** The open channel of the file that a tensor lies in, for copying. */
    FileChannel channel(Path file) {
        return byPath.get(file).channel();
    }

    @Override
    public void close() throws IOException {
        for (GgufPart part : parts) {
            part.close();
        }
    }
}
