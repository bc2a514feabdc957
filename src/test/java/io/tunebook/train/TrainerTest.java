package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.data.ChatExample;
import io.tunebook.dataset.Dataset;
import io.tunebook.dataset.Packing;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.Safetensors;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tech.tablesaw.api.Table;

/** How runs begin, are followed, and end. */
final class TrainerTest {
    private static final LoraConfig LORA = LoraConfig.rank(4);
    private static final TrainingArguments TEN =
            TrainingArguments.defaults().maxSteps(10).learningRate(1e-2).schedule(Schedule.CONSTANT);

    @TempDir
    Path folder;

    private CausalLM model;

    @BeforeEach
    void load() throws IOException {
        model = Reference.model("llama");
    }

    @AfterEach
    void close() {
        model.close();
    }

    private LoraAdapter train(Trainer trainer, TrainingArguments arguments, List<TokenBatch> heldOut)
            throws IOException {
        return trainer.with(arguments)
                .train(Reference.epochs(Reference.padded()), heldOut, LoraAdapter.create(model, LORA, 1));
    }

    private Trainer trainer() {
        return Trainer.of(model, LORA);
    }

    @Test
    void anInterruptStopsAfterTheStepAndKeepsTheAdapter() throws IOException {
        Trainer trainer = trainer().on(new TrainingListener() {
            @Override
            public void progressed(TrainingReport soFar) {
                if (soFar.steps().size() == 4) {
                    Thread.currentThread().interrupt();
                }
            }
        });
        LoraAdapter stopped = train(trainer, TEN, List.of());

        assertThat(Thread.interrupted()).as("the interrupt is used up").isFalse();
        assertThat(trainer.report().outcome()).isEqualTo(TrainingReport.Outcome.INTERRUPTED);
        assertThat(trainer.report().steps()).hasSize(4);
        assertThat(stopped.floats())
                .isEqualTo(train(trainer(), TEN.maxSteps(4), List.of()).floats());
        // the session goes on: the adapter is in use, is saved, and another run follows
        stopped.save(folder.resolve("adapter"));
        assertThat(folder.resolve("adapter/adapter_model.safetensors")).exists();
        assertThat(train(trainer(), TEN, List.of())).isNotNull();
    }

    @Test
    void anInterruptedRunResumesFromItsCheckpoint() throws IOException {
        Trainer trainer = trainer().on(new TrainingListener() {
            @Override
            public void progressed(TrainingReport soFar) {
                if (soFar.steps().size() == 4) {
                    Thread.currentThread().interrupt();
                }
            }
        });
        TrainingArguments saving = TEN.checkpoints(folder, 100);
        train(trainer, saving, List.of());
        float[] resumed = train(trainer().resume(), saving, List.of()).floats();

        assertThat(resumed).isEqualTo(train(trainer(), TEN, List.of()).floats());
        assertThatThrownBy(() -> train(trainer().resume(), saving.learningRate(1), List.of()))
                .hasMessageContaining("is of another run: learningRate was 0.01, and is 1.0 now");
    }

