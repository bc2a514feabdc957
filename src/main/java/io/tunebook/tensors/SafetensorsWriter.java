package io.tunebook.tensors;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Writes a safetensors file, tensor by tensor, in pieces: no tensor needs to be in memory whole.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">The format</a>
 */
public final class SafetensorsWriter {
    private static final ObjectMapper JSON = Json.files();
    private static final Map<GgufType, String> NAMES =
            Map.of(GgufType.F32, "F32", GgufType.F16, "F16", GgufType.BF16, "BF16");

    /** How many values are converted before they are written. */
    private static final int PIECE = 1 << 20;

    private SafetensorsWriter() {}

    /** Gives a part of a tensor's values. */
    @FunctionalInterface
    public interface Values {
        /**
         * @param first the index of the first value
         * @param out where the values go, as many as it has room for
         */
        void read(long first, float[] out) throws IOException;
    }

    /**
     * A tensor to write.
     *
     * @param type F32, F16 or BF16
     * @param shape the lengths of its dimensions, the slowest first
     */
    public record Tensor(String name, GgufType type, long[] shape, Values values) {
        public Tensor {
            if (!NAMES.containsKey(type)) {
                throw new IllegalArgumentException(name + ": expected F32, F16 or BF16, found " + type);
            }
        }

        long size() {
            return Arrays.stream(shape).reduce(1, Math::multiplyExact);
        }
    }

    /**
     * Writes a file, beside and then moved into place.
     *
     * @param metadata strings for the header, such as {@code format=pt}
     */
    public static void write(Path path, List<Tensor> tensors, Map<String, String> metadata) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        ObjectNode meta = header.putObject("__metadata__");
        metadata.forEach(meta::put);
        long at = 0;
        for (Tensor tensor : tensors) {
            ObjectNode node = header.putObject(tensor.name()).put("dtype", NAMES.get(tensor.type()));
            var shape = node.putArray("shape");
            Arrays.stream(tensor.shape()).forEach(shape::add);
            long end = at + tensor.type().bytes(tensor.size());
            node.putArray("data_offsets").add(at).add(end);
            at = end;
        }
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        // Spaces after the header put the tensors at a multiple of eight, as the format's own writer does.
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        AtomicFile.write(path, part -> write(part, tensors, padded));
    }

    private static void write(Path part, List<Tensor> tensors, byte[] head) throws IOException {
        try (FileChannel out = FileChannel.open(
                part, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            put(out, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, head.length));
            put(out, ByteBuffer.wrap(head));
            for (Tensor tensor : tensors) {
                long size = tensor.size();
                for (long first = 0; first < size; first += PIECE) {
                    float[] values = new float[(int) Math.min(PIECE, size - first)];
                    tensor.values().read(first, values);
                    ByteBuffer bytes = ByteBuffer.allocate((int) tensor.type().bytes(values.length))
                            .order(ByteOrder.LITTLE_ENDIAN);
                    tensor.type().quantize(values, 0, values.length, bytes);
                    put(out, bytes.flip());
                }
            }
        }
    }

    private static void put(FileChannel out, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }
}
