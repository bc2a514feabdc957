package io.tunebook.kernel.notebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.notebook.OutputCheck.SanitizeRule;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against nbval's own verdicts, which {@code src/test/python/nbval_verdicts.py} asked it for. */
class OutputCheckTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private static JsonNode golden() throws IOException {
        try (InputStream in = OutputCheckTest.class.getResourceAsStream("/notebook/nbval-verdicts.json")) {
            return JSON.readTree(in);
        }
    }

    @Test
    void saysWhatNbvalSays() throws IOException {
        JsonNode golden = golden();
        Path rules = Files.writeString(
                folder.resolve("rules.cfg"), golden.path("rules").asText());
        OutputCheck check = new OutputCheck(false, SanitizeRule.read(rules), 0);
        List<String> wrong = new ArrayList<>();
        for (JsonNode c : golden.path("cases")) {
            boolean equal = check.difference(c.path("stored"), c.path("shown")).isEmpty();
            if (equal != c.path("equal").asBoolean()) {
                wrong.add(c.path("name").asText() + ": nbval says " + c.path("equal"));
            }
        }
        assertThat(golden.path("cases").size()).isGreaterThan(25);
        assertThat(wrong).isEmpty();
    }

    private static JsonNode stdout(String text) throws IOException {
        return JSON.readTree(
                "[{\"output_type\":\"stream\",\"name\":\"stdout\",\"text\":" + JSON.writeValueAsString(text) + "}]");
    }

    @ParameterizedTest
    @CsvSource({
        "loss 0.5000,      loss 0.5004,    true",
        "loss 0.5000,      loss 0.5006,    false",
        "loss 1.5e-7 at 3, loss 1.5001e-7 at 3, true",
        "share 0.02,       share 0.03,     true",
        "share 0.02,       share 0.04,     false",
        "rate 1.4e-06,     rate 1.5e-06,   true",
        "rate 1.4e-06,     rate 1.6e-06,   false",
        "loss 0.5,         los 0.5,        false",
        "loss 0.5,         loss 0.5 1,     false",
        "0.0,              0.0001,         false",
        "-2.0,             2.0,            false",
        "'1,234,567',      '1,234,568',    true",
        "1000,             1001,           true",
        "no number,        no number,      true",
        "'loss     0.5 |', 'loss 0.50001 |', true",
        "'lo ss 0.5',      'loss 0.5',     false",
        "sha 7e9999 at 0.5, sha 7e9999 at 0.50001, true"
    })
    void numbersAreEqualWithinATolerance(String stored, String shown, boolean equal) throws IOException {
        OutputCheck check = new OutputCheck(false, List.of(), 1e-3);
        assertThat(check.difference(stdout(stored), stdout(shown)).isEmpty()).isEqualTo(equal);
        assertThat(new OutputCheck(false, List.of(), 0)
                        .difference(stdout(stored), stdout(shown))
                        .isEmpty())
                .isEqualTo(stored.equals(shown));
    }

    @ParameterizedTest
    @CsvSource({
        "0 of 35 in 1:30,  18 of 18 in 0:07, true",
        "loss 0.5,         loss -3e-5,       true",
        "loss 0.5,         loss NaN,         false",
        "'12 MB, 9 ms',    '12 MB',          false",
        "12 MB,            12 GB,            false"
    })
    void anInfiniteToleranceComparesTheWordsAlone(String stored, String shown, boolean equal) throws IOException {
        OutputCheck check = new OutputCheck(false, List.of(), 0).withTolerance(Double.POSITIVE_INFINITY);
        assertThat(check.difference(stdout(stored), stdout(shown)).isEmpty()).isEqualTo(equal);
    }

    @Test
    void kindsAloneCanBeCompared() throws IOException {
        OutputCheck check = new OutputCheck(true, List.of(), 0);
        JsonNode html = JSON.readTree("[{\"output_type\":\"display_data\",\"data\":{\"text/html\":\"<b>\"}}]");
        assertThat(check.difference(stdout("a"), stdout("b"))).isEmpty();
        assertThat(check.difference(stdout("a"), html).orElseThrow())
                .contains("stdout: stored, but not shown now", "text/html: not stored, but shown now");
    }

    @Test
    void theDifferenceIsAUnifiedDiff() throws IOException {
        String difference = new OutputCheck(false, List.of(), 0)
                .difference(stdout("a\nb\nc\n"), stdout("a\nB\nc\n"))
                .orElseThrow();
        assertThat(difference).isEqualTo("stdout differs\n--- stored\n+++ now\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    }

    @Test
    void aFileWithoutRulesOrWithABrokenOneIsRefused() throws IOException {
        Path none = Files.writeString(folder.resolve("none.cfg"), "[a]\nregex: x\n\nreplace: y\n");
        assertThatThrownBy(() -> SanitizeRule.read(none)).hasMessageContaining("found none");
        Path broken = Files.writeString(folder.resolve("broken.cfg"), "regex: (\nreplace: y\n");
        assertThatThrownBy(() -> SanitizeRule.read(broken)).hasMessageContaining("broken.cfg");
    }
}
