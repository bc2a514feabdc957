package io.tunebook.train;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The folder of one run, {@code run-0003}, in the folder for checkpoints, with its checkpoints {@code step-00000120}. Each run has its own, so that none
 * is taken for another's, and none deletes another's.
 */
record RunFolder(Path path) {
    private static final Pattern RUN = Pattern.compile("run-[0-9]{4,9}");
    private static final Pattern STEP = Pattern.compile("step-[0-9]{8}");

    /** A new folder, behind those that are there. */
    static RunFolder create(Path checkpoints) throws IOException {
        Files.createDirectories(checkpoints);
        for (int number = runs(checkpoints).stream()
                                .findFirst()
                                .map(RunFolder::number)
                                .orElse(0)
                        + 1;
                ;
                number++) {
            try {
                return new RunFolder(
                        Files.createDirectory(checkpoints.resolve(String.format(Locale.ROOT, "run-%04d", number))));
            } catch (FileAlreadyExistsException e) {
                // another process began a run meanwhile
            }
        }
    }

    /** The newest run's folder; a new one if there is none. */
    static RunFolder newest(Path checkpoints) throws IOException {
        Optional<Path> newest = runs(checkpoints).stream().findFirst();
        return newest.isPresent() ? new RunFolder(newest.get()) : create(checkpoints);
    }

    /** The newest first. */
    private static List<Path> runs(Path checkpoints) throws IOException {
        return folders(checkpoints, RUN, Comparator.comparingInt(RunFolder::number));
    }

    private static int number(Path run) {
        return Integer.parseInt(run.getFileName().toString().substring("run-".length()));
    }

    /** Where the checkpoint of a step belongs. */
    Path checkpoint(int step) {
        return path.resolve(String.format(Locale.ROOT, "step-%08d", step));
    }

    /** The newest first. */
    List<Path> checkpoints() throws IOException {
        return folders(path, STEP, Comparator.naturalOrder());
    }

    Optional<Path> newestCheckpoint() throws IOException {
        return checkpoints().stream().findFirst();
    }

    private static List<Path> folders(Path in, Pattern name, Comparator<Path> order) throws IOException {
        if (!Files.isDirectory(in)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(in)) {
            return files.filter(f -> name.matcher(f.getFileName().toString()).matches())
                    .sorted(order.reversed())
                    .toList();
        }
    }
}
