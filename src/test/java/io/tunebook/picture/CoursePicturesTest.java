package io.tunebook.picture;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tokenizer.Encoding;
import io.tunebook.train.Reference;
import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/** The pictures of tokens and of the model are well-formed SVG, and show the values that they were given. */
class CoursePicturesTest {
    @Test
    void theRectangleHasEveryIdAndItsMask() throws Exception {
        Encoding.Batch batch = new Encoding.Batch(
                List.of(row(new int[] {7, 2, 2}, 1, 0, 0), row(new int[] {5, 9, 2}, 1, 1, 1)), new int[] {0, 1});
        MimeBundle picture = TokenPictures.batch(batch);
        String svg = svg(picture);
        assertThat(svg.split(">2</text>", -1)).hasSize(4);
        assertThat(svg.split(">1</text>", -1)).hasSize(5);
        assertThat(svg.split(">0</text>", -1)).hasSize(3);
        assertThat(svg).contains(">7</text>", ">5</text>", ">9</text>");
        assertThat((String) picture.data().get(MimeBundle.TEXT))
                .contains("2 rows of 3 ids. 4 are tokens", "2 are padding");
    }

    private static Encoding row(int[] ids, int... mask) {
        int[] places = new int[ids.length];
        return new Encoding(ids, mask, List.of("a", "b", "c"), places, places, new boolean[ids.length]);
    }

    @Test
    void aLayerNamesItsSevenMatricesWithTheirShapes() throws Exception {
        ModelConfig c = ModelConfig.read(Reference.path("llama").resolve("config.json"));
        String svg = svg(ModelPictures.layer(c));
        for (String name : List.of("q", "k", "v", "o", "gate", "up", "down")) {
            assertThat(svg).contains(">" + name + "</text>");
        }
        assertThat(svg)
                .contains(">" + c.intermediateSize() + " × " + c.hiddenSize() + "</text>")
                .contains(">" + c.kvHeads() * c.headDim() + " × " + c.hiddenSize() + "</text>");
        assertThat(svg(ModelPictures.model(c, 5))).contains("[5 × " + c.hiddenSize() + "]");
    }

    @Test
    void attentionShowsSharesOfWhatIsPastAlone() throws Exception {
        String svg = svg(ModelPictures.attention(List.of("<a>", " b"), new float[][] {{1, 0}, {0.25f, 0.75f}}));
        assertThat(svg).contains("1.00", "0.25", "0.75", "␣b", "&lt;a&gt;").doesNotContain(">0.00<");
    }

    @Test
    void tellsWordsProbabilitiesAndMerges() throws Exception {
        Map<String, Double> shares = new LinkedHashMap<>();
        shares.put(" Paris", 0.625);
        shares.put("\n", 0.1);
        assertThat(svg(ModelPictures.nextTokens("The capital is", shares))).contains("␣Paris", "62.5 %", "↵", "10.0 %");
        assertThat(svg(TokenPictures.merges(List.of(List.of("l", "o", "w"), List.of("lo", "w")))))
                .contains(">lo</text>", ">w</text>", "change 1");
    }

    private static String svg(MimeBundle bundle) throws Exception {
        String svg = (String) bundle.data().get(MimeBundle.SVG);
        Element root = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(svg)))
                .getDocumentElement();
        assertThat(root.getElementsByTagName("title").item(0).getTextContent()).isNotBlank();
        assertThat(root.getElementsByTagName("desc").item(0).getTextContent()).doesNotContain("{");
        return svg;
    }
}
