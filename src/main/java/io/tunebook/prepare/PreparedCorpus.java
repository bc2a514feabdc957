package io.tunebook.prepare;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.tunebook.dataset.Dataset;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.prepare.UnitReader.UnitReport;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.LongColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** A folder of shards with its {@code manifest.json}: what was read, what each step did, and what each file holds. */
public final class PreparedCorpus {
    /** The manifest's name in its folder. */
    public static final String MANIFEST = "manifest.json";

    private static final String FORMAT = "tunebook-prepared-1";
    private static final int EXAMPLES = 3;

    /**
     * How long a step took.
     *
     * @param peakHeap the most bytes that the heap held meanwhile, garbage included
     */
    public record StepTime(String step, double seconds, long peakHeap) {}

    private final Path folder;
    private final JsonNode manifest;
    private final List<StepTime> times;

    private PreparedCorpus(Path folder, JsonNode manifest, List<StepTime> times) {
        this.folder = folder;
        this.manifest = manifest;
        this.times = List.copyOf(times);
    }

    /**
     * Opens a folder.
     *
     * @throws IOException if it has no manifest that can be read
     */
    public static PreparedCorpus open(Path folder) throws IOException {
        Path file = folder.resolve(MANIFEST);
        JsonNode manifest = Json.files().readTree(file.toFile());
        if (!FORMAT.equals(manifest.path("format").asText())) {
            throw new IOException(file + ": expected the format " + FORMAT + ", found "
                    + manifest.path("format").asText("none"));
        }
        return new PreparedCorpus(folder, manifest, List.of());
    }

    /** What a former run made by the same plan; null if it did not, or its files are not there. */
    static PreparedCorpus ifDone(Plan plan, Path folder) throws IOException {
        if (!Files.exists(folder.resolve(MANIFEST))) {
            return null;
        }
        PreparedCorpus found = open(folder);
        boolean same = found.manifest.path("plan").asText().equals(plan.digest());
        for (JsonNode shard : found.manifest.path("shards")) {
            Path file = folder.resolve(shard.path("file").asText());
            same &= Files.exists(file)
                    && Files.size(file) == shard.path("bytes").asLong();
        }
        return same ? found : null;
    }

    /** Takes out what another plan made, so that no shard of it lies among the new ones. */
    static void discard(Path folder) throws IOException {
        if (Files.exists(folder.resolve(MANIFEST))) {
            for (JsonNode shard : open(folder).manifest.path("shards")) {
                Files.deleteIfExists(
                        folder.resolve(Path.of(shard.path("file").asText()).getFileName()));
            }
            Files.delete(folder.resolve(MANIFEST));
        }
    }

    static PreparedCorpus write(
            Plan plan,
            Path folder,
            List<UnitReport> units,
            Duplicates.Report duplicates,
            List<ShardMaker.Report> shards,
            List<StepTime> times)
            throws IOException {
        byte[] bytes = manifest(plan, units, duplicates, shards);
        AtomicFile.write(folder.resolve(MANIFEST), bytes);
        return new PreparedCorpus(folder, Json.files().readTree(bytes), times);
    }

