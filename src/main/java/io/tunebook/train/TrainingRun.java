package io.tunebook.train;

import ai.djl.engine.EngineException;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.model.CausalLM;
import io.tunebook.model.TokenBatch;
import io.tunebook.train.Checkpoint.RunFolder;
import io.tunebook.train.Trainer.Seeds;
import io.tunebook.train.TrainingReport.Pace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/**
 * One run: epochs of batches, steps of micro-batches, measurements, samples and checkpoints in between. It knows
 * nothing of data sets and texts; where it cannot go on, {@link Diagnosis} says why.
 */
final class TrainingRun {
    private final CausalLM model;
    private final LoraAdapter adapter;
    private final TrainingArguments arguments;
    private final List<TrainingListener> listeners;
    private final RunPlan plan;
    private final List<TokenBatch> heldOut;
    private final Supplier<String> data;
    private final Diagnosis diagnosis;
    private final Checkpoint.Saving saving = new Checkpoint.Saving(task -> new Thread(task, "checkpoint").start());

    private Optional<RunFolder> folder = Optional.empty();
    private Map<String, String> fingerprint = Map.of();
    private UpdateStep update;
    private Pace pace;
    private int checkpointed;
    private final Queue<Started> started = new ArrayDeque<>();

    // what changes from step to step
    private volatile TrainingReport report;
    private int step;
    private int epoch;
    private int batch;
    private double bestLoss = Double.POSITIVE_INFINITY;
    private float[] best = new float[0];
    private int stale;

