package io.tunebook.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;

/** A report in JSON, each step, measurement and sample as an array: in a checkpoint's state and in a file of its own. */
final class ReportJson {
    private ReportJson() {}

    /** Adds the fields {@code planned_steps}, {@code steps}, {@code evaluations} and {@code samples}. */
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
        report.evaluations().forEach(e -> evaluations.addArray().add(e.step()).add(e.loss()));
        ArrayNode samples = json.putArray("samples");
        report.samples()
                .forEach(s -> samples.addArray().add(s.step()).add(s.prompt()).add(s.answer()));
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
        for (JsonNode s : json.path("samples")) {
            report.samples()
                    .add(new TrainingReport.Sample(
                            s.path(0).asInt(), s.path(1).asText(), s.path(2).asText()));
        }
        return report;
    }
}
