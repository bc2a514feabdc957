package io.tunebook.bench;

import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import java.nio.file.Path;

/**
 * {@code java -cp CLASS_PATH io.tunebook.bench.Quantize IN.gguf OUT.gguf Q4_K_M}: every matrix of a model in another
 * type.
 */
final class Quantize {
    public static void main(String[] args) throws Exception {
        MergedGguf.quantize(Path.of(args[0]), Quantization.valueOf(args[2]), Path.of(args[1]), done -> {});
    }
}
