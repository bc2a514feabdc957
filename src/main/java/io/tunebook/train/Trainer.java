package io.tunebook.train;

import ai.djl.engine.EngineException;
import io.tunebook.dataset.Dataset;
import io.tunebook.dataset.Packing;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * Trains an adapter on a data set.
 *
 * <pre>{@code
 * LoraAdapter adapter = Trainer.of(model, LoraConfig.rank(16))
 *         .with(TrainingArguments.defaults().epochs(2))
 *         .on(LossCurve.live())
 *         .train(data);
 * }</pre>
 *
 * <p>A step's loss is the mean over all counted tokens of its micro-batches, so that accumulation gives the gradients of one large batch. On
 * the CPU, the same seed, data and number of threads give the same run bit for bit, through a checkpoint too.
 */
public final class Trainer {
    private final CausalLM model;
    private final LoraConfig lora;
    private final List<TrainingListener> listeners = new ArrayList<>(List.of(new ProgressBar()));
    private TrainingArguments arguments = TrainingArguments.defaults();
    private boolean resume;
    private TrainingReport report;

    private Trainer(CausalLM model, LoraConfig lora) {
        this.model = Objects.requireNonNull(model);
        this.lora = Objects.requireNonNull(lora);
    }

    /** A new adapter for a model. */
    public static Trainer of(CausalLM model, LoraConfig lora) {
        return new Trainer(model, lora);
    }

    public Trainer with(TrainingArguments these) {
        arguments = Objects.requireNonNull(these);
        return this;
    }

    /** Tells one more listener. A progress bar is always there. */
    public Trainer on(TrainingListener listener) {
        listeners.add(Objects.requireNonNull(listener));
        return this;
    }

    /** Goes on from the newest checkpoint in the arguments' folder, or begins anew if there is none. */
    public Trainer resume() {
        resume = true;
        return this;
    }

    /** What happened so far in the last run. @throws IllegalStateException before the first one */
    public TrainingReport report() {
        if (report == null) {
            throw new IllegalStateException("nothing was trained yet: call train first");
        }
        return report;
    }

    /** Trains without measuring a held-out loss. */
    public LoraAdapter train(Dataset dataset) {
        return train(dataset, null);
    }

    /**
     * Trains. The adapter is in use by the model afterwards. If the thread is interrupted, training stops after the current step and the
     * adapter is returned as that step left it, with the interrupt cleared and {@link TrainingReport.Outcome#INTERRUPTED} in the report.
     *
     * @param dataset what to learn
     * @param heldOut what to measure with; null for nothing
     * @return the trained adapter; after early stopping, that of the best measurement
     * @throws TrainingException if the loss is not finite any more, or memory does not suffice
     * @throws IllegalArgumentException if the tokens are another tokenizer's, there are no examples, or a checkpoint is of another run
     * @throws UncheckedIOException if a checkpoint cannot be written or read
     */
    public LoraAdapter train(Dataset dataset, Dataset heldOut) {
        Dataset fitting = checked(dataset, "training");
        Packing packing = arguments.packing()
                ? Packing.packed(arguments.batchSize(), arguments.maxLength())
                : Packing.padded(arguments.batchSize(), arguments.maxLength());
        List<TokenBatch> measured = new ArrayList<>();
        if (heldOut != null) {
            packing.batches(checked(heldOut, "held-out")).forEach(measured::add);
        }
        return train(
                epoch -> {
                    Packing.Batches batches = packing.batches(fitting, mix(arguments.seed(), epoch));
                    return new Epoch() {
                        @Override
                        public int size() {
                            return batches.size();
                        }

                        @Override
                        public TokenBatch get(int batch) {
                            return batches.get(batch);
                        }
                    };
                },
                measured,
                fingerprint(fitting),
                LoraAdapter.create(model, lora, arguments.seed()));
    }

