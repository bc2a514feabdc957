package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import io.tunebook.kernel.notebook.CellOutputs.StreamText;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StreamTextTest {
    @ParameterizedTest
    @CsvSource({
        "a|b\\n, '[\"ab\\n\"]'",
        "10%|\\r50%|\\r100%\\n, '[\"100%\\n\"]'",
        "a\\r|\\nb, '[\"a\\n\",\"b\"]'",
        "a\\r, '[\"a\\r\"]'",
        "a\\n\\r|b, '[\"a\\n\",\"b\"]'",
        "a\\n|\\n, '[\"a\\n\",\"\\n\"]'",
        "long line|\\r, '[\"long line\\r\"]'",
        "'', '[]'"
    })
    void showsWhatATerminalShowsHoweverItIsCut(String pieces, String lines) {
        ArrayNode node = Notebook.JSON.createArrayNode();
        StreamText text = new StreamText(node);
        for (String piece : pieces.replace("\\n", "\n").replace("\\r", "\r").split("\\|")) {
            text.append(piece);
            text.settle();
            text.settle();
        }
        assertThat(node.toString()).isEqualTo(lines.replace("\\n", "\\n"));
    }

    @Test
    void settlingInBetweenChangesNothing() {
        Random random = new Random(7);
        for (int round = 0; round < 500; round++) {
            ArrayNode once = Notebook.JSON.createArrayNode();
            ArrayNode often = Notebook.JSON.createArrayNode();
            StreamText a = new StreamText(once);
            StreamText b = new StreamText(often);
            for (int i = 0; i < 12; i++) {
                String piece = "" + "ab\r\n".charAt(random.nextInt(4));
                a.append(piece);
                b.append(piece);
                b.settle();
            }
            a.settle();
            assertThat(often).isEqualTo(once);
        }
    }
}
