package io.tunebook.tensors;

import java.nio.file.Path;
import java.util.Arrays;

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
