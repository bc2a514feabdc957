package io.tunebook.tensors;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A safetensors file: the length of a JSON header, the header, the tensors' bytes. Read by position, safe for several
 * threads.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">The format</a>
 */
public final class Safetensors implements AutoCloseable {
    private static final ObjectMapper JSON = Json.files();

    /** The format's own limit, in bytes. */
    private static final int MAX_HEADER = 100_000_000;

    private static final List<String> DTYPES = List.of("F32", "F16", "BF16");

    /** The bytes of a value of the other types. */
    private static final Map<String, Integer> WIDTHS =
            Map.of("I32", 4, "I64", 8, "U8", 1, "I8", 1, "F8_E4M3", 1, "F8_E5M2", 1, "F64", 8);

    private final Path path;
    private final FileChannel channel;
    private final Map<String, GgufTensor> tensors = new LinkedHashMap<>();
    private final Map<String, String> unread = new LinkedHashMap<>();
    private final Map<String, StoredTensor> stored = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    /**
     * A tensor to be written.
     *
     * @param shape the lengths of its dimensions, the slowest first
     * @param values its values, the last dimension fastest
     */
    public record Values(long[] shape, float[] values) {}

    private Safetensors(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /**
     * Opens a file and checks its header against its length.
     *
     * @throws ModelFormatException if the header is not one, a tensor has another type than F32, F16 or BF16, or lies
     *     outside the file
     */
    public static Safetensors open(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            Safetensors file = new Safetensors(path, channel);
            file.readHeader();
            return file;
        } catch (Throwable failure) {
            channel.close();
            throw failure;
        }
    }

    /** The tensors by name, in the header's order. */
    public Map<String, GgufTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** The tensors whose values are not read, by name, with what was expected and what was found. */
    public Map<String, String> unread() {
        return Collections.unmodifiableMap(unread);
    }

    /**
     * All tensors as they lie in the file, those that are not read as floats among them; none of a type whose width is
     * not known here.
     */
    public Map<String, StoredTensor> stored() {
        return Collections.unmodifiableMap(stored);
    }

