package io.tunebook.train;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.lora.AdapterFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.TrainingReport.ReportJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * All state of a run after a whole step. On disk it is a folder {@code step-00000120} in the run's own: the adapter as
 * PEFT's two files, {@code optimizer.safetensors} with AdamW's moments as flat float32 arrays (and the best factors so
 * far, where early stopping keeps them), {@code state.json}, and {@code SHA256SUMS} of these files as {@code sha256sum}
 * writes it, which are compared when it is read. The order of the data and dropout follow from the seed and the step,
 * so that they are no state. The folder is written under another name, forced to the disk and then moved: one with its
 * final name is always whole.
 *
 * @param step how many steps are done
 * @param mean AdamW's running mean of the gradient
 * @param square AdamW's running mean of its square
 * @param best the factors of the best measurement; empty if none are kept
 * @param stale measurements since then
 * @param fingerprint of the data and of all arguments that decide the losses
 * @param report steps, measurements and samples so far
 */
record Checkpoint(
        int step,
        float[] mean,
        float[] square,
        float[] best,
        int stale,
        Map<String, String> fingerprint,
        TrainingReport report) {
    private static final ObjectMapper JSON = Json.files();
    private static final String STATE = "state.json";
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final String SUMS = "SHA256SUMS";
    private static final int KEPT = 2;

    /**
     * Writes checkpoints behind a training: one at a time, by another thread, while the next steps are computed. That
     * thread also keeps the files from an interrupt of the training's own, which would close them.
     */
    static final class Saving implements AutoCloseable {
        private final Executor threads;
        private CompletableFuture<Void> last = CompletableFuture.completedFuture(null);

        /** @param threads runs what writes */
        Saving(Executor threads) {
            this.threads = threads;
        }

        /**
         * Begins to write a state into a folder of its own, once the one before is on the disk. All but the two newest
         * checkpoints are deleted. The state is taken as it is now.
         *
         * @throws UncheckedIOException if the one before could not be written
         */
        void begin(Checkpoint state, RunFolder folder, AdapterFile adapter) {
            await();
            byte[] json = state.json();
            last = CompletableFuture.runAsync(
                    () -> {
                        try {
                            state.write(folder, adapter, json);
                        } catch (IOException e) {
                            throw new UncheckedIOException(
                                    "the checkpoint of step " + state.step + " cannot be written: " + e.getMessage(),
                                    e);
                        }
                    },
                    threads);
        }

        /**
         * Waits for what is being written.
         *
         * @throws UncheckedIOException if it could not be written
         */
        void await() {
            CompletableFuture<Void> writing = last;
            last = CompletableFuture.completedFuture(null);
            try {
                writing.join();
            } catch (CompletionException e) {
                throw e.getCause() instanceof UncheckedIOException io ? io : e;
            }
        }

        @Override
        public void close() {
            await();
        }
    }

    private void write(RunFolder folder, AdapterFile adapter, byte[] json) throws IOException {
        Path place = folder.checkpoint(step);
        Path part = place.resolveSibling(place.getFileName() + ".part");
        delete(part);
        Files.createDirectories(part);
        adapter.write(part);
        Map<String, Safetensors.Values> moments = new LinkedHashMap<>();
        moments.put("exp_avg", flat(mean));
        moments.put("exp_avg_sq", flat(square));
        if (best.length > 0) {
            moments.put("best", flat(best));
        }
        Safetensors.write(part.resolve(OPTIMIZER), moments, Map.of("format", "pt"));
        Files.write(part.resolve(STATE), json);
        StringBuilder sums = new StringBuilder();
        for (Path file : files(part)) {
            sums.append(Sha256.hex(file))
                    .append("  ")
                    .append(file.getFileName())
                    .append('\n');
        }
        Files.writeString(part.resolve(SUMS), sums, StandardCharsets.UTF_8);
        for (Path file : files(part)) {
            AtomicFile.force(file);
        }
        retire(place);
        Files.move(part, place, StandardCopyOption.ATOMIC_MOVE);
        List<Path> older = folder.checkpoints();
        for (Path old : older.subList(Math.min(KEPT, older.size()), older.size())) {
            retire(old);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    private static Safetensors.Values flat(float[] values) {
        return new Safetensors.Values(new long[] {values.length}, values);
    }

    /** Deletes a checkpoint by way of another name, so that half of one never has its final name. */
    private static void retire(Path place) throws IOException {
        if (Files.exists(place)) {
            Path away = place.resolveSibling(place.getFileName() + ".old.part");
            delete(away);
            Files.move(place, away, StandardCopyOption.ATOMIC_MOVE);
            delete(away);
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** All but the arrays. */
    byte[] json() {
        ObjectNode json = JSON.createObjectNode().put("step", step).put("stale", stale);
        ObjectNode prints = json.putObject("fingerprint");
        fingerprint.forEach(prints::put);
        ReportJson.write(report, json);
        try {
            return JSON.writeValueAsBytes(json);
        } catch (JacksonException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a checkpoint.
     *
     * @throws ModelFormatException if a file is not what this class wrote, or not as it wrote it
     */
    static Checkpoint read(Path place) throws IOException {
        verify(place);
        JsonNode json;
        try {
            json = JSON.readTree(Files.readAllBytes(place.resolve(STATE)));
        } catch (JacksonException broken) {
            throw new ModelFormatException(
                    place.resolve(STATE), "expected JSON: " + broken.getOriginalMessage(), broken);
        }
        if (json == null
                || !json.path("steps").isArray()
                || json.path("step").asInt(-1) != json.path("steps").size()) {
            throw new ModelFormatException(
                    place.resolve(STATE), "expected the state of a training run, found other JSON");
        }
        try (Safetensors moments = Safetensors.open(place.resolve(OPTIMIZER))) {
            return of(
                    json,
                    moment(place, moments, "exp_avg"),
                    moment(place, moments, "exp_avg_sq"),
                    moments.tensors().containsKey("best") ? moment(place, moments, "best") : new float[0]);
        }
    }

    /** The state that {@link #json} has, with its arrays. */
    static Checkpoint of(JsonNode json, float[] mean, float[] square, float[] best) {
        Map<String, String> fingerprint = new LinkedHashMap<>();
        json.path("fingerprint")
                .properties()
                .forEach(e -> fingerprint.put(e.getKey(), e.getValue().asText()));
        return new Checkpoint(
                json.path("step").asInt(),
                mean,
                square,
                best,
                json.path("stale").asInt(),
                fingerprint,
                ReportJson.read(json));
    }

    /** Compares each file with its checksum: one flipped bit in a moment would change the run and be seen by nobody. */
    private static void verify(Path place) throws IOException {
        Path list = place.resolve(SUMS);
        Map<String, String> sums = new LinkedHashMap<>();
        if (Files.isRegularFile(list)) {
            for (String line : new String(Files.readAllBytes(list), StandardCharsets.ISO_8859_1).split("\n")) {
                int name = line.indexOf("  ");
                if (name > 0) {
                    sums.put(line.substring(name + 2), line.substring(0, name));
                }
            }
        }
        for (String name : List.of(STATE, OPTIMIZER, AdapterFile.CONFIG, AdapterFile.TENSORS)) {
            Path file = place.resolve(name);
            String found = Files.isRegularFile(file) ? Sha256.hex(file) : "no file";
            if (!found.equals(sums.get(name))) {
                throw new ModelFormatException(
                        file,
                        "expected the SHA-256 " + sums.getOrDefault(name, "that " + SUMS + " lacks") + ", found "
                                + found + ": the checkpoint is damaged. Delete " + place
                                + " to go on from the one before it");
            }
        }
    }

    private static float[] moment(Path place, Safetensors file, String name) throws IOException {
        GgufTensor tensor = file.tensors().get(name);
        if (tensor == null) {
            throw new ModelFormatException(place.resolve(OPTIMIZER), "expected a tensor " + name + ", found none");
        }
        return file.read(tensor);
    }

    /**
     * The folder of one run, {@code run-0003}, in the folder for checkpoints, with its checkpoints
     * {@code step-00000120}. Each run has its own, so that none is taken for another's, and none deletes another's.
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
                return files.filter(
                                f -> name.matcher(f.getFileName().toString()).matches())
                        .sorted(order.reversed())
                        .toList();
            }
        }
    }
}
