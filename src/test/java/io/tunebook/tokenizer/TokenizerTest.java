package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.display.MimeBundle;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What becomes of the tokens: batches as Transformers makes them, text that comes token by token, pictures, the guard.
 */
final class TokenizerTest {
    @TempDir
    Path folder;

    private static Tokenizer tokenizer(String name) throws IOException {
        return Tokenizer.load(
                name.equals("smollm2") ? TokenizerGoldenTest.defaultModel() : TokenizerGoldenTest.models(name));
    }

    /** Padded to either side and to multiples, cut on either side, into windows with and without overlap. */
    @ParameterizedTest
    @ValueSource(strings = {"smollm2", "llama3_2"})
    void batchesAreThoseOfTransformers(String name) throws IOException {
        JsonNode golden;
        try (InputStream in = new GZIPInputStream(TokenizerTest.class.getResourceAsStream("batches.json.gz"))) {
            golden = new ObjectMapper().readTree(in);
        }
        List<String> texts =
                golden.get("texts").valueStream().map(JsonNode::asText).toList();
        int compared = 0;
        try (Tokenizer tokenizer = tokenizer(name)) {
            for (JsonNode batch : golden.get("batches")) {
                if (!batch.get("tokenizer").asText().equals(name)) {
                    continue;
                }
                Encoding.Options options = new Encoding.Options(
                        batch.get("special").asBoolean(),
                        side(batch.get("padding")),
                        batch.get("multiple").asInt(),
                        batch.get("length").asInt(),
                        batch.get("cut").isNull() ? Encoding.Side.RIGHT : side(batch.get("cut")),
                        !batch.get("stride").isNull(),
                        batch.get("stride").asInt());
                Encoding.Batch found = tokenizer.encode(texts, options);
                String which = options.toString();
                assertThat(found.ids()).as(which).isDeepEqualTo(rows(batch.get("ids")));
                assertThat(found.attentionMasks()).as(which).isDeepEqualTo(rows(batch.get("mask")));
                assertThat(found.sources()).as(which).isEqualTo(row(batch.get("sources")));
                for (int i = 0; i < found.encodings().size(); i++) {
                    Encoding encoding = found.encodings().get(i);
                    int[] added = row(batch.get("added").get(i));
                    for (int t = 0; t < encoding.length(); t++) {
                        int[] place = row(batch.get("places").get(i).get(t));
                        assertThat(encoding.special()[t]).as(which).isEqualTo(added[t] == 1);
                        assertThat(
                                        encoding.starts()[t] < encoding.ends()[t]
                                                ? new int[] {encoding.starts()[t], encoding.ends()[t]}
                                                : new int[2])
                                .as(which)
                                .isEqualTo(place);
                    }
                }
                compared++;
            }
        }
        assertThat(compared).isGreaterThan(50);
    }

    private static Encoding.Side side(JsonNode name) {
        return name.isNull() ? null : name.asText().equals("left") ? Encoding.Side.LEFT : Encoding.Side.RIGHT;
    }

    private static int[] row(JsonNode numbers) {
        return numbers.valueStream().mapToInt(JsonNode::asInt).toArray();
    }

    private static int[][] rows(JsonNode rows) {
        return rows.valueStream().map(TokenizerTest::row).toArray(int[][]::new);
    }

    /** Put together, what comes token by token is the text; no part of it shows half a character. */
    @ParameterizedTest
    @ValueSource(strings = {"smollm2", "llama2", "deepseek_v3"})
    void whatComesTokenByTokenIsTheTextAndNeverHalfACharacter(String name) throws IOException {
        try (Tokenizer tokenizer = tokenizer(name)) {
            List<String> texts = TokenizerGoldenTest.strings();
            int[][] ids = tokenizer.ids(texts, true);
            int parts = 0;
            for (int i = 0; i < ids.length; i += 5) {
                if (ids[i].length > 600) {
                    continue;
                }
                String whole = tokenizer.decode(ids[i]);
                StreamingDecoder decoder = tokenizer.stream();
                StringBuilder text = new StringBuilder();
                for (int id : ids[i]) {
                    String part = decoder.push(id);
                    assertThat(whole.contains("\uFFFD") || !part.contains("\uFFFD"))
                            .as("half a character of " + whole)
                            .isTrue();
                    parts += part.isEmpty() ? 0 : 1;
                    text.append(part);
                }
                assertThat(text.append(decoder.end()).toString()).isEqualTo(whole);
            }
            assertThat(parts).isGreaterThan(8_000);
        }
    }

