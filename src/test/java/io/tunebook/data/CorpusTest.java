package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

final class CorpusTest {
    private static final String ARRAY = """
            [
              {"id": 1, "uniqueKey": "k1", "titleUkey": "t1", "dataType": "百科", "title": "茶", "content": "茶是\\"一种\\"饮料 \\ud83c\\udf75"},
              {"id": 2, "uniqueKey": "k2", "dataType": "news", "title": "", "content": "", "nested": {"id": 9, "list": [1, {"id": 3}]}}
            ]
            """;

    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private static List<String> ids(Corpus corpus) {
        List<String> ids = new ArrayList<>();
        corpus.forEach(d -> ids.add(d.id()));
        return ids;
    }

    private static List<String> contents(Corpus corpus) {
        List<String> contents = new ArrayList<>();
        corpus.forEach(d -> contents.add(d.content()));
        return contents;
    }

    private Corpus numbered(int files, int documents) throws IOException {
        for (int f = 0; f < files; f++) {
            StringBuilder lines = new StringBuilder();
            for (int d = 0; d < documents; d++) {
                int n = f * documents + d;
                lines.append("{\"id\": \"")
                        .append(n)
                        .append("\", \"content\": \"text ")
                        .append(n)
                        .append("\"}\n");
            }
            file("part-" + f + ".jsonl", lines.toString());
        }
        return Corpus.open(folder);
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            gzip.write(plain);
        }
        return zipped.toByteArray();
    }

    @Test
    void readsAnArrayAsWuDaoHasIt() throws IOException {
        List<Document> documents =
                Corpus.open(file("part-1.json", ARRAY)).stream().toList();
        assertThat(documents).hasSize(2);
        Document tea = documents.get(0);
        assertThat(tea.id()).isEqualTo("1");
        assertThat(tea.title()).isEqualTo("茶");
        assertThat(tea.dataType()).isEqualTo("百科");
        assertThat(tea.content()).isEqualTo("茶是\"一种\"饮料 🍵");
        assertThat(tea.length()).isEqualTo(10);
        assertThat(tea.fields()).containsOnlyKeys("uniqueKey", "titleUkey");
        assertThat(documents.get(1).fields().get("nested").toString()).isEqualTo("{id=9, list=[1, {id=3}]}");
    }

    @Test
    void theContentSaysWhatAFileIsAndNotItsName() throws Exception {
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            gzip.write(ARRAY.getBytes(StandardCharsets.UTF_8));
        }
        Files.write(folder.resolve("a.txt"), zipped.toByteArray());
        Files.write(
                folder.resolve("b.json"),
                Zstd.compress(
                        "{\"id\": 3, \"text\": \"三\"}\n{\"id\": 4, \"text\": \"四\"}".getBytes(StandardCharsets.UTF_8)));
        file("c.dat", "id,title,content\n5,a,\"x, \"\"y\"\"\nz\"\n6,b,六\n");
        file("d.json", "Once, upon a time,\nthere was\n\n  \nanother text");
        file("e", "\uFEFF[{\"id\": 8, \"content\": \"mark\"}]");
        Files.write(folder.resolve("f"), "\uFEFF{\"id\": 9, \"content\": \"六\"}".getBytes(StandardCharsets.UTF_16LE));
        try (var duckdb = DriverManager.getConnection("jdbc:duckdb:");
                var statement = duckdb.createStatement()) {
            statement.execute(
                    "COPY (SELECT 7 AS id, '七' AS content) TO '" + folder.resolve("g.csv") + "' (FORMAT parquet)");
        }
        file("h[1]'s.csv", "id,content\n10,ten\n");
        file(".hidden", "{");
        assertThat(ids(Corpus.open(folder)))
                .containsExactly("1", "2", "3", "4", "5", "6", "d.json:1", "d.json:2", "8", "9", "7", "10");
        assertThat(contents(Corpus.open(folder))).contains("x, \"y\"\nz", "Once, upon a time,\nthere was", "七", "六");
    }

    @Test
    void globsChooseFiles() throws IOException {
        file("part-1.json", ARRAY);
        Files.createDirectories(folder.resolve("deep"));
        Files.writeString(folder.resolve("deep/part-2.json"), "[{\"id\": 7, \"content\": \"x\"}]");
        file("other.json", "broken");
        String root = folder.toString();
        assertThat(ids(Corpus.open(root + "/part-*.json"))).containsExactly("1", "2");
        assertThat(ids(Corpus.open(root + "/**/part-?.json"))).containsExactly("7");
        assertThat(ids(Corpus.open(root + "/{deep/,}part-*.json"))).containsExactly("7", "1", "2");
        assertThatThrownBy(() -> Corpus.open(root + "/no/part-*"))
                .hasMessageContaining("there is no such file or folder");
        assertThatThrownBy(() -> Corpus.open(root + "/no-*").count()).hasMessageContaining("expected files that match");
    }

    @Test
    void takesSkipsFiltersAndMapsLazilyAndAgain() throws IOException {
        Corpus corpus = numbered(2, 50);
        file("part-9.json", "[{\"id\": 1, broken");
        assertThat(ids(corpus.filter(d -> d.id().endsWith("3")).skip(2).take(3)))
                .containsExactly("23", "33", "43");
        Corpus mapped = corpus.map(d -> d.withContent("new " + d.id())).take(2);
        assertThat(contents(mapped)).containsExactly("new 0", "new 1");
        assertThat(contents(mapped)).containsExactly("new 0", "new 1");
        List<List<Document>> batches = new ArrayList<>();
        corpus.take(7).batches(3).forEach(batches::add);
        assertThat(batches).extracting(List::size).containsExactly(3, 3, 1);
        assertThat(corpus.take(0).count()).isZero();
        assertThat(corpus.take(3).table(5).rowCount()).isEqualTo(3);
    }

    @Test
    void theTutorialsCorpusIsInWuDaosForm() throws IOException {
        List<Document> documents =
                Corpus.open(Path.of("../notebooks/data/wudao")).stream().toList();
        assertThat(documents).hasSize(40).allSatisfy(d -> assertThat(d.fields())
                .containsOnlyKeys("uniqueKey", "titleUkey"));
        assertThat(documents).extracting(Document::id).doesNotHaveDuplicates();
    }

    @Test
    void splitsAndSamplesTheSameWayAgainWithoutACommonText() throws IOException {
        Corpus corpus = numbered(3, 400);
        Corpus.Split split = corpus.split(0.25, 7);
        List<String> train = ids(split.train());
        List<String> heldOut = ids(split.heldOut());
        assertThat(heldOut.size()).isBetween(240, 360);
        assertThat(Stream.concat(train.stream(), heldOut.stream()).toList())
                .containsExactlyInAnyOrderElementsOf(ids(corpus));
        assertThat(ids(corpus.parallel(3).split(0.25, 7).heldOut())).containsExactlyInAnyOrderElementsOf(heldOut);
        assertThat(ids(corpus.split(0.25, 8).heldOut())).isNotEqualTo(heldOut);
        List<String> sample = ids(corpus.sample(0.1, 1));
        assertThat(sample.size()).isBetween(80, 160);
        assertThat(ids(corpus.sample(0.1, 1))).isEqualTo(sample);
        Document twin = new Document("a", "", "the same text");
        Corpus.Split twins =
                Corpus.of(List.of(twin, new Document("b", "", "the same text"))).split(0.5, 3);
        assertThat(List.of(twins.train().count(), twins.heldOut().count())).containsExactlyInAnyOrder(0L, 2L);
    }

    @Test
    void shufflesFilesAndDocumentsBySeed() throws IOException {
        Corpus corpus = numbered(3, 100);
        List<String> shuffled = ids(corpus.shuffle(50, 42));
        assertThat(shuffled).containsExactlyInAnyOrderElementsOf(ids(corpus)).isNotEqualTo(ids(corpus));
        assertThat(ids(corpus.shuffle(50, 42))).isEqualTo(shuffled);
        assertThat(ids(corpus.shuffle(50, 43))).isNotEqualTo(shuffled);
        assertThat(ids(corpus.shuffle(1, 42))).hasSize(300);
    }

    @Test
    void parallelReadingLosesNothing() throws IOException {
        Corpus corpus = numbered(5, 2000);
        assertThat(ids(corpus.map(d -> d.withContent("x")).parallel(4)))
                .containsExactlyInAnyOrderElementsOf(ids(corpus));
        assertThat(corpus.parallel(4).take(10).count()).isEqualTo(10);
        file("part-9.jsonl", "{\"id\": 1");
        assertThatThrownBy(() -> corpus.parallel(3).count())
                .isInstanceOf(CorpusException.class)
                .hasMessageContaining("part-9.jsonl, line 1");
        assertThat(corpus.onError(Corpus.OnError.SKIP).parallel(3).count()).isEqualTo(10_000);
    }

    @Test
    void aBrokenDocumentIsNamedAndItsNeighboursAreKept() throws IOException {
        file("a.json", """
                [{"id": 1, "content": "one"},
                 {"id": 2, "content": "a raw
                line break"},
                 {"id": 3, "content": "three"},
                 {"id": 4, "content": "a " stray quotation mark"},
                 {"id": 5, "content": "five", "more": [{"id": 55, "content": "inner"}]},
                 {"id": 6, "content": "unclosed"
                 {"id": 7, "content": "seven"},
                 {"id": 8, "content": "bad \\x escape"},
                 {"id": 9, "title": "no text"},
                 {"id": 10, "content": "ten"}
                """);
        Corpus corpus = Corpus.open(folder.resolve("a.json"));
        assertThatThrownBy(corpus::count)
                .isInstanceOfSatisfying(CorpusException.class, e -> {
                    assertThat(e.line()).isEqualTo(2);
                    assertThat(e.byteOffset()).isEqualTo(58);
                    assertThat(e.file().getFileName()).hasToString("a.json");
                })
                .hasMessageContaining(
                        "a.json, line 2, byte 58: expected a string to go on or to end, found a line break");
        Corpus skipping = corpus.onError(Corpus.OnError.SKIP);
        assertThat(ids(skipping)).containsExactly("1", "3", "5", "7", "10");
        Corpus.Problems problems = skipping.problems();
        assertThat(problems.count()).isEqualTo(6);
        assertThat(problems.first()).extracting(CorpusException::line).containsExactly(2L, 5L, 8L, 9L, 10L, 12L);
        assertThat(problems.toString())
                .startsWith("6 broken documents")
                .contains("expected a text in a field content")
                .contains("the file ends inside its array");
    }

    @Test
    void brokenFilesOfEveryKind() throws IOException {
        byte[] good = "{\"id\": 1, \"content\": \"好\"}\n".getBytes(StandardCharsets.UTF_8);
        byte[] gbk = "{\"id\": 2, \"content\": \"中文\"}\n".getBytes(Charset.forName("GBK"));
        ByteArrayOutputStream mixed = new ByteArrayOutputStream();
        mixed.write(good);
        mixed.write(gbk);
        mixed.write(good);
        Files.write(folder.resolve("a.jsonl"), mixed.toByteArray());
        Files.createFile(folder.resolve("b.json"));
        ByteArrayOutputStream zipped = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
            for (int i = 0; i < 50_000; i++) {
                gzip.write(("{\"id\": " + i + ", \"content\": \"" + Integer.toHexString(i * 77_777_777) + "\"}\n")
                        .getBytes(StandardCharsets.UTF_8));
            }
        }
        Files.write(folder.resolve("c.gz"), java.util.Arrays.copyOf(zipped.toByteArray(), zipped.size() / 2));
        Files.write(folder.resolve("f.txt"), "eins\nzwei\n\nöde\n\nend".getBytes(StandardCharsets.ISO_8859_1));
        file("d.csv", "id,content\n1,one\n2\n3,three\n");
        file("e.json", "[{\"id\": 1, \"content\": \"ends in the mid");

        assertThatThrownBy(() -> Corpus.open(folder.resolve("a.jsonl")).count())
                .hasMessageContaining("a.jsonl, line 2, byte " + (good.length + 22))
                .hasMessageContaining("expected UTF-8, found the byte 0xD6")
                .hasMessageContaining("GB18030");
        assertThatThrownBy(() -> Corpus.open(folder.resolve("b.json")).count())
                .hasMessageContaining("the file is empty");
        assertThatThrownBy(() -> Corpus.open(folder.resolve("c.gz")).count())
                .hasMessageFindingMatch(
                        "c.gz, line \\d{4,}, byte \\d{5,}: somewhere after this place the file cannot be read on");
        Path emptyZipped = Files.write(folder.resolve("b.gz"), gzip(new byte[0]));
        assertThatThrownBy(() -> Corpus.open(emptyZipped).count()).hasMessageContaining("the file is empty");
        Files.delete(emptyZipped);
        assertThatThrownBy(() -> Corpus.open(folder.resolve("d.csv")).count())
                .hasMessageContaining("d.csv, line 3, byte 17");
        assertThatThrownBy(() -> Corpus.open(folder.resolve("e.json")).count())
                .hasMessageContaining(
                        "e.json, line 1, byte 38: the file ends inside the document that begins at line 1, byte 1");

        assertThatThrownBy(() -> Corpus.open(folder.resolve("f.txt")).count())
                .hasMessageContaining("f.txt, line 4, byte 11: expected UTF-8, found the byte 0xF6");
        assertThat(contents(Corpus.open(folder.resolve("f.txt")).onError(Corpus.OnError.SKIP)))
                .containsExactly("eins\nzwei", "end");

        Files.write(folder.resolve("g.csv"), "id,content\n1,\"two\nlines\"\n2,中文\n".getBytes(Charset.forName("GBK")));
        assertThatThrownBy(() -> Corpus.open(folder.resolve("g.csv")).count())
                .hasMessageContaining("g.csv, line 4, byte 25: CSV row:")
                .hasMessageContaining("GB18030");
        assertThat(contents(Corpus.open(folder.resolve("g.csv")).charset("GBK")))
                .containsExactly("two\nlines", "中文");

        Corpus all = Corpus.open(folder).onError(Corpus.OnError.SKIP);
        assertThat(all.count()).isGreaterThan(10_000);
        assertThat(all.problems().first())
                .extracting(e -> e.file().getFileName().toString())
                .contains("a.jsonl", "b.json", "c.gz", "d.csv", "e.json");
        assertThat(contents(Corpus.open(Files.write(folder.resolve("gbk"), gbk)).charset("GBK")))
                .containsExactly("中文");
    }

    /**
     * Reads a folder in which one may not be read; run by {@link #aFolderWithoutPermissionIsNamed} where root runs the
     * tests.
     */
    static final class ClosedFolder {
        public static void main(String[] arguments) throws IOException {
            Corpus corpus = Corpus.open(Path.of(arguments[0]));
            assertThatThrownBy(corpus::count)
                    .isInstanceOf(CorpusException.class)
                    .hasMessageContaining(arguments[1] + ": no permission to read this folder");
            Corpus skipping = corpus.onError(Corpus.OnError.SKIP);
            assertThat(skipping.count()).isEqualTo(2);
            assertThat(skipping.problems().first().get(0).file()).isEqualTo(Path.of(arguments[1]));
        }
    }

    @Test
    void aFolderWithoutPermissionIsNamed() throws Exception {
        Path closed = Files.createDirectory(folder.resolve("closed"));
        file("a.json", ARRAY);
        Assumptions.assumeTrue(closed.toFile().setReadable(false, false), "the file system has no such rights");
        String[] arguments = {folder.toString(), closed.toString()};
        if (!Files.isReadable(closed)) {
            ClosedFolder.main(arguments);
            return;
        }
        // Root may read everything, unless it gives its capabilities away.
        Assumptions.assumeTrue(
                Files.exists(Path.of("/usr/bin/setpriv")),
                "root runs the tests, and setpriv of util-linux is not here");
        Process process = new ProcessBuilder(
                        "setpriv",
                        "--bounding-set=-all",
                        "--inh-caps=-all",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        ClosedFolder.class.getName(),
                        arguments[0],
                        arguments[1])
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    @Test
    void progressEndsAtTheFilesBytes() throws IOException {
        Corpus corpus = numbered(3, 1000);
        long bytes = 0;
        for (int f = 0; f < 3; f++) {
            bytes += Files.size(folder.resolve("part-" + f + ".jsonl"));
        }
        PrintStream console = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            corpus.progress().parallel(2).count();
        } finally {
            System.setOut(console);
        }
        assertThat(said.toString(StandardCharsets.UTF_8))
                .contains(String.format(Locale.ROOT, "%,d of %,d", bytes, bytes))
                .contains("MB/s, 3,000 documents");
    }

    @Test
    void describesInOnePass() {
        List<Document> documents = new ArrayList<>();
        IntStream.range(0, 1000).forEach(i -> documents.add(new Document("d" + i, "", "字".repeat(i + 1))));
        documents.add(new Document("e", "", " "));
        documents.add(new Document("f", "", "字字字"));
        documents.add(new Document("g", "", "The cat and the dog are in the house, and it is not that of a friend."));
        CorpusSummary summary = Corpus.of(documents).describe();
        assertThat(summary.documents()).isEqualTo(1003);
        assertThat(summary.characters()).isEqualTo(500_500 + 1 + 3 + 69);
        assertThat(summary.empty()).isEqualTo(1);
        assertThat(summary.duplicates()).isEqualTo(1);
        assertThat(summary.languages())
                .containsExactly(java.util.Map.entry("zh", 1001L), java.util.Map.entry("en", 1L));
        assertThat(summary.quantiles().get(0.5)).isBetween(495L, 505L);
        assertThat(summary.quantiles().get(1.0)).isEqualTo(1000);
        assertThat(summary.histogram()[1]).isEqualTo(2);
        assertThat(new CorpusSummary.View()
                        .render(summary)
                        .data()
                        .get("text/html")
                        .toString())
                .contains("<svg", "1,003");
    }

    /** One pass in a small JVM; run by {@link #aLargeFilePassesThroughASmallHeap}. */
    static final class SmallHeap {
        public static void main(String[] arguments) throws IOException {
            Corpus corpus = Corpus.open(Path.of(arguments[0]));
            System.out.println(corpus.describe().documents() + " "
                    + corpus.shuffle(100, 1).parallel(2).count());
        }
    }

    @Test
    void aLargeFilePassesThroughASmallHeap() throws Exception {
        Path file = folder.resolve("large.json.gz");
        String document = "{\"id\": 1, \"content\": \"" + "茶是一种饮料。".repeat(200) + "\"}";
        try (var out = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16)) {
            byte[] next = (",\n" + document).getBytes(StandardCharsets.UTF_8);
            out.write(("[" + document).getBytes(StandardCharsets.UTF_8));
            for (int i = 1; i < 30_000; i++) {
                out.write(next);
            }
            out.write(']');
        }
        Process small = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx24m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        SmallHeap.class.getName(),
                        file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(small.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(small.waitFor()).as(said).isZero();
        assertThat(said.strip()).endsWith("30000 30000");
    }

    @Test
    void jsonMayBeNestedDeep() throws IOException {
        StringBuilder rows = new StringBuilder();
        for (int depth : new int[] {63, 64, 65, 66, 128, 300, 900}) {
            rows.append("{\"content\": \"")
                    .append(depth)
                    .append("\", \"more\": ")
                    .append("[".repeat(depth));
            rows.append("1, {\"a\": [2, {\"b\": 3}, {\"c\": 4}]}, {\"d\": 5}")
                    .append("]".repeat(depth))
                    .append("}\n");
        }
        Corpus corpus = Corpus.open(Files.writeString(folder.resolve("deep.jsonl"), rows));
        assertThat(corpus.stream().map(Document::content)).containsExactly("63", "64", "65", "66", "128", "300", "900");
        Path tooDeep = Files.writeString(
                folder.resolve("deeper.jsonl"),
                "{\"content\": " + "[".repeat(2000) + "]".repeat(2000) + "}\n{\"content\": \"next\"}\n");
        Corpus skipping = Corpus.open(tooDeep).onError(Corpus.OnError.SKIP);
        assertThat(skipping.stream().map(Document::content)).containsExactly("next");
        assertThat(skipping.problems().count()).isEqualTo(1);
    }

    /** Pipes never end, and links may lead round in circles. */
    @Test
    @Timeout(60)
    void pipesAreRefusedAndLinksFollowedOnce() throws Exception {
        assumeTrue(!System.getProperty("os.name").startsWith("Windows"), "no mkfifo there");
        Path links = Files.createDirectory(folder.resolve("links"));
        Files.writeString(links.resolve("a.jsonl"), "{\"content\": \"a\"}\n");
        Files.createSymbolicLink(links.resolve("b"), Path.of("."));
        Files.createSymbolicLink(links.resolve("c"), Path.of("."));
        Files.createSymbolicLink(links.resolve("d.jsonl"), Path.of("a.jsonl"));
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.writeString(elsewhere.resolve("e.jsonl"), "{\"content\": \"e\"}\n");
        Files.createSymbolicLink(links.resolve("e"), elsewhere);
        assertThat(Corpus.open(links).stream().map(Document::content)).containsExactly("a", "e");
        assertThat(Corpus.open(links + "/**.jsonl").stream().map(Document::content))
                .containsExactly("a", "e");
        Path pipe = links.resolve("p.jsonl");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        Corpus skipping = Corpus.open(links).onError(Corpus.OnError.SKIP);
        assertThat(skipping.count()).isEqualTo(2);
        assertThat(skipping.problems().first().get(0))
                .hasMessage(pipe + ": expected a file, found a pipe, a socket or a device. Leave it out");
        assertThatThrownBy(() -> Corpus.open(pipe).count()).hasMessageContaining("found a pipe");
        Files.createSymbolicLink(links.resolve("z.jsonl"), Path.of("/dev/zero"));
        Corpus both = Corpus.open(links).onError(Corpus.OnError.SKIP);
        assertThat(both.count()).isEqualTo(2);
        assertThat(both.problems().count()).isEqualTo(2);
        assertThatThrownBy(() -> ChatExample.read(Path.of("/dev/zero"))).hasMessageContaining("found a pipe");
    }

    @Test
    void whatADownloadLeftIsNoData() throws IOException {
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 9\n";
        for (String name : List.of("a.jsonl", "a.txt", "a.parquet", "a.csv")) {
            Path file = Files.writeString(folder.resolve(name), pointer);
            assertThatThrownBy(() -> Corpus.open(file).count())
                    .hasMessageContaining(name + ", line 1, byte 0: expected data, found a Git LFS pointer")
                    .hasMessageContaining("git lfs pull");
        }
        String page = "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n";
        Path data = Files.writeString(folder.resolve("b.jsonl"), page);
        assertThatThrownBy(() -> ChatExample.read(data)).hasMessageContaining("found a page of the web saved under");
        assertThat(Corpus.open(Files.writeString(folder.resolve("b.html"), page))
                        .count())
                .isEqualTo(1);
    }

    @Test
    void problemsAreThoseOfTheCorpusThatWasRead() throws IOException {
        Path file = Files.writeString(folder.resolve("some.jsonl"), "{\"content\": 1}\n{\"x\": 1}\n{\"content\": 2}\n");
        Corpus all = Corpus.open(file).onError(Corpus.OnError.SKIP);
        Corpus first = all.take(1);
        assertThat(all.count()).isEqualTo(2);
        assertThat(first.count()).isEqualTo(1);
        assertThat(all.problems().count()).isEqualTo(1);
        assertThat(first.problems().count()).isZero();
        assertThat(all.problems().first().get(0))
                .hasMessageContaining(
                        "line 2, byte 15: expected a text in a field content, text or body, found none of them but [x]");
    }
}
