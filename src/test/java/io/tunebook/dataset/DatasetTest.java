package io.tunebook.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.model.TokenBatch;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Examples as tokens: labels, truncation, packing, and the file they are kept in. */
final class DatasetTest {
    private static final Path HUB = Path.of("test/resources/io/tunebook/export/llama/hub");
    private static final String CHATML =
            "{% for m in messages %}<|im_start|>{{ m.role }}\\n{{ m.content }}<|im_end|>\\n{% endfor %}"
                    + "{% if add_generation_prompt %}<|im_start|>assistant\\n{% endif %}";

    @TempDir
    Path folder;

    private static Tokenizer tokenizer() throws IOException {
        return Tokenizer.load(HUB);
    }

    /** The same with a chat template. */
    private Tokenizer chatTokenizer() throws IOException {
        Path own = Files.createDirectories(folder.resolve("chat"));
        Files.writeString(own.resolve("tokenizer.json"), Files.readString(HUB.resolve("tokenizer.json")));
        Files.writeString(
                own.resolve("tokenizer_config.json"),
                "{\"eos_token\": \"<|im_end|>\", \"chat_template\": \"" + CHATML + "\"}");
        return Tokenizer.load(own);
    }

    private static List<String> texts(int count) {
        Random random = new Random(count);
        return IntStream.range(0, count)
                .mapToObj(i -> "the red fox " + i + " 茶 ".repeat(random.nextInt(60)))
                .toList();
    }

    private static List<List<Integer>> all(Dataset dataset) {
        return IntStream.range(0, dataset.size())
                .mapToObj(i -> Arrays.stream(dataset.ids(i)).boxed().toList())
                .toList();
    }

    @Test
    void aTextIsItsTokensAndAnEndAllOfThemLabelled() throws IOException {
        try (Tokenizer tokenizer = tokenizer()) {
            Dataset dataset = Dataset.text(List.of("the fox", "", "done<|im_end|>"), tokenizer);
            int eos = tokenizer.eosId().orElseThrow();
            int[] fox = tokenizer.encode("the fox").ids();
            assertThat(dataset.ids(0)).startsWith(fox).hasSize(fox.length + 1).endsWith(eos);
            assertThat(dataset.labels(0)).isEqualTo(dataset.ids(0));
            assertThat(dataset.ids(1)).containsExactly(eos);
            assertThat(dataset.ids(2)).as("one end is enough").isEqualTo(tokenizer.ids("done<|im_end|>", true));
            assertThat(dataset.summary().toString())
                    .startsWith("3 examples, ")
                    .contains(dataset.tokens() + " tokens, 100 % of them labelled; longest " + (fox.length + 1));
        }
    }

    @Test
    void ofAConversationTheAnswersAreLabelled() throws IOException {
        try (Tokenizer tokenizer = chatTokenizer()) {
            ChatExample example = ChatExample.of(
                    Message.system("Be kind."),
                    Message.user("Who?"),
                    Message.assistant("Me."),
                    Message.user("And?"),
                    Message.assistant("You."));
            Dataset dataset = Dataset.chat(List.of(example), tokenizer);
            List<String> answers = new ArrayList<>();
            int[] labels = dataset.labels(0);
            for (int t = 0, from = 0; t <= labels.length; t++) {
                if (t == labels.length || labels[t] == TokenBatch.IGNORED) {
                    if (t > from) {
                        answers.add(tokenizer.decode(Arrays.copyOfRange(labels, from, t), false));
                    }
                    from = t + 1;
                }
            }
            assertThat(answers).containsExactly("Me.<|im_end|>", "You.<|im_end|>");
            assertThat(tokenizer.decode(dataset.ids(0), false))
                    .isEqualTo(tokenizer.chatTemplate().render(example.messages(), false));
            ChatExample silent = ChatExample.of(Message.user("Nobody answers."));
            assertThatThrownBy(() -> Dataset.chat(List.of(example, silent), tokenizer))
                    .hasMessageContaining("example 1: expected something that the assistant says");
        }
    }