    /** Whatever ends a run: each listener is told once, and the model holds what it held before. */
    @Test
    void anyExceptionFreesWhatTheRunHad() throws IOException {
        loadWithEnds(LoadOptions.defaults());
        Dataset data = Dataset.text(List.of("w3 w4 w5 w6", "w7 w8 w9 w10", "w11 w12 w13"), model.tokenizer());
        float[] before = model.logits(1, 2, 3)[2];
        int owned = model.manager().getManagedArrays().size();
        for (Throwable thrown : List.of(
                new IllegalStateException("a listener's own"),
                new StackOverflowError("an error"),
                new TrainingException("ours"))) {
            List<String> heard = new ArrayList<>();
            TrainingListener all = new TrainingListener() {
                @Override
                public void started(TrainingReport soFar) {
                    heard.add("started");
                }

                @Override
                public void finished(TrainingReport report) {
                    heard.add("finished");
                }

                @Override
                public void failed(TrainingReport soFar, Throwable failure) {
                    heard.add("failed after " + soFar.steps().size() + ": " + failure.getMessage());
                    throw new IllegalArgumentException("a listener that fails when it is told");
                }
            };
            Trainer trainer = trainer().with(TEN.evaluateEvery(1)).on(all).on(new TrainingListener() {
                @Override
                public void progressed(TrainingReport soFar) {
                    if (soFar.steps().size() == 3) {
                        TrainerTest.<RuntimeException>sneak(thrown);
                    }
                }
            });
            assertThatThrownBy(() -> trainer.train(data, data)).isSameAs(thrown).satisfies(t -> assertThat(
                            t.getSuppressed())
                    .extracting(Throwable::getMessage)
                    .containsExactly("a listener that fails when it is told"));
            assertThat(heard).containsExactly("started", "failed after 3: " + thrown.getMessage());
            assertThat(model.manager().getManagedArrays())
                    .as("arrays after " + thrown)
                    .hasSize(owned);
            assertThat(model.logits(1, 2, 3)[2]).isEqualTo(before);
        }
        // before the first step as well: only those that were told of the beginning are told of the end
        List<String> heard = new ArrayList<>();
        Trainer unlucky = trainer()
                .with(TEN)
                .on(new TrainingListener() {
                    @Override
                    public void started(TrainingReport soFar) {
                        throw new IllegalStateException("no room for a log");
                    }
                })
                .on(new TrainingListener() {
                    @Override
                    public void failed(TrainingReport soFar, Throwable failure) {
                        heard.add("failed");
                    }
                });
        assertThatThrownBy(() -> unlucky.train(data)).hasMessage("no room for a log");
        assertThat(heard).isEmpty();
        assertThat(model.manager().getManagedArrays()).hasSize(owned);
    }

