package io.tunebook.train;

import ai.djl.Device;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.AtomicFile;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tech.tablesaw.api.DoubleColumn;
import tech.tablesaw.api.IntColumn;
import tech.tablesaw.api.Table;

/**
 * What happened in a run. While it lasts, the lists grow.
 *
 * @param plannedSteps how many steps the arguments ask for
 * @param steps one for every optimiser step, in order
 * @param evaluations every measurement of the held-out loss, in order, the first before step 1; empty without held-out
 * data
 * @param samples the sample answers, in order
 * @param notes what the run decided by itself, in sentences
 * @param outcome how it stands
 */
public record TrainingReport(
        int plannedSteps,
        List<Step> steps,
        List<Evaluation> evaluations,
        List<Sample> samples,
        List<String> notes,
        Outcome outcome) {

    private static final ObjectMapper JSON = Json.files();

    /** How a run stands or ended. */
    public enum Outcome {
        RUNNING,
        /** All steps were done. */
        COMPLETED,
        /** The held-out loss found no new best for as long as the patience lasted. */
        STOPPED_EARLY,
        /** The thread was interrupted; the adapter is as the last whole step left it. */
        INTERRUPTED
    }

    /**
     * One optimiser step.
     *
     * @param step counted from 1
     * @param epoch passes over the data so far
     * @param loss mean cross-entropy of the counted tokens, in nats, before the step
     * @param learningRate the rate of this step
     * @param gradientNorm Euclidean norm over all factors, before clipping
     * @param tokensPerSecond positions computed, padding not counted, in a second
     * @param memory bytes that the process holds (CPU) or that are used on the GPU
     * @param timeLeft at the mean pace so far
     */
    public record Step(
            int step,
            double epoch,
            double loss,
            double learningRate,
            double gradientNorm,
            double tokensPerSecond,
            long memory,
            Duration timeLeft) {}

    /**
     * One measurement.
     *
     * @param step after which step, 0 before the first
     * @param loss mean cross-entropy of the held-out tokens, in nats
     */
    public record Evaluation(int step, double loss) {}

    /** What the model answered after a step. */
    public record Sample(int step, String prompt, String answer) {}

    /** The held-out loss before the first step; NaN without held-out data. */
    public double firstHeldOutLoss() {
        return evaluations.isEmpty() ? Double.NaN : evaluations.get(0).loss();
    }

    /** The last held-out loss; NaN without held-out data. */
    public double lastHeldOutLoss() {
        return evaluations.isEmpty()
                ? Double.NaN
                : evaluations.get(evaluations.size() - 1).loss();
    }

    /** The steps as a Tablesaw table; the held-out loss is missing where it was not measured. */
    public Table table() {
        IntColumn step = IntColumn.create("step");
        DoubleColumn epoch = DoubleColumn.create("epoch");
        DoubleColumn loss = DoubleColumn.create("loss");
        DoubleColumn heldOut = DoubleColumn.create("held-out loss");
        DoubleColumn rate = DoubleColumn.create("learning rate");
        DoubleColumn norm = DoubleColumn.create("gradient norm");
        DoubleColumn speed = DoubleColumn.create("tokens/s");
        DoubleColumn memory = DoubleColumn.create("memory, MB");
        for (Step s : steps) {
            step.append(s.step);
            epoch.append(s.epoch);
            loss.append(s.loss);
            evaluations.stream()
                    .filter(e -> e.step == s.step)
                    .findFirst()
                    .ifPresentOrElse(e -> heldOut.append(e.loss), heldOut::appendMissing);
            rate.append(s.learningRate);
            norm.append(s.gradientNorm);
            speed.append(s.tokensPerSecond);
            memory.append(s.memory / 1e6);
        }
        return Table.create("Training", step, epoch, loss, heldOut, rate, norm, speed, memory);
    }

    /**
     * Writes the report as JSON, to draw or compare it later. The file is written beside and moved into place.
     *
     * @throws IOException if it cannot be written
     */
    public void save(Path file) throws IOException {
        ObjectNode json = JSON.createObjectNode().put("outcome", outcome.name());
        ReportJson.write(this, json);
        AtomicFile.write(file, JSON.writeValueAsBytes(json));
    }

    /**
     * Reads a report that {@link #save} wrote.
     *
     * @throws IOException if there is no such file, or it holds something else
     */
    public static TrainingReport read(Path file) throws IOException {
        JsonNode json;
        try {
            json = JSON.readTree(Files.readAllBytes(file));
        } catch (JacksonException broken) {
            throw new IOException(file + ": expected JSON: " + broken.getOriginalMessage(), broken);
        }
        String outcome = json == null ? "" : json.path("outcome").asText();
        for (Outcome known : Outcome.values()) {
            if (known.name().equals(outcome) && json.path("steps").isArray()) {
                return ReportJson.read(json).ended(known);
            }
        }
        throw new IOException(file + ": expected the report of a training run, found other JSON. Give the file that"
                + " TrainingReport.save wrote");
    }

    /** The same run so far with lists that grow no more. */
    TrainingReport ended(Outcome how) {
        return new TrainingReport(
                plannedSteps,
                List.copyOf(steps),
                List.copyOf(evaluations),
                List.copyOf(samples),
                List.copyOf(notes),
                how);
    }

    /** A run that begins. */
    static TrainingReport beginning(int plannedSteps) {
        return new TrainingReport(
                plannedSteps,
                new ArrayList<>(),
                new ArrayList<>(),
                new ArrayList<>(),
                new ArrayList<>(),
                Outcome.RUNNING);
    }

    /** How fast steps follow one another, and what they leave of the time. */
    static final class Pace {
        private static final long SECOND = 1_000_000_000L;

        private final Device device;
        private final int first;
        private final int planned;
        private final long start = System.nanoTime();
        private long before = start;
        private long memory;
        private long memoryAsked;
        private boolean warm;
        private int tokensBefore;
        private double secondsBefore;

        /**
         * A run that goes on now.
         *
         * @param first how many steps were done before
         * @param planned how many steps there are in all
         */
        Pace(Device device, int first, int planned) {
            this.device = device;
            this.first = first;
            this.planned = planned;
        }

        /**
         * A step whose results are there. It took the time since the results of the one before, or since it was begun,
         * if that was later. A GPU is not waited for, and results of two steps may come at once: there a step's speed
         * is that of it and of the one before. The first one, which prepares much, counts alone.
         *
         * @param begun in nanoseconds
         */
        TrainingReport.Step step(
                int step, double epoch, double loss, double rate, double norm, int tokens, long begun) {
            long now = System.nanoTime();
            double seconds = (now - Math.max(before, begun)) / 1e9;
            before = now;
            double speed = (tokens + tokensBefore) / (seconds + secondsBefore);
            if (device.isGpu() && warm) {
                tokensBefore = tokens;
                secondsBefore = seconds;
            }
            warm = true;
            Duration left = Duration.ofNanos((now - start) / (step - first) * (planned - step));
            return new TrainingReport.Step(step, epoch, loss, rate, norm, speed, memory(now), left);
        }

        /** Bytes in use; the question takes its time, so it is asked once a second at most. */
        private long memory(long now) {
            if (memory == 0 || now - memoryAsked > SECOND) {
                memory = MemoryEstimate.used(device);
                memoryAsked = now;
            }
            return memory;
        }
    }

    /**
     * A report in JSON, each step, measurement and sample as an array: in a checkpoint's state and in a file of its
     * own.
     */
    static final class ReportJson {
        private ReportJson() {}

        /**
         * Adds the fields {@code planned_steps}, {@code steps}, {@code evaluations}, {@code samples} and {@code notes}.
         */
        static void write(TrainingReport report, ObjectNode json) {
            json.put("planned_steps", report.plannedSteps());
            ArrayNode steps = json.putArray("steps");
            for (TrainingReport.Step s : report.steps()) {
                steps.addArray()
                        .add(s.epoch())
                        .add(s.loss())
                        .add(s.learningRate())
                        .add(s.gradientNorm())
                        .add(s.tokensPerSecond())
                        .add(s.memory())
                        .add(s.timeLeft().toMillis());
            }
            ArrayNode evaluations = json.putArray("evaluations");
            report.evaluations()
                    .forEach(e -> evaluations.addArray().add(e.step()).add(e.loss()));
            ArrayNode notes = json.putArray("notes");
            report.notes().forEach(notes::add);
            ArrayNode samples = json.putArray("samples");
            report.samples()
                    .forEach(s ->
                            samples.addArray().add(s.step()).add(s.prompt()).add(s.answer()));
        }

        /** The report that the fields hold, as one that goes on. */
        static TrainingReport read(JsonNode json) {
            TrainingReport report =
                    TrainingReport.beginning(json.path("planned_steps").asInt());
            for (JsonNode s : json.path("steps")) {
                report.steps()
                        .add(new TrainingReport.Step(
                                report.steps().size() + 1,
                                s.path(0).asDouble(),
                                s.path(1).asDouble(),
                                s.path(2).asDouble(),
                                s.path(3).asDouble(),
                                s.path(4).asDouble(),
                                s.path(5).asLong(),
                                Duration.ofMillis(s.path(6).asLong())));
            }
            for (JsonNode e : json.path("evaluations")) {
                report.evaluations()
                        .add(new TrainingReport.Evaluation(
                                e.path(0).asInt(), e.path(1).asDouble()));
            }
            json.path("notes").forEach(note -> report.notes().add(note.asText()));
            for (JsonNode s : json.path("samples")) {
                report.samples()
                        .add(new TrainingReport.Sample(
                                s.path(0).asInt(), s.path(1).asText(), s.path(2).asText()));
            }
            return report;
        }
    }
}