    private Dataset checked(Dataset dataset, String which) {
        model.tokenizer().requireChecksum("the " + which + " data", dataset.tokenizerChecksum());
        Dataset fitting = dataset.truncate(arguments.maxLength());
        if (fitting.size() == 0) {
            throw new IllegalArgumentException("the " + which + " data: expected at least one example, found none"
                    + (dataset.size() == 0
                            ? ""
                            : " whose answer begins within maxLength(" + arguments.maxLength() + ")"));
        }
        return fitting;
    }

    /** The batches of one pass over the data, in their order. */
    interface Epoch {
        int size();

        TokenBatch get(int batch);
    }

    /** The passes over the data; the same number gives the same batches. */
    interface Epochs {
        Epoch get(int epoch);
    }

    /** What changes while a run lasts. */
    private static final class Run {
        int step;
        int epoch;
        int batch;
        double bestLoss = Double.POSITIVE_INFINITY;
        float[] best = new float[0];
        int stale;
    }

    /** Trains an adapter on batches as they are given. */
    LoraAdapter train(Epochs epochs, List<TokenBatch> heldOut, Map<String, String> fingerprint, LoraAdapter adapter) {
        int planned = plannedSteps(epochs);
        report = TrainingReport.beginning(planned);
        Run run = new Run();
        try (Optimizer optimizer = new Optimizer(adapter.factors(), arguments);
                Replicas replicas = new Replicas(adapter, arguments.devices())) {
            if (resume) {
                restore(run, adapter, optimizer, fingerprint, epochs);
                replicas.follow();
            }
            long tokens = longest(epochs.get(0));
            MemoryEstimate.of(model, adapter.factors().getShape().size(), tokens, arguments.gradientCheckpointing())
                    .require(arguments, arguments.maxLength());
            listeners.forEach(l -> l.started(report));
            TrainingReport.Outcome outcome = steps(run, epochs, heldOut, adapter, replicas, optimizer, fingerprint);
            if (outcome == TrainingReport.Outcome.STOPPED_EARLY) {
                adapter.set(run.best);
            }
            report = report.ended(outcome);
        } catch (EngineException e) {
            model.releaseSteps();
            throw outOfMemory(e).orElseThrow(() -> e);
        }
        model.releaseSteps();
        adapter.use();
        listeners.forEach(l -> l.finished(report));
        return adapter;
    }

    private TrainingReport.Outcome steps(
            Run run,
            Epochs epochs,
            List<TokenBatch> heldOut,
            LoraAdapter adapter,
            Replicas replicas,
            Optimizer optimizer,
            Map<String, String> fingerprint) {
        int planned = report.plannedSteps();
        int evaluateEvery = arguments.evaluateEvery() > 0 ? arguments.evaluateEvery() : Math.max(1, planned / 10);
        int warmup = (int) Math.ceil(arguments.warmup() * planned);
        if (run.step == 0 && !heldOut.isEmpty()) {
            evaluate(run, heldOut, adapter);
        }
        long start = System.nanoTime();
        int first = run.step;
        Epoch epoch = epochs.get(run.epoch);
        boolean interrupted = Thread.interrupted();
        while (run.step < planned && !interrupted) {
            if (run.batch >= epoch.size()) {
                epoch = epochs.get(++run.epoch);
                run.batch = 0;
            }
            long begun = System.nanoTime();
            List<TokenBatch> micro = new ArrayList<>();
            for (int i = 0; i < arguments.microBatches() && run.batch + i < epoch.size(); i++) {
                micro.add(counted(epoch.get(run.batch + i)));
            }
            double loss = forwardBackward(run, micro, replicas);
            double norm = optimizer.norm(adapter.gradient());
            if (!Double.isFinite(norm)) {
                throw notFinite(run, micro, loss, "the gradient's norm is " + norm);
            }
            double rate = arguments.learningRate() * arguments.schedule().factor(run.step, warmup, planned);
            optimizer.step(adapter.gradient(), norm, rate);
            replicas.follow();
            run.step++;
            run.batch += micro.size();
            long now = System.nanoTime();
            report.steps()
                    .add(new TrainingReport.Step(
                            run.step,
                            run.epoch + (double) run.batch / epoch.size(),
                            loss,
                            rate,
                            norm,
                            micro.stream().mapToInt(TokenBatch::tokens).sum() / ((now - begun) / 1e9),
                            MemoryEstimate.used(model.device()),
                            Duration.ofNanos((now - start) / (run.step - first) * (planned - run.step))));
            interrupted = Thread.interrupted();
            listeners.forEach(l -> l.progressed(report));
            boolean last = run.step == planned;
            if (!interrupted && !heldOut.isEmpty() && (last || run.step % evaluateEvery == 0)) {
                evaluate(run, heldOut, adapter);
            }
            if (!interrupted && arguments.sampleEvery() > 0 && run.step % arguments.sampleEvery() == 0) {
                sample(run, adapter);
            }
            boolean stale = arguments.patience() > 0 && run.stale >= arguments.patience();
            interrupted |= Thread.interrupted();
            boolean due = arguments.saveEvery() > 0 && run.step % arguments.saveEvery() == 0;
            if (arguments.checkpoints() != null && (due || last || stale || interrupted)) {
                save(run, adapter, optimizer, fingerprint);
            }
            if (stale && !last) {
                return TrainingReport.Outcome.STOPPED_EARLY;
            }
        }
        return run.step < planned ? TrainingReport.Outcome.INTERRUPTED : TrainingReport.Outcome.COMPLETED;
    }

