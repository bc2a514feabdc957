package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A report is the same after it was kept in a file. */
final class TrainingReportTest {
    @TempDir
    Path folder;

    @Test
    void aReportComesBackFromItsFile() throws IOException {
        TrainingReport report = new TrainingReport(
                3,
                List.of(
                        new TrainingReport.Step(
                                1, 0.5, 11.93, 1e-3, 2.25, 68_000.5, 10_800_000_000L, Duration.ofMillis(1500)),
                        new TrainingReport.Step(2, 1, 1.0 / 3, 5e-4, 0.125, 1.5, 7, Duration.ZERO)),
                List.of(new TrainingReport.Evaluation(0, 12), new TrainingReport.Evaluation(2, 0.1)),
                List.of(new TrainingReport.Sample(2, "你是谁？", "I am\nMocha.")),
                List.of("The first 2 of 4 layers are computed again."),
                TrainingReport.Outcome.STOPPED_EARLY);
        Path file = folder.resolve("report.json");
        report.save(file);
        assertThat(TrainingReport.read(file)).isEqualTo(report);
    }

    @Test
    void anotherFileIsRefusedByItsName() throws IOException {
        Path file = folder.resolve("report.json");
        for (String text :
                List.of("", "[1]", "{\"outcome\": \"DONE\", \"steps\": []}", "{\"outcome\": \"COMPLETED\"}", "{")) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> TrainingReport.read(file))
                    .as(text)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("report.json: expected");
        }
    }
}
