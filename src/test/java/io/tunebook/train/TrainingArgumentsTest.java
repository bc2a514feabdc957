package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.hosts.Hosts;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class TrainingArgumentsTest {
    private static final TrainingArguments DEFAULTS = TrainingArguments.defaults();

    @Test
    void theDefaultsAreThoseThatTheJavadocNames() {
        assertThat(DEFAULTS)
                .isEqualTo(new TrainingArguments(
                        3,
                        0,
                        4,
                        1,
                        1,
                        null,
                        2e-4,
                        Schedule.LINEAR,
                        0.03,
                        0,
                        0.9,
                        0.999,
                        1e-8,
                        1,
                        512,
                        false,
                        true,
                        false,
                        false,
                        0,
                        0,
                        null,
                        0,
                        "Who are you?",
                        0,
                        42));
    }

    /** Each method changes what it says and nothing else. */
    @Test
    void eachMethodChangesItsArgument() throws ReflectiveOperationException {
        Map<TrainingArguments, String> changed = new LinkedHashMap<>();
        changed.put(DEFAULTS.epochs(0.5), "epochs");
        changed.put(DEFAULTS.maxSteps(7), "maxSteps");
        changed.put(DEFAULTS.batchSize(7), "batchSize");
        changed.put(DEFAULTS.gradientAccumulation(7), "gradientAccumulation");
        changed.put(DEFAULTS.devices(7), "devices");
        changed.put(DEFAULTS.hosts(Hosts.of(2, 0, "127.0.0.1", 29500, "sixteen letters.")), "hosts");
        changed.put(DEFAULTS.learningRate(7e-3), "learningRate");
        changed.put(DEFAULTS.schedule(Schedule.COSINE), "schedule");
        changed.put(DEFAULTS.warmup(0.5), "warmup");
        changed.put(DEFAULTS.weightDecay(0.5), "weightDecay");
        changed.put(DEFAULTS.betas(0.5, 0.75), "beta1 beta2");
        changed.put(DEFAULTS.epsilon(1e-6), "epsilon");
        changed.put(DEFAULTS.maxGradientNorm(7), "maxGradientNorm");
        changed.put(DEFAULTS.maxLength(7), "maxLength");
        changed.put(DEFAULTS.packing(true), "packing");
        changed.put(DEFAULTS.assistantOnly(false), "assistantOnly");
        changed.put(DEFAULTS.gradientCheckpointing(true), "gradientCheckpointing");
        changed.put(DEFAULTS.deterministic(true), "deterministic");
        changed.put(DEFAULTS.evaluateEvery(7), "evaluateEvery");
        changed.put(DEFAULTS.checkpoints(Path.of("here"), 7), "saveEvery checkpoints");
        changed.put(DEFAULTS.sample("Why?", 7), "sampleEvery samplePrompt");
        changed.put(DEFAULTS.patience(7), "patience");
        changed.put(DEFAULTS.seed(7), "seed");
        StringBuilder all = new StringBuilder();
        for (var entry : changed.entrySet()) {
            StringBuilder names = new StringBuilder();
            for (var c : TrainingArguments.class.getRecordComponents()) {
                Object before = c.getAccessor().invoke(DEFAULTS);
                if (!String.valueOf(before)
                        .equals(String.valueOf(c.getAccessor().invoke(entry.getKey())))) {
                    names.append(' ').append(c.getName());
                }
            }
            assertThat(names.toString()).isEqualTo(" " + entry.getValue());
            all.append(names);
        }
        assertThat(all.toString().split(" ")).hasSize(1 + TrainingArguments.class.getRecordComponents().length);
    }

    /** The same steps by more devices, and other places to look at them, are the same run. */
    @Test
    void whatDecidesTheLosses() {
        Map<String, String> deciding = DEFAULTS.decidingLosses();
        assertThat(deciding)
                .hasSize(19)
                .doesNotContainKeys("devices", "hosts", "deterministic", "saveEvery", "checkpoints", "sampleEvery");
        assertThat(DEFAULTS.gradientAccumulation(4).decidingLosses())
                .isEqualTo(DEFAULTS.gradientAccumulation(2).devices(2).decidingLosses())
                .isEqualTo(DEFAULTS.devices(2)
                        .hosts(Hosts.of(2, 1, "127.0.0.1", 29500, "sixteen letters."))
                        .decidingLosses())
                .isNotEqualTo(deciding);
        assertThat(DEFAULTS.checkpoints(Path.of("here"), 3).sample("Why?", 2).decidingLosses())
                .isEqualTo(deciding);
    }

    @Test
    void rangesAreTold() {
        assertThatThrownBy(() -> DEFAULTS.epochs(Double.POSITIVE_INFINITY))
                .hasMessage("epochs: expected a positive number, found Infinity");
        assertThatThrownBy(() -> DEFAULTS.maxSteps(-1))
                .hasMessage("maxSteps: expected 0 or a positive number, found -1");
        assertThatThrownBy(() -> DEFAULTS.betas(0.9, 1)).hasMessage("beta2: expected from 0 to less than 1, found 1.0");
        assertThatThrownBy(() -> DEFAULTS.maxLength(1)).hasMessage("maxLength: expected at least 2 tokens, found 1");
        assertThatThrownBy(() -> DEFAULTS.checkpoints(null, 5))
                .hasMessage("saveEvery: expected a folder in checkpoints as well, found 5");
        assertThat(DEFAULTS.checkpoints(Path.of("here"), 5).checkpoints(null, 0).checkpoints())
                .isNull();
    }
}
