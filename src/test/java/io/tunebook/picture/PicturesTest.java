package io.tunebook.picture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.Cleaning;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.picture.DataPictures.ShardsPicture;
import io.tunebook.picture.Pictures.PathPicture;
import io.tunebook.picture.ServerPictures.TemperaturePicture;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import tech.tablesaw.api.LongColumn;
import tech.tablesaw.api.StringColumn;
import tech.tablesaw.api.Table;

/** Pictures are XML that a browser can draw, say in words what they show, and stay on their card. */
final class PicturesTest {
    static Element svg(MimeBundle picture) {
        String svg = (String) picture.data().get(MimeBundle.SVG);
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            return factory.newDocumentBuilder()
                    .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)))
                    .getDocumentElement();
        } catch (Exception e) {
            throw new AssertionError(svg, e);
        }
    }

    static List<String> texts(MimeBundle picture) {
        List<String> texts = new ArrayList<>();
        NodeList nodes = svg(picture).getElementsByTagName("text");
        for (int i = 0; i < nodes.getLength(); i++) {
            texts.add(nodes.item(i).getTextContent());
        }
        return texts;
    }

    /** What every picture must have. */
    static void assertGood(MimeBundle picture) {
        Element svg = svg(picture);
        String title = svg.getElementsByTagName("title").item(0).getTextContent();
        String description = svg.getElementsByTagName("desc").item(0).getTextContent();
        assertThat(svg.getAttribute("role")).isEqualTo("img");
        assertThat(svg.getAttribute("aria-label")).isEqualTo(title).isNotBlank();
        assertThat(description).isNotBlank().doesNotContain("{0}");
        assertThat(picture.text()).isEqualTo(title + ": " + description);
        double width = Double.parseDouble(svg.getAttribute("width"));
        double height = Double.parseDouble(svg.getAttribute("height"));
        NodeList texts = svg.getElementsByTagName("text");
        for (int i = 0; i < texts.getLength(); i++) {
            Element text = (Element) texts.item(i);
            double size = Double.parseDouble(text.getAttribute("font-size"));
            double x = Double.parseDouble(text.getAttribute("x"));
            double wide = Drawing.textWidth(text.getTextContent(), size);
            double left = x
                    - switch (text.getAttribute("text-anchor")) {
                        case "middle" -> wide / 2;
                        case "end" -> wide;
                        default -> 0;
                    };
            assertThat(left).as(text.getTextContent()).isGreaterThanOrEqualTo(0);
            assertThat(left + wide).as(text.getTextContent()).isLessThanOrEqualTo(width);
            assertThat(Double.parseDouble(text.getAttribute("y")))
                    .as(text.getTextContent())
                    .isBetween(size, height);
        }
    }

    @Test
    void thePathShowsWhereTheReaderIs() {
        for (int chapter = 0; chapter < PathPicture.CHAPTERS; chapter++) {
            MimeBundle path = Pictures.path(chapter);
            assertGood(path);
            assertThat(path.text()).contains("you are in chapter " + chapter);
        }
        assertThat(texts(Pictures.path(3))).contains("Tokens", "LoRA");
        assertThatThrownBy(() -> Pictures.path(10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0 to 9");
    }

    @Test
    void textOfACellIsTakenAsText() {
        MimeBundle picture = new Drawing(200, 100)
                .box(10, 10, 100, 30, Drawing.Tone.BLUE, "<a href='x'>&\u0001")
                .bundle("\"quoted\" & 'so'", "a < b");
        assertGood(picture);
        assertThat(texts(picture)).containsExactly("<a href='x'>&\ufffd");
    }

    @Test
    void aTextThatIsTooWideIsCutBetweenCharacters() {
        assertThat(Drawing.cut("short", 10, 100)).isEqualTo("short");
        assertThat(Drawing.cut("𠮷𠮷𠮷𠮷", 10, 24)).isEqualTo("𠮷…");
    }

    @Test
    void valuesOfACellAreInThePicture() {
        MimeBundle stream = Pictures.stream(List.of("My", " name", "\n"), List.of(120L, 150L, 190L));
        assertGood(stream);
        assertThat(texts(stream)).contains("120 ms", " name", "⏎");
        MimeBundle conversation = Pictures.conversation(List.of("My cat is Tofu.", "Nice!", "What is it called?"));
        assertGood(conversation);
        assertThat(texts(conversation)).containsSubsequence("request 1", "you: My cat is Tofu.", "request 2");
        assertThat(texts(conversation))
                .filteredOn("you: My cat is Tofu."::equals)
                .hasSize(2);
        MimeBundle cleaning = Pictures.cleaning(List.of(new Cleaning.Count("normalize", 40, 1, 0)));
        assertGood(cleaning);
        assertThat(texts(cleaning)).contains("normalize", "40 came, 1 changed, 0 removed");
        MimeBundle split = Pictures.split(List.of(true, false, false));
        assertGood(split);
        assertThat(split.text()).contains("2 documents to learn from (green), 1 held out (orange)");
        assertThatThrownBy(() -> Pictures.cleaning(List.of())).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Pictures.stream(List.of("a"), List.of())).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Pictures.split(List.of())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void eachFileOfAPreparedCorpusHasItsBox() {
        Table files = Table.create(
                StringColumn.create("file", "train-00000-of-00001.tokens", "heldout-00000-of-00001.tokens"),
                LongColumn.create("documents", 1288, 142),
                LongColumn.create("tokens", 668_840, 76_249));
        MimeBundle shards = ShardsPicture.draw(files, Words.COURSE);
        assertGood(shards);
        assertThat(texts(shards))
                .contains("1,430 documents", "heldout-00000-of-00001.tokens", "1,288 documents, 668,840 tokens");
        assertThatThrownBy(() -> ShardsPicture.draw(files.emptyCopy(), Words.COURSE))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void everyBarHasItsNameAndItsValue() {
        MimeBundle bars = Pictures.bars("Topics", "documents", new TreeMap<>(Map.of("新闻", 5, "news", 2.5)));
        assertGood(bars);
        assertThat(texts(bars)).contains("新闻", "5", "news", "2.500");
        assertThatThrownBy(() -> Pictures.bars("a", "b", Map.of("x", -1))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void fixedPicturesAreGood() {
        assertGood(Pictures.streaming());
        assertGood(Pictures.roads());
        assertGood(Pictures.servers(true));
        assertGood(Pictures.servers(false));
        assertThat(Pictures.servers(true).text())
                .isNotEqualTo(Pictures.servers(false).text());
    }

    /** softmax([2, 1] / 1) is 1 / (1 + e^-1) for the first; at temperature 0 the first has it all. */
    @Test
    void temperatureIsSoftmax() {
        assertThat(TemperaturePicture.chances(new double[] {2, 1}, 1)[0])
                .isCloseTo(0.7310586, org.assertj.core.api.Assertions.within(1e-6));
        assertThat(TemperaturePicture.chances(new double[] {1, 3, 2}, 0)).containsExactly(0, 1, 0);
        MimeBundle picture = Pictures.temperature(List.of("cat", "dog"), new double[] {2, 1}, 0, 1);
        assertGood(picture);
        assertThat(texts(picture)).contains("100.0 %", "73.1 %", "26.9 %");
    }

    @Test
    void twinsAreComparedByRunsOfFive() {
        MimeBundle twins = Pictures.twins("abcdefg", "xxabcdexx");
        assertGood(twins);
        assertThat(twins.text()).contains("5 of 7", "5 of 9");
        assertThat((String) twins.data().get(MimeBundle.SVG)).doesNotContain(">…<");
        String longText = "a".repeat(210);
        assertThat((String) Pictures.twins(longText, longText + "b").data().get(MimeBundle.SVG))
                .containsOnlyOnce(">…<");
    }

    @Test
    void aChangeIsLostOrKept() {
        MimeBundle picture = Pictures.rounding(0.02, 0.001, 0.01, 0.001);
        assertGood(picture);
        assertThat(picture.text())
                .contains("stored as 0.0200 before and 0.0200 after: the change is lost")
                .contains("stored as 0.0200 before and 0.0210 after: the change is kept");
    }

    /** The words and the drawings name the same keys. */
    @Test
    void everyWordIsUsed() throws IOException {
        Properties words = new Properties();
        try (Reader in =
                new InputStreamReader(Words.class.getResourceAsStream("picture.properties"), StandardCharsets.UTF_8)) {
            words.load(in);
        }
        StringBuilder code = new StringBuilder();
        try (Stream<Path> files = Stream.concat(
                Files.list(Path.of("main/java/io/tunebook/picture")),
                Files.list(Path.of("main/java/io/tunebook/chart")))) {
            for (Path file : files.toList()) {
                code.append(Files.readString(file));
            }
        }
        assertThat(words.stringPropertyNames()).allSatisfy(key -> assertThat(code.indexOf("\"" + key + "\"") >= 0
                        || code.indexOf("\"" + key.replaceAll("\\.\\d+(\\.\\w+)?$", ".") + "\"") >= 0)
                .as(key)
                .isTrue());
    }

    @Test
    void picturesOfTrainingAreGood() {
        MimeBundle product = Pictures.lowRank(new double[][] {{1}, {2}, {-1}}, new double[][] {{0.5, 4}});
        assertGood(product);
        assertThat(texts(product)).contains("0.50", "4.00", "1.00", "8.00", "-0.50", "-4.00");
        assertGood(Pictures.lora(576, 192, 16, 2));
        assertThat(texts(Pictures.lora(576, 192, 16, 2))).contains("× 2", "trained: 12,288 numbers");
        assertGood(Pictures.trainingStep());
        assertThatThrownBy(() -> Pictures.lowRank(new double[][] {{1, 2}}, new double[][] {{1}}))
                .hasMessageContaining("2 and 1");
    }

    @Test
    void passRatesSayEachShare() {
        MimeBundle rates = Pictures.passRates(java.util.Map.of("base", java.util.Map.of("general", 0.75)));
        assertGood(rates);
        assertThat(rates.text()).contains("base, general: 75 %");
        assertThatThrownBy(() -> Pictures.passRates(java.util.Map.of())).hasMessageContaining("found 0");
    }
}