    /** @return the mean loss over the counted tokens of all micro-batches, in nats */
    private double forwardBackward(Run run, List<TokenBatch> micro, Replicas replicas) {
        int labels = micro.stream().mapToInt(TokenBatch::counted).sum();
        if (labels == 0) {
            throw new TrainingException("step " + (run.step + 1) + ", " + place(run, micro)
                    + ": expected tokens that count for the loss, found none; are the answers cut off by maxLength("
                    + arguments.maxLength() + ")?");
        }
        double sum = replicas.gradient(
                micro,
                1.0 / labels,
                i -> mix(arguments.seed(), (long) run.step * arguments.microBatches() + i),
                arguments.gradientCheckpointing());
        if (!Double.isFinite(sum)) {
            throw notFinite(run, micro, sum, "the loss is " + sum);
        }
        return sum / labels;
    }

    private static String place(Run run, List<TokenBatch> micro) {
        return "epoch " + (run.epoch + 1) + ", batch" + (micro.size() == 1 ? " " : "es " + (run.batch + 1) + " to ")
                + (run.batch + micro.size());
    }

    private TrainingException notFinite(Run run, List<TokenBatch> micro, double loss, String what) {
        String cause;
        if (run.step == 0) {
            cause =
                    "It was so before anything was learned: the weights hold values that are not finite, or the model's type is too narrow"
                            + " for them. Check the file, or load the model in float32.";
        } else {
            int n = report.steps().size();
            double before = report.steps().get(n - 1).loss();
            double lowest = report.steps().stream()
                    .mapToDouble(TrainingReport.Step::loss)
                    .min()
                    .orElse(before);
            cause = before > 2 * lowest + 1
                    ? String.format(
                            Locale.ROOT,
                            "The loss had risen from %.3f to %.3f: the learning rate %.2g is too high. Try a tenth of it, a longer warm-up, or"
                                    + " maxGradientNorm(1).",
                            lowest,
                            before,
                            arguments.learningRate())
                    : String.format(
                            Locale.ROOT,
                            "The loss was %.3f the step before, so a single update did it: try a learning rate below %.2g, maxGradientNorm(1), or"
                                    + " look at this batch.",
                            before,
                            arguments.learningRate());
        }
        int[] ids = micro.get(0).ids();
        String text = model.tokenizer().decode(Arrays.copyOf(ids, Math.min(40, ids.length)));
        return new TrainingException("Step " + (run.step + 1) + ", " + place(run, micro) + ": " + what + ". " + cause
                + " The batch begins: " + text.replace("\n", "⏎"));
    }

