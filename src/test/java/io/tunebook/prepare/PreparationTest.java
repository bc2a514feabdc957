package io.tunebook.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.data.Corpus;
import io.tunebook.data.CorpusException;
import io.tunebook.data.Document;
import io.tunebook.data.MinHash;
import io.tunebook.dataset.Dataset;
import io.tunebook.files.Json;
import io.tunebook.tokenizer.Tokenizer;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files become shards: what is removed, that nothing else is, and that the bytes depend on nothing but the input. */
final class PreparationTest {
    private static final Path HUB = Path.of("test/resources/io/tunebook/export/llama/hub");

    @TempDir
    Path folder;

    private Tokenizer tokenizer;

    @BeforeEach
    void load() throws IOException {
        tokenizer = Tokenizer.load(HUB);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private static String text(long seed, int words) {
        Random random = new Random(seed);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < words; i++) {
            text.append(i == 0 ? "" : " ").append("w").append(random.nextInt(5000));
        }
        return text.toString();
    }

    /** Files of JSON lines; every fifth text is there twice, and one in seven once more with one word changed. */
    private List<String> write(Path into, int files, int each) throws IOException {
        Files.createDirectories(into);
        List<String> texts = new ArrayList<>();
        for (int f = 0; f < files; f++) {
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < each; i++) {
                int n = f * each + i;
                String text = text(n, 120);
                if (n % 5 == 4) {
                    text = text(n - 3, 120);
                } else if (n % 7 == 6) {
                    text = text(n - 2, 120).replaceFirst("w\\d+", "changed");
                }
                texts.add(text);
                lines.append(Json.files().writeValueAsString(Map.of("id", "d" + n, "content", text)))
                        .append('\n');
            }
            Files.writeString(into.resolve("part-" + f + ".jsonl"), lines);
        }
        return texts;
    }

    private static Map<String, String> files(Path folder) throws IOException {
        Map<String, String> all = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                all.put(folder.relativize(file).toString(), io.tunebook.files.Sha256.hex(file));
            }
        }
        return all;
    }

    private Set<String> texts(PreparedCorpus prepared) throws IOException {
        Set<String> texts = new HashSet<>();
        List<Dataset> both = new ArrayList<>(List.of(prepared.train(tokenizer)));
        prepared.heldOut(tokenizer).ifPresent(both::add);
        for (Dataset dataset : both) {
            for (int i = 0; i < dataset.size(); i++) {
                assertThat(texts.add(tokenizer.decode(dataset.ids(i)))).isTrue();
            }
        }
        return texts;
    }

    /** By the definition, with every pair compared. */
    private static Set<String> kept(List<String> texts, double similarity) {
        MinHash hash = new MinHash(similarity);
        List<LongOpenHashSet> keys =
                texts.stream().map(t -> new LongOpenHashSet(hash.bandKeys(t))).toList();
        Set<String> kept = new HashSet<>();
        for (int i = 0; i < texts.size(); i++) {
            boolean first = true;
            for (int j = 0; j < i; j++) {
                boolean shared = false;
                for (long key : keys.get(i)) {
                    shared |= keys.get(j).contains(key);
                }
                first &= !shared;
            }
            if (first) {
                kept.add(texts.get(i));
            }
        }
        return kept;
    }

    @Test
    void whatIsKeptIsWhatComparingEveryPairKeeps() throws IOException {
        List<String> texts = write(folder.resolve("in"), 3, 70);
        PreparedCorpus prepared = Preparation.run(
                folder.resolve("in").toString(),
                tokenizer,
                PrepareOptions.defaults().heldOut(0.2).shards(3),
                folder.resolve("out"));
        Set<String> kept = kept(texts, 0.8);
        assertThat(texts(prepared)).isEqualTo(kept);
        long exact = texts.size() - new HashSet<>(texts).size();
        assertThat(prepared.report().row(2).getString("step")).isEqualTo("exact duplicates");
        assertThat(prepared.report().row(2).getLong("removed")).isEqualTo(exact).isPositive();
        assertThat(prepared.report().row(3).getLong("removed"))
                .isEqualTo(texts.size() - exact - kept.size())
                .isPositive();
        double heldOut = prepared.heldOut(tokenizer).orElseThrow().size() / (double) kept.size();
        assertThat(heldOut).isBetween(0.1, 0.3);
        prepared.verify();
        assertThat(folder.resolve("out/work")).doesNotExist();
    }

    @Test
    void theBytesDependNeitherOnThreadsNorOnMemory() throws IOException {
        // More than a unit's worth of input, so that several are read at the same time.
        write(folder.resolve("in"), 2, 200);
        Path large = folder.resolve("in/part-5.jsonl");
        String line = Json.files().writeValueAsString(Map.of("content", text(-1, 12_000_000 / 6)));
        Files.writeString(large, (line + "\n").repeat(6));
        PrepareOptions options =
                PrepareOptions.defaults().heldOut(0.1).shards(4).sequence(64).length(1, 2000);
        Preparation.run(
                folder.resolve("in").toString(),
                tokenizer,
                options.threads(1).memory(512 << 20),
                folder.resolve("one"));
        Preparation.run(
                folder.resolve("in").toString(),
                tokenizer,
                options.threads(3).memory(1 << 20),
                folder.resolve("three"));
        // So little memory for each thread that the keys of a column are divided among several files.
        Preparation.run(
                folder.resolve("in").toString(),
                tokenizer,
                options.threads(200).memory(1 << 20),
                folder.resolve("divided"));
        assertThat(files(folder.resolve("divided"))).isEqualTo(files(folder.resolve("one")));
        assertThat(files(folder.resolve("three")))
                .isEqualTo(files(folder.resolve("one")))
                .hasSize(6);
        Preparation.run(folder.resolve("in").toString(), tokenizer, options.seed(7), folder.resolve("other"));
        assertThat(files(folder.resolve("other"))).isNotEqualTo(files(folder.resolve("one")));
    }

    @Test
    void eachRunGoesOnWithWhatIsMissing() throws IOException {
        write(folder.resolve("in"), 2, 150);
        PrepareOptions options = PrepareOptions.defaults().shards(1);
        String in = folder.resolve("in").toString();
        Preparation.run(in, tokenizer, options, folder.resolve("whole"));
        for (int i = 0; i < 200; i++) { // more documents, so that a MB does not suffice for the one shard
            Files.writeString(
                    folder.resolve("in/part-" + (10 + i) + ".jsonl"),
                    Json.files().writeValueAsString(Map.of("content", text(10_000 + i, 1000))));
        }
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> Preparation.run(in, tokenizer, options.memory(1 << 20), out))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("memory(")
                .hasMessageContaining("shards(");
        // What was read and sorted is not needed again: without its traces it could not be done again.
        Path keys = out.resolve("work/unit-000000.keys");
        assertThat(keys).exists();
        Files.delete(keys);
        PreparedCorpus prepared = Preparation.run(in, tokenizer, options, out);
        Preparation.run(in, tokenizer, options, folder.resolve("fresh"));
        assertThat(files(out)).isEqualTo(files(folder.resolve("fresh")));
        // Done is done: nothing is made again.
        Object time = Files.getLastModifiedTime(prepared.folder().resolve("train-00000-of-00001.tokens"));
        assertThat(Preparation.run(in, tokenizer, options, out).times().rowCount())
                .isZero();
        assertThat(Files.getLastModifiedTime(prepared.folder().resolve("train-00000-of-00001.tokens")))
                .isEqualTo(time);
        // Another plan replaces it, and leaves no shard of the former one.
        Preparation.run(in, tokenizer, options.shards(2), out);
        assertThat(files(out).keySet())
                .containsExactly("manifest.json", "train-00000-of-00002.tokens", "train-00001-of-00002.tokens");
    }

    @Test
    void anInterruptEndsItAndTheNextCallGoesOn() throws IOException {
        write(folder.resolve("in"), 2, 150);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> Preparation.run(
                        folder.resolve("in").toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("out")))
                .isInstanceOf(CancellationException.class);
        assertThat(Thread.interrupted()).isTrue();
        PreparedCorpus prepared = Preparation.run(
                folder.resolve("in").toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("out"));
        Preparation.run(folder.resolve("in").toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("fresh"));
        assertThat(files(prepared.folder())).isEqualTo(files(folder.resolve("fresh")));
    }

    @Test
    void brokenDocumentsAreSetAsideWithTheirPlace() throws IOException {
        Path in = Files.createDirectories(folder.resolve("in"));
        Files.writeString(
                in.resolve("a.jsonl"), "{\"content\": \"one two\"}\n{\"content\": \"thr\n{\"content\": \"four\"}\n");
        Files.writeString(in.resolve("b.jsonl"), "");
        assertThatThrownBy(() ->
                        Preparation.run(in.toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("stopped")))
                .isInstanceOf(CorpusException.class)
                .hasMessageContaining("a.jsonl, line 2");
        PreparedCorpus prepared = Preparation.run(
                in.toString(), tokenizer, PrepareOptions.defaults().skipBroken(), folder.resolve("out"));
        var problems = prepared.manifest().path("problems");
        assertThat(problems).hasSize(2);
        assertThat(problems.get(0).path("file").asText()).isEqualTo("a.jsonl");
        assertThat(problems.get(0).path("line").asLong()).isEqualTo(2);
        assertThat(problems.get(0).path("atByte").asLong()).isEqualTo(39);
        assertThat(problems.get(0).path("what").asText()).doesNotContain(in.toString());
        assertThat(problems.get(1).path("file").asText()).isEqualTo("b.jsonl");
        assertThat(texts(prepared)).containsExactlyInAnyOrder("one two", "four");
    }

    @Test
    void everyStepCountsAndShowsWhatItRemoves() throws IOException {
        Path in = Files.createDirectories(folder.resolve("in"));
        String english = "The house that we have is to be sold, and the price of it is not known to me. ";
        String asked = "what is the name of the highest mountain on the second planet of that small red star";
        List<String> contents = List.of(
                english + text(1, 60),
                "short",
                "这是一篇用中文写的文章，它不是英文。".repeat(3),
                english + "{" + text(2, 60),
                english + text(3, 60) + " " + asked.toUpperCase(java.util.Locale.ROOT) + "?",
                english + text(1, 60));
        StringBuilder lines = new StringBuilder();
        for (String content : contents) {
            lines.append(Json.files().writeValueAsString(Map.of("content", content)))
                    .append('\n');
        }
        Files.writeString(in.resolve("a.jsonl"), lines);
        PreparedCorpus prepared = Preparation.run(
                in.toString(),
                tokenizer,
                PrepareOptions.defaults()
                        .length(20, 10_000)
                        .languages("en")
                        .quality(List.of(QualityRule.C4_CURLY_BRACKET))
                        .evaluation(
                                Corpus.of(List.of(new Document("1", "", asked), new Document("2", "", "too short"))),
                                13),
                folder.resolve("out"));
        assertThat(prepared.report().longColumn("documents").asList()).containsExactly(6L, 6L, 5L, 4L, 3L, 2L, 1L);
        assertThat(prepared.report().longColumn("removed").asList()).containsExactly(0L, 1L, 1L, 1L, 1L, 1L, 0L);
        assertThat(prepared.manifest().path("options").path("evaluation").asText())
                .startsWith("2 texts (1 of them shorter than a run");
        assertThat(prepared.removed().stringColumn("step").asList())
                .containsExactly(
                        "length 20 to 10000",
                        "language en",
                        "quality C4_CURLY_BRACKET",
                        "evaluation set",
                        "exact duplicates");
        assertThat(prepared.removed().row(0).getString("where")).isEqualTo("a.jsonl, document 2");
        assertThat(prepared.removed().row(4).getString("text"))
                .isEqualTo(prepared.removed().row(4).getString("like"))
                .startsWith("The house");
    }

    @Test
    void sequencesAreTheDocumentsOneAfterTheOther() throws IOException {
        write(folder.resolve("in"), 1, 40);
        PrepareOptions options = PrepareOptions.defaults().shards(1);
        String in = folder.resolve("in").toString();
        Dataset whole =
                Preparation.run(in, tokenizer, options, folder.resolve("whole")).train(tokenizer);
        Dataset packed = Preparation.run(in, tokenizer, options.sequence(50), folder.resolve("packed"))
                .train(tokenizer);
        assertThat(IntStream.range(0, packed.size()).flatMap(i -> Arrays.stream(packed.ids(i))))
                .containsExactlyElementsOf(IntStream.range(0, whole.size())
                        .flatMap(i -> Arrays.stream(whole.ids(i)))
                        .boxed()
                        .toList());
        assertThat(packed.lengths()).startsWith(50, 50).hasSize((int) ((whole.tokens() + 49) / 50));
        assertThat(packed.labels(0)).isEqualTo(packed.ids(0));
    }

    @Test
    void aDamagedShardIsFound() throws IOException {
        write(folder.resolve("in"), 1, 10);
        PreparedCorpus prepared = Preparation.run(
                folder.resolve("in").toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("out"));
        Path shard = folder.resolve("out/train-00000-of-00001.tokens");
        byte[] bytes = Files.readAllBytes(shard);
        bytes[bytes.length / 2] ^= 1;
        Files.write(shard, bytes);
        assertThatThrownBy(prepared::verify).isInstanceOf(IOException.class).hasMessageContaining("is damaged");
        assertThatThrownBy(() -> prepared.train(tokenizer).verify()).hasMessageContaining("is damaged");
    }

    @Test
    void aFolderOfSomebodyElseIsNotReplaced() throws IOException {
        write(folder.resolve("in"), 1, 10);
        Path theirs =
                Files.createDirectories(folder.resolve("out").resolve("work")).resolve("thesis.txt");
        Files.writeString(theirs, "mine");
        assertThatThrownBy(() -> Preparation.run(
                        folder.resolve("in").toString(), tokenizer, PrepareOptions.defaults(), folder.resolve("out")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is not replaced");
        assertThat(theirs).exists();
    }

    @Test
    void minHashIsHeldAgainstBruteForce() {
        List<Document> documents = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            String text = text(i / 3, 200);
            for (int c = 0; c < i % 3; c++) { // twice in three times with one or two words changed
                text = text.replaceFirst("w\\d+ (w\\d+ w\\d+)$", "changed" + c + " $1") + " end" + i;
            }
            documents.add(new Document("" + i, "", text));
        }
        NearDuplicateCheck check = NearDuplicateCheck.of(Corpus.of(documents), 0.8, 60, 1);
        assertThat(check.sampled()).isEqualTo(60);
        assertThat(check.alike()).isEqualTo(120); // each has two others that are alike
        assertThat(check.recall()).isCloseTo(check.expected(), within(0.05));
        assertThat(check.precision()).isEqualTo(1);
        NearDuplicateCheck none = NearDuplicateCheck.of(
                Corpus.of(IntStream.range(0, 50)
                        .mapToObj(i -> new Document("" + i, "", text(i, 200)))
                        .toList()),
                0.8,
                50,
                1);
        assertThat(none.alike()).isZero();
        assertThat(none.found()).isZero();
    }
}
