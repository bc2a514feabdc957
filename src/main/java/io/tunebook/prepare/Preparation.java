package io.tunebook.prepare;

import io.tunebook.data.Corpus;
import io.tunebook.files.AtomicFile;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.Progress;
import io.tunebook.prepare.UnitReader.UnitReport;
import io.tunebook.tokenizer.Tokenizer;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Makes a corpus ready for training on one machine.
 *
 * <pre>{@code
 * var options = PrepareOptions.defaults().length(50, 100_000).languages("zh", "en").heldOut(0.01);
 * PreparedCorpus prepared = Preparation.run("data/wudao/part-*.json", tokenizer, options, Path.of("prepared"));
 * prepared.report()
 * trainer.train(prepared.train(tokenizer), prepared.heldOut(tokenizer).orElse(null));
 * }</pre>
 *
 * <p>The files are read once. The documents that the first steps leave lie compressed in a work folder, the hashes that
 * tell duplicates beside them; these are sorted bucket by bucket, as many at a time as fit into the memory given, and
 * at last the shards are written one by one. A run that is cut off goes on where it was when it is called again with
 * the same options: with the first unit, the duplicates or the first shard that is missing. The same files, options and
 * tokenizer give the same bytes, whatever the number of threads.
 */
public final class Preparation {
    private final Plan plan;
    private final Tokenizer tokenizer;
    private final Path folder;
    private final Work work;
    private final PrepareOptions options;
    private final List<PreparedCorpus.StepTime> times = new ArrayList<>();

    private Preparation(Plan plan, Tokenizer tokenizer, Path folder, Work work) {
        this.plan = plan;
        this.tokenizer = tokenizer;
        this.folder = folder;
        this.work = work;
        this.options = plan.options();
    }

    /**
     * Does what is not done yet.
     *
     * @param pathOrGlob the files, as for {@link Corpus#open(String)}
     * @param folder where the shards and {@code manifest.json} go; {@code work} lies in it meanwhile
     * @throws io.tunebook.data.CorpusException for a broken document, unless the options say to go on
     * @throws IllegalArgumentException if the memory does not suffice for one shard; it says what would
     * @throws IOException if a file cannot be read or written
     * @throws java.util.concurrent.CancellationException if the thread is interrupted
     */
    public static PreparedCorpus run(String pathOrGlob, Tokenizer tokenizer, PrepareOptions options, Path folder)
            throws IOException {
        Map<String, Long> files = new TreeMap<>();
        StringBuilder state = new StringBuilder();
        for (Path file : Corpus.list(pathOrGlob)) {
            String path = file.toAbsolutePath().normalize().toString().replace('\\', '/');
            files.put(path, Files.size(file));
            state.append('\n').append(path).append(' ').append(Files.getLastModifiedTime(file));
        }
        Plan plan = Plan.of(files, options, tokenizer);
        Files.createDirectories(folder);
        PreparedCorpus done = PreparedCorpus.ifDone(plan, folder);
        if (done != null) {
            return done;
        }
        PreparedCorpus.discard(folder);
        Work work = Work.of(folder.resolve("work"), plan.digest() + state);
        return new Preparation(plan, tokenizer, folder, work).run();
    }

    private PreparedCorpus run() throws IOException {
        List<UnitReport> units = timed("read and clean", this::read);
        long kept = units.stream().mapToLong(UnitReport::kept).sum();
        Duplicates.Report duplicates = timed("duplicates", () -> duplicates(kept));
        List<ShardMaker.Report> shards = timed("tokenize and write", () -> shards(duplicates));
        PreparedCorpus made = PreparedCorpus.write(plan, folder, units, duplicates, shards, times);
        work.delete();
        return made;
    }

    private interface Step<T> {
        T run() throws IOException;
    }

    private <T> T timed(String step, Step<T> body) throws IOException {
        long before = System.nanoTime();
        HeapPeak.reset();
        T result = body.run();
        times.add(new PreparedCorpus.StepTime(step, (System.nanoTime() - before) / 1e9, HeapPeak.bytes()));
        return result;
    }

