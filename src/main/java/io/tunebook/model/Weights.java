package io.tunebook.model;

import io.tunebook.model.family.GgufForm;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.PackedMatrix;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A model's weights under Hugging Face's names, whether they lie in GGUF or in safetensors (one file, or several with
 * an index). Opening checks that every tensor is there with the shape that the {@link ModelConfig} asks for; values are
 * read when asked for. Safe for several threads.
 */
public final class Weights implements AutoCloseable {
    /** How many values are dequantised at a time. */
    private static final int CHUNK = 1 << 18;

    private final Path path;
    private final ModelConfig config;
    private final Map<String, Tensor> tensors;
    private final Map<Path, Source> sources;
    private final Optional<GgufFile> gguf;

    interface Reader {
        void read(long position, ByteBuffer into) throws IOException;
    }

    record Source(Reader reader, Closeable file) {}

    /**
     * Where a tensor lies.
     *
     * @param name Hugging Face's name, such as {@code model.layers.0.self_attn.q_proj.weight}
     * @param type how its values are stored
     * @param shape the lengths of its dimensions, the slowest first
     * @param file the file that holds it
     * @param offset the position of its first byte in that file
     * @param bytes how many bytes it takes
     * @param form how the file has it otherwise than Hugging Face's files, such as q and k of the architecture
     *     {@code llama} in GGUF
     * @param added what is added to each value when it is read: 1 for Gemma's norms in safetensors, which have their
     *     distance from 1
     * @param packed what computes the values where several tensors of a quantised model hold them; {@code type} is then
     *     what the values are in, and {@code file} has the largest of the tensors
     */
    public record Tensor(
            String name,
            GgufType type,
            long[] shape,
            Path file,
            long offset,
            long bytes,
            GgufForm form,
            float added,
            Optional<PackedMatrix> packed) {
        /** How many rows {@link Weights#readRows} counts: all dimensions but the last; 1 for a vector. */
        public long rows() {
            return shape.length == 1 && form.rows().asIs() ? 1 : values() / columns();
        }

        /** The length of a row, in values. */
        public long columns() {
            return shape.length == 1 && !form.rows().asIs() ? 1 : shape[shape.length - 1];
        }

        /** The number of values. */
        public long values() {
            return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Tensor t
                    && name.equals(t.name)
                    && file.equals(t.file)
                    && type == t.type
                    && offset == t.offset
                    && Arrays.equals(shape, t.shape);
        }

        @Override
        public int hashCode() {
            return name.hashCode();
        }

        @Override
        public String toString() {
            return name + " " + type + " " + Arrays.toString(shape) + " in " + file + " at byte " + offset;
        }
    }

    /** What {@link WeightFiles} found. */
    Weights(
            Path path,
            ModelConfig config,
            Map<String, Tensor> found,
            Map<Path, Source> sources,
            Optional<GgufFile> gguf)
            throws ModelFormatException {
        this.path = path;
        this.config = config;
        this.sources = sources;
        this.gguf = gguf;
        Map<String, Tensor> needed = new LinkedHashMap<>();
        for (var parameter : config.tensors().entrySet()) {
            Tensor tensor = found.get(parameter.getKey());
            if (tensor == null) {
                String type = gguf.map(g -> g.unread().get(config.family().ggufName(parameter.getKey())))
                        .orElse(null);
                if (type != null) {
                    throw new ModelFormatException(
                            path,
                            "tensor " + described(parameter.getKey()) + ": its type " + type
                                    + " is not read as weights;"
                                    + " take a file of the model in Q4_K_M, Q8_0 or F16. Its metadata, tokenizer and"
                                    + " template can be read: Tokenizer.load");
                }
                throw new ModelFormatException(
                        path,
                        "tensor " + described(parameter.getKey()) + ": expected "
                                + Arrays.toString(parameter.getValue()) + ", found nothing of that name");
            }
            if (!Arrays.equals(tensor.shape(), parameter.getValue())) {
                throw new ModelFormatException(
                        tensor.file(),
                        "tensor " + described(parameter.getKey())
                                + ": expected the shape " + Arrays.toString(parameter.getValue()) + ", found "
                                + Arrays.toString(tensor.shape()));
            }
            if (tensor.shape().length == 1 && tensor.type().quantized()) {
                throw new ModelFormatException(
                        tensor.file(),
                        "tensor " + described(parameter.getKey()) + ": expected a vector of plain floats, found "
                                + tensor.type());
            }
            needed.put(tensor.name(), tensor);
        }
        this.tensors = Collections.unmodifiableMap(needed);
    }

    private String described(String name) {
        return gguf.isPresent() ? name + " (" + config.family().ggufName(name) + ")" : name;
    }

    /**
     * Opens a GGUF file (any part of a split one, or a blob of Ollama's store), a {@code .safetensors} file beside its
     * {@code config.json}, or a folder that holds {@code config.json} and {@code model.safetensors} or its shards and
     * index.
     *
     * @throws ModelFormatException if a file is not what its format promises, a tensor is missing or misshaped, the
     *     architecture is unknown, or only PyTorch pickles are there, which are not opened because unpickling runs
     *     whatever code the file holds
     */
    public static Weights open(Path path) throws IOException {
        return WeightFiles.open(path);
    }

    /** What the model's dimensions are. */
    public ModelConfig config() {
        return config;
    }

    /** The model's tensors, no more and no fewer than {@link ModelConfig#tensors}. */
    public Map<String, Tensor> tensors() {
        return tensors;
    }