    @Test
    void whatTruncationCostsIsSaid() throws IOException {
        try (Tokenizer tokenizer = chatTokenizer()) {
            ChatExample brief = ChatExample.of(Message.user("q"), Message.assistant("a"));
            ChatExample lateAnswer = ChatExample.of(Message.user("q".repeat(100)), Message.assistant("a"));
            ChatExample longAnswer = ChatExample.of(Message.user("q"), Message.assistant("a".repeat(100)));
            ChatExample second = ChatExample.of(
                    Message.user("q"), Message.assistant("a"), Message.user("q".repeat(100)), Message.assistant("a"));
            Dataset cut = Dataset.chat(List.of(brief, lateAnswer, longAnswer, second), tokenizer)
                    .truncate(60);
            assertThat(cut.size()).isEqualTo(3);
            assertThat(cut.summary().longest()).isEqualTo(60);
            assertThat(cut.summary().notes())
                    .containsExactly("2 examples cut to 60 tokens, which cuts 1 answers short; 1 examples left out"
                            + " because no answer begins before that; 2 answers lost in all");
            assertThat(cut.truncate(60).summary().notes()).hasSize(1);
        }
    }

    @Test
    void windowsAndSplitsLoseNothing() throws IOException {
        try (Tokenizer tokenizer = tokenizer()) {
            Dataset dataset = Dataset.text(texts(50), tokenizer);
            Dataset windows = dataset.windows(16);
            assertThat(Arrays.stream(windows.lengths()).max().orElseThrow()).isEqualTo(16);
            assertThat(all(windows).stream().flatMap(List::stream).toList())
                    .isEqualTo(all(dataset).stream().flatMap(List::stream).toList());
            Dataset.Split split = dataset.split(0.2, 3);
            assertThat(split.heldOut().size()).isEqualTo(10);
            List<List<Integer>> both = new ArrayList<>(all(split.train()));
            both.addAll(all(split.heldOut()));
            assertThat(both).containsExactlyInAnyOrderElementsOf(all(dataset));
            assertThat(all(dataset.split(0.2, 3).heldOut())).isEqualTo(all(split.heldOut()));
        }
    }

    /** Every token once; a document's tokens together, positions from 0, its first label never counted. */
    @Property(tries = 100)
    void packedRowsHoldEachDocumentWholeAndApart(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(max = 30) Integer> lengths,
            @ForAll @IntRange(min = 31, max = 80) int width,
            @ForAll @IntRange(min = 1, max = 4) int rows,
            @ForAll boolean packed)
            throws IOException {
        List<String> texts = lengths.stream().map(n -> "x".repeat(n)).toList();
        try (Tokenizer tokenizer = tokenizer()) {
            Dataset dataset = Dataset.text(texts, tokenizer);
            Packing packing = packed ? Packing.packed(rows, width) : Packing.padded(rows, width);
            List<String> found = new ArrayList<>();
            long padding = 0;
            long places = 0;
            Packing.Batches batches = packing.batches(dataset, 5);
            for (TokenBatch batch : batches) {
                assertThat(batch.rows()).isLessThanOrEqualTo(rows);
                assertThat(batch.length()).isLessThanOrEqualTo(width);
                for (int row = 0; row < batch.rows(); row++) {
                    int at = row * batch.length();
                    int end = at + batch.length();
                    for (int document = 0; at < end && batch.documents()[at] == document; document++) {
                        List<Integer> ids = new ArrayList<>();
                        for (; at < end && batch.documents()[at] == document; at++) {
                            assertThat(batch.positions()[at]).isEqualTo(ids.size());
                            assertThat(batch.labels()[at])
                                    .isEqualTo(ids.isEmpty() ? TokenBatch.IGNORED : batch.ids()[at]);
                            ids.add(batch.ids()[at]);
                        }
                        found.add(ids.toString());
                    }
                    for (; at < end; at++) {
                        assertThat(batch.documents()[at]).isEqualTo(TokenBatch.PADDING);
                        assertThat(batch.labels()[at]).isEqualTo(TokenBatch.IGNORED);
                        padding++;
                    }
                    places += batch.length();
                }
            }
            assertThat(found)
                    .containsExactlyInAnyOrderElementsOf(
                            all(dataset).stream().map(List::toString).toList());
            assertThat(batches.padding()).isCloseTo(places == 0 ? 0 : (double) padding / places, within(1e-9));
        }
    }

