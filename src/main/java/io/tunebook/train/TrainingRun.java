package io.tunebook.train;

import ai.djl.engine.EngineException;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/**
 * One run: epochs of batches, steps of micro-batches, measurements, samples and checkpoints in between. It knows nothing of data sets and texts;
 * where it cannot go on, {@link Diagnosis} says why.
 */
final class TrainingRun {
    private static final long SECOND = 1_000_000_000L;

    private final CausalLM model;
    private final LoraAdapter adapter;
    private final TrainingArguments arguments;
    private final List<TrainingListener> listeners;
    private final IntFunction<List<TokenBatch>> epochs;
    private final List<TokenBatch> heldOut;
    private final Supplier<String> data;
    private final Diagnosis diagnosis;

    private Optional<RunFolder> folder = Optional.empty();
    private Map<String, String> fingerprint = Map.of();
    private Optimizer optimizer;
    private Replicas replicas;

    // what changes from step to step
    private volatile TrainingReport report;
    private int step;
    private int epoch;
    private int batch;
    private double bestLoss = Double.POSITIVE_INFINITY;
    private float[] best = new float[0];
    private int stale;
    private long memory;
    private long memoryAsked;

    /**
     * A run that has not begun.
     *
     * @param data in words what the batches are, for checkpoints
     */
    TrainingRun(
            LoraAdapter adapter,
            TrainingArguments arguments,
            List<TrainingListener> listeners,
            IntFunction<List<TokenBatch>> epochs,
            List<TokenBatch> heldOut,
            Supplier<String> data) {
        this.model = adapter.model();
        this.adapter = adapter;
        this.arguments = arguments;
        this.listeners = List.copyOf(listeners);
        this.epochs = epochs;
        this.heldOut = heldOut;
        this.data = data;
        this.diagnosis = new Diagnosis(model, arguments);
        report = TrainingReport.beginning(plannedSteps());
    }

    TrainingReport report() {
        return report;
    }

    // ---- from beginning to end

    /**
     * Trains until the steps are done, early stopping or an interrupt. However it ends, what is allocated for steps is freed and each listener is
     * told once.
     *
     * @param resume whether to go on from a checkpoint
     */
    void train(boolean resume) {
        List<TrainingListener> told = new ArrayList<>();
        try (Optimizer ofRun = new Optimizer(adapter.factors(), arguments);
                Replicas ofDevices = new Replicas(adapter, arguments.devices())) {
            optimizer = ofRun;
            replicas = ofDevices;
            begin(resume);
            for (TrainingListener listener : listeners) {
                told.add(listener);
                listener.started(report);
            }
            TrainingReport.Outcome outcome = steps();
            if (outcome == TrainingReport.Outcome.STOPPED_EARLY) {
                adapter.set(best);
            }
            report = report.ended(outcome);
        } catch (Throwable failure) {
            throw failed(failure, told);
        }
        model.releaseSteps();
        adapter.use();
        listeners.forEach(l -> l.finished(report));
    }

    private void begin(boolean resume) {
        if (resume && arguments.checkpoints() == null) {
            throw new IllegalArgumentException("resume: expected a folder in checkpoints(folder, every), found none");
        }
        if (arguments.checkpoints() != null) {
            fingerprint = Fingerprint.of(data.get(), adapter, arguments);
            try {
                folder = Optional.of(
                        resume ? RunFolder.newest(arguments.checkpoints()) : RunFolder.create(arguments.checkpoints()));
                if (resume) {
                    restore();
                }
            } catch (IOException e) {
                throw new UncheckedIOException("the checkpoint cannot be read: " + e.getMessage(), e);
            }
        }
        MemoryEstimate.of(
                        model,
                        adapter.factors().getShape().size(),
                        longest(epochs.apply(0)),
                        arguments.gradientCheckpointing())
                .require(arguments, arguments.maxLength());
    }