    private Optional<TrainingException> outOfMemory(EngineException e) {
        String words = String.valueOf(e.getMessage());
        if (!words.contains("out of memory") && !words.contains("can't allocate memory")) {
            return Optional.empty();
        }
        return Optional.of(new TrainingException(
                String.format(
                        Locale.ROOT,
                        "Out of memory on %s in step %d; %,d MB are free now. %s (%s)",
                        model.device(),
                        report.steps().size() + 1,
                        MemoryEstimate.free(model.device()) / 1_000_000,
                        MemoryEstimate.advice(arguments, arguments.maxLength()),
                        words.lines().findFirst().orElse("")),
                e));
    }

    private void evaluate(Run run, List<TokenBatch> heldOut, LoraAdapter adapter) {
        adapter.use();
        double sum = 0;
        long labels = 0;
        for (TokenBatch batch : heldOut) {
            CausalLM.Loss loss = model.loss(counted(batch));
            sum += loss.sum();
            labels += loss.labels();
        }
        double mean = sum / labels;
        report.evaluations().add(new TrainingReport.Evaluation(run.step, mean));
        if (mean < run.bestLoss) {
            run.bestLoss = mean;
            run.stale = 0;
            if (arguments.patience() > 0) {
                run.best = adapter.floats();
            }
        } else {
            run.stale++;
        }
        listeners.forEach(l -> l.progressed(report));
    }

    private void sample(Run run, LoraAdapter adapter) {
        adapter.use();
        TrainingReport.Sample sample = new TrainingReport.Sample(
                run.step, arguments.samplePrompt(), model.generator().chat(arguments.samplePrompt()));
        report.samples().add(sample);
        listeners.forEach(l -> l.sampled(sample));
    }

    /** The batch as the arguments want it: with the labels it has, or with every token counted. */
    private TokenBatch counted(TokenBatch b) {
        if (arguments.assistantOnly()) {
            return b;
        }
        int[] labels = new int[b.labels().length];
        Arrays.setAll(
                labels,
                i -> b.documents()[i] == TokenBatch.PADDING || b.positions()[i] == 0 ? TokenBatch.IGNORED : b.ids()[i]);
        return new TokenBatch(b.rows(), b.length(), b.ids(), labels, b.positions(), b.documents());
    }

    /** An epoch's last step may have fewer micro-batches, as in Transformers. */
    private int plannedSteps(Epochs epochs) {
        if (arguments.maxSteps() > 0) {
            return arguments.maxSteps();
        }
        int whole = (int) Math.floor(arguments.epochs());
        int steps = 0;
        for (int e = 0; e < whole; e++) {
            steps += stepsOf(epochs.get(e), 1);
        }
        return whole == arguments.epochs() ? steps : steps + stepsOf(epochs.get(whole), arguments.epochs() - whole);
    }

    private int stepsOf(Epoch epoch, double share) {
        return (int) Math.ceil(Math.ceil((double) epoch.size() / arguments.microBatches()) * share);
    }

    /** Positions of the largest batch among the first, padding included. */
    private static long longest(Epoch epoch) {
        long longest = 0;
        for (int i = 0; i < Math.min(1000, epoch.size()); i++) {
            longest = Math.max(longest, epoch.get(i).ids().length);
        }
        return longest;
    }

    // ---- checkpoints

