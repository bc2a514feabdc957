package io.tunebook.spark;

import io.tunebook.prepare.Duplicates;
import io.tunebook.prepare.KeyBuckets;
import io.tunebook.prepare.PartFile;
import io.tunebook.prepare.Plan;
import io.tunebook.prepare.Preparation;
import io.tunebook.prepare.PrepareOptions;
import io.tunebook.prepare.PreparedCorpus;
import io.tunebook.prepare.ShardMaker;
import io.tunebook.prepare.UnitReader;
import io.tunebook.prepare.UnitReader.UnitReport;
import io.tunebook.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.SparkFiles;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/**
 * {@link Preparation} as a job: each unit, each bucket of keys and each shard is a task, by the classes of one machine.
 * The shards and the manifest have the same bytes, whatever the number of executors and partitions. What a killed job
 * did is in {@code work} beside the shards, and the same job goes on with what is missing; a task of an executor that
 * is lost is done by another one.
 */
public final class SparkPreparation implements Serializable {
    private static final long serialVersionUID = 1;
    private static final List<String> TOKENIZER_FILES = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "chat_template.jinja",
            "config.json",
            "generation_config.json");

    private final Plan plan;
    private final HadoopFolder output;
    private final HadoopFolder work;
    private final String tokenizer;
    private final long memory;

    private SparkPreparation(Plan plan, HadoopFolder output, String tokenizer, long memory) throws IOException {
        this.plan = plan;
        this.output = output;
        this.work = output.within("work-" + plan.digest().substring(0, 16));
        this.tokenizer = tokenizer;
        this.memory = memory;
    }

    /**
     * Does what is not done yet.
     *
     * @param input a file, a folder or a glob of any of Hadoop's file systems
     * @param tokenizer a folder, a {@code tokenizer.json} or a GGUF file on this machine; it is sent to the executors
     * @param options {@code threads} and {@code memory} do not count: Spark decides on tasks, and a task takes its
     *     share of an executor's heap
     * @param folder where the shards and {@code manifest.json} go, in any of Hadoop's file systems
     * @return the manifest
     * @throws IOException if a file cannot be read or written; what executors throw comes as Spark's exception
     */
    public static byte[] run(
            JavaSparkContext spark, String input, Path tokenizer, PrepareOptions options, String folder)
            throws IOException {
        HadoopFolder output = new HadoopFolder(folder, spark.hadoopConfiguration());
        Plan plan;
        try (Tokenizer loaded = Tokenizer.load(tokenizer)) {
            plan = Plan.of(output.list(input), options, loaded);
        }
        String name = send(spark, tokenizer.toAbsolutePath().normalize());
        int cores = Math.max(
                1,
                spark.getConf()
                        .getInt("spark.executor.cores", Runtime.getRuntime().availableProcessors()));
        long heap = spark.isLocal()
                ? Runtime.getRuntime().maxMemory()
                : spark.getConf().getSizeAsBytes("spark.executor.memory", "1g");
        return new SparkPreparation(plan, output, name, heap / 2 / cores).run(spark);
    }

    /** Spark sends files, and on a cluster no folders: of one its files go, and arrive beside each other. */
    private static String send(JavaSparkContext spark, Path tokenizer) {
        if (!Files.isDirectory(tokenizer)) {
            spark.addFile(tokenizer.toString());
            return tokenizer.getFileName().toString();
        }
        TOKENIZER_FILES.stream()
                .map(tokenizer::resolve)
                .filter(Files::exists)
                .forEach(f -> spark.addFile(f.toString()));
        return "";
    }

    private static Path received(String name) {
        return name.isEmpty() ? Path.of(SparkFiles.getRootDirectory()) : Path.of(SparkFiles.get(name));
    }

    private byte[] run(JavaSparkContext spark) throws IOException {
        int units = plan.units().size();
        List<UnitReport> read =
                spark.parallelize(numbers(units), units).map(this::read).collect();
        List<UnitReport> reports = inOrder(read, UnitReport::unit);
        Duplicates.Report duplicates = duplicates(spark, reports);
        List<ShardMaker.Report> shards = shards(spark, duplicates);
        byte[] manifest = PreparedCorpus.manifest(plan, reports, duplicates, shards);
        output.write(PreparedCorpus.MANIFEST, manifest);
        work.delete();
        return manifest;
    }

    private static List<Integer> numbers(int count) {
        return IntStream.range(0, count).boxed().toList();
    }

    private static <T> List<T> inOrder(List<T> all, java.util.function.ToIntFunction<T> by) {
        List<T> sorted = new ArrayList<>(all);
        sorted.sort(Comparator.comparingInt(by));
        return sorted;
    }

    /** A folder for one task, which is deleted after it. */
    private interface InFolder<T> {
        T run(Path folder) throws IOException;
    }

    private static <T> T inFolder(InFolder<T> task) throws IOException {
        Path folder = Files.createTempDirectory("tunebook");
        try {
            return task.run(folder);
        } finally {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private static boolean stopped() {
        TaskContext task = TaskContext.get();
        return task != null && task.isInterrupted();
    }

    private UnitReport read(int u) throws IOException {
        UnitReport done = work.read(Plan.unitFile(u, "json"), UnitReport.class);
        if (done != null) {
            return done;
        }
        Plan.Unit unit = plan.units().get(u);
        return inFolder(folder -> {
            List<Path> files = new ArrayList<>();
            for (Plan.Input input : unit.inputs()) {
                Path own = Files.createDirectories(folder.resolve("" + files.size()));
                files.add(work.local(input.path(), own));
            }
            Path part = folder.resolve("part");
            Path keys = folder.resolve("keys");
            UnitReport report = UnitReader.read(
                    plan, unit, files, part, keys, Math.min(64 << 20, memory / 2), SparkPreparation::stopped);
            work.write(Plan.unitFile(u, "part"), part);
            work.write(Plan.unitFile(u, "keys"), keys);
            work.write(Plan.unitFile(u, "json"), report);
            return report;
        });
    }

    private Duplicates.Report duplicates(JavaSparkContext spark, List<UnitReport> reports) throws IOException {
        Duplicates.Report done = work.read(Plan.DUPLICATES, Duplicates.Report.class);
        if (done != null) {
            return done;
        }
        long kept = reports.stream().mapToLong(UnitReport::kept).sum();
        int units = plan.units().size();
        Duplicates found = new Duplicates(units);
        if (plan.options().isDistinct() || plan.options().similarity() > 0) {
            KeyBuckets buckets = KeyBuckets.of(plan, kept, memory / 4);
            boolean distinct = plan.options().isDistinct();
            JavaPairRDD<Integer, byte[]> pairs = spark.parallelize(numbers(units), units)
                    .flatMapToPair(u -> chunks(u, buckets).iterator());
            pairs.groupByKey(Math.min(buckets.count(), 4 * Math.max(units, spark.defaultParallelism())))
                    .filter(b -> distinct || !buckets.isExact(b._1()))
                    .map(b -> search(b._2(), buckets.isExact(b._1())))
                    .toLocalIterator()
                    .forEachRemaining(some -> some.forEach(found::add));
        }
        for (int u = 0; u < units; u++) {
            work.write(Plan.unitFile(u, "duplicates"), found.unit(u).bytes());
        }
        Duplicates.Report report = found.report(kept);
        work.write(Plan.DUPLICATES, report);
        return report;
    }

    /** A unit's pairs of key and document for each bucket. */
    private List<Tuple2<Integer, byte[]>> chunks(int u, KeyBuckets buckets) throws IOException {
        Map<Integer, ByteArrayOutputStream> open = new TreeMap<>();
        buckets.read(u, work.open(Plan.unitFile(u, "keys")), (bucket, key, document) -> {
            DataOutputStream out = new DataOutputStream(open.computeIfAbsent(bucket, b -> new ByteArrayOutputStream()));
            out.writeLong(key);
            out.writeLong(document);
        });
        List<Tuple2<Integer, byte[]>> chunks = new ArrayList<>();
        open.forEach((bucket, bytes) -> chunks.add(new Tuple2<>(bucket, bytes.toByteArray())));
        return chunks;
    }

    private static ArrayList<Duplicates.Pair> search(Iterable<byte[]> chunks, boolean exact) {
        int size = 0;
        for (byte[] chunk : chunks) {
            size = Math.addExact(size, chunk.length);
        }
        ByteBuffer all = ByteBuffer.allocate(size);
        chunks.forEach(all::put);
        ArrayList<Duplicates.Pair> found = new ArrayList<>();
        KeyBuckets.find(all.flip(), (document, first) -> found.add(new Duplicates.Pair(document, first, exact)));
        return found;
    }

    private List<ShardMaker.Report> shards(JavaSparkContext spark, Duplicates.Report duplicates) throws IOException {
        List<ArrayList<ArrayList<PartFile.Block>>> blocks = new ArrayList<>();
        for (int s = 0; s < plan.shards(); s++) {
            blocks.add(new ArrayList<>());
            for (int u = 0; u < plan.units().size(); u++) {
                blocks.get(s).add(new ArrayList<>());
            }
        }
        for (int u = 0; u < plan.units().size(); u++) {
            try (HadoopFolder.Source part = work.source(Plan.unitFile(u, "part"))) {
                for (PartFile.Block block : PartFile.index(part, work.size(Plan.unitFile(u, "part")))) {
                    blocks.get(block.shard()).get(u).add(block);
                }
            }
        }
        List<Tuple2<Integer, ArrayList<ArrayList<PartFile.Block>>>> tasks = new ArrayList<>();
        for (int s = 0; s < plan.shards(); s++) {
            tasks.add(new Tuple2<>(s, blocks.get(s)));
        }
        HashSet<Long> asked = new HashSet<>(Preparation.asked(duplicates));
        List<ShardMaker.Report> made = spark.parallelize(tasks, tasks.size())
                .map(t -> shard(t._1(), t._2(), asked))
                .collect();
        return inOrder(made, ShardMaker.Report::shard);
    }

    private ShardMaker.Report shard(int s, List<ArrayList<PartFile.Block>> blocks, HashSet<Long> asked)
            throws IOException {
        ShardMaker.Report done = work.read(Plan.shardReport(s), ShardMaker.Report.class);
        if (done != null && output.exists(done.file())) {
            return done;
        }
        List<HadoopFolder.Source> sources = new ArrayList<>();
        try {
            List<ShardMaker.Part> parts = new ArrayList<>();
            for (int u = 0; u < blocks.size(); u++) {
                String bits = Plan.unitFile(u, "duplicates");
                HadoopFolder.Source source = work.source(Plan.unitFile(u, "part"));
                sources.add(source);
                parts.add(new ShardMaker.Part(source, blocks.get(u), () -> Duplicates.OfUnit.of(work.bytes(bits))));
            }
            return inFolder(folder -> {
                try (Tokenizer loaded = Tokenizer.load(received(tokenizer))) {
                    ShardMaker.Report report =
                            ShardMaker.make(plan, s, parts, asked, loaded, folder, SparkPreparation::stopped);
                    output.write(report.file(), folder.resolve(report.file()));
                    work.write(Plan.shardReport(s), report);
                    return report;
                }
            });
        } finally {
            for (HadoopFolder.Source source : sources) {
                source.close();
            }
        }
    }
}