    /** Frees, tells the listeners and gives back what to throw. */
    private RuntimeException failed(Throwable failure, List<TrainingListener> told) {
        Throwable what = failure;
        try {
            model.releaseSteps();
            if (failure instanceof EngineException engine) {
                what = diagnosis
                        .outOfMemory(engine, report.steps().size() + 1)
                        .map(Throwable.class::cast)
                        .orElse(failure);
            }
        } catch (RuntimeException | Error e) {
            failure.addSuppressed(e);
        }
        for (TrainingListener listener : told) {
            try {
                listener.failed(report, what);
            } catch (RuntimeException | Error e) {
                what.addSuppressed(e);
            }
        }
        if (what instanceof Error error) {
            throw error;
        }
        return what instanceof RuntimeException runtime ? runtime : new IllegalStateException(what);
    }

    private TrainingReport.Outcome steps() {
        int planned = report.plannedSteps();
        int evaluateEvery = arguments.evaluateEvery() > 0 ? arguments.evaluateEvery() : Math.max(1, planned / 10);
        if (step == 0 && !heldOut.isEmpty()) {
            evaluate();
        }
        long start = System.nanoTime();
        int first = step;
        List<TokenBatch> batches = epochs.apply(epoch);
        boolean interrupted = Thread.interrupted();
        while (step < planned && !interrupted) {
            if (batch >= batches.size()) {
                batches = epochs.apply(++epoch);
                batch = 0;
            }
            step(batches, start, first);
            interrupted = Thread.interrupted();
            listeners.forEach(l -> l.progressed(report));
            boolean last = step == planned;
            if (!interrupted && !heldOut.isEmpty() && (last || step % evaluateEvery == 0)) {
                evaluate();
            }
            if (!interrupted && arguments.sampleEvery() > 0 && step % arguments.sampleEvery() == 0) {
                sample();
            }
            boolean ended = arguments.patience() > 0 && stale >= arguments.patience();
            interrupted |= Thread.interrupted();
            boolean due = arguments.saveEvery() > 0 && step % arguments.saveEvery() == 0;
            if (due || last || ended || interrupted) {
                save();
            }
            if (ended && !last) {
                return TrainingReport.Outcome.STOPPED_EARLY;
            }
        }
        return step < planned ? TrainingReport.Outcome.INTERRUPTED : TrainingReport.Outcome.COMPLETED;
    }

    /**
     * One step of the optimiser.
     *
     * @param start when the first one began, in nanoseconds
     * @param first how many were done before that
     */
    private void step(List<TokenBatch> batches, long start, int first) {
        long begun = System.nanoTime();
        List<TokenBatch> micro = new ArrayList<>();
        for (int i = 0; i < arguments.microBatches() && batch + i < batches.size(); i++) {
            micro.add(counted(batches.get(batch + i)));
        }
        double loss = forwardBackward(micro);
        double norm = optimizer.norm(adapter.gradient());
        if (!Double.isFinite(norm)) {
            throw notFinite(micro, "the gradient's norm is " + norm);
        }
        int planned = report.plannedSteps();
        int warmup = (int) Math.ceil(arguments.warmup() * planned);
        double rate = arguments.learningRate() * arguments.schedule().factor(step, warmup, planned);
        optimizer.step(adapter.gradient(), norm, rate);
        replicas.follow();
        step++;
        batch += micro.size();
        long now = System.nanoTime();
        report.steps()
                .add(new TrainingReport.Step(
                        step,
                        epoch + (double) batch / batches.size(),
                        loss,
                        rate,
                        norm,
                        micro.stream().mapToInt(TokenBatch::tokens).sum() / ((now - begun) / 1e9),
                        memory(now),
                        Duration.ofNanos((now - start) / (step - first) * (planned - step))));
    }

    /** Bytes in use; the question makes a GPU wait, so it is asked once a second at most. */
    private long memory(long now) {
        if (memory == 0 || now - memoryAsked > SECOND) {
            memory = MemoryEstimate.used(model.device());
            memoryAsked = now;
        }
        return memory;
    }

