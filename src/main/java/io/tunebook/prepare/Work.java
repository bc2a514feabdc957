package io.tunebook.prepare;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The folder of what is done so far: for each unit its documents, its keys, its report, and which are duplicates; for
 * each shard its report. A report appears when all that it is about is whole.
 */
final class Work {
    private final Path folder;

    private Work(Path folder) {
        this.folder = folder;
    }

    /**
     * Goes on with what a former run of the same plan left, else begins anew.
     *
     * @param key tells the plan and the state of its files
     */
    static Work of(Path folder, String key) throws IOException {
        Work work = new Work(folder);
        Path plan = folder.resolve("plan");
        if (Files.exists(folder)
                && !(Files.exists(plan) && Files.readString(plan).equals(key))) {
            if (!Files.exists(plan) && !isEmpty(folder)) {
                throw new IOException(folder + " is there already and was not made here, so it is not replaced. Choose"
                        + " another folder, or delete it if nobody needs it");
            }
            work.delete();
        }
        Files.createDirectories(folder);
        AtomicFile.write(plan, key.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return work;
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> children = Files.list(folder)) {
            return children.findAny().isEmpty();
        }
    }

    Path unit(int unit, String kind) {
        return folder.resolve(Plan.unitFile(unit, kind));
    }

    Path shard(int shard) {
        return folder.resolve(Plan.shardReport(shard));
    }

    Path duplicates() {
        return folder.resolve(Plan.DUPLICATES);
    }

    Path bucket(int bucket) {
        return folder.resolve(String.format(Locale.ROOT, "bucket-%04d", bucket));
    }

    /** A report that was written; null if there is none. */
    static <T> T read(Path file, Class<T> type) throws IOException {
        return Files.exists(file) ? Json.files().readValue(file.toFile(), type) : null;
    }

    static void write(Path file, Object report) throws IOException {
        JsonNode tree = Json.files().valueToTree(report);
        AtomicFile.write(file, Json.files().writeValueAsBytes(tree));
    }

    void delete() throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> children = Files.list(folder)) {
            for (Path child : children.toList()) {
                Files.delete(child);
            }
        }
        Files.delete(folder);
    }
}
