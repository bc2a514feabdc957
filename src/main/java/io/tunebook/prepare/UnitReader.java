package io.tunebook.prepare;

import io.tunebook.data.Corpus;
import io.tunebook.data.CorpusException;
import io.tunebook.data.Document;
import io.tunebook.data.MinHash;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** The first step: one unit's files become clean documents and the keys that tell duplicates. */
public final class UnitReader {
    private UnitReader() {}

    /**
     * Reads a unit. What it writes and reports depends on the plan and the files alone.
     *
     * @param files where the unit's files are on this machine
     * @param part where the {@link PartFile} goes
     * @param keys where the keys go
     * @param memory how many bytes of documents are held before they are written
     * @param stop asked again and again; true ends it with an exception
     * @throws CorpusException for a broken document, unless the options say to go on
     * @throws IOException if a file cannot be read or written
     */
    public static UnitReport read(
            Plan plan, Plan.Unit unit, List<Path> files, Path part, Path keys, long memory, BooleanSupplier stop)
            throws IOException {
        PrepareOptions options = plan.options();
        DocumentSteps steps = new DocumentSteps(options);
        MinHash signatures = options.similarity() > 0 ? new MinHash(options.similarity()) : null;
        ArrayList<UnitReport.Problem> problems = new ArrayList<>();
        long read = 0;
        int kept = 0;
        long characters = 0;
        try (PartFile.Writer documents = new PartFile.Writer(part, plan.shards(), memory);
                KeyFile.Writer rows = new KeyFile.Writer(keys)) {
            for (int f = 0; f < files.size(); f++) {
                String name = unit.inputs().get(f).name();
                Path file = files.get(f);
                Corpus corpus = options.open(Corpus.files(List.of(file)), e -> problems.add(problem(name, file, e)));
                long number = 0;
                try (var stream = corpus.stream()) {
                    for (var all = stream.iterator(); all.hasNext(); ) {
                        Document document = all.next();
                        read++;
                        number++;
                        if ((read & 0x3f) == 0 && stop.getAsBoolean()) {
                            throw new java.util.concurrent.CancellationException("stopped");
                        }
                        long at = number;
                        String text = steps.apply(document.content(), () -> name + ", document " + at);
                        if (text == null) {
                            continue;
                        }
                        long hash = MinHash.hash(text);
                        documents.add(plan.shardOf(hash), kept, hash, text.getBytes(StandardCharsets.UTF_8));
                        rows.add(hash, signatures == null ? new long[0] : signatures.bandKeys(text));
                        kept++;
                        characters += text.length();
                    }
                } catch (UncheckedIOException e) {
                    throw e.getCause();
                }
            }
            documents.finish();
        }
        return new UnitReport(unit.index(), read, kept, characters, steps.counts(), steps.examples(), problems);
    }

    /** Where the file lies is this machine's affair; the report names it as the plan does. */
    private static UnitReport.Problem problem(String name, Path file, CorpusException e) {
        return new UnitReport.Problem(
                name, e.line(), e.byteOffset(), e.getMessage().replace(file.toString(), name));
    }
}
