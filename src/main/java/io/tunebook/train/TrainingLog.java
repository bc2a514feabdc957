package io.tunebook.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import java.io.FileWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A JSON object a line for every note, step, measurement and sample, written as they come. A resumed run's file holds
 * what its checkpoint knew, and goes on from there.
 */
public final class TrainingLog implements TrainingListener {
    private static final ObjectMapper JSON = Json.wire();

    private final Path file;
    private int evaluations;
    private int steps;

    private TrainingLog(Path file) {
        this.file = file;
    }

    /** A log to a file; what was in it before is replaced when the run starts. */
    public static TrainingLog to(Path file) {
        return new TrainingLog(file);
    }

    @Override
    public void started(TrainingReport soFar) {
        steps = 0;
        evaluations = 0;
        try {
            if (file.toAbsolutePath().getParent() != null) {
                Files.createDirectories(file.toAbsolutePath().getParent());
            }
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the log " + file, e);
        }
        soFar.notes().forEach(note -> write(JSON.createObjectNode().put("note", note)));
        append(soFar);
        soFar.samples().forEach(this::sampled);
    }

    @Override
    public void progressed(TrainingReport soFar) {
        append(soFar);
    }

    @Override
    public void sampled(TrainingReport.Sample sample) {
        write(JSON.createObjectNode()
                .put("step", sample.step())
                .put("prompt", sample.prompt())
                .put("answer", sample.answer()));
    }

    private void append(TrainingReport report) {
        for (; steps < report.steps().size(); steps++) {
            TrainingReport.Step s = report.steps().get(steps);
            write(JSON.createObjectNode()
                    .put("step", s.step())
                    .put("epoch", s.epoch())
                    .put("loss", s.loss())
                    .put("learning_rate", s.learningRate())
                    .put("grad_norm", s.gradientNorm())
                    .put("tokens_per_second", s.tokensPerSecond())
                    .put("memory_bytes", s.memory())
                    .put("seconds_left", s.timeLeft().toMillis() / 1000.0));
        }
        for (; evaluations < report.evaluations().size(); evaluations++) {
            TrainingReport.Evaluation e = report.evaluations().get(evaluations);
            write(JSON.createObjectNode().put("step", e.step()).put("eval_loss", e.loss()));
        }
    }

    /** By a stream and not a channel: an interrupt of the thread would close a channel. */
    private void write(ObjectNode line) {
        try (Writer out = new FileWriter(file.toFile(), StandardCharsets.UTF_8, true)) {
            out.write(JSON.writeValueAsString(line) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the log " + file, e);
        }
    }
}