    /** @return the mean loss over the counted tokens of all micro-batches, in nats */
    private double forwardBackward(List<TokenBatch> micro) {
        int labels = micro.stream().mapToInt(TokenBatch::counted).sum();
        if (labels == 0) {
            throw diagnosis.nothingCounts(step + 1, place(micro));
        }
        double sum = replicas.gradient(
                micro,
                1.0 / labels,
                i -> Seeds.mix(arguments.seed(), (long) step * arguments.microBatches() + i),
                arguments.gradientCheckpointing());
        if (!Double.isFinite(sum)) {
            throw notFinite(micro, "the loss is " + sum);
        }
        return sum / labels;
    }

    private TrainingException notFinite(List<TokenBatch> micro, String what) {
        return diagnosis.notFinite(step + 1, place(micro), what, micro, report.steps());
    }

    private String place(List<TokenBatch> micro) {
        return "epoch " + (epoch + 1) + ", batch" + (micro.size() == 1 ? " " : "es " + (batch + 1) + " to ")
                + (batch + micro.size());
    }

    private void evaluate() {
        adapter.use();
        double sum = 0;
        long labels = 0;
        for (TokenBatch held : heldOut) {
            CausalLM.Loss loss = model.loss(counted(held));
            sum += loss.sum();
            labels += loss.labels();
        }
        double mean = sum / labels;
        report.evaluations().add(new TrainingReport.Evaluation(step, mean));
        if (mean < bestLoss) {
            bestLoss = mean;
            stale = 0;
            if (arguments.patience() > 0) {
                best = adapter.floats();
            }
        } else {
            stale++;
        }
        listeners.forEach(l -> l.progressed(report));
    }

    private void sample() {
        adapter.use();
        TrainingReport.Sample sample = new TrainingReport.Sample(
                step, arguments.samplePrompt(), model.generator().chat(arguments.samplePrompt()));
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

    // ---- how much there is to do

    /** An epoch's last step may have fewer micro-batches, as in Transformers. */
    private int plannedSteps() {
        if (arguments.maxSteps() > 0) {
            return arguments.maxSteps();
        }
        int whole = (int) Math.floor(arguments.epochs());
        int steps = 0;
        for (int e = 0; e < whole; e++) {
            steps += stepsOf(e, 1);
        }
        return whole == arguments.epochs() ? steps : steps + stepsOf(whole, arguments.epochs() - whole);
    }

    private int stepsOf(int which, double share) {
        return (int) Math.ceil(Math.ceil((double) epochs.apply(which).size() / arguments.microBatches()) * share);
    }

    /** Positions of the largest batch among the first, padding included. */
    private static long longest(List<TokenBatch> batches) {
        long longest = 0;
        for (int i = 0; i < Math.min(1000, batches.size()); i++) {
            longest = Math.max(longest, batches.get(i).ids().length);
        }
        return longest;
    }

    // ---- checkpoints

    private void save() {
        if (folder.isEmpty()) {
            return;
        }
        try {
            new Checkpoint(step, optimizer.mean(), optimizer.square(), best, stale, fingerprint, report)
                    .write(folder.get(), adapter.file());
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "the checkpoint of step " + step + " cannot be written: " + e.getMessage(), e);
        }
    }

    private void restore() throws IOException {
        Optional<Path> newest = folder.orElseThrow().newestCheckpoint();
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
        replicas.follow();
        step = saved.step();
        best = saved.best();
        stale = saved.stale();
        bestLoss = saved.report().evaluations().stream()
                .mapToDouble(TrainingReport.Evaluation::loss)
                .min()
                .orElse(Double.POSITIVE_INFINITY);
        report.steps().addAll(saved.report().steps());
        report.evaluations().addAll(saved.report().evaluations());
        report.samples().addAll(saved.report().samples());
        position();
    }

    /** Which batch follows so many steps. */
    private void position() {
        int left = step;
        for (int steps = stepsOf(epoch, 1); left > steps; steps = stepsOf(epoch, 1)) {
            left -= steps;
            epoch++;
        }
        batch = Math.min(left * arguments.microBatches(), epochs.apply(epoch).size());
    }
}
