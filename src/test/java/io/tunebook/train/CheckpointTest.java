package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.train.Checkpoint.RunFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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

    /**
     * A short run after a longer one in the same folder: neither is taken for the other, and neither deletes the
     * other's checkpoints.
     */
    @Test
    void eachRunHasAFolderOfItsOwn() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            TrainingArguments longer = TrainingArguments.defaults().maxSteps(9).checkpoints(folder, 3);
            TrainingArguments shorter = longer.maxSteps(5).learningRate(5e-4).checkpoints(folder, 2);
            train(model, longer, false, 9);
            assertThat(names(folder.resolve("run-0001"))).containsExactly("step-00000006", "step-00000009");
            train(model, shorter, false, 3);
            assertThat(names(folder)).containsExactly("run-0001", "run-0002");
            assertThat(names(folder.resolve("run-0001"))).containsExactly("step-00000006", "step-00000009");
            assertThat(names(folder.resolve("run-0002"))).containsExactly("step-00000002", "step-00000003");

            List<Double> resumed = train(model, shorter, true, 5);
            List<Double> whole = train(model, shorter.checkpoints(folder.resolve("elsewhere"), 0), false, 5);
            assertThat(resumed).isEqualTo(whole);
            assertThat(names(folder.resolve("run-0002"))).containsExactly("step-00000004", "step-00000005");
            assertThatThrownBy(() -> train(model, longer, true, 9))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("run-0002")
                    .hasMessageContaining("is of another run: maxSteps was 5, and is 9 now");
            assertThat(names(folder.resolve("run-0001"))).containsExactly("step-00000006", "step-00000009");
        }
    }

    /** Also where there was no time for a checkpoint: what an older run has saved is not this one's. */
    @Test
    void aRunThatSavedNothingBeginsAnew() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            TrainingArguments arguments =
                    TrainingArguments.defaults().maxSteps(4).checkpoints(folder, 1);
            List<Double> whole = train(model, arguments, false, 4);
            RunFolder.create(folder);
            List<Integer> steps = new ArrayList<>();
            Trainer trainer = trainer(model, arguments, 4).resume().on(new TrainingListener() {
                @Override
                public void started(TrainingReport soFar) {
                    steps.add(soFar.steps().size());
                }
            });
            assertThat(losses(trainer, model)).isEqualTo(whole);
            assertThat(steps).containsExactly(0);
        }
    }

    @Test
    void aFlippedBitIsRefused() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            TrainingArguments arguments =
                    TrainingArguments.defaults().maxSteps(4).checkpoints(folder, 1);
            train(model, arguments, false, 4);
            Path place = folder.resolve("run-0001").resolve("step-00000004");
            assertThat(Checkpoint.read(place).step()).isEqualTo(4);
            assertThat(names(place))
                    .containsExactly(
                            "SHA256SUMS",
                            "adapter_config.json",
                            "adapter_model.safetensors",
                            "optimizer.safetensors",
                            "state.json");
            for (String name : names(place)) {
                Path file = place.resolve(name);
                byte[] whole = Files.readAllBytes(file);
                for (int at : new int[] {0, whole.length / 3, whole.length / 2, whole.length - 2}) {
                    byte[] flipped = whole.clone();
                    flipped[at] ^= 4;
                    Files.write(file, flipped);
                    assertThatThrownBy(() -> Checkpoint.read(place))
                            .as(name + ", byte " + at)
                            .isInstanceOf(ModelFormatException.class)
                            .hasMessageContaining("the checkpoint is damaged. Delete " + place);
                }
                Files.delete(file);
                assertThatThrownBy(() -> train(model, arguments, true, 4))
                        .as("without " + name)
                        .hasMessageContaining("damaged");
                Files.write(file, whole);
            }
            assertThat(Checkpoint.read(place).step()).isEqualTo(4);
            // the one before is still good
            for (String name : names(place)) {
                Files.delete(place.resolve(name));
            }
            Files.delete(place);
            assertThat(train(model, arguments, true, 4)).hasSize(4);
        }
    }

    /**
     * A checkpoint is written while the training goes on: it has what was when it was begun, and a failure is told with
     * the next one.
     */
    @Test
    void whatChangesWhileItIsWrittenIsNotInIt() throws IOException {
        Queue<Runnable> later = new ArrayDeque<>();
        TrainingReport report = TrainingReport.beginning(4);
        RunFolder run = RunFolder.create(folder);
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(4), 3)) {
            Checkpoint.Saving saving = new Checkpoint.Saving(later::add);
            Checkpoint state =
                    new Checkpoint(0, new float[] {1}, new float[] {2}, new float[0], 0, Map.of("a", "b"), report);
            saving.begin(state, run, adapter.file());
            report.evaluations().add(new TrainingReport.Evaluation(0, 3.5));
            assertThat(run.checkpoints()).isEmpty();
            later.remove().run();
            saving.await();
            Checkpoint read = Checkpoint.read(run.newestCheckpoint().orElseThrow());
            assertThat(read.report().evaluations()).isEmpty();
            assertThat(read.mean()).containsExactly(1);

            RunFolder file = new RunFolder(Files.writeString(folder.resolve("file"), "no folder"));
            saving.begin(state, file, adapter.file());
            later.remove().run();
            assertThatThrownBy(() -> saving.begin(state, run, adapter.file()))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageStartingWith("the checkpoint of step 0 cannot be written: ");
            saving.close();
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString())
                    .filter(n -> !n.equals("elsewhere"))
                    .sorted()
                    .toList();
        }
    }

    private static Trainer trainer(CausalLM model, TrainingArguments arguments, int until) {
        return Trainer.of(model, LoraConfig.rank(4)).with(arguments).on(new TrainingListener() {
            @Override
            public void progressed(TrainingReport soFar) {
                if (soFar.steps().size() == until && until < arguments.maxSteps()) {
                    Thread.currentThread().interrupt();
                }
            }
        });
    }

    private static List<Double> losses(Trainer trainer, CausalLM model) throws IOException {
        try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(4), 3)) {
            trainer.train(Reference.epochs(Reference.padded()), List.of(), adapter);
            model.detach();
            return trainer.report().steps().stream()
                    .map(TrainingReport.Step::loss)
                    .toList();
        }
    }

    /** @param until the step after which the run is interrupted */
    private static List<Double> train(CausalLM model, TrainingArguments arguments, boolean resume, int until)
            throws IOException {
        Trainer trainer = trainer(model, arguments, until);
        return losses(resume ? trainer.resume() : trainer, model);
    }

    /**
     * Starts or resumes a run in a JVM of its own, and kills it when its log says that it has come so far.
     *
     * @return the log
     */
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
                    LoraAdapter.create(model, LoraConfig.rank(4).dropout(0.1), 3));
        }
        System.exit(0);
    }
}