    @Test
    void anExampleLongerThanARowIsRefused() throws IOException {
        try (Tokenizer tokenizer = tokenizer()) {
            Dataset dataset = Dataset.text(List.of("x", "y".repeat(40)), tokenizer);
            assertThatThrownBy(() -> Packing.packed(1, 16).batches(dataset))
                    .hasMessageContaining("example 1 has 41 tokens, more than a row of 16: use truncate(16)");
        }
    }

    /** Texts that fail after some, as a run does that is cut off. */
    private static Iterable<String> failing(List<String> texts, int after, int[] taken) {
        return () -> new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < texts.size();
            }

            @Override
            public String next() {
                if (next == after) {
                    throw new IllegalStateException("cut off");
                }
                taken[0]++;
                return texts.get(next++);
            }
        };
    }

    @Test
    void aFileThatWasCutOffIsFinishedAndIsTheSame() throws IOException {
        Random length = new Random(7);
        List<String> texts = IntStream.range(0, 3000)
                .mapToObj(i -> "the red fox " + i + " 茶 is red".repeat(length.nextInt(800)))
                .toList();
        int[] taken = new int[1];
        try (Tokenizer tokenizer = tokenizer()) {
            Path whole = folder.resolve("whole.tokens");
            Dataset expected = Dataset.text(texts, tokenizer, "texts", whole);
            assertThat(all(expected)).isEqualTo(all(Dataset.text(texts, tokenizer)));

            Path file = folder.resolve("cut.tokens");
            Path part = folder.resolve("cut.tokens.part");
            Path index = folder.resolve("cut.tokens.index.part");
            Random random = new Random(4);
            for (int after : new int[] {700, 1500, 2999}) {
                assertThatThrownBy(() -> Dataset.text(failing(texts, after, taken), tokenizer, "texts", file))
                        .hasMessage("cut off");
                assertThat(file).doesNotExist();
                // The machine itself goes down: the end of either file may be missing, or not what was written.
                truncate(random.nextBoolean() ? part : index, random.nextInt(2000));
                Files.write(part, new byte[random.nextInt(9)], StandardOpenOption.APPEND);
            }
            Dataset resumed = Dataset.text(texts, tokenizer, "texts", file);
            assertThat(file).hasSameBinaryContentAs(whole);
            assertThat(resumed.summary()).isEqualTo(expected.summary());
            assertThat(part).doesNotExist();
            assertThat(index).doesNotExist();

            Dataset again = Dataset.text(failing(texts, 0, taken), tokenizer, "texts", file);
            assertThat(again.size()).as("made already, so no text is asked for").isEqualTo(3000);
            assertThat(Dataset.text(texts(5), tokenizer, "other texts", file).size())
                    .isEqualTo(5);
        }
    }

    private static void truncate(Path file, int bytes) throws IOException {
        byte[] all = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(all, Math.max(0, all.length - bytes)));
    }

    @Test
    void whatIsNotAFileOfTheseTokensIsRefused() throws IOException {
        try (Tokenizer tokenizer = tokenizer()) {
            Path file = folder.resolve("a.tokens");
            Dataset.text(texts(20), tokenizer).windows(7).save(file);
            assertThat(all(Dataset.open(file, tokenizer)))
                    .isEqualTo(all(Dataset.text(texts(20), tokenizer).windows(7)));
            byte[] bytes = Files.readAllBytes(file);
            Path cut = Files.write(folder.resolve("cut.tokens"), Arrays.copyOf(bytes, bytes.length - 3));
            assertThatThrownBy(() -> Dataset.open(cut, tokenizer))
                    .isInstanceOf(ModelFormatException.class)
                    .hasMessageContaining(
                            "expected " + bytes.length + " bytes by its header, found " + (bytes.length - 3));
            Path other = Files.writeString(folder.resolve("b.tokens"), "not tokens at all".repeat(10));
            assertThatThrownBy(() -> Dataset.open(other, tokenizer))
                    .isInstanceOf(ModelFormatException.class)
                    .hasMessageContaining("expected a file of tokens");
            bytes[30]++;
            Path foreign = Files.write(folder.resolve("c.tokens"), bytes);
            assertThatThrownBy(() -> Dataset.open(foreign, tokenizer))
                    .hasMessageContaining("was made with another vocabulary");
        }
    }
}
