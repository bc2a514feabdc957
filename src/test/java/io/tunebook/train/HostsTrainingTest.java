package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.files.Json;
import io.tunebook.hosts.Hosts;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.TrainingReport.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several hosts train one adapter: real processes where it counts, threads elsewhere. */
@Timeout(120)
final class HostsTrainingTest {
    private static final String SECRET = "a secret of the test";
    private static final LoraConfig LORA = LoraConfig.rank(4).dropout(0.2);
    private static final TrainingArguments TEN =
            TrainingArguments.defaults().maxSteps(10).learningRate(1e-2).evaluateEvery(3);

    @TempDir
    Path folder;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private int port;

    @BeforeEach
    void freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
    }

    @AfterEach
    void end() {
        threads.shutdownNow();
    }

    private static Hosts hosts(int count, int rank, int port) {
        return Hosts.of(count, rank, "127.0.0.1", port, SECRET).timeout(Duration.ofSeconds(60));
    }

    /** What a host ended with. */
    private record Ended(TrainingReport report, float[] factors) {
        List<Double> losses() {
            return report.steps().stream().map(TrainingReport.Step::loss).toList();
        }

        List<Double> norms() {
            return report.steps().stream()
                    .map(TrainingReport.Step::gradientNorm)
                    .toList();
        }

        List<Double> heldOut() {
            return report.evaluations().stream()
                    .map(TrainingReport.Evaluation::loss)
                    .toList();
        }
    }

    private static Ended train(
            TrainingArguments arguments, boolean resume, List<TokenBatch> data, TrainingListener... on)
            throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            // another start on each host: that of rank 0 counts
            int seed = arguments.hosts() == null ? 1 : 1 + arguments.hosts().rank();
            LoraAdapter adapter = LoraAdapter.create(model, LORA, seed);
            Trainer trainer = Trainer.of(model, LORA).with(arguments);
            Arrays.stream(on).forEach(trainer::on);
            if (resume) {
                trainer.resume();
            }
            trainer.train(Reference.epochs(data), Reference.padded().subList(90, 95), adapter);
            return new Ended(trainer.report(), adapter.floats());
        }
    }

    private static Ended train(TrainingArguments arguments) throws IOException {
        return train(arguments, false, Reference.padded());
    }

    private Future<Ended> start(TrainingArguments arguments, TrainingListener... on) {
        return start(() -> train(arguments, false, Reference.padded(), on));
    }

    private Future<Ended> start(Callable<Ended> host) {
        return threads.submit(host);
    }

    private static Throwable failure(Future<Ended> host) throws InterruptedException {
        try {
            host.get();
        } catch (ExecutionException e) {
            return e.getCause();
        }
        throw new AssertionError("it did not fail");
    }

    /** After so many steps. */
    private static TrainingListener after(int steps, Runnable what) {
        return new TrainingListener() {
            @Override
            public void progressed(TrainingReport soFar) {
                if (soFar.steps().size() == steps) {
                    what.run();
                }
            }
        };
    }

    // ---- processes

    @Test
    void twoProcessesGiveTheLossesOfTwoDevicesAndOfTwiceTheAccumulation() throws Exception {
        List<Process> hosts = List.of(process(0, "whole"), process(1, "whole"));
        Ended devices = train(TEN.devices(2));
        Ended accumulated = train(TEN.gradientAccumulation(2));
        List<Ended> ended = new ArrayList<>();
        for (int rank = 0; rank < 2; rank++) {
            assertThat(hosts.get(rank).waitFor()).as(output(rank)).isZero();
            ended.add(read(rank));
        }
        for (Ended host : ended) {
            assertThat(host.report().outcome()).isEqualTo(Outcome.COMPLETED);
            assertThat(host.losses()).hasSize(10);
            assertThat(host.heldOut()).hasSize(5);
            for (Ended alone : List.of(devices, accumulated)) {
                assertClose(host.losses(), alone.losses());
                assertClose(host.norms(), alone.norms());
                assertClose(host.heldOut(), alone.heldOut());
            }
        }
        assertThat(ended.get(1).factors()).isEqualTo(ended.get(0).factors());
        assertThat(ended.get(1).losses()).isEqualTo(ended.get(0).losses());
        assertThat(ended.get(1).norms()).isEqualTo(ended.get(0).norms());
        assertThat(ended.get(1).heldOut()).isEqualTo(ended.get(0).heldOut());
        try (CausalLM model = Reference.model("llama")) {
            float[] start = LoraAdapter.create(model, LORA, 1).floats(); // that of rank 0
            assertThat(ended.get(0).factors()).hasSameSizeAs(start).isNotEqualTo(start);
        }
    }

    private static void assertClose(List<Double> found, List<Double> expected) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i)).as("number " + i).isCloseTo(expected.get(i), within(1e-4 * expected.get(i)));
        }
    }

    /** The other host learns it in the step, and both go on from the checkpoint as if nothing had been. */
    @Test
    void aProcessThatDiesEndsTheOtherWithItsNameAndBothGoOn() throws Exception {
        TrainingArguments saving = TEN.checkpoints(folder.resolve("checkpoints"), 2);
        Future<Ended> first = start(saving.hosts(hosts(2, 0, port)));
        Process dying = process(1, "dies");
        assertThat(failure(first))
                .isInstanceOf(TrainingException.class)
                .message()
                .matches(
                        "Step 5: rank 1 \\(127\\.0\\.0\\.1:\\d+\\) is gone: .*"
                                + " All hosts end with it\\. Start them again; resume\\(\\) goes on from the last checkpoint\\.");
        assertThat(dying.waitFor()).as(output(1)).isEqualTo(9);

        freePort();
        Process second = process(1, "resumes");
        Ended resumed = train(saving.hosts(hosts(2, 0, port)), true, Reference.padded());
        assertThat(second.waitFor()).as(output(1)).isZero();
        Ended whole = train(TEN.devices(2));
        assertClose(resumed.losses(), whole.losses());
        assertClose(resumed.heldOut(), whole.heldOut());
        assertThat(read(1).factors()).isEqualTo(resumed.factors());
        assertThat(read(1).losses()).isEqualTo(resumed.losses());
        assertThat(folder.resolve("elsewhere")).as("only rank 0 saves").doesNotExist();
        try (Stream<Path> runs = Files.list(folder.resolve("checkpoints"))) {
            assertThat(runs).hasSize(1);
        }
    }

    private Process process(int rank, String what) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        HostsTrainingTest.class.getName(),
                        Integer.toString(rank),
                        Integer.toString(port),
                        folder.toString(),
                        what)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output-" + rank + ".txt").toFile())
                .start();
    }

    private String output(int rank) {
        try {
            return Files.readString(folder.resolve("output-" + rank + ".txt"), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Ended read(int rank) throws IOException {
        return new Ended(
                TrainingReport.read(folder.resolve("report-" + rank + ".json")),
                Json.files()
                        .readValue(folder.resolve("factors-" + rank + ".json").toFile(), float[].class));
    }

    /** A host: its rank, the port, where it writes what it ended with, and whether it dies on the way or goes on. */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        Path folder = Path.of(args[2]);
        TrainingArguments arguments = TEN.hosts(hosts(2, rank, Integer.parseInt(args[1])));
        boolean resumes = args[3].equals("resumes");
        TrainingListener death = after(
                args[3].equals("dies") ? 4 : 100, () -> Runtime.getRuntime().halt(9));
        Ended ended = train(
                resumes ? arguments.checkpoints(folder.resolve("elsewhere"), 2) : arguments,
                resumes,
                Reference.padded(),
                death);
        ended.report().save(folder.resolve("report-" + rank + ".json"));
        Json.files().writeValue(folder.resolve("factors-" + rank + ".json").toFile(), ended.factors());
        System.exit(0);
    }

    // ---- threads

    /** Three hosts with two devices each, an epoch whose last step has fewer micro-batches than there are devices. */
    @Test
    void threeHostsWithTwoDevicesEach() throws Exception {
        TrainingArguments one = TEN.maxSteps(0).epochs(2);
        List<TokenBatch> data = Reference.padded().subList(0, 14);
        List<Future<Ended>> hosts = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            TrainingArguments own = one.devices(2).hosts(hosts(3, rank, port));
            hosts.add(start(() -> train(own, false, data)));
        }
        Ended whole = train(one.gradientAccumulation(6), false, data);
        assertThat(whole.losses()).hasSize(6);
        for (Future<Ended> host : hosts) {
            assertClose(host.get().losses(), whole.losses());
            assertClose(host.get().heldOut(), whole.heldOut());
            assertThat(host.get().factors()).isEqualTo(hosts.get(0).get().factors());
        }
    }

    @Test
    void anInterruptOnAnyHostEndsAllAfterTheSameStep() throws Exception {
        for (int interrupted = 0; interrupted < 2; interrupted++) {
            List<Future<Ended>> hosts = new ArrayList<>();
            for (int rank = 0; rank < 2; rank++) {
                TrainingListener stop = after(rank == interrupted ? 4 : 100, () -> Thread.currentThread()
                        .interrupt());
                hosts.add(start(TEN.hosts(hosts(2, rank, port)), stop));
            }
            for (Future<Ended> host : hosts) {
                assertThat(host.get().report().outcome()).isEqualTo(Outcome.INTERRUPTED);
                assertThat(host.get().losses()).hasSize(5);
                assertThat(host.get().factors()).isEqualTo(hosts.get(0).get().factors());
            }
            freePort();
        }
    }

    @Test
    void earlyStoppingEndsAllWithTheSameAdapter() throws Exception {
        // a rate at which the held-out loss soon rises
        TrainingArguments wild =
                TEN.maxSteps(60).learningRate(0.5).evaluateEvery(1).patience(2);
        List<Future<Ended>> hosts = new ArrayList<>();
        for (int rank = 0; rank < 2; rank++) {
            hosts.add(start(wild.hosts(hosts(2, rank, port))));
        }
        for (Future<Ended> host : hosts) {
            assertThat(host.get().report().outcome()).isEqualTo(Outcome.STOPPED_EARLY);
            assertThat(host.get().heldOut()).isEqualTo(hosts.get(0).get().heldOut());
            assertThat(host.get().factors()).isEqualTo(hosts.get(0).get().factors());
        }
    }

    @Test
    void argumentsThatDifferAreNamedOnBothHosts() throws Exception {
        Future<Ended> first = start(TEN.hosts(hosts(2, 0, port)));
        Future<Ended> other =
                start(TEN.hosts(hosts(2, 1, port)).learningRate(1e-3).seed(7));
        for (Future<Ended> host : List.of(first, other)) {
            assertThat(failure(host))
                    .isInstanceOf(TrainingException.class)
                    .hasMessageStartingWith("Training on several hosts cannot begin: ")
                    .hasMessageContaining("learningRate is 0.001 on rank 1 (127.0.0.1:")
                    .hasMessageContaining("and 0.01 on rank 0; seed is 7 on rank 1 (127.0.0.1:")
                    .hasMessageContaining("Set it alike on all hosts.");
        }
    }

    /** Models of one shape are told apart by a single weight of the last norm. */
    @Test
    void otherWeightsOfTheSameShapeAreNamed() throws Exception {
        Path changed = Files.createDirectories(folder.resolve("changed"));
        for (String file : List.of("config.json", "tokenizer.json")) {
            Files.copy(Reference.path("llama/" + file), changed.resolve(file));
        }
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        try (Safetensors whole = Safetensors.open(Reference.path("llama/model.safetensors"))) {
            for (var t : whole.tensors().values()) {
                tensors.put(t.name(), new Safetensors.Values(t.shape(), whole.read(t)));
            }
        }
        tensors.get("model.norm.weight").values()[3] += 0.25f;
        Safetensors.write(changed.resolve("model.safetensors"), tensors, Map.of());
        Future<Ended> first = start(TEN.hosts(hosts(2, 0, port)));
        Future<Ended> other = start(() -> {
            try (CausalLM model = CausalLM.load(changed, LoadOptions.in(Precision.FLOAT32))) {
                Trainer.of(model, LORA)
                        .with(TEN.hosts(hosts(2, 1, port)))
                        .train(
                                Reference.epochs(Reference.padded()),
                                Reference.padded().subList(90, 95),
                                LoraAdapter.create(model, LORA, 1));
                throw new AssertionError("it trained");
            }
        });
        for (Future<Ended> host : List.of(first, other)) {
            assertThat(failure(host)).message().contains("weights is checksum ").doesNotContain("; ");
        }
    }

    /** Data whose beginning is the same pass for the same when hosts meet, and are noticed in the step that has them. */
    @Test
    void dataThatDifferAreNoticedInTheirStep() throws Exception {
        List<TokenBatch> data = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            data.add(Reference.padded().get(i % 3));
        }
        List<TokenBatch> others = new ArrayList<>(data);
        others.set(101, Reference.padded().get(5));
        TrainingArguments long_ = TEN.maxSteps(60).checkpoints(folder.resolve("checkpoints"), 20);
        Future<Ended> first = start(() -> train(long_.hosts(hosts(2, 0, port)), false, data));
        Future<Ended> second = start(() -> train(long_.hosts(hosts(2, 1, port)), false, others));
        String words = "Step 51: the batches of this step differ between rank 1 \\(127\\.0\\.0\\.1:\\d+\\) and rank 0: "
                + "use the same data in the same order";
        // neither says that resume() goes on
        assertThat(failure(first)).message().matches(words + "\\. All hosts end with it\\.");
        assertThat(failure(second))
                .message()
                .matches("Step 51: rank 0 \\(127\\.0\\.0\\.1:" + port + "\\) ended the training: " + words
                        + "\\. All hosts end with it\\.");
    }

    @Test
    void whatFailsOnOneHostIsToldOnTheOther() throws Exception {
        for (int failing = 0; failing < 2; failing++) {
            List<Future<Ended>> hosts = new ArrayList<>();
            for (int rank = 0; rank < 2; rank++) {
                hosts.add(start(TEN.hosts(hosts(2, rank, port)), after(rank == failing ? 2 : 100, () -> {
                    throw new IllegalStateException("the disk of my log is full");
                })));
            }
            assertThat(failure(hosts.get(failing))).hasMessage("the disk of my log is full");
            assertThat(failure(hosts.get(1 - failing)))
                    .isInstanceOf(TrainingException.class)
                    .message()
                    .matches(
                            "Step 3: rank " + failing + " \\(127.0.0.1:\\d+\\) ended the training: "
                                    + "java.lang.IllegalStateException: the disk of my log is full\\. All hosts end with it\\. Start them again\\.");
            freePort();
        }
    }

    /** A loss that is no number ends all hosts by the same words of their own. */
    @Test
    void aLossThatIsNotFiniteEndsAll() throws Exception {
        List<Future<Ended>> hosts = new ArrayList<>();
        for (int rank = 0; rank < 2; rank++) {
            hosts.add(start(TEN.learningRate(1e30).maxGradientNorm(0).hosts(hosts(2, rank, port))));
        }
        String words = failure(hosts.get(0)).getMessage();
        assertThat(words).matches("(?s)Step \\d+, epoch 1, batches \\d+ to \\d+: the (loss|gradient's norm) is .*");
        assertThat(failure(hosts.get(1))).hasMessage(words);
    }

    /** Where there is one host, nothing listens and nothing changes. */
    @Test
    void oneHostIsNone() throws Exception {
        Ended alone = train(TEN.hosts(Hosts.of(1, 0, "0.0.0.0", 1, "")));
        assertThat(alone.losses()).isEqualTo(train(TEN).losses());
        assertThat(Map.copyOf(TEN.decidingLosses()))
                .isEqualTo(
                        Map.copyOf(TEN.hosts(Hosts.of(1, 0, "0.0.0.0", 1, "")).decidingLosses()));
    }
}