    private List<UnitReport> read() throws IOException {
        long bytes = plan.units().stream().mapToLong(Plan.Unit::bytes).sum();
        // Half for the blocks that are open, and as much for what they are compressed from and to.
        long share = Math.min(64 << 20, options.memory() / options.threads() / 2);
        AtomicLong documents = new AtomicLong();
        try (Progress bar = Display.progress(bytes, "read and clean, bytes")) {
            return Workers.all(plan.units().size(), options.threads(), (u, stop) -> {
                Plan.Unit unit = plan.units().get(u);
                UnitReport report = Work.read(work.unit(u, "json"), UnitReport.class);
                if (report == null) {
                    List<Path> files =
                            unit.inputs().stream().map(i -> Path.of(i.path())).toList();
                    report =
                            UnitReader.read(plan, unit, files, work.unit(u, "part"), work.unit(u, "keys"), share, stop);
                    Work.write(work.unit(u, "json"), report);
                }
                bar.message(String.format(Locale.ROOT, "%,d documents", documents.addAndGet(report.documents())));
                bar.step(unit.bytes());
                return report;
            });
        }
    }

    private Duplicates.Report duplicates(long kept) throws IOException {
        Duplicates.Report done = Work.read(work.duplicates(), Duplicates.Report.class);
        if (done != null) {
            return done;
        }
        Duplicates found = new Duplicates(plan.units().size());
        if (options.isDistinct() || options.similarity() > 0) {
            KeyBuckets buckets = KeyBuckets.of(plan, kept, options.memory() / options.threads() / 2);
            fill(buckets);
            try (Progress bar = Display.progress(buckets.count(), "duplicates, buckets")) {
                Workers.all(buckets.count(), options.threads(), (b, stop) -> {
                    if (!buckets.isExact(b) || options.isDistinct()) {
                        search(buckets, b, found);
                    }
                    Files.delete(work.bucket(b));
                    bar.step();
                    return b;
                });
            }
        }
        for (int u = 0; u < plan.units().size(); u++) {
            AtomicFile.write(work.unit(u, "duplicates"), found.unit(u).bytes());
        }
        Duplicates.Report report = found.report(kept);
        Work.write(work.duplicates(), report);
        return report;
    }

