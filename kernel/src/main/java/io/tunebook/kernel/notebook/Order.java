package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What the JVM of one notebook is told, by a file.
 *
 * @param notebook the source, absolute
 * @param out the executed notebook, absolute
 * @param report where the {@link NotebookReport} goes
 * @param seconds the limit of a cell, 0 for none
 * @param check null if outputs are not compared
 */
record Order(
        String notebook,
        String out,
        String report,
        double seconds,
        String classPath,
        Map<String, JsonNode> parameters,
        OutputCheck check) {
    static Order read(Path file) throws IOException {
        return Notebook.JSON.readValue(Files.readString(file, StandardCharsets.UTF_8), Order.class);
    }

    void write(Path file) throws IOException {
        Files.writeString(file, Notebook.JSON.writeValueAsString(this), StandardCharsets.UTF_8);
    }

    /** As {@link RunOptions} have it. */
    Optional<OutputCheck> comparison() {
        return Optional.ofNullable(check);
    }
}
