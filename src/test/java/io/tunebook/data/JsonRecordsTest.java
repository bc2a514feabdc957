package io.tunebook.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** The scan for the borders of documents against Jackson, which wrote them, in pieces of every size. */
final class JsonRecordsTest {
    private static final ObjectMapper PLAIN = new ObjectMapper();
    private static final ObjectMapper ASCII =
            JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    @Provide
    Arbitrary<List<Map<String, Object>>> documents() {
        Arbitrary<String> text = Arbitraries.oneOf(
                Arbitraries.strings().ofMaxLength(30),
                Arbitraries.of(
                        "{\"id\": 1, \"content\": \"x\"}",
                        "\\",
                        "\"",
                        "\\\"},{\"id\"",
                        "\n",
                        "汉字，🍵",
                        "[[{{",
                        "\u0000"));
        Arbitrary<Object> nested = Arbitraries.oneOf(
                text.map(t -> (Object) t),
                Arbitraries.integers().map(i -> (Object) i),
                text.list().ofMaxSize(3).map(l -> (Object) List.of(Map.of("id", l), l)));
        return text.flatMap(content -> nested.map(more -> {
                    Map<String, Object> document = new LinkedHashMap<>();
                    document.put("id", "an id");
                    document.put("content", content);
                    document.put("more", more);
                    return document;
                }))
                .list()
                .ofMaxSize(6);
    }

    private static byte[] write(List<Map<String, Object>> documents, int form) throws IOException {
        ObjectWriter writer = (form & 1) == 0 ? PLAIN.writer() : ASCII.writer();
        if ((form & 2) == 0) {
            writer = writer.withDefaultPrettyPrinter();
        }
        if ((form & 4) == 0) {
            return writer.writeValueAsBytes(documents);
        }
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        for (Map<String, Object> document : documents) {
            lines.writeBytes(writer.writeValueAsBytes(document));
            lines.write('\n');
        }
        return lines.toByteArray();
    }

    /** What can be read, problems left out. */
    private static List<Object> read(byte[] bytes, int piece, List<CorpusException> problems) throws IOException {
        InputStream slow = new ByteArrayInputStream(bytes) {
            @Override
            public synchronized int read(byte[] b, int off, int len) {
                return super.read(b, off, Math.min(len, piece));
            }
        };
        List<Object> found = new ArrayList<>();
        try (JsonRecords records = new JsonRecords(Path.of("x.json"), slow)) {
            while (true) {
                try {
                    JsonParser parser = records.next();
                    if (parser == null) {
                        return found;
                    }
                    try {
                        parser.nextToken();
                        found.add(DocumentReader.value(parser));
                    } catch (JsonProcessingException e) {
                        throw records.broken(0, e.getOriginalMessage(), e);
                    }
                } catch (CorpusException e) {
                    problems.add(e);
                    assertThat(problems.size()).isLessThan(bytes.length + 2);
                }
            }
        }
    }

    @Property(tries = 1000)
    void readsWhatJacksonWrote(
            @ForAll("documents") List<Map<String, Object>> documents,
            @ForAll @IntRange(max = 7) int form,
            @ForAll @IntRange(min = 1, max = 50) int piece)
            throws IOException {
        List<CorpusException> problems = new ArrayList<>();
        assertThat(read(write(documents, form), piece, problems)).isEqualTo(documents);
        assertThat(problems).isEmpty();
    }

    /** Wherever a file is cut off, the documents before stay and the cut is reported. */
    @Property(tries = 1000)
    void aFileCutOffGivesTheDocumentsBeforeTheCut(
            @ForAll("documents") List<Map<String, Object>> documents,
            @ForAll @IntRange(max = 7) int form,
            @ForAll @IntRange(max = 1000) int perMille)
            throws IOException {
        byte[] whole = write(documents, form);
        byte[] cut = java.util.Arrays.copyOf(whole, (int) ((long) whole.length * perMille / 1000));
        List<CorpusException> problems = new ArrayList<>();
        List<Object> found = read(cut, 1 << 12, problems);
        assertThat(found).isEqualTo(documents.subList(0, found.size()));
        boolean array = (form & 4) == 0;
        if (array && cut.length > 0 && cut.length < whole.length) {
            assertThat(problems).isNotEmpty();
        }
    }

    /** One byte spoilt takes at most its document along, and the one beside it if the border was hit. */
    @Property(tries = 1000)
    void aSpoiltByteCostsItsNeighbourhoodOnly(
            @ForAll @IntRange(min = 3, max = 30) int count,
            @ForAll @IntRange(max = 1) int array,
            @ForAll @IntRange(max = 9999) int where,
            @ForAll byte spoilt)
            throws IOException {
        List<Map<String, Object>> documents = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Map<String, Object> document = new LinkedHashMap<>();
            document.put("id", i);
            document.put("content", "the text of document " + i);
            documents.add(document);
        }
        byte[] bytes = write(documents, array == 1 ? 2 : 6);
        bytes[1 + where * (bytes.length - 2) / 10_000] = spoilt;
        List<Object> found = read(bytes, 1 << 12, new ArrayList<>());
        List<Object> whole = new ArrayList<>(documents);
        whole.retainAll(found);
        assertThat(whole.size()).as(new String(bytes, StandardCharsets.UTF_8)).isGreaterThanOrEqualTo(count - 2);
    }
}
