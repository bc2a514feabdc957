package io.tunebook.prepare;

import io.tunebook.data.Cleaning;
import io.tunebook.data.Corpus;
import io.tunebook.data.CorpusException;
import io.tunebook.data.Document;
import io.tunebook.data.Language;
import io.tunebook.data.MinHash;
import io.tunebook.prepare.KeyBuckets.KeyFile;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;

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

    /** The steps that look at one document alone, with their counts and some of what they removed. For one thread. */
    static final class DocumentSteps {
        private static final int EXAMPLES = 3;
        private static final int SHOWN = 160;

        /**
         * @param change null removes a text; what is the same object is unchanged
         */
        private record Step(String name, Function<TextFigures, String> change) {}

        private final List<Step> steps = new ArrayList<>();
        private final long[][] counts;
        private final int[] shown;
        private final ArrayList<UnitReport.Removed> examples = new ArrayList<>();

        DocumentSteps(PrepareOptions options) {
            if (options.isNormalized()) {
                steps.add(new Step("normalize", t -> {
                    String clean = Cleaning.normalized(t.text());
                    return clean.equals(t.text()) ? t.text() : clean;
                }));
            }
            steps.add(new Step("length " + options.shortest() + " to " + options.longest(), t -> {
                int length = t.text().codePointCount(0, t.text().length());
                return length >= options.shortest() && length <= options.longest() ? t.text() : null;
            }));
            if (!options.languages().isEmpty()) {
                Set<String> wanted = Set.copyOf(options.languages());
                keep("language " + String.join(", ", options.languages()), t -> wanted.contains(Language.of(t.text())));
            }
            for (QualityRule rule : options.quality()) {
                keep("quality " + rule.name(), rule::keeps);
            }
            if (options.evaluation() != null) {
                keep("evaluation set", t -> !options.evaluation().isIn(t.text()));
            }
            counts = new long[steps.size()][3];
            shown = new int[steps.size()];
        }

        private void keep(String name, java.util.function.Predicate<TextFigures> kept) {
            steps.add(new Step(name, t -> kept.test(t) ? t.text() : null));
        }

        /** The text as the steps leave it; null if one removes it. */
        String apply(String text, Supplier<String> where) {
            TextFigures current = new TextFigures(text);
            for (int i = 0; i < counts.length; i++) {
                counts[i][0]++;
                String next = steps.get(i).change().apply(current);
                if (next == null) {
                    counts[i][2]++;
                    if (shown[i]++ < EXAMPLES) {
                        examples.add(new UnitReport.Removed(
                                steps.get(i).name(), where.get(), beginning(current.text()), ""));
                    }
                    return null;
                }
                if (next != current.text()) {
                    counts[i][1]++;
                    current = new TextFigures(next);
                }
            }
            return current.text();
        }

        static String beginning(String text) {
            return text.codePointCount(0, text.length()) <= SHOWN
                    ? text
                    : text.substring(0, text.offsetByCodePoints(0, SHOWN)) + "…";
        }

        ArrayList<UnitReport.StepCount> counts() {
            ArrayList<UnitReport.StepCount> all = new ArrayList<>();
            for (int i = 0; i < counts.length; i++) {
                all.add(new UnitReport.StepCount(steps.get(i).name(), counts[i][0], counts[i][1], counts[i][2]));
            }
            return all;
        }

        ArrayList<UnitReport.Removed> examples() {
            return examples;
        }
    }

    /**
     * What became of the documents of one unit.
     *
     * @param documents how many were read
     * @param kept how many are in its {@link PartFile}
     * @param characters their UTF-16 units
     * @param steps what each step did
     * @param examples some of what was removed
     * @param problems what was broken, all of it
     */
    public record UnitReport(
            int unit,
            long documents,
            int kept,
            long characters,
            ArrayList<StepCount> steps,
            ArrayList<Removed> examples,
            ArrayList<Problem> problems)
            implements Serializable {
        /**
         * What one step did.
         *
         * @param documents how many came to it
         * @param changed how many it changed
         * @param removed how many it removed
         */
        public record StepCount(String step, long documents, long changed, long removed) implements Serializable {
            StepCount plus(StepCount other) {
                return new StepCount(
                        step, documents + other.documents, changed + other.changed, removed + other.removed);
            }
        }

        /**
         * A document that a step removed.
         *
         * @param where its file and its number in the file, counted from 1
         * @param text its beginning
         * @param like the beginning of the document that it repeats; empty for other steps than those on duplicates
         */
        public record Removed(String step, String where, String text, String like) implements Serializable {}

        /**
         * A document or file that was broken and is set aside.
         *
         * @param line counted from 1; 0 where the format has none
         * @param atByte counted from 0 in the decompressed text as UTF-8; −1 if unknown
         */
        public record Problem(String file, long line, long atByte, String what) implements Serializable {}
    }
}