    /** In a notebook a bar that is not closed says for ever how much time is left. */
    @Test
    void aBarEndsWithATrainingThatAnExceptionEnds() {
        List<String> shown = new ArrayList<>();
        boolean[] over = {false};
        Display.connect(new DisplaySink() {
            @Override
            public void show(MimeBundle bundle, String id, boolean update) {
                if (over[0]) {
                    System.out.println(bundle.text());
                } else {
                    shown.add(bundle.text());
                }
            }

            @Override
            public boolean rich() {
                return !over[0];
            }
        });
        try {
            Trainer failing = trainer().on(new TrainingListener() {
                @Override
                public void progressed(TrainingReport soFar) {
                    if (soFar.steps().size() == 3) {
                        throw new IllegalStateException("enough");
                    }
                }
            });
            assertThatThrownBy(() -> train(failing, TEN, List.of())).hasMessage("enough");
        } finally {
            over[0] = true; // as before for the tests that come after this one
        }
        assertThat(shown).isNotEmpty().allMatch(text -> text.startsWith("Training: "));
        assertThat(shown.get(shown.size() - 1))
                .containsPattern("^Training: [23] of 10 in \\d+:\\d\\d · loss ")
                .doesNotContain("left");
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    @Test
    void aLossThatIsNotFiniteStopsWithStepBatchAndCause() {
        TrainingArguments wild = TEN.learningRate(1e30).maxGradientNorm(0);
        TrainingException stop = catchThrowableOfType(TrainingException.class, () -> train(trainer(), wild, List.of()));
        assertThat(stop.getMessage())
                .matches("(?s)Step \\d+, epoch 1, batch \\d+: the (loss|gradient's norm) is (NaN|-?Infinity)\\..*")
                .contains("learning rate")
                .contains("The batch begins: w");
    }

    @Test
    void weightsThatAreNotFiniteAreNamedAsTheCause() throws IOException {
        Path broken = folder.resolve("broken");
        Files.createDirectories(broken);
        for (String file : List.of("config.json", "tokenizer.json")) {
            Files.copy(Reference.path("llama/" + file), broken.resolve(file));
        }
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        try (Safetensors whole = Safetensors.open(Reference.path("llama/model.safetensors"))) {
            for (var t : whole.tensors().values()) {
                tensors.put(t.name(), new Safetensors.Values(t.shape(), whole.read(t)));
            }
        }
        tensors.get("model.layers.1.mlp.up_proj.weight").values()[7] = Float.NaN;
        Safetensors.write(broken.resolve("model.safetensors"), tensors, Map.of());
        try (CausalLM other = CausalLM.load(broken, LoadOptions.in(Precision.FLOAT32))) {
            assertThatThrownBy(() -> Trainer.of(other, LORA)
                            .with(TEN)
                            .train(Reference.epochs(Reference.padded()), List.of(), LoraAdapter.create(other, LORA, 1)))
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining(
                            "Step 1, epoch 1, batch 1: the loss is NaN. It was so before anything was learned");
        }
    }

    @Test
    void earlyStoppingKeepsTheBestAdapter() throws IOException {
        // Held out is what contradicts the training data: its loss first falls with what both share, then rises.
        List<TokenBatch> heldOut = new ArrayList<>();
        for (TokenBatch b : Reference.padded().subList(60, 62)) {
            int[] labels = b.labels().clone();
            for (int i = 1; i < labels.length; i += 2) {
                labels[i] = labels[i] == TokenBatch.IGNORED ? labels[i] : 3 + labels[i] % 90;
            }
            heldOut.add(new TokenBatch(b.rows(), b.length(), b.ids(), labels, b.positions(), b.documents()));
        }
        Trainer trainer = trainer();
        LoraAdapter best = train(trainer, TEN.maxSteps(200).evaluateEvery(5).patience(3), heldOut);

        TrainingReport report = trainer.report();
        assertThat(report.outcome()).isEqualTo(TrainingReport.Outcome.STOPPED_EARLY);
        assertThat(report.steps().size()).isLessThan(200);
        double lowest = report.evaluations().stream()
                .mapToDouble(TrainingReport.Evaluation::loss)
                .min()
                .orElseThrow();
        assertThat(report.lastHeldOutLoss()).isGreaterThan(lowest);
        best.use();
        assertThat(loss(heldOut)).isCloseTo(lowest, within(1e-6));
    }

    /** The model, with a token that ends a text. */
    private void loadWithEnds(LoadOptions options) throws IOException {
        Path named = Files.createDirectories(folder.resolve("named"));
        for (String file : List.of("config.json", "tokenizer.json", "model.safetensors")) {
            Files.copy(Reference.path("llama/" + file), named.resolve(file));
        }
        Files.writeString(named.resolve("tokenizer_config.json"), "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
        model.close();
        model = CausalLM.load(named, options);
    }

    /** Rows are filled with texts of any length: fewer batches, the same loss. */
    @Test
    void whatIsMeasuredWithIsPacked() throws IOException {
        loadWithEnds(LoadOptions.in(Precision.FLOAT32));
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            texts.add("w" + (3 + i) + " w9".repeat(1 + i % 7));
        }
        Dataset data = Dataset.text(texts, model.tokenizer());
        List<TokenBatch> packed = Trainer.measured(data, TEN.maxLength(32));
        List<TokenBatch> padded = new ArrayList<>();
        Packing.padded(4, 32).batches(data).forEach(padded::add);
        assertThat(padded).hasSize(5);
        assertThat(packed.size()).isLessThan(4);
        assertThat(packed).allSatisfy(b -> assertThat(b.ids()).hasSizeLessThanOrEqualTo(4 * 32));
        assertThat(loss(packed)).isCloseTo(loss(padded), within(1e-6));
    }

    private double loss(List<TokenBatch> batches) {
        double sum = 0;
        int labels = 0;
        for (TokenBatch b : batches) {
            CausalLM.Loss loss = model.loss(b);
            sum += loss.sum();
            labels += loss.labels();
        }
        return sum / labels;
    }

    @Test
    void everyStepIsReportedToLogAndTable() throws IOException {
        Path file = folder.resolve("logs/run.jsonl");
        Trainer trainer = trainer().on(TrainingLog.to(file));
        train(trainer, TEN.evaluateEvery(5), Reference.padded().subList(90, 92));

        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
            lines.add(new ObjectMapper().readTree(line));
        }
        List<JsonNode> steps = lines.stream().filter(l -> l.has("loss")).toList();
        assertThat(steps).hasSize(10);
        for (int i = 0; i < 10; i++) {
            TrainingReport.Step step = trainer.report().steps().get(i);
            assertThat(steps.get(i).path("step").asInt()).isEqualTo(i + 1);
            assertThat(steps.get(i).path("loss").asDouble()).isEqualTo(step.loss());
            assertThat(steps.get(i).path("grad_norm").asDouble()).isEqualTo(step.gradientNorm());
            assertThat(step.tokensPerSecond()).isPositive();
            assertThat(step.memory()).isPositive();
            assertThat(step.timeLeft().isNegative()).isFalse();
        }
        assertThat(steps.get(9).path("seconds_left").asDouble()).isZero();
        assertThat(lines.stream().filter(l -> l.has("eval_loss")).map(l -> l.path("step")
                        .asInt()))
                .containsExactly(0, 5, 10);
        Table table = trainer.report().table();
        assertThat(table.rowCount()).isEqualTo(10);
        assertThat(table.doubleColumn("held-out loss").isMissing(3)).isTrue();
        assertThat(table.doubleColumn("held-out loss").getDouble(4))
                .isEqualTo(trainer.report().evaluations().get(1).loss());
    }

