package io.tunebook.model;

import java.io.IOException;
import java.nio.file.Path;

/** Writes an adapter as GGUF, for llama.cpp. */
@FunctionalInterface
public interface GgufAdapter {
    /**
     * Writes it.
     *
     * @param flat the factors, as {@link Factors#flat} has them
     * @param out the file
     * @throws IllegalArgumentException if llama.cpp has no adapters of its kind
     */
    void write(float[] flat, Path out) throws IOException;
}
