package io.tunebook.prepare;

import io.tunebook.data.MinHash;
import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.prepare.KeyBuckets.KeyFile;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What is to be done, the same on one machine and on many: which files are read together, and which document goes to
 * which shard. A document's number is {@code unit << 32 | its number among those the unit kept}, so that the smaller
 * number is that of the earlier document.
 *
 * @param tokenizer its checksum
 * @param units what is read in one go, in the order of the files
 * @param trainShards the number of shards to train from
 * @param heldOutShards the number of shards that are held out; 0 where nothing is
 */
public record Plan(PrepareOptions options, String tokenizer, List<Unit> units, int trainShards, int heldOutShards)
        implements Serializable {
    /** What duplicates there are, among the files of work. */
    public static final String DUPLICATES = "duplicates.json";

    /** Files are read together up to so many bytes; a larger one is a unit of its own. */
    private static final long UNIT = 64 << 20;

    private static final long SHARD = 128 << 20;

    /** So many units and shards at most, unless more are asked for: each shard takes a piece of each unit. */
    private static final int MOST = 4096;

    /**
     * A file to read.
     *
     * @param path where it is, for those who read it
     * @param name its path below the folder that all files have in common
     */
    public record Input(String path, String name, long bytes) implements Serializable {}

    /**
     * Files that are read in one go.
     *
     * @param index counted from 0
     */
    public record Unit(int index, ArrayList<Input> inputs) implements Serializable {
        /** The bytes of its files as they lie there. */
        public long bytes() {
            return inputs.stream().mapToLong(Input::bytes).sum();
        }
    }

    /**
     * A plan for these files.
     *
     * @param files the bytes of each by its path, with {@code /} between folders
     * @throws IllegalArgumentException if there are none
     */
    public static Plan of(Map<String, Long> files, PrepareOptions options, Tokenizer tokenizer) {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("expected files to read, found none");
        }
        List<String> paths = files.keySet().stream().sorted(Plan::inOrder).toList();
        int common = commonFolder(paths);
        long all = files.values().stream().mapToLong(n -> n).sum();
        long most = Math.max(UNIT, all / MOST);
        ArrayList<Unit> units = new ArrayList<>();
        ArrayList<Input> open = new ArrayList<>();
        long bytes = 0;
        for (String path : paths) {
            Input input = new Input(path, path.substring(common), files.get(path));
            if (!open.isEmpty() && bytes + input.bytes() > most) {
                units.add(new Unit(units.size(), open));
                open = new ArrayList<>();
                bytes = 0;
            }
            open.add(input);
            bytes += input.bytes();
        }
        units.add(new Unit(units.size(), open));
        int train = options.shards() > 0 ? options.shards() : (int) Math.max(1, Math.min(MOST, all / SHARD));
        int heldOut = options.heldOut() > 0 ? (int) Math.max(1, Math.round(train * options.heldOut())) : 0;
        return new Plan(options, tokenizer.checksum(), units, train, heldOut);
    }

    /** Folder by folder, as a corpus reads them: a name ends before any that goes on. */
    private static int inOrder(String a, String b) {
        return a.replace('/', '\0').compareTo(b.replace('/', '\0'));
    }

    private static int commonFolder(List<String> paths) {
        String first = paths.get(0);
        String last = paths.get(paths.size() - 1);
        int common = 0;
        for (int i = 0; i < Math.min(first.length(), last.length()) && first.charAt(i) == last.charAt(i); i++) {
            common = first.charAt(i) == '/' ? i + 1 : common;
        }
        return paths.size() == 1 ? first.lastIndexOf('/') + 1 : common;
    }

    /** All shards, those to train from first. */
    public int shards() {
        return trainShards + heldOutShards;
    }

    /** A unit's file of one kind among the files of work, such as {@code unit-000003.part}. */
    public static String unitFile(int unit, String kind) {
        return String.format(Locale.ROOT, "unit-%06d.%s", unit, kind);
    }

    /** A shard's report among the files of work. */
    public static String shardReport(int shard) {
        return String.format(Locale.ROOT, "shard-%05d.json", shard);
    }

    /** The shard's file, such as {@code train-00000-of-00008.tokens}. */
    public String shardName(int shard) {
        boolean train = shard < trainShards;
        return String.format(
                Locale.ROOT,
                "%s-%05d-of-%05d.tokens",
                train ? "train" : "heldout",
                train ? shard : shard - trainShards,
                train ? trainShards : heldOutShards);
    }

    /** The shard of a text by its {@link MinHash#hash}: documents with the same text are on the same side. */
    int shardOf(long hash) {
        long random = random(hash);
        boolean out = (random >>> 11) * 0x1p-53 < options.heldOut();
        int within = Math.floorMod(MinHash.mix(random + 1), out ? heldOutShards : trainShards);
        return out ? trainShards + within : within;
    }

    /** Where in its shard a text stands: the smallest number first. */
    long order(long hash) {
        return MinHash.mix(random(hash) + 2);
    }

    private long random(long hash) {
        return MinHash.mix(hash + MinHash.mix(options.seed() * 0x9E3779B97F4A7C15L + 1));
    }

    /** The columns of {@link KeyFile}: the text's hash, and a hash of each band. */
    int columns() {
        return 1 + (options.similarity() > 0 ? new MinHash(options.similarity()).bands() : 0);
    }

    /** All that the outcome depends on, for the manifest. */
    Map<String, Object> outcome() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("options", options.outcome());
        all.put("tokenizer", tokenizer);
        all.put(
                "inputs",
                units.stream()
                        .flatMap(u -> u.inputs().stream())
                        .map(i -> Map.of("name", i.name(), "bytes", i.bytes()))
                        .map(java.util.TreeMap::new)
                        .collect(Collectors.toList()));
        return all;
    }

    /** What tells this plan from others: a digest of all that the outcome depends on. */
    public String digest() {
        try {
            return Sha256.hex(Json.files().writeValueAsString(outcome()));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