    /** A run that has not begun; {@code data} says in words what the batches are, for checkpoints. */
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
        plan = new RunPlan(arguments, epochs);
        this.heldOut = heldOut;
        this.data = data;
        this.diagnosis = new Diagnosis(model, arguments);
        report = TrainingReport.beginning(plan.steps());
    }

    TrainingReport report() {
        return report;
    }

    // ---- from beginning to end

    /**
     * Trains until the steps are done, early stopping or an interrupt. However it ends, what is allocated for steps is
     * freed and each listener is told once.
     *
     * @param resume whether to go on from a checkpoint
     */
    void train(boolean resume) {
        List<TrainingListener> told = new ArrayList<>();
        try (saving;
                UpdateStep ofRun = UpdateStep.join(adapter, arguments, this::alike)) {
            update = ofRun;
            try {
                train(resume, told);
            } catch (Throwable failure) {
                update.abort(failure);
                throw failure;
            }
        } catch (Throwable failure) {
            throw failed(failure, told);
        }
        model.steps().release();
        adapter.use();
        listeners.forEach(l -> l.finished(report));
    }

    private void train(boolean resume, List<TrainingListener> told) {
        begin(resume);
        for (TrainingListener listener : listeners) {
            told.add(listener);
            listener.started(report);
        }
        TrainingReport.Outcome outcome = steps();
        if (outcome == TrainingReport.Outcome.STOPPED_EARLY) {
            adapter.set(best);
        }
        saving.await();
        report = report.ended(outcome);
    }

    /** What hosts that train together must have alike. */
    private Map<String, String> alike() {
        try {
            Map<String, String> all = Fingerprint.of(data.get(), adapter, arguments);
            all.putAll(Fingerprint.ofHosts(adapter, heldOut));
            return all;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void begin(boolean resume) {
        Optional<Checkpoint> saved = Optional.empty();
        if (resume && arguments.checkpoints() == null) {
            throw new IllegalArgumentException("resume: expected a folder in checkpoints(folder, every), found none");
        }
        if (arguments.checkpoints() != null && update.first()) {
            fingerprint = Fingerprint.of(data.get(), adapter, arguments);
            try {
                folder = Optional.of(
                        resume ? RunFolder.newest(arguments.checkpoints()) : RunFolder.create(arguments.checkpoints()));
                if (resume) {
                    saved = read();
                }
            } catch (IOException e) {
                throw new UncheckedIOException("the checkpoint cannot be read: " + e.getMessage(), e);
            }
        }
        update.begin(saved).ifPresent(this::restore);
        update.notes(arguments, report.notes());
        update.deterministic(arguments.deterministic()).ifPresent(why -> report.notes()
                .add("deterministic: another run on this GPU may differ in the last digits of its losses, since " + why
                        + "."));
        MemoryEstimate.ForLayers estimate = MemoryEstimate.forLayers(
                model, adapter.factors().getShape().size(), plan.mostTokens(), arguments.deterministic());
        int layers = model.config().layers();
        checkpointed = arguments.gradientCheckpointing() ? layers : estimate.fewest();
        estimate.of(checkpointed).require(arguments, arguments.maxLength());
        if (checkpointed > 0 && !arguments.gradientCheckpointing()) {
            report.notes().add(estimate.note(checkpointed));
        }
        model.steps().slower().ifPresent(report.notes()::add);
    }

    /** Frees, tells the listeners and gives back what to throw. */
    private RuntimeException failed(Throwable failure, List<TrainingListener> told) {
        Throwable what = failure;
        try {
            model.steps().release();
            if (failure instanceof EngineException engine) {
                what = diagnosis
                        .outOfMemory(engine, step + 1)
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
        pace = new Pace(model.device(), step, planned);
        List<TokenBatch> batches = plan.epoch(epoch);
        boolean interrupted = update.interrupted();
        while (step < planned && !interrupted) {
            if (batch >= batches.size()) {
                batches = plan.epoch(++epoch);
                batch = 0;
            }
            start(batches);
            boolean last = step == planned;
            boolean measured = !heldOut.isEmpty() && (last || step % evaluateEvery == 0);
            boolean sampled = arguments.sampleEvery() > 0 && step % arguments.sampleEvery() == 0;
            boolean due = arguments.saveEvery() > 0 && step % arguments.saveEvery() == 0;
            finish(last || measured || sampled || due ? 0 : update.ahead());
            interrupted = update.interrupted();
            if (interrupted) {
                finish(0);
            }
            if (!interrupted && measured) {
                evaluate();
            }
            if (!interrupted && sampled) {
                sample();
            }
            boolean ended = arguments.patience() > 0 && stale >= arguments.patience();
            interrupted |= update.interrupted();
            if (due || last || ended || interrupted) {
                finish(0);
                save();
            }
            if (ended && !last) {
                return TrainingReport.Outcome.STOPPED_EARLY;
            }
        }
        return step < planned ? TrainingReport.Outcome.INTERRUPTED : TrainingReport.Outcome.COMPLETED;
    }

    /**
     * A step of the optimiser whose results are not read yet.
     *
     * @param labels how many tokens count
     * @param place epoch and batches, in words
     */
    private record Started(
            int step, double epoch, double rate, List<TokenBatch> micro, int labels, String place, long begun) {}

    /** Starts one step of the optimiser. A GPU is not waited for: it computes while the next batches are made. */
    private void start(List<TokenBatch> batches) {
        long begun = System.nanoTime();
        List<TokenBatch> micro = new ArrayList<>();
        for (int i = 0; i < arguments.microBatches() && batch + i < batches.size(); i++) {
            micro.add(counted(batches.get(batch + i)));
        }
        int labels = micro.stream().mapToInt(TokenBatch::counted).sum();
        if (labels == 0) {
            throw diagnosis.nothingCounts(step + 1, place(micro));
        }
        int planned = report.plannedSteps();
        int warmup = (int) Math.ceil(arguments.warmup() * planned);
        double rate = arguments.learningRate() * arguments.schedule().factor(step, warmup, planned);
        update.start(
                step + 1,
                micro,
                labels,
                i -> Seeds.mix(arguments.seed(), (long) step * arguments.microBatches() + i),
                checkpointed,
                rate);
        String place = place(micro);
        step++;
        batch += micro.size();
        started.add(new Started(step, epoch + (double) batch / batches.size(), rate, micro, labels, place, begun));
    }

    /** Reads the results of started steps, in their order, until only {@code left} are unread, and tells of them. */
    private void finish(int left) {
        while (started.size() > left) {
            Started s = started.remove();
            Optimizer.Result found = update.take();
            if (!Double.isFinite(found.losses())) {
                throw notFinite(s, "the loss is " + found.losses());
            }
            if (!Double.isFinite(found.norm())) {
                throw notFinite(s, "the gradient's norm is " + found.norm());
            }
            int tokens = s.micro.stream().mapToInt(TokenBatch::tokens).sum();
            report.steps()
                    .add(pace.step(s.step, s.epoch, found.losses() / s.labels, s.rate, found.norm(), tokens, s.begun));
            listeners.forEach(l -> l.progressed(report));
        }
    }

    private TrainingException notFinite(Started s, String what) {
        return diagnosis.notFinite(s.step, s.place, what, s.micro, report.steps());
    }

    private String place(List<TokenBatch> micro) {
        return "epoch " + (epoch + 1) + ", batch" + (micro.size() == 1 ? " " : "es " + (batch + 1) + " to ")
                + (batch + micro.size());
    }

    private void evaluate() {
        adapter.use();
        double sum = 0;
        long labels = 0;
        for (TokenBatch held : update.share(heldOut)) {
            CausalLM.Loss loss = model.loss(counted(held));
            sum += loss.sum();
            labels += loss.labels();
        }
        double[] all = update.sum(step, sum, labels);
        double mean = all[0] / all[1];
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
        if (!update.first()) {
            return;
        }
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

    /** The adapter that is trained. */
    LoraAdapter adapter() {
        return adapter;
    }

    // ---- checkpoints

    private void save() {
        if (folder.isPresent()) {
            Optimizer optimizer = update.optimizer();
            saving.begin(
                    new Checkpoint(step, optimizer.mean(), optimizer.square(), best, stale, fingerprint, report),
                    folder.get(),
                    adapter.file());
        }
    }

    /** The newest checkpoint, whose factors are the adapter's then. */
    private Optional<Checkpoint> read() throws IOException {
        Optional<Path> newest = folder.orElseThrow().newestCheckpoint();
        if (newest.isEmpty()) {
            return Optional.empty();
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
        return Optional.of(saved);
    }

    private void restore(Checkpoint saved) {
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
        RunPlan.Place place = plan.after(step);
        epoch = place.epoch();
        batch = place.batch();
    }
}