    @Test
    void aCharacterCutOffAtTheEndIsShownAsMissing() throws IOException {
        try (Tokenizer tokenizer = small()) {
            int[] ids = tokenizer.ids("a茶", false);
            StreamingDecoder decoder = tokenizer.stream();
            assertThat(decoder.push(ids[0])).isEqualTo("a");
            assertThat(decoder.push(ids[1])).isEmpty();
            assertThat(decoder.end()).isEqualTo("\uFFFD");
        }
    }

    /** A tokenizer in the form of SmolLM2's with some three hundred tokens. */
    private static Tokenizer small() throws IOException {
        return Tokenizer.load(Path.of("test/resources/io/tunebook/export/llama/hub"));
    }

    @Test
    void picturesOfTokensAreEscapedAndHaveNoColourOfTheirOwnForText() throws IOException {
        String text = "<script>alert('&')</script>\n茶 <|im_end|>";
        try (Tokenizer tokenizer = small()) {
            MimeBundle pieces = TokenView.of(tokenizer, text);
            MimeBundle table = TokenView.table(tokenizer, text);
            for (MimeBundle view : List.of(pieces, table)) {
                String html = view.data().get(MimeBundle.HTML).toString();
                assertThat(html).doesNotContain("<script").contains("&lt;").contains("&amp;");
                assertThat(html).as("readable on a dark page too").doesNotContainPattern("[^-]color:(?!inherit)");
            }
            Encoding encoding = tokenizer.encode(text);
            String html = pieces.data().get(MimeBundle.HTML).toString();
            for (int i = 0; i < encoding.length(); i++) {
                assertThat(html).contains("title=\"id " + encoding.ids()[i] + " · token " + i + " · ");
            }
            assertThat(pieces.data().get(MimeBundle.TEXT).toString())
                    .startsWith("<|s")
                    .contains(encoding.length() + " tokens, " + text.length() + " characters");
            assertThat(table.data().get(MimeBundle.TEXT).toString().lines()).hasSize(encoding.length());
        }
    }

    @Test
    void theGuardSaysWhatDoesNotFitAndWhatWould() throws IOException {
        try (Tokenizer tokenizer = small()) {
            int size = tokenizer.vocabularySize();
            assertThatCode(() -> tokenizer.requireFits("m", size, 1, 2, -1)).doesNotThrowAnyException();
            assertThatCode(() -> tokenizer.requireFits("m", size + 6)).doesNotThrowAnyException();
            // Tokens that were added to the tokenizer alone, and rows that were added to the model alone.
            assertThatCode(() -> tokenizer.requireFits("m", size - 10)).doesNotThrowAnyException();
            assertThatCode(() -> tokenizer.requireFits("m", size + 1024)).doesNotThrowAnyException();
            assertThatThrownBy(() -> tokenizer.requireFits("Qwen", 151_936))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("does not fit the model Qwen")
                    .hasMessageContaining("its embedding has 151936 rows")
                    .hasMessageContaining("checksum " + tokenizer.checksum().substring(0, 12))
                    .hasMessageContaining("Load the tokenizer from where the model itself comes from")
                    .hasMessageContaining(151_936 - size + " more than ids");
            assertThatThrownBy(() -> tokenizer.requireFits("Qwen", size, 7, size))
                    .hasMessageContaining("its special id 7 is the ordinary token \"" + tokenizer.token(7) + "\"")
                    .hasMessageContaining("its special id " + size + " is none here");
            assertThatThrownBy(() -> tokenizer.requireChecksum("the cache", "0".repeat(64)))
                    .hasMessageContaining("the cache was made with another vocabulary")
                    .hasMessageContaining("Make it again");
        }
    }

