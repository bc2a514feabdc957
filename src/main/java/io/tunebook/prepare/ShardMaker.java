package io.tunebook.prepare;

import io.tunebook.dataset.Dataset;
import io.tunebook.files.Sha256;
import io.tunebook.prepare.UnitReader.DocumentSteps;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** The last step: the documents of one shard, without duplicates and in their random order, become a file of tokens. */
public final class ShardMaker {
    private ShardMaker() {}

    /**
     * What a unit has for a shard.
     *
     * @param blocks where its documents lie in the unit's file
     * @param duplicates read when the unit's turn comes, since those of all units may be many
     */
    public record Part(PartFile.Source file, List<PartFile.Block> blocks, OfUnit duplicates) {}

    /** The duplicates of a unit, read when they are asked for. */
    @FunctionalInterface
    public interface OfUnit {
        Duplicates.OfUnit read() throws IOException;
    }

    /**
     * What came of a shard.
     *
     * @param file its name
     * @param examples how many examples the documents became
     * @param sha256 of the whole file
     * @param texts the beginnings of the documents that were asked for, removed ones too, by their numbers
     */
    public record Report(
            int shard,
            String file,
            long documents,
            long examples,
            long tokens,
            long bytes,
            String sha256,
            TreeMap<Long, String> texts)
            implements Serializable {}

    private record Entry(long order, long document, byte[] text) {}

    /**
     * Makes a shard. Its documents are in memory meanwhile.
     *
     * @param parts of all units in their order
     * @param asked the documents whose beginnings are wanted
     * @param folder where the file goes
     * @param stop asked again and again; true ends it with an exception
     */
    public static Report make(
            Plan plan,
            int shard,
            List<Part> parts,
            Set<Long> asked,
            Tokenizer tokenizer,
            Path folder,
            BooleanSupplier stop)
            throws IOException {
        List<Entry> entries = new ArrayList<>();
        TreeMap<Long, String> texts = new TreeMap<>();
        for (int u = 0; u < parts.size(); u++) {
            Part part = parts.get(u);
            long unit = (long) u << 32;
            Duplicates.OfUnit duplicates =
                    part.blocks().isEmpty() ? null : part.duplicates().read();
            for (PartFile.Block block : part.blocks()) {
                if (stop.getAsBoolean()) {
                    throw new java.util.concurrent.CancellationException("stopped");
                }
                PartFile.read(part.file(), block, (number, hash, bytes, from, length) -> {
                    long document = unit | number;
                    if (asked.contains(document)) {
                        String text = new String(bytes, from, length, StandardCharsets.UTF_8);
                        texts.put(document, DocumentSteps.beginning(text));
                    }
                    if (!duplicates.has(number)) {
                        byte[] text = java.util.Arrays.copyOfRange(bytes, from, from + length);
                        entries.add(new Entry(plan.order(hash), document, text));
                    }
                });
            }
        }
        entries.sort(Comparator.comparingLong(Entry::order).thenComparingLong(Entry::document));
        Path file = folder.resolve(plan.shardName(shard));
        Iterable<String> all = () -> entries.stream()
                .map(e -> {
                    if (stop.getAsBoolean()) {
                        throw new java.util.concurrent.CancellationException("stopped");
                    }
                    return new String(e.text(), StandardCharsets.UTF_8);
                })
                .iterator();
        Dataset made = Dataset.write(all, tokenizer, plan.options().sequence(), file);
        Files.deleteIfExists(file.resolveSibling(file.getFileName() + ".lock"));
        return new Report(
                shard,
                plan.shardName(shard),
                entries.size(),
                made.size(),
                made.tokens(),
                Files.size(file),
                Sha256.hex(file),
                texts);
    }
}