    /**
     * The tensor of a name.
     *
     * @throws IllegalArgumentException if the model has none
     */
    public Tensor tensor(String name) {
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException("no tensor " + name + " in " + path);
        }
        return tensor;
    }

    /** A tensor's name in GGUF: that of the file, where these are a GGUF file's weights, else llama.cpp's. */
    public String ggufName(String tensor) {
        String usual = config.family().ggufName(tensor);
        String other = config.family().otherGgufName(tensor);
        boolean others = gguf.filter(
                        g -> g.tensor(usual).isEmpty() && g.tensor(other).isPresent())
                .isPresent();
        return others ? other : usual;
    }

    /** The folder that holds the weights, and beside safetensors {@code config.json} and the tokenizer. */
    public Path folder() {
        return Files.isDirectory(path) ? path : path.toAbsolutePath().getParent();
    }

    /** The GGUF file that the weights lie in, if they do. */
    public Optional<GgufFile> gguf() {
        return gguf;
    }

    /**
     * Reads a tensor as floats into a buffer's remaining space, rows in Hugging Face's order, several cores at once.
     *
     * @param out a buffer with as many floats remaining as the tensor has values; its position does not move
     */
    public void read(Tensor tensor, FloatBuffer out) throws IOException {
        if (out.remaining() != tensor.values()) {
            throw new IllegalArgumentException(
                    tensor.name() + ": expected room for " + tensor.values() + " floats, found " + out.remaining());
        }
        int columns = Math.toIntExact(tensor.columns());
        int rows = Math.toIntExact(tensor.rows());
        // those that have a matrix by its columns read a piece of each for every chunk: few and large ones
        int rowsAtOnce = Math.max(tensor.packed().isPresent() ? (rows / 16 + 7) / 8 * 8 : 1, CHUNK / columns);
        int start = out.position();
        try {
            IntStream.range(0, (rows + rowsAtOnce - 1) / rowsAtOnce).parallel().forEach(chunk -> {
                int first = chunk * rowsAtOnce;
                int n = Math.min(rowsAtOnce, rows - first);
                float[] values = new float[n * columns];
                try {
                    readRows(tensor, first, n, values, 0);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                out.put(start + first * columns, values, 0, values.length);
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /**
     * Reads rows of a tensor as floats, in Hugging Face's order.
     *
     * @param first the first row
     * @param rows how many
     * @param out where the values go, {@link Tensor#columns} a row
     * @param at the index of the first one in {@code out}
     */
    public void readRows(Tensor tensor, long first, int rows, float[] out, int at) throws IOException {
        int count = Math.toIntExact(rows * tensor.columns());
        if (tensor.packed().isPresent()) {
            tensor.packed().get().read(first, rows, out, at);
        } else {
            ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(tensor.type().bytes(count)));
            readStored(tensor, first, rows, bytes);
            tensor.type().dequantize(bytes.flip(), out, at, count);
        }
        toHuggingFace(tensor, out, at, count);
        if (tensor.added() != 0) {
            for (int i = at; i < at + count; i++) {
                out[i] += tensor.added();
            }
        }
    }

    /** Columns in Hugging Face's order, and its values. */
    private static void toHuggingFace(Tensor tensor, float[] out, int at, int count) {
        int columns = Math.toIntExact(tensor.columns());
        for (int row = at; row < at + count; row += columns) {
            tensor.form().columns().fromGguf(out, row, columns);
        }
        for (int i = at; i < at + count && tensor.form().decay(); i++) {
            out[i] = (float) Math.log(-out[i]);
        }
    }

    /**
     * Reads a tensor's bytes as they are stored, blocks and all, but with its rows in Hugging Face's order.
     *
     * @param out a buffer with at least {@link Tensor#bytes} remaining; its position moves past them
     * @throws IllegalArgumentException if several tensors hold it, or it has other columns or values than Hugging
     *     Face's files
     */
    public void readBytes(Tensor tensor, ByteBuffer out) throws IOException {
        if (tensor.packed().isPresent()) {
            throw new IllegalArgumentException(tensor.name() + " lies in several tensors");
        }
        if (!tensor.form().columns().asIs() || tensor.form().decay()) {
            throw new IllegalArgumentException(tensor.name() + " lies in another form");
        }
        readStored(tensor, 0, Math.toIntExact(tensor.rows()), out);
    }

    private void readStored(Tensor tensor, long first, int rows, ByteBuffer out) throws IOException {
        if (first < 0 || rows < 0 || first + rows > tensor.rows()) {
            throw new IndexOutOfBoundsException(
                    tensor.name() + " has " + tensor.rows() + " rows, asked for " + rows + " from " + first);
        }
        Reader reader = sources.get(tensor.file()).reader();
        long rowBytes = tensor.type().bytes(tensor.columns());
        if (tensor.form().rows().asIs()) {
            ByteBuffer slice = out.slice().limit(Math.toIntExact(rows * rowBytes));
            reader.read(tensor.offset() + first * rowBytes, slice);
        } else {
            for (int i = 0; i < rows; i++) {
                ByteBuffer slice = out.slice(out.position() + (int) (i * rowBytes), (int) rowBytes);
                long place = tensor.form().rows().place(Math.toIntExact(first + i));
                reader.read(tensor.offset() + place * rowBytes, slice);
            }
        }
        out.position(out.position() + Math.toIntExact(rows * rowBytes));
    }

    @Override
    public void close() throws IOException {
        for (Source source : sources.values()) {
            source.file().close();
        }
    }
}
