package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that Python's json, csv, gzip, zstandard and pyarrow wrote: bench/reference/corpus_files.py. */
final class CorpusGoldenTest {
    private static final List<Document> DOCUMENTS = List.of(
            new Document("a-1", "茶", "第一行，\"引号\"\n第二行 🍵 \\ /"),
            new Document("a-2", "", "tabs\tand, commas; pipes | and a quotation mark \" inside"),
            new Document(
                    "a-3",
                    "Ünïcode",
                    "combining e\u0301, Arabic العربية, a family \uD83D\uDC69\u200D\uD83D\uDC69\u200D\uD83D\uDC67\u200D\uD83D\uDC66, U+2028 \u2028 end"));

    static Stream<Path> files() throws IOException, URISyntaxException {
        Path folder = Path.of(CorpusGoldenTest.class.getResource("forms").toURI());
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void everyFormHoldsTheSameDocuments(Path file) throws IOException {
        Corpus corpus = Corpus.open(file);
        Corpus decoded = file.toString().endsWith("gb18030.data") ? corpus.charset("GB18030") : corpus;
        try (Stream<Document> documents = decoded.stream()) {
            assertThat(documents.toList()).isEqualTo(DOCUMENTS);
        }
    }
}
