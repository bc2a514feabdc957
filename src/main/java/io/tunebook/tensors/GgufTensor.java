package io.tunebook.tensors;

import java.nio.file.Path;
import java.util.Arrays;

/**
 * Where a tensor lies in its file.
 *
 * @param name the tensor's name, such as {@code blk.0.attn_q.weight}
 * @param type how its values are stored
 * @param shape the lengths of its dimensions, the slowest first as in PyTorch (GGUF itself stores the fastest first)
 * @param file the file that holds it
 * @param offset the position of its first byte in that file
 * @param bytes how many bytes it takes
 */
public record GgufTensor(String name, GgufType type, long[] shape, Path file, long offset, long bytes) {
    /** The number of values. */
    public long values() {
        long n = 1;
        for (long d : shape) {
            n *= d;
        }
        return n;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof GgufTensor t
                && name.equals(t.name)
                && type == t.type
                && Arrays.equals(shape, t.shape)
                && file.equals(t.file)
                && offset == t.offset
                && bytes == t.bytes;
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name + " " + type + " " + Arrays.toString(shape) + " at byte " + offset;
    }
}
