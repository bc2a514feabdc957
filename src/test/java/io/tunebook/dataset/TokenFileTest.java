package io.tunebook.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.data.Corpus;
import io.tunebook.dataset.TokenFile.TokenHeader;
import io.tunebook.dataset.TokenFileWriter.TokenFileLock;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.Tokenizer;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file of tokens knows whose it is, has one writer at a time, and replaces nothing that is not one. */
final class TokenFileTest {
    @TempDir
    Path folder;

    private Tokenizer tokenizer;

    @BeforeEach
    void open() throws IOException {
        tokenizer = Tokenizer.load(Path.of("test/resources/io/tunebook/export/llama/hub"));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private static List<String> texts(int count, String word) {
        return IntStream.range(0, count).mapToObj(i -> word + " " + i).toList();
    }

    private List<String> decoded(Dataset dataset) {
        return IntStream.range(0, dataset.size())
                .mapToObj(i -> tokenizer.decode(dataset.ids(i)))
                .toList();
    }

    /** Texts that end in a failure, as a run does that is cut off. */
    private static Iterable<String> broken(List<String> texts) {
        return () -> {
            Iterator<String> all = texts.iterator();
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return true;
                }

                @Override
                public String next() {
                    if (!all.hasNext()) {
                        throw new IllegalStateException("cut off");
                    }
                    return all.next() + " ".repeat(200_000); // so that parcels are written down
                }
            };
        };
    }

    private void leaveAPart(List<String> texts, String identity, Path file) {
        assertThatThrownBy(() -> Dataset.text(broken(texts), tokenizer, identity, file))
                .hasMessage("cut off");
        assertThat(folder.resolve(file.getFileName() + ".part")).exists();
    }

    @Test
    void savingBeginsAnewWhateverWasLeft() throws IOException {
        Path file = folder.resolve("data.tok");
        leaveAPart(texts(50, "left"), "saved", file);
        Dataset dataset = Dataset.text(texts(40, "fox"), tokenizer);
        dataset.save(file);
        assertThat(decoded(Dataset.open(file, tokenizer))).isEqualTo(texts(40, "fox"));
        assertThat(folder.toFile().list()).containsExactly("data.tok");
    }

    @Test
    void aCutOffRunOfOtherTextsIsNotGoneOnWith() throws IOException {
        Path file = folder.resolve("texts.tok");
        leaveAPart(texts(50, "left"), "mine", file);
        assertThat(decoded(Dataset.text(texts(60, "fox"), tokenizer, "mine", file)))
                .isEqualTo(texts(60, "fox"));
        leaveAPart(texts(50, "left"), "fewer", folder.resolve("fewer.tok"));
        assertThat(decoded(Dataset.text(texts(3, "fox"), tokenizer, "fewer", folder.resolve("fewer.tok"))))
                .isEqualTo(texts(3, "fox"));
    }

    @Test
    void whatIsNoFileOfTokensIsNotReplaced() throws IOException {
        Path notes = Files.writeString(folder.resolve("notes.txt"), "my only notes ".repeat(100));
        Dataset dataset = Dataset.text(texts(4, "fox"), tokenizer);
        assertThatThrownBy(() -> dataset.save(notes)).hasMessageContaining("holds no tokens, so it is not replaced");
        assertThatThrownBy(() -> Dataset.text(texts(4, "fox"), tokenizer, "x", notes))
                .hasMessageContaining("holds no tokens, so it is not replaced");
        assertThat(notes).hasContent("my only notes ".repeat(100));
        Path brief = Files.writeString(folder.resolve("brief.txt"), "hi");
        assertThatThrownBy(() -> dataset.save(brief)).hasMessageContaining("is not replaced");
        Path part = Files.writeString(folder.resolve("video.part"), "half a download");
        assertThatThrownBy(() -> dataset.save(folder.resolve("video"))).hasMessageContaining("is not replaced");
        assertThat(part).hasContent("half a download");
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("notes.txt", "brief.txt", "video.part");
    }

    @Test
    void damageIsFoundOnRequestAndOnce() throws IOException {
        Path file = folder.resolve("data.tok");
        Dataset.text(texts(40, "fox"), tokenizer).save(file);
        Dataset whole = Dataset.open(file, tokenizer);
        whole.verify();
        byte[] bytes = Files.readAllBytes(file);
        for (int at : new int[] {TokenHeader.BYTES, bytes.length / 2}) {
            byte[] spoilt = bytes.clone();
            spoilt[at] ^= 1;
            Path other = Files.write(folder.resolve("spoilt" + at), spoilt);
            Dataset damaged = Dataset.open(other, tokenizer);
            assertThatThrownBy(damaged::verify)
                    .isInstanceOf(ModelFormatException.class)
                    .hasMessageContaining("the file is damaged. Delete it and make it again");
        }
        Dataset.text(texts(2, "fox"), tokenizer).verify();
    }

    /** As many as a run had done that broke off, and as many as are meant. */
    @Test
    void fortyThousandAreFortyThousandAfterARunThatBrokeOff() throws IOException {
        Path file = folder.resolve("data.tok");
        leaveAPart(texts(60, "left"), "saved", file);
        Dataset.text(texts(40_000, "fox"), tokenizer).save(file);
        assertThat(Dataset.open(file, tokenizer).size()).isEqualTo(40_000);
        Path texts = folder.resolve("texts.tok");
        leaveAPart(texts(60, "left"), "texts", texts);
        assertThat(Dataset.text(texts(40_000, "fox"), tokenizer, "texts", texts).size())
                .isEqualTo(40_000);
    }

    /** The same vocabulary, but it changes a text before it is cut, or adds a token to each. */
    @Test
    void aFileOfATokenizerWithOtherRulesIsMadeAgain() throws IOException {
        Path file = folder.resolve("rules.tok");
        List<String> texts = List.of("THE FOX");
        Path hub = Path.of("test/resources/io/tunebook/export/llama/hub");
        String json = Files.readString(hub.resolve("tokenizer.json"));
        String start =
                "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|im_start|>\",\"type_id\":0}},"
                        + "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{\"<|im_start|>\":"
                        + "{\"id\":\"<|im_start|>\",\"ids\":[1],\"tokens\":[\"<|im_start|>\"]}}}";
        Path changed = Files.createDirectories(folder.resolve("changed"));
        Files.copy(hub.resolve("tokenizer_config.json"), changed.resolve("tokenizer_config.json"));
        for (String[] change : new String[][] {
            {"\"normalizer\":null", "\"normalizer\":{\"type\":\"Lowercase\"}"},
            {"\"post_processor\":null", "\"post_processor\":" + start}
        }) {
            assertThat(json).contains(change[0]);
            Files.writeString(changed.resolve("tokenizer.json"), json.replace(change[0], change[1]));
            Dataset before = Dataset.text(texts, tokenizer, "x", file);
            assertThat(before.ids(0)).isEqualTo(Dataset.text(texts, tokenizer).ids(0));
            try (Tokenizer other = Tokenizer.load(changed)) {
                assertThat(other.checksum()).isEqualTo(tokenizer.checksum());
                int[] expected = Dataset.text(texts, other).ids(0);
                assertThat(expected).isNotEqualTo(before.ids(0));
                assertThat(Dataset.text(texts, other, "x", file).ids(0)).isEqualTo(expected);
            }
        }
    }

    /** The whole file is read before the first step, and not again before the next training. */
    @Test
    void trainingVerifiesAFileOnce() throws IOException {
        Path file = folder.resolve("data.tok");
        Dataset.text(texts(8, "fox"), tokenizer).save(file);
        byte[] bytes = Files.readAllBytes(file);
        byte[] spoilt = bytes.clone();
        spoilt[TokenHeader.BYTES] ^= 1;
        Path hub = Path.of("test/resources/io/tunebook/export/llama/hub");
        try (CausalLM model = CausalLM.load(hub, LoadOptions.in(Precision.FLOAT32))) {
            Trainer trainer = Trainer.of(model, LoraConfig.rank(2))
                    .with(TrainingArguments.defaults().batchSize(1).maxSteps(1));
            Path damaged = Files.write(folder.resolve("damaged"), spoilt);
            assertThatThrownBy(() -> trainer.train(Dataset.open(damaged, tokenizer)))
                    .hasMessageContaining("the file is damaged. Delete it and make it again");
            Dataset dataset = Dataset.open(file, tokenizer);
            trainer.train(dataset).close();
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(spoilt, TokenHeader.BYTES, 1), TokenHeader.BYTES);
            }
            trainer.train(dataset).close();
            assertThatThrownBy(() -> trainer.train(Dataset.open(file, tokenizer)))
                    .hasMessageContaining("the file is damaged");
        }
    }

    /** Holds the right to write until its input ends. */
    static final class Holder {
        public static void main(String[] arguments) throws IOException {
            try (TokenFileLock lock = TokenFileLock.take(Path.of(arguments[0]))) {
                System.out.println("held");
                System.in.read();
            }
        }
    }

    @Test
    void oneProcessWritesAtATimeAndTheOtherLearnsWhich() throws Exception {
        Path file = folder.resolve("data.tok");
        Dataset dataset = Dataset.text(texts(4, "fox"), tokenizer);
        Process holder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Holder.class.getName(),
                        file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertThat(holder.inputReader().readLine()).isEqualTo("held");
            assertThatThrownBy(() -> dataset.save(file))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("is being written by process " + holder.pid() + " on ");
        } finally {
            holder.destroyForcibly().waitFor();
        }
        dataset.save(file); // the lock went with the process
        try (TokenFileLock lock = TokenFileLock.take(file)) {
            assertThatThrownBy(() -> Dataset.text(texts(2, "x"), tokenizer, "x", file))
                    .hasMessageContaining("is being written by process "
                            + ProcessHandle.current().pid());
        }
        assertThat(folder.toFile().list()).containsExactly("data.tok");
    }

    @Test
    void aCorpusBecomesAFileThatFollowsItsTexts() throws IOException {
        Path source = folder.resolve("a.jsonl");
        Path file = folder.resolve("a.tok");
        List<String> rows = new ArrayList<>(List.of("one", "two", "three"));
        Files.write(
                source, rows.stream().map(r -> "{\"content\": \"" + r + "\"}").toList());
        Corpus corpus = Corpus.open(source).filter(d -> !d.content().equals("two"));
        assertThat(decoded(Dataset.text(corpus, tokenizer, file))).containsExactly("one", "three");
        byte[] made = Files.readAllBytes(file);
        Object key = Files.getLastModifiedTime(file);
        assertThat(decoded(Dataset.text(corpus, tokenizer, file))).containsExactly("one", "three");
        assertThat(Files.getLastModifiedTime(file)).as("not made again").isEqualTo(key);
        assertThat(decoded(Dataset.text(Corpus.open(source), tokenizer, file))).isEqualTo(rows);
        assertThat(Files.readAllBytes(file)).isNotEqualTo(made);
        assertThat(Arrays.asList(folder.toFile().list())).containsExactlyInAnyOrder("a.jsonl", "a.tok");
    }
}
