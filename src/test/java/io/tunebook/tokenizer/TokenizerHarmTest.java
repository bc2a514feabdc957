package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tokenizers and texts that mean harm end with a message, never with the process. */
final class TokenizerHarmTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path HUB = Path.of("test/resources/io/tunebook/export/llama/hub/tokenizer.json");

    @TempDir
    Path folder;

    /** Each of them ends the process in the native library, or fills the memory. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            quoteCharacter = '`',
            value = {
                "/post_processor # {\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}} # /post_processor/single",
                "/post_processor # {\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}} # the sequence A",
                "/normalizer # {\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"} # /normalizer/precompiled_charsmap",
                "/normalizer # {\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAAA=\"} # /normalizer/precompiled_charsmap",
                "/normalizer # {\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"////\"}]} # /normalizer/normalizers/0",
                "/model # {\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.0]]} # /model/unk_id",
                "/model # {\"type\":\"WordLevel\",\"vocab\":{\"b\":0},\"unk_token\":\"x\"} # /model/unk_token",
                "/model # {\"type\":\"WordPiece\",\"vocab\":{\"b\":0},\"unk_token\":\"x\"} # /model/unk_token",
                "/model # {\"type\":\"BPE\",\"vocab\":{\"b\":0},\"merges\":[],\"unk_token\":\"x\"} # /model/unk_token",
                "/model # {\"type\":\"BPE\",\"merges\":[\"a b\"],\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"continuing_subword_prefix\":\"zzzz\"} # /model/merges",
                "/model # {\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]} # expected an id of at most",
                "/decoder # {\"type\":\"Strip\",\"content\":\"a\",\"start\":1,\"stop\":1} # /decoder/stop",
                "/pre_tokenizer # {\"type\":\"FixedLength\",\"length\":0} # /pre_tokenizer/length",
                "/normalizer # {\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"x\"} # /normalizer/pattern",
                "/pre_tokenizer # {\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Isolated\",\"invert\":false} # repetition without end",
            })
    void aMalformedTokenizerIsRefused(String place, String value, String message) throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(HUB.toFile());
        root.set(place.substring(1), JSON.readTree(value));
        root.putArray("added_tokens");
        Path file = folder.resolve("tokenizer.json");
        Files.write(file, JSON.writeValueAsBytes(root));
        assertThatThrownBy(() -> Tokenizer.load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining(message);
    }

    @Test
    void deepParenthesesAreRefused() throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(HUB.toFile());
        ObjectNode split = root.putObject("pre_tokenizer")
                .put("type", "Split")
                .put("behavior", "Isolated")
                .put("invert", false);
        split.putObject("pattern").put("Regex", "(".repeat(2000) + "a" + ")".repeat(2000));
        Path file = folder.resolve("tokenizer.json");
        Files.write(file, JSON.writeValueAsBytes(root));
        assertThatThrownBy(() -> Tokenizer.load(file)).hasMessageContaining("parentheses");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "(a+)+$#true", "(?:a*)*#true", "([ab]+|c)*x#true", "(a+b?)+#true", "((a+))+#true", "(\\w+\\s?)*$#true",
                "(a+)?#false", "(?:a+b)+#false", "a+b+#false", "(?>a+)+#false", "(a++)+#false", "[(a+)+]+#false",
                "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+#false", "\\d{1,3}(?=(?:\\d{3})*\\b)#false", "\\(a+\\)+#false"
            })
    void repetitionsOfRepetitionsAreFound(String regex, boolean harmful) {
        assertThat(RegexCheck.fault(regex, false) != null).as(regex).isEqualTo(harmful);
        assertThat(PreTokenizers.names()).allMatch(name -> PreTokenizers.kind(name).orElseThrow().patterns().stream()
                .allMatch(pattern -> RegexCheck.fault(pattern, false) == null));
    }

    /** A pattern in a dialect that Java lacks: the library splits, at any length. */
    @Test
    void aPatternThatJavaDoesNotKnowIsTheLibrarysToRead() throws IOException {
        ObjectNode root = (ObjectNode) JSON.readTree(HUB.toFile());
        ObjectNode split =
                (ObjectNode) JSON.readTree("{\"type\":\"Split\",\"behavior\":\"Isolated\",\"invert\":false}");
        split.putObject("pattern").put("Regex", "[\\p{Han}]+");
        ObjectNode sequence = JSON.createObjectNode().put("type", "Sequence");
        sequence.putArray("pretokenizers").add(split).add(root.at("/pre_tokenizer/pretokenizers/1"));
        root.set("pre_tokenizer", sequence);
        Path file = folder.resolve("tokenizer.json");
        Files.write(file, JSON.writeValueAsBytes(root));
        try (Tokenizer tokenizer = Tokenizer.load(file)) {
            String text = "\u4e2d\u6587 abc ".repeat(30_000);
            assertThat(tokenizer.ids(text, false))
                    .isEqualTo(tokenizer.encode(text, false).ids());
        }
    }

    /** The library cannot be stopped: its thread is left, and the caller is told. */
    @Test
    @Timeout(120)
    void loadingHasALimit() {
        CountDownLatch never = new CountDownLatch(1);
        assertThatThrownBy(() -> NativeTokenizer.within(1, Path.of("endless.json"), () -> {
                    never.await();
                    return "loaded";
                }))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("endless.json: the tokenizers library did not load this tokenizer in 1 seconds");
        never.countDown();
    }

    /** In a process of its own, since the native library's failures end the process. */
    @Test
    @Timeout(300)
    void damagedTokenizersNeverEndTheProcess() throws Exception {
        damage(Integer.getInteger("tunebook.fuzz.count", 400), Long.getLong("tunebook.fuzz.seed", 1));
    }

    /** Others each night; the seed is in the message of a failure. */
    @Test
    @Tag("nightly")
    @Timeout(7200)
    void tenThousandDamagedTokenizersNeverEndTheProcess() throws Exception {
        damage(
                10_000,
                Long.getLong("tunebook.fuzz.seed", LocalDate.now(ZoneOffset.UTC).toEpochDay()));
    }

    private void damage(int count, long seed) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                TokenizerFuzz.class.getName(),
                folder.toString(),
                String.valueOf(seed),
                String.valueOf(count)));
        Path resources = Path.of("test/resources/io/tunebook");
        command.addAll(List.of(
                HUB.toString(),
                resources.resolve("export/qwen2/hub/tokenizer.json").toString(),
                resources.resolve("reference/llama/tokenizer.json").toString()));
        for (String name : List.of("qwen3", "llama2", "gemma3", "deepseek_v3")) {
            TokenizerGoldenTest.modelsIfThere(name)
                    .ifPresent(
                            path -> command.add(path.resolve("tokenizer.json").toString()));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int exit = process.waitFor();
        Path last = folder.resolve("try.json");
        assertThat(exit)
                .as(() -> "seed " + seed + ": " + said + "\n" + read(last))
                .isZero();
        assertThat(said).containsPattern("tried \\d+, loaded [1-9]\\d*");
    }

    private static String read(Path file) {
        try {
            JsonNode root = JSON.readTree(file.toFile());
            if (root.at("/model/vocab").size() > 50) {
                ((ObjectNode) root.path("model")).put("vocab", "…").put("merges", "…");
            }
            return root.toString();
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** The whole text is one piece, which the library takes for ever for, or ends the process on. */
    @ParameterizedTest
    @Timeout(120)
    @CsvSource({"' '", "A", "'\n'", "é"})
    void twelveMillionOfOneCharacterAreTokenized(String character) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(TokenizerGoldenTest.defaultModel())) {
            String text = character.repeat(12_000_000);
            int[] ids = tokenizer.ids(text, false);
            // BPE from the left: a shorter text of the same has the same tokens at its beginning.
            String shorter = character.repeat(100_000);
            int[] expected = tokenizer.encode(shorter, false).ids();
            assertThat(Arrays.copyOf(ids, expected.length / 2)).isEqualTo(Arrays.copyOf(expected, expected.length / 2));
            assertThat(tokenizer.decode(Arrays.copyOfRange(ids, ids.length - 1000, ids.length)))
                    .matches("(?s)(" + (character.equals("é") ? "é|\uFFFD" : java.util.regex.Pattern.quote(character))
                            + ")+");
            assertThatThrownBy(() -> tokenizer.encode(text)).hasMessageContaining("characters in a row");
            assertThatThrownBy(() -> tokenizer.ids("<|im_start|>" + text, false))
                    .hasMessageContaining("cut the text there");
        }
    }
}
