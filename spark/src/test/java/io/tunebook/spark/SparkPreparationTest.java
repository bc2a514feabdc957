package io.tunebook.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tunebook.files.Json;
import io.tunebook.files.Sha256;
import io.tunebook.prepare.Preparation;
import io.tunebook.prepare.PrepareOptions;
import io.tunebook.prepare.PreparedCorpus;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job gives what one machine gives, byte for byte, and goes on where it was killed. */
final class SparkPreparationTest {
    static final Path TOKENIZER = Path.of("../src/test/resources/io/tunebook/export/llama/hub");
    static final PrepareOptions OPTIONS =
            PrepareOptions.defaults().length(5, 10_000).heldOut(0.1).shards(3).skipBroken();

    private static JavaSparkContext spark;

    @TempDir
    Path folder;

    @BeforeAll
    static void start() {
        requireAJavaThatSparkRunsOn();
        spark = new JavaSparkContext(new SparkConf()
                .setMaster("local[2]")
                .setAppName("test")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1"));
    }

    @AfterAll
    static void stop() {
        if (spark != null) {
            spark.close();
        }
    }

    static void requireAJavaThatSparkRunsOn() {
        assumeTrue(Runtime.version().feature() <= 21, "Spark runs on Java 17 and 21");
    }

    /** Several units: any two files but the last are too large to be read together. */
    static Path input(Path folder, int files) throws IOException {
        Path in = Files.createDirectories(folder);
        Random random = new Random(1);
        for (int f = 0; f < files; f++) {
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 150; i++) {
                StringBuilder text = new StringBuilder();
                Random words = new Random(random.nextInt(300));
                for (int w = 0; w < 100; w++) {
                    text.append("w").append(words.nextInt(4000)).append(' ');
                }
                text.append(random.nextInt(4) == 0 ? "changed" : "");
                lines.append(Json.files().writeValueAsString(Map.of("content", text.toString())))
                        .append('\n');
            }
            lines.append(" ".repeat(f < files - 1 ? 40 << 20 : 0)).append("{\"content\": \"cut");
            Files.writeString(in.resolve("part-" + f + ".jsonl"), lines);
        }
        return in;
    }

    static Map<String, String> files(Path folder) throws IOException {
        Map<String, String> all = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                all.put(folder.relativize(file).toString(), Sha256.hex(file));
            }
        }
        return all;
    }

    @Test
    void theBytesAreThoseOfOneMachine() throws IOException {
        Path in = input(folder.resolve("in"), 3);
        Path one = folder.resolve("one");
        try (Tokenizer tokenizer = Tokenizer.load(TOKENIZER)) {
            PreparedCorpus prepared = Preparation.run(in.toString(), tokenizer, OPTIONS, one);
            assertThat(prepared.manifest().path("problems")).hasSize(3);
            assertThat(prepared.report()
                            .where(prepared.report().longColumn("removed").isGreaterThan(0))
                            .rowCount())
                    .isEqualTo(2);
        }
        Path many = folder.resolve("many");
        SparkPreparation.run(
                spark,
                in.toUri() + "part-*.jsonl",
                TOKENIZER,
                OPTIONS,
                many.toUri().toString());
        assertThat(files(many)).isEqualTo(files(one)).hasSize(5);
    }

    @Test
    @Tag("nightly")
    void aKilledJobGoesOnWithWhatIsMissing() throws IOException {
        Path in = input(folder.resolve("in"), 3);
        Path out = folder.resolve("out");
        // Something stands in a shard's place, so that the job fails after the others.
        Path stone = Files.createDirectories(out.resolve("heldout-00000-of-00001.tokens/stone"));
        assertThatThrownBy(() -> SparkPreparation.run(spark, in.toString(), TOKENIZER, OPTIONS, out.toString()))
                .isNotNull();
        List<Path> works;
        try (Stream<Path> children = Files.list(out)) {
            works = children.filter(p -> p.getFileName().toString().startsWith("work-"))
                    .toList();
        }
        assertThat(works).hasSize(1);
        // Without its keys a unit could not be sorted again, nor a shard be made again without its documents.
        Files.delete(works.get(0).resolve("unit-000000.keys"));
        Files.delete(stone);
        Files.delete(stone.getParent());
        SparkPreparation.run(spark, in.toString(), TOKENIZER, OPTIONS, out.toString());
        Path fresh = folder.resolve("fresh");
        SparkPreparation.run(spark, in.toString(), TOKENIZER, OPTIONS, fresh.toString());
        assertThat(files(out)).isEqualTo(files(fresh));
    }

    @Test
    void theOptionsOfTheCommandAreThoseOfTheLibrary() throws IOException {
        assertThatThrownBy(() -> PrepareJob.options(List.of("--lenght", "1,2")))
                .hasMessageContaining("found --lenght")
                .hasMessageContaining("--length LEAST,MOST");
        assertThat(PrepareJob.options(List.of("--sequence", "64")).sequence()).isEqualTo(64);
        assertThat(PrepareJob.options(List.of("--similarity", "0")).similarity())
                .isZero();
    }
}