    /** The header's {@code __metadata__}. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /**
     * Fills a buffer's remaining space with bytes of the file.
     *
     * @throws ModelFormatException if the file ends before
     */
    public void read(long position, ByteBuffer into) throws IOException {
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

    /** Reads a whole tensor of fewer than 2³¹ values as floats. */
    public float[] read(GgufTensor tensor) throws IOException {
        if (tensor.bytes() > Integer.MAX_VALUE - 8) {
            throw new ModelFormatException(
                    path,
                    "tensor " + tensor.name() + ": expected less than 2 GB to read at once, found " + tensor.bytes());
        }
        float[] out = new float[Math.toIntExact(tensor.values())];
        ByteBuffer buffer = ByteBuffer.allocate(Math.toIntExact(tensor.bytes()));
        read(tensor.offset(), buffer);
        tensor.type().dequantize(buffer.flip(), out, 0, out.length);
        return out;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private void readHeader() throws IOException {
        long size = channel.size();
        if (size < 8) {
            throw new ModelFormatException(path, "expected a header's length of 8 bytes, found " + size + " bytes");
        }
        ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        read(0, length);
        long header = length.getLong(0);
        if (header < 2 || header > Math.min(MAX_HEADER, size - 8)) {
            throw new ModelFormatException(
                    path,
                    "byte 0: expected a header's length within the file's " + size + " bytes, found "
                            + Long.toUnsignedString(header));
        }
        byte[] text = new byte[(int) header];
        read(8, ByteBuffer.wrap(text));
        JsonNode json;
        try {
            json = JSON.readTree(text);
        } catch (JacksonException | CharConversionException broken) {
            // The second where the bytes look like UTF-32.
            throw new ModelFormatException(path, "byte 8: expected JSON: " + broken.getMessage(), broken);
        }
        if (!json.isObject()) {
            throw new ModelFormatException(path, "byte 8: expected a JSON object");
        }
        for (var entry : json.properties()) {
            if (entry.getKey().equals("__metadata__")) {
                entry.getValue()
                        .properties()
                        .forEach(e -> metadata.put(e.getKey(), e.getValue().asText()));
            } else {
                String why = unread(entry.getValue());
                if (why == null) {
                    GgufTensor t = tensor(entry.getKey(), entry.getValue(), 8 + header, size);
                    tensors.put(entry.getKey(), t);
                    stored.put(
                            t.name(),
                            new StoredTensor(t.name(), t.type().name(), t.shape(), path, t.offset(), t.bytes()));
                } else {
                    StoredTensor other = stored(entry.getKey(), entry.getValue(), 8 + header, size);
                    if (other != null) {
                        stored.put(entry.getKey(), other);
                    }
                    unread.put(entry.getKey(), why);
                }
            }
        }
    }

    /**
     * Why a tensor is not read, null if it is: files have positions in integers and empty tensors that no model here
     * computes with.
     */
    private static String unread(JsonNode entry) {
        String dtype = entry.path("dtype").asText("nothing");
        if (!DTYPES.contains(dtype)) {
            return "expected dtype F32, F16 or BF16, found " + dtype;
        }
        for (JsonNode length : entry.path("shape")) {
            if (length.isIntegralNumber() && length.asLong() == 0) {
                return "expected values, found the shape " + entry.path("shape");
            }
        }
        return null;
    }

    /** A tensor of integers or eight-bit floats; null if its shape, type and place do not agree. */
    private StoredTensor stored(String name, JsonNode entry, long data, long size) {
        String dtype = entry.path("dtype").asText("nothing");
        JsonNode lengths = entry.path("shape");
        long begin = entry.path("data_offsets").path(0).asLong(-1);
        long end = entry.path("data_offsets").path(1).asLong(-1);
        long bytes = WIDTHS.getOrDefault(dtype, 0);
        long[] shape = new long[lengths.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = lengths.get(i).asLong(-1);
            if (shape[i] < 1 || bytes > Long.MAX_VALUE / shape[i]) {
                return null;
            }
            bytes *= shape[i];
        }
        boolean whole = bytes > 0 && begin >= 0 && end - begin == bytes && end <= size - data;
        return whole ? new StoredTensor(name, dtype, shape, path, data + begin, bytes) : null;
    }

    private GgufTensor tensor(String name, JsonNode entry, long data, long size) throws ModelFormatException {
        String dtype = entry.path("dtype").asText("nothing");
        GgufType type =
                switch (dtype) {
                    case "F32" -> GgufType.F32;
                    case "F16" -> GgufType.F16;
                    case "BF16" -> GgufType.BF16;
                    default -> throw new IllegalStateException(dtype);
                };
        JsonNode lengths = entry.path("shape");
        if (!lengths.isArray()) {
            throw new ModelFormatException(path, "tensor " + name + ": expected a shape, found " + lengths);
        }
        long[] shape = new long[lengths.size()];
        long bytes = type.blockBytes();
        for (int i = 0; i < shape.length; i++) {
            shape[i] = lengths.get(i).asLong(-1);
            if (!lengths.get(i).isIntegralNumber() || shape[i] < 1 || bytes > Long.MAX_VALUE / shape[i]) {
                throw new ModelFormatException(path, "tensor " + name + ": expected a shape, found " + lengths);
            }
            bytes *= shape[i];
        }
        long begin = entry.path("data_offsets").path(0).asLong(-1);
        long end = entry.path("data_offsets").path(1).asLong(-1);
        if (begin < 0 || end < begin || end - begin != bytes) {
            throw new ModelFormatException(
                    path,
                    "tensor " + name + " (" + dtype + " " + Arrays.toString(shape) + "): expected " + bytes
                            + " bytes, found data_offsets " + begin + " to " + end);
        }
        if (end > size - data) {
            throw new ModelFormatException(
                    path,
                    "tensor " + name + ": expected its bytes up to " + (data + end) + ", found a file of " + size
                            + ": it is cut short");
        }
        return new GgufTensor(name, type, shape, path, data + begin, bytes);
    }

    /**
     * Writes a file of float32 tensors, beside and then moved into place.
     *
     * @param metadata strings for the header, such as {@code format=pt}
     */
    public static void write(Path path, Map<String, Values> tensors, Map<String, String> metadata) throws IOException {
        List<SafetensorsWriter.Tensor> all = new ArrayList<>();
        tensors.forEach((name, t) -> {
            long expected = Arrays.stream(t.shape()).reduce(1, Math::multiplyExact);
            if (expected != t.values().length) {
                throw new IllegalArgumentException(name + ": expected " + expected + " values for the shape "
                        + Arrays.toString(t.shape()) + ", found " + t.values().length);
            }
            all.add(new SafetensorsWriter.Tensor(
                    name,
                    GgufType.F32,
                    t.shape(),
                    (first, out) -> System.arraycopy(t.values(), (int) first, out, 0, out.length)));
        });
        SafetensorsWriter.write(path, all, metadata);
    }

    /**
     * Where a tensor of any type lies in a safetensors file.
     *
     * @param dtype the format's name of its type, such as {@code I32} or {@code F8_E4M3}
     * @param shape the lengths of its dimensions, the slowest first
     * @param offset the position of its first byte in the file
     * @param bytes how many it takes
     */
    public record StoredTensor(String name, String dtype, long[] shape, Path file, long offset, long bytes) {
        /** The number of values. */
        public long values() {
            return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        }
    }
}