    @Test
    void aNameIsAPathOrAModelOfOllamas() throws IOException {
        Path hub = Path.of("test/resources/io/tunebook/export/llama/hub");
        try (Tokenizer byPath = Tokenizer.load(hub.toString())) {
            assertThat(byPath.source()).isEqualTo(hub.resolve("tokenizer.json"));
        }
        assertThatThrownBy(() -> Tokenizer.load("there-is-no-such-model:7b")).isInstanceOf(IOException.class);
    }

    /** The same vocabulary has one checksum whatever its file, another one has another. */
    @Test
    void oneTokenMoreIsAnotherVocabulary() throws IOException {
        Path source = Path.of("test/resources/io/tunebook/export/llama/hub/tokenizer.json");
        Path file = folder.resolve("tokenizer.json");
        String json = Files.readString(source);
        Files.writeString(file, json);
        try (Tokenizer own = small();
                Tokenizer copy = Tokenizer.load(file)) {
            assertThat(copy.checksum()).isEqualTo(own.checksum());
            Files.writeString(
                    file, json.replaceFirst("\"content\": ?\"<\\|im_end\\|>\"", "\"content\": \"<|im_done|>\""));
            try (Tokenizer other = Tokenizer.load(file)) {
                assertThat(other.checksum()).isNotEqualTo(own.checksum());
            }
        }
    }

    /**
     * The way without places gives what the tokenizers library gives, for every kind of character that this Java knows:
     * alone, in a word, among digits, signs and spaces. It leaves to the library what it is not certain of, but not
     * much.
     */
    @ParameterizedTest
    @ValueSource(strings = {"smollm2", "qwen3", "llama3_2", "deepseek_v3", "mistral_nemo"})
    void idsAloneAreThoseOfTheLibraryForEveryKindOfCharacter(String name) throws IOException {
        List<String> texts = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        for (int c = 0; c < 0x110000; c++) {
            if (Character.getType(c) == Character.SURROGATE
                    || Character.getType(c) == Character.UNASSIGNED
                    || Character.getType(c) == Character.PRIVATE_USE && c > 0xe010
                    || (Character.isIdeographic(c) || c >= 0xac00 && c < 0xd7a4) && c % 16 != 0) {
                continue; // one in sixteen of those that are all alike
            }
            String s = Character.toString(c);
            text.append(s)
                    .append(" a")
                    .append(s)
                    .append("b ")
                    .append(s)
                    .append(s)
                    .append("1")
                    .append(s)
                    .append("\n");
            text.append("'").append(s).append(" .").append(s).append(". ");
            if (text.length() > 400) {
                texts.add(text.toString());
                text.setLength(0);
            }
        }
        texts.add(text.toString());
        Path path = name.equals("smollm2") ? TokenizerGoldenTest.defaultModel() : TokenizerGoldenTest.models(name);
        ByteLevelBpe fast =
                ByteLevelBpe.of(Vocabulary.read(path).json()).orElseThrow(() -> new AssertionError("a known kind"));
        int left = 0;
        try (Tokenizer tokenizer = Tokenizer.load(path)) {
            List<Encoding> expected = tokenizer
                    .encode(texts, Encoding.Options.defaults().special(false))
                    .encodings();
            for (int i = 0; i < texts.size(); i++) {
                int[] ids = fast.ids(texts.get(i));
                left += ids == null ? 1 : 0;
                if (ids != null && !Arrays.equals(ids, expected.get(i).ids())) {
                    assertThat(ids).as(texts.get(i)).isEqualTo(expected.get(i).ids());
                }
            }
        }
        assertThat(left).isLessThan(texts.size() / 4);
    }

    @Test
    void aTokenizerOfAnotherKindIsLeftToTheLibrary() throws IOException {
        for (String name : List.of("llama2", "gemma3")) {
            assertThat(ByteLevelBpe.of(
                            Vocabulary.read(TokenizerGoldenTest.models(name)).json()))
                    .isEmpty();
        }
    }
}