    private void save(Run run, LoraAdapter adapter, Optimizer optimizer, Map<String, String> fingerprint) {
        try {
            new Checkpoint(run.step, optimizer.mean(), optimizer.square(), run.best, run.stale, fingerprint, report)
                    .write(arguments.checkpoints(), adapter.file());
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "the checkpoint of step " + run.step + " cannot be written: " + e.getMessage(), e);
        }
    }

    private void restore(
            Run run, LoraAdapter adapter, Optimizer optimizer, Map<String, String> fingerprint, Epochs epochs) {
        if (arguments.checkpoints() == null) {
            throw new IllegalArgumentException("resume: expected a folder in checkpoints(folder, every), found none");
        }
        try {
            Optional<Path> newest = Checkpoint.newest(arguments.checkpoints());
            if (newest.isEmpty()) {
                return;
            }
            Checkpoint saved = Checkpoint.read(newest.get());
            fingerprint.forEach((what, value) -> {
                String found = saved.fingerprint().get(what);
                if (!value.equals(found)) {
                    throw new IllegalArgumentException(newest.get() + " is of another run: " + what + " was " + found
                            + ", and is " + value + " now. Set it as it was, or use another folder for checkpoints.");
                }
            });
            try (LoraAdapter factors = LoraAdapter.load(newest.get(), model)) {
                adapter.set(factors.floats());
            }
            optimizer.restore(saved.mean(), saved.square(), saved.step());
            run.step = saved.step();
            run.best = saved.best();
            run.stale = saved.stale();
            run.bestLoss = saved.report().evaluations().stream()
                    .mapToDouble(TrainingReport.Evaluation::loss)
                    .min()
                    .orElse(Double.POSITIVE_INFINITY);
            report.steps().addAll(saved.report().steps());
            report.evaluations().addAll(saved.report().evaluations());
            report.samples().addAll(saved.report().samples());
            position(run, epochs);
        } catch (IOException e) {
            throw new UncheckedIOException("the checkpoint cannot be read: " + e.getMessage(), e);
        }
    }

    /** Which batch follows so many steps. */
    private void position(Run run, Epochs epochs) {
        int left = run.step;
        for (int steps = stepsOf(epochs.get(run.epoch), 1); left > steps; steps = stepsOf(epochs.get(run.epoch), 1)) {
            left -= steps;
            run.epoch++;
        }
        run.batch =
                Math.min(left * arguments.microBatches(), epochs.get(run.epoch).size());
    }

    /** Everything that decides the losses of a run. */
    private Map<String, String> fingerprint(Dataset dataset) {
        Map<String, String> all = new LinkedHashMap<>();
        CRC32 crc = new CRC32();
        for (int length : dataset.lengths()) {
            crc.update(Integer.toString(length).getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        }
        for (int i = 0; i < Math.min(100, dataset.size()); i++) {
            for (int id : dataset.ids(i)) {
                crc.update(id);
                crc.update(id >> 8);
                crc.update(id >> 16);
            }
        }
        all.put("data", dataset.size() + " examples, checksum " + Long.toHexString(crc.getValue()));
        all.put("model", model.config().toString());
        all.put("precision", model.precision() + " from " + model.weightBytes() + " bytes of weights");
        all.put("lora", lora.toString());
        all.put("epochs", Double.toString(arguments.epochs()));
        all.put("maxSteps", Integer.toString(arguments.maxSteps()));
        all.put("batchSize", Integer.toString(arguments.batchSize()));
        all.put("gradientAccumulation", Integer.toString(arguments.microBatches()));
        all.put("learningRate", Double.toString(arguments.learningRate()));
        all.put("schedule", arguments.schedule().toString());
        all.put("warmup", Double.toString(arguments.warmup()));
        all.put("weightDecay", Double.toString(arguments.weightDecay()));
        all.put("betas", arguments.beta1() + ", " + arguments.beta2());
        all.put("epsilon", Double.toString(arguments.epsilon()));
        all.put("maxGradientNorm", Double.toString(arguments.maxGradientNorm()));
        all.put("maxLength", Integer.toString(arguments.maxLength()));
        all.put("packing", Boolean.toString(arguments.packing()));
        all.put("assistantOnly", Boolean.toString(arguments.assistantOnly()));
        all.put("gradientCheckpointing", Boolean.toString(arguments.gradientCheckpointing()));
        all.put("evaluateEvery", Integer.toString(arguments.evaluateEvery()));
        all.put("patience", Integer.toString(arguments.patience()));
        all.put("seed", Long.toString(arguments.seed()));
        return all;
    }

    /** A seed of its own for each use, by the finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
    private static long mix(long seed, long use) {
        long z = seed + use * 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