    @Test
    void theWarmupAndTheCosineAreThoseOfTransformers() throws IOException {
        Trainer trainer = trainer();
        train(trainer, TEN.schedule(Schedule.COSINE).warmup(0.2).learningRate(1e-3), List.of());
        // transformers.get_scheduler("cosine", optimizer, 2, 10), in thousandths
        double[] expected = {0, 0.5, 1, 0.961940, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.038060};
        for (int i = 0; i < 10; i++) {
            assertThat(1000 * trainer.report().steps().get(i).learningRate()).isCloseTo(expected[i], within(1e-6));
        }
    }

    @Test
    void aStepThatCannotFitIsRefusedBeforeItBegins() {
        TrainingArguments arguments = TrainingArguments.defaults().batchSize(8).maxLength(4096);
        MemoryEstimate.forLayers(model, 5000, 1024, false).of(0).require(arguments, 4096);
        MemoryEstimate large =
                MemoryEstimate.forLayers(model, 5000, 1L << 32, false).of(0);
        assertThatThrownBy(() -> large.require(arguments, 4096))
                .isInstanceOf(TrainingException.class)
                .hasMessageContaining("it needs about")
                .hasMessageContaining("MB that are free")
                .hasMessageContaining("batchSize(4) with gradientAccumulation(2)")
                .hasMessageContaining("maxLength(2048)")
                .satisfies(e -> assertThat(e.getMessage())
                        .as("layers are computed again where memory demands it, unasked")
                        .doesNotContain("gradientCheckpointing"));
    }

    /**
     * The peak of a step whose first layers are computed again falls layer by layer, and no more of them are than
     * memory demands.
     */
    @Test
    void onlyAsManyLayersAreComputedAgainAsMemoryDemands() {
        ModelConfig shapes = model.config();
        int layers = shapes.layers();
        long tokens = 1 << 20;
        for (int fewest = 0; fewest < layers; fewest++) {
            int checkpointed = fewest;
            long room = needed(shapes, tokens, checkpointed, 0);
            long free = (long) Math.ceil(room / 0.95) + 1;
            var estimates = new MemoryEstimate.ForLayers(layers, n -> estimate(shapes, tokens, n, free));
            assertThat(estimates.fewest()).isEqualTo(checkpointed);
            var less = new MemoryEstimate.ForLayers(layers, n -> estimate(shapes, tokens, n, free - free / 1000));
            assertThat(less.fewest()).isEqualTo(Math.min(layers - 1, checkpointed + 1));
        }
    }

    private static long needed(ModelConfig shapes, long tokens, int checkpointed, long free) {
        return estimate(shapes, tokens, checkpointed, free).needed();
    }

    private static MemoryEstimate estimate(ModelConfig shapes, long tokens, int checkpointed, long free) {
        return MemoryEstimate.of(shapes, 4, 0, 1024, 5000, tokens, checkpointed, false, free);
    }

    @Test
    void argumentsOutOfTheirRangeAreRefusedByName() {
        TrainingArguments defaults = TrainingArguments.defaults();
        assertThatThrownBy(() -> defaults.learningRate(Double.NaN))
                .hasMessage("learningRate: expected a positive number, found NaN");
        assertThatThrownBy(() -> defaults.batchSize(0)).hasMessage("batchSize: expected at least 1, found 0");
        assertThatThrownBy(() -> defaults.warmup(2)).hasMessageContaining("warmup: expected a share from 0 to 1");
        assertThatThrownBy(() -> trainer().report()).hasMessageContaining("call train first");
    }