    /** The manifest's bytes, the same for the same reports. */
    public static byte[] manifest(
            Plan plan, List<UnitReport> units, Duplicates.Report duplicates, List<ShardMaker.Report> shards)
            throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("format", FORMAT);
        all.put("plan", plan.digest());
        all.putAll(plan.outcome());
        all.put("documents", units.stream().mapToLong(UnitReport::documents).sum());
        all.put("steps", steps(plan, units, duplicates));
        List<Map<String, Object>> files = new ArrayList<>();
        for (ShardMaker.Report shard : shards) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("file", shard.file());
            one.put("documents", shard.documents());
            one.put("examples", shard.examples());
            one.put("tokens", shard.tokens());
            one.put("bytes", shard.bytes());
            one.put("sha256", shard.sha256());
            files.add(one);
        }
        all.put("shards", files);
        all.put("problems", units.stream().flatMap(u -> u.problems().stream()).toList());
        all.put("removed", removed(plan, units, duplicates, shards));
        return Json.files().writer(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(all);
    }

    private static List<UnitReport.StepCount> steps(Plan plan, List<UnitReport> units, Duplicates.Report duplicates) {
        List<UnitReport.StepCount> steps = new ArrayList<>(units.get(0).steps());
        for (UnitReport unit : units.subList(1, units.size())) {
            for (int s = 0; s < steps.size(); s++) {
                steps.set(s, steps.get(s).plus(unit.steps().get(s)));
            }
        }
        if (plan.options().isDistinct()) {
            steps.add(new UnitReport.StepCount("exact duplicates", duplicates.documents(), 0, duplicates.exact()));
        }
        if (plan.options().similarity() > 0) {
            long left = duplicates.documents() - duplicates.exact();
            steps.add(new UnitReport.StepCount(
                    "near duplicates, " + plan.options().similarity(), left, 0, duplicates.near()));
        }
        return steps;
    }

    private static List<UnitReport.Removed> removed(
            Plan plan, List<UnitReport> units, Duplicates.Report duplicates, List<ShardMaker.Report> shards) {
        List<UnitReport.Removed> removed = new ArrayList<>();
        Map<String, Integer> shown = new LinkedHashMap<>();
        for (UnitReport unit : units) {
            for (UnitReport.Removed one : unit.examples()) {
                if (shown.merge(one.step(), 1, Integer::sum) <= EXAMPLES) {
                    removed.add(one);
                }
            }
        }
        Map<Long, String> texts = new LinkedHashMap<>();
        shards.forEach(s -> texts.putAll(s.texts()));
        for (Duplicates.Pair pair : duplicates.examples()) {
            Plan.Unit unit = plan.units().get((int) (pair.document() >>> 32));
            String where = unit.inputs().get(0).name() + (unit.inputs().size() > 1 ? " or a file after it" : "");
            removed.add(new UnitReport.Removed(
                    pair.exact() ? "exact duplicates" : "near duplicates",
                    where,
                    texts.getOrDefault(pair.document(), ""),
                    texts.getOrDefault(pair.first(), "")));
        }
        return removed;
    }

    /** The folder. */
    public Path folder() {
        return folder;
    }

    /** The manifest as it was written. */
    public JsonNode manifest() {
        return manifest;
    }

    /** What to train from. */
    public Dataset train(Tokenizer tokenizer) throws IOException {
        return Dataset.open(files("train"), tokenizer);
    }

    /** What to measure with; empty where nothing was held out. */
    public Optional<Dataset> heldOut(Tokenizer tokenizer) throws IOException {
        List<Path> files = files("heldout");
        return files.isEmpty() ? Optional.empty() : Optional.of(Dataset.open(files, tokenizer));
    }

    private List<Path> files(String split) {
        List<Path> files = new ArrayList<>();
        for (JsonNode shard : manifest.path("shards")) {
            String file = shard.path("file").asText();
            if (file.startsWith(split)) {
                files.add(folder.resolve(file));
            }
        }
        return files;
    }

    /**
     * Compares every shard with its checksum in the manifest.
     *
     * @throws IOException if one is another or missing; it says which
     */
    public void verify() throws IOException {
        for (JsonNode shard : manifest.path("shards")) {
            Path file = folder.resolve(shard.path("file").asText());
            String found = Sha256.hex(file);
            if (!found.equals(shard.path("sha256").asText())) {
                throw new IOException(file + ": expected the SHA-256 "
                        + shard.path("sha256").asText() + " of the manifest, found " + found
                        + ": the file is damaged. Delete it and prepare the corpus again");
            }
        }
    }

    /** What each step did: {@code step, documents, changed, removed}. */
    public Table report() {
        return table("preparation", "steps", List.of("step"), List.of("documents", "changed", "removed"));
    }

    /** Some of what was removed: {@code step, where, text, like}, the last for duplicates. */
    public Table removed() {
        return table("removed", "removed", List.of("step", "where", "text", "like"), List.of());
    }

    /** The files: {@code file, documents, examples, tokens, bytes}. */
    public Table shards() {
        return table("shards", "shards", List.of("file"), List.of("documents", "examples", "tokens", "bytes"));
    }

    /** A list of the manifest, a row for each entry. */
    private Table table(String name, String list, List<String> texts, List<String> numbers) {
        Table table = Table.create(name);
        for (String text : texts) {
            StringColumn column = StringColumn.create(text);
            manifest.path(list).forEach(one -> column.append(one.path(text).asText()));
            table.addColumns(column);
        }
        for (String number : numbers) {
            LongColumn column = LongColumn.create(number);
            manifest.path(list).forEach(one -> column.append(one.path(number).asLong()));
            table.addColumns(column);
        }
        return table;
    }

    /**
     * How long the steps took and the most heap they held, of the run that gave this object; empty if it only opened
     * it.
     */
    public Table times() {
        StringColumn step = StringColumn.create("step");
        DoubleColumn seconds = DoubleColumn.create("seconds");
        LongColumn heap = LongColumn.create("peak heap, bytes");
        for (StepTime time : times) {
            step.append(time.step());
            seconds.append(time.seconds());
            heap.append(time.peakHeap());
        }
        return Table.create("times", step, seconds, heap);
    }

    @Override
    public String toString() {
        long tokens = 0;
        long documents = 0;
        for (JsonNode shard : manifest.path("shards")) {
            tokens += shard.path("tokens").asLong();
            documents += shard.path("documents").asLong();
        }
        return String.format(
                java.util.Locale.ROOT,
                "%,d of %,d documents, %,d tokens in %d shards, %d problems",
                documents,
                manifest.path("documents").asLong(),
                tokens,
                manifest.path("shards").size(),
                manifest.path("problems").size());
    }
}
