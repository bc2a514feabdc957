package io.tunebook.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/** The folders {@code checkpoint-N} and {@code step-N} that trainers leave in their output folder. */
public final class CheckpointFolder {
    private CheckpointFolder() {}

    /** That with the largest number; empty if there is none. */
    public static Optional<Path> newestIn(Path output) throws IOException {
        if (!Files.isDirectory(output)) {
            return Optional.empty();
        }
        try (Stream<Path> inside = Files.list(output)) {
            return inside.filter(f -> f.getFileName().toString().matches("(checkpoint|step)-\\d{1,18}"))
                    .max(Comparator.comparingLong(
                            f -> Long.parseLong(f.getFileName().toString().replaceAll("\\D", ""))));
        }
    }
}