    /** Chapter 5 in small: a real model, its chat template, samples while it learns, and packing beside padding. */
    @Test
    void aRealModelLearnsAndAnswersOnTheWay() throws IOException {
        String gguf = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(gguf != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no GGUF file");
        try (CausalLM smol = CausalLM.load(Path.of(gguf))) {
            List<ChatExample> examples = ChatExample.read(Path.of("../notebooks/data/identity.jsonl"))
                    .subList(0, 8);
            Dataset data = Dataset.chat(examples, smol.tokenizer());
            List<TrainingReport.Sample> heard = new ArrayList<>();
            Trainer trainer = Trainer.of(smol, LoraConfig.rank(8))
                    .with(TrainingArguments.defaults()
                            .maxSteps(6)
                            .learningRate(2e-3)
                            .schedule(Schedule.CONSTANT)
                            .warmup(0)
                            .packing(true)
                            .batchSize(2)
                            .maxLength(160)
                            .sample("Who are you?", 3))
                    .on(new TrainingListener() {
                        @Override
                        public void sampled(TrainingReport.Sample sample) {
                            heard.add(sample);
                        }
                    });
            LoraAdapter adapter = trainer.train(data);
            List<TrainingReport.Step> steps = trainer.report().steps();
            assertThat(steps.get(5).loss()).isLessThan(0.8 * steps.get(0).loss());
            assertThat(heard).extracting(TrainingReport.Sample::step).containsExactly(3, 6);
            assertThat(heard).allSatisfy(s -> assertThat(s.answer()).isNotBlank());
            assertThat(trainer.report().samples()).isEqualTo(heard);
            adapter.save(folder.resolve("a"));
            try (LoraAdapter again = LoraAdapter.load(folder.resolve("a"), smol)) {
                assertThat(again.floats()).isEqualTo(adapter.floats());
            }
        }
    }

    /** In a JVM whose heap is touched from the start, so that what the process holds grows by native memory alone. */
    @Test
    @Tag("nightly")
    void noNativeMemoryGrowsOverThreeThousandSteps() throws Exception {
        assumeTrue(
                Files.exists(Path.of("/proc/self/status")), "skipped: only Linux tells what a process holds in /proc");
        Path output = folder.resolve("output.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xms64m",
                        "-Xmx64m",
                        "-XX:+AlwaysPreTouch",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        TrainerTest.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        int status = process.waitFor();
        String text = Files.readString(output, StandardCharsets.UTF_8);
        assertThat(status).as(text).isZero();
        String[] found = text.substring(text.lastIndexOf("memory")).trim().split(" ");
        long before = Long.parseLong(found[1]);
        long after = Long.parseLong(found[2]);
        // One array of the factors' size a step would be 60 MB in the end; the allocator alone was seen to take up to
        // 20 more at once.
        assertThat(after - before).as("bytes after 500 steps and 3000 more").isLessThan(30_000_000);
        assertThat(found[3]).as("tensors the model's manager owns").isEqualTo(found[4]);
    }

    /** Trains 3,500 steps with measurements. */
    public static void main(String[] args) throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            long[] memory = new long[2];
            int[] owned = new int[2];
            Trainer.of(model, LORA)
                    .with(TrainingArguments.defaults().maxSteps(3500).evaluateEvery(100))
                    .on(new TrainingListener() {
                        @Override
                        public void progressed(TrainingReport soFar) {
                            int n = soFar.steps().size();
                            if (n == 500 || n == 3500) {
                                int i = n == 500 ? 0 : 1;
                                memory[i] = MemoryEstimate.used(Device.cpu());
                                owned[i] = model.manager().getManagedArrays().size();
                            }
                        }
                    })
                    .train(
                            Reference.epochs(Reference.padded()),
                            Reference.padded().subList(0, 2),
                            LoraAdapter.create(model, LORA, 1));
            System.out.println("memory " + memory[0] + " " + memory[1] + " " + owned[0] + " " + owned[1]);
        }
    }
}
