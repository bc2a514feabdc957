package io.tunebook;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.chart.TableView;
import io.tunebook.data.Corpus;
import io.tunebook.export.Modelfile;
import io.tunebook.jinja.Jinja;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufWriter;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tokenizer.TokenView;
import io.tunebook.train.Reference;
import io.tunebook.train.Trainer;
import io.tunebook.train.TrainingArguments;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What machines read, and what is shown, is the same whatever the language of the computer: digits, case and
 * separators.
 */
final class LocaleTest {
    @TempDir
    Path folder;

    @Test
    void nothingDependsOnTheLanguageOfTheComputer() throws Exception {
        String english = run("en", "US");
        assertThat(english).startsWith("digits 1,234.5\n").contains("run-0001/step-00000002");
        assertThat(run("ar", "EG"))
                .startsWith("digits ١")
                .isEqualTo(english.replaceFirst("digits .*", first(run("ar", "EG"))));
        assertThat(run("tr", "TR"))
                .startsWith("digits 1.234,5\n")
                .isEqualTo(english.replaceFirst("digits .*", "digits 1.234,5"));
    }

    private static String first(String output) {
        return output.lines().findFirst().orElseThrow();
    }

    private String run(String language, String country) throws Exception {
        Path own = folder.resolve(language);
        if (Files.exists(own.resolve("output.txt"))) {
            return Files.readString(own.resolve("output.txt"), StandardCharsets.UTF_8);
        }
        Files.createDirectories(own);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Duser.language=" + language,
                        "-Duser.country=" + country,
                        "-Dfile.encoding=UTF-8",
                        "-Djava.awt.headless=true",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        LocaleTest.class.getName(),
                        own.toString())
                .redirectErrorStream(true)
                .redirectOutput(own.resolve("console.txt").toFile())
                .start();
        assertThat(process.waitFor())
                .as(Files.readString(own.resolve("console.txt"), StandardCharsets.UTF_8))
                .isZero();
        return Files.readString(own.resolve("output.txt"), StandardCharsets.UTF_8);
    }

    /** Uses the core of the library and writes down what came of it. */
    public static void main(String[] args) throws Exception {
        Path own = Path.of(args[0]);
        try (PrintStream out = new PrintStream(Files.newOutputStream(own.resolve("output.txt")), false, "UTF-8")) {
            out.printf("digits %,.1f%n", 1234.5);
            training(out, own.resolve("checkpoints"));
            texts(out, own);
        }
        System.exit(0);
    }

    private static void training(PrintStream out, Path checkpoints) throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            for (boolean resume : new boolean[] {false, true}) {
                Trainer trainer = Trainer.of(model, LoraConfig.rank(4))
                        .with(TrainingArguments.defaults().maxSteps(2).checkpoints(checkpoints, 1));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(4), 1);
                (resume ? trainer.resume() : trainer).train(Reference.epochs(Reference.padded()), List.of(), adapter);
                out.println(trainer.report().steps().size() + " steps "
                        + trainer.report().outcome());
            }
            out.println(model.toString().replaceAll("^.*?:", ""));
            out.println(TokenView.of(model.tokenizer(), "w1 w2").data());
        }
        try (Stream<Path> files = Files.walk(checkpoints)) {
            for (Path file : files.sorted(Comparator.naturalOrder()).toList()) {
                out.println(checkpoints.relativize(file).toString().replace('\\', '/'));
            }
        }
        out.println(Files.readString(
                checkpoints.resolve("run-0001/step-00000002/adapter_config.json"), StandardCharsets.UTF_8));
    }

    private static void texts(PrintStream out, Path own) throws IOException {
        out.println(Jinja.parse(
                        "{{ 1234567 }} {{ 0.1 }} {{ 1e30 }} {{ 1e-7 }} {{ 'TITLE' | lower }} {{ 'title' | upper }} {{ 'iI' | title }} "
                                + "{{ '\u0001' | tojson }} {{ [1, 2.5, '\u0002'] }}")
                .render(Map.of())
                .text());
        out.println(TableView.of(IntStream.range(0, 5000).boxed().toList()));
        out.println(new Modelfile(
                        "./model.gguf",
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of("I"),
                        Map.of("stop", List.of(0.25, 4096)),
                        List.of(),
                        Map.of("parser", "mini"))
                .text());
        GgufWriter writer = new GgufWriter();
        writer.string("general.architecture", "llama").uint32("llama.block_count", 12);
        writer.write(own.resolve("model.gguf"), done -> {});
        try (GgufFile file = GgufFile.open(own.resolve("model.gguf"))) {
            out.println(file.metadata());
        }
        Files.write(own.resolve("no.gguf"), new byte[64]);
        try {
            GgufFile.open(own.resolve("no.gguf")).close();
        } catch (ModelFormatException e) {
            out.println(e.getMessage().replace(own.toString(), ""));
        }
        Files.write(own.resolve("bad.txt"), new byte[] {'a', (byte) 0xff, 'b', '\n'});
        try {
            out.println(Corpus.open(own.resolve("bad.txt")).stream().count());
        } catch (RuntimeException e) {
            out.println(e.getMessage().replace(own.toString(), ""));
        }
    }
}