    private void fill(KeyBuckets buckets) throws IOException {
        int buffer = (int) Math.max(1 << 10, Math.min(1 << 16, options.memory() / 4 / buckets.count()));
        List<DataOutputStream> files = new ArrayList<>();
        try {
            for (int b = 0; b < buckets.count(); b++) {
                files.add(
                        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(work.bucket(b)), buffer)));
            }
            for (int u = 0; u < plan.units().size(); u++) {
                buckets.read(u, Files.newInputStream(work.unit(u, "keys")), (bucket, key, document) -> {
                    files.get(bucket).writeLong(key);
                    files.get(bucket).writeLong(document);
                });
            }
        } finally {
            for (DataOutputStream file : files) {
                file.close();
            }
        }
    }

    private void search(KeyBuckets buckets, int bucket, Duplicates found) throws IOException {
        boolean exact = buckets.isExact(bucket);
        try (FileChannel channel = FileChannel.open(work.bucket(bucket), StandardOpenOption.READ)) {
            long pairs = channel.size() / KeyBuckets.PAIR;
            long[] keys = new long[Math.toIntExact(pairs)];
            long[] documents = new long[keys.length];
            ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
            for (int i = 0; i < keys.length; ) {
                buffer.clear();
                while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
                for (buffer.flip(); buffer.hasRemaining(); i++) {
                    keys[i] = buffer.getLong();
                    documents[i] = buffer.getLong();
                }
            }
            KeyBuckets.find(
                    keys, documents, (document, first) -> found.add(new Duplicates.Pair(document, first, exact)));
        }
    }

    private List<ShardMaker.Report> shards(Duplicates.Report duplicates) throws IOException {
        long[] raw = new long[plan.shards()];
        List<Map<Integer, List<PartFile.Block>>> blocks = new ArrayList<>();
        for (int u = 0; u < plan.units().size(); u++) {
            Path part = work.unit(u, "part");
            List<PartFile.Block> index = PartFile.index(source(part), Files.size(part));
            index.forEach(b -> raw[b.shard()] += b.raw());
            blocks.add(index.stream().collect(Collectors.groupingBy(PartFile.Block::shard)));
        }
        int atOnce = sideBySide(raw);
        Set<Long> asked = asked(duplicates);
        AtomicLong tokens = new AtomicLong();
        try (Progress bar = Display.progress(plan.shards(), "tokenize and write, shards")) {
            return Workers.all(plan.shards(), options.threads(), atOnce, (s, stop) -> {
                ShardMaker.Report report = Work.read(work.shard(s), ShardMaker.Report.class);
                if (report == null || !Files.exists(folder.resolve(report.file()))) {
                    report = ShardMaker.make(plan, s, parts(s, blocks), asked, tokenizer, folder, stop);
                    Work.write(work.shard(s), report);
                }
                bar.message(String.format(Locale.ROOT, "%,d tokens", tokens.addAndGet(report.tokens())));
                bar.step();
                return report;
            });
        }
    }

    private List<ShardMaker.Part> parts(int shard, List<Map<Integer, List<PartFile.Block>>> blocks) {
        List<ShardMaker.Part> parts = new ArrayList<>();
        for (int u = 0; u < blocks.size(); u++) {
            Path bits = work.unit(u, "duplicates");
            parts.add(new ShardMaker.Part(
                    source(work.unit(u, "part")),
                    blocks.get(u).getOrDefault(shard, List.of()),
                    () -> Duplicates.OfUnit.of(Files.readAllBytes(bits))));
        }
        return parts;
    }

    /** The documents whose beginnings are shown as examples of duplicates. */
    public static Set<Long> asked(Duplicates.Report duplicates) {
        return duplicates.examples().stream()
                .flatMap(p -> Stream.of(p.document(), p.first()))
                .collect(Collectors.toCollection(HashSet::new));
    }

    /** How many shards fit into the memory at once; each is whole in it, with half as much for what goes with it. */
    private int sideBySide(long[] raw) {
        long largest = 0;
        for (long bytes : raw) {
            largest = Math.max(largest, bytes + bytes / 2);
        }
        if (largest > options.memory()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "expected at least %,d bytes of memory for the largest of %d shards, found %,d. Give it memory(%d),"
                            + " or make smaller shards: shards(%d)",
                    largest,
                    plan.shards(),
                    options.memory(),
                    largest,
                    Math.min(1L << 16, plan.trainShards() * (largest / options.memory() + 2))));
        }
        return (int) Math.max(1, Math.min(options.threads(), largest == 0 ? 1 : options.memory() / largest));
    }

    /** Reads of several threads go each by its own handle, since an interrupt closes a shared one. */
    private static PartFile.Source source(Path file) {
        return (at, into) -> {
            try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "r")) {
                open.seek(at);
                open.readFully(into);
            }
        };
    }

    /** The most that the heap held since a moment, garbage included, as the JVM's own counters have it. */
    private static final class HeapPeak {
        private HeapPeak() {}

        private static List<MemoryPoolMXBean> pools() {
            return ManagementFactory.getMemoryPoolMXBeans().stream()
                    .filter(p -> p.getType() == MemoryType.HEAP && p.isValid())
                    .toList();
        }

        static void reset() {
            pools().forEach(MemoryPoolMXBean::resetPeakUsage);
        }

        static long bytes() {
            return pools().stream().mapToLong(p -> p.getPeakUsage().getUsed()).sum();
        }
    }
}
