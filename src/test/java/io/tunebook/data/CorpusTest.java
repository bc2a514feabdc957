package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
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
        file(".hidden", "{");
        assertThat(ids(Corpus.open(folder)))
                .containsExactly("1", "2", "3", "4", "5", "6", "d.json:1", "d.json:2", "8", "9", "7");
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
}
