package io.tunebook.tensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
     * Opens a file and checks all of it but the tensors' values. A split GGUF ({@code model-00001-of-00003.gguf}) is
     * opened whole by any of its parts, which lie in one folder.
     *
     * <p>Tensors of types that {@link GgufType} does not have are left out, see {@link #unread}: metadata, tokenizer
     * and template can be read without them.
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

    /**
     * The tensors of types that are not read here: the name of its type by each one's name, such as {@code IQ2_XXS}.
     */
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

    /**
     * The parts of a split GGUF, as llama.cpp's {@code llama-gguf-split} names and numbers them: {@code
     * NAME-00001-of-00003.gguf} with {@code split.no} from 0, {@code split.count} and {@code split.tensors.count} in
     * each part, and the model's metadata in the first.
     */
    private static final class GgufSplit {
        private static final Pattern NAME = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
        private static final int MOST = 99_999;

        private GgufSplit() {}

        /**
         * Opens a file, and with it all parts that belong to it.
         *
         * @return the file alone, or the parts in their order
         * @throws ModelFormatException if a part is missing or does not belong to the others
         */
        static List<GgufPart> open(Path path) throws IOException {
            List<GgufPart> parts = new ArrayList<>();
            GgufPart asked = GgufPart.open(path);
            parts.add(asked);
            try {
                long count = number(asked, "split.count", 1);
                if (count == 1) {
                    return parts;
                }
                Matcher name = NAME.matcher(path.getFileName().toString());
                if (count < 1 || count > MOST || !name.matches() || Long.parseLong(name.group(3)) != count) {
                    throw new ModelFormatException(
                            path,
                            "is one of the " + count + " parts of a split GGUF, whose names end in -00001-of-"
                                    + padded(count) + ".gguf: give all parts the names that they had");
                }
                long own = Long.parseLong(name.group(2)) - 1;
                parts.clear();
                for (int i = 0; i < count; i++) {
                    Path sibling = path.resolveSibling(
                            name.group(1) + "-" + padded(i + 1L) + "-of-" + padded(count) + ".gguf");
                    parts.add(i == own ? asked : opened(sibling, i, count));
                    check(parts.get(i), i, count);
                }
                if (!parts.contains(asked)) {
                    asked.close();
                    throw new ModelFormatException(path, "there is no part " + (own + 1) + " of " + count);
                }
                long expected = number(asked, "split.tensors.count", -1);
                long found = parts.stream()
                        .mapToLong(p -> p.tensors.size() + p.unread.size())
                        .sum();
                if (expected >= 0 && found != expected) {
                    throw new ModelFormatException(
                            path,
                            "expected " + expected + " tensors in the " + count
                                    + " parts, as split.tensors.count says, found " + found
                                    + ": the parts are of more than one model");
                }
                return parts;
            } catch (Throwable failure) {
                asked.close();
                for (GgufPart part : parts) {
                    part.close();
                }
                throw failure;
            }
        }

        private static GgufPart opened(Path sibling, int i, long count) throws IOException {
            if (!Files.exists(sibling)) {
                throw new NoSuchFileException(
                        sibling.toString(),
                        null,
                        "part " + (i + 1) + " of the " + count
                                + " parts of a split GGUF is missing: download it into this folder");
            }
            return GgufPart.open(sibling);
        }

        private static void check(GgufPart part, int i, long count) throws IOException {
            long no = number(part, "split.no", -1);
            long of = number(part, "split.count", 1);
            if (no != i || of != count) {
                throw new ModelFormatException(
                        part.path(),
                        "expected part " + (i + 1) + " of " + count + " as the file's name says, found split.no " + no
                                + " (counted from 0) and split.count " + of);
            }
        }

        private static long number(GgufPart part, String key, long otherwise) {
            return part.metadata().get(key) instanceof Long n ? n : otherwise;
        }

        private static String padded(long number) {
            return String.format(Locale.ROOT, "%05d", number);
        }
    }
}
