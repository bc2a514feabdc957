package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that is killed at any moment goes on as if nothing had happened, bit for bit. */
final class CheckpointTest {
    private static final int STEPS = 14;

    @TempDir
    Path folder;

    @Test
    void aKilledRunResumesWithTheLossesItWouldHaveHad() throws Exception {
        Map<Integer, String> whole = run(folder.resolve("whole"), STEPS);
        assertThat(whole).hasSize(STEPS);

        Path killed = folder.resolve("killed");
        assertThat(run(killed, 3)).hasSizeGreaterThanOrEqualTo(3);
        assertThat(run(killed, 8)).hasSizeGreaterThanOrEqualTo(8);
        assertThat(run(killed, STEPS)).isEqualTo(whole);
    }

    /** Starts or resumes a run in a JVM of its own, and kills it when its log says that it has come so far. @return the log */
    private static Map<Integer, String> run(Path folder, int until) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        CheckpointTest.class.getName(),
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output.txt").toFile())
                .start();
        while (process.isAlive() && (until == STEPS || log(folder).size() < until)) {
            process.waitFor(5, TimeUnit.MILLISECONDS);
        }
        if (until < STEPS) {
            process.destroyForcibly(); // SIGKILL: nothing of it runs on
        }
        int status = process.waitFor();
        assertThat(until == STEPS ? status : 0)
                .as(Files.readString(folder.resolve("output.txt"), StandardCharsets.UTF_8))
                .isZero();
        return log(folder);
    }

    /** Step to the loss's bits; a step that was done again must have had the same loss. */
    private static Map<Integer, String> log(Path folder) throws IOException {
        Path file = folder.resolve("losses.txt");
        Map<Integer, String> losses = new LinkedHashMap<>();
        if (Files.exists(file)) {
            for (String line : Files.readString(file, StandardCharsets.UTF_8).split("\n")) {
                String[] words = line.split(" ");
                if (words.length == 3) {
                    String before = losses.put(Integer.parseInt(words[0]), words[1]);
                    assertThat(before == null ? words[1] : before).isEqualTo(words[1]);
                }
            }
        }
        return losses;
    }

    /** The run: a checkpoint each step, each loss in a file. */
    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        Engine.getInstance();
        JniUtils.setNumThreads(1); // the order of sums must not depend on how busy the machine is
        try (CausalLM model = Reference.model("llama")) {
            Trainer trainer = Trainer.of(model, LoraConfig.rank(4))
                    .with(TrainingArguments.defaults()
                            .maxSteps(STEPS)
                            .seed(3)
                            .checkpoints(folder.resolve("checkpoints"), 1));
            trainer.on(new TrainingListener() {
                @Override
                public void progressed(TrainingReport report) {
                    TrainingReport.Step step = report.steps().get(report.steps().size() - 1);
                    try {
                        Files.writeString(
                                folder.resolve("losses.txt"),
                                step.step() + " " + Long.toHexString(Double.doubleToLongBits(step.loss())) + " .\n",
                                StandardCharsets.UTF_8,
                                StandardOpenOption.CREATE,
                                StandardOpenOption.APPEND);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }
            });
            if (Files.exists(folder.resolve("checkpoints"))) {
                trainer.resume();
            }
            trainer.train(
                    Reference.epochs(Reference.padded()),
                    List.of(),
                    Map.of(),
                    LoraAdapter.create(model, LoraConfig.rank(4).dropout(0.1), 3));
        }
        System.exit(0);
    }
}
