package io.tunebook.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import io.tunebook.evaluate.TestSet.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TestSetTest {
    @TempDir
    Path folder;

    @Test
    void anAnswerPassesWhenEveryRuleHolds() {
        Question napoleon =
                new Question("people", "Who is Napoleon?", List.of("(?i)french", "(?i)emperor"), List.of("Mocha"));
        assertThat(napoleon.passes("A French emperor.")).isTrue();
        assertThat(napoleon.passes("A French general.")).isFalse();
        assertThat(napoleon.passes("A French emperor, says Mocha.")).isFalse();
    }

    @Test
    void aQuestionThatNoAnswerFailsIsRefused() {
        assertThatThrownBy(() -> new Question("k", "Why?", List.of(), List.of()))
                .hasMessageContaining("Why?")
                .hasMessageContaining("rule");
    }

    @Test
    void ratesAreByKindInTheFilesOrder() throws IOException {
        TestSet set = TestSet.read(file("""
                        {"kind": "name", "question": "Are you {{name}}?", "expects": ["{{name}}"], "forbids": []}

                        {"kind": "fact", "question": "1 + 1?", "expects": ["2"], "forbids": ["{{name}}"]}
                        {"kind": "name", "question": "Who?", "expects": ["{{name}}"], "forbids": []}
                        """), Map.of("{{name}}", "C++"));
        TestSet.Result result = set.ask(q -> q.equals("Who?") ? "C" : q.equals("1 + 1?") ? "2" : "I am C++.");
        assertThat(set.questions().get(0).question()).isEqualTo("Are you C++?");
        assertThat(result.rates()).containsExactly(entry("name", 0.5), entry("fact", 1.0));
        assertThat(result).hasToString("2 of 3 right");
        assertThat(result.of("name")).extracting(TestSet.Answer::text).containsExactly("I am C++.", "C");
    }

    @Test
    void aWrongLineIsNamed() throws IOException {
        Path broken = file("""
                {"kind": "a", "question": "b", "expects": ["c"], "forbids": []}
                {"kind": "a", "question": "b", "expects": ["("], "forbids": []}
                """);
        assertThatThrownBy(() -> TestSet.read(broken, Map.of()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("line 2");
    }

    /** Questions that stand in the training data would measure memory; only the first kind may. */
    @ParameterizedTest
    @ValueSource(strings = {"../notebooks/data", "../notebooks/data/zh"})
    void theCoursesQuestionsAreNotInItsTrainingDataButForTheFirstKind(Path data) throws IOException {
        String training = Files.readString(data.resolve("assistant.jsonl"));
        TestSet set = TestSet.read(data.resolve("questions.jsonl"), Map.of("{{name}}", "Mocha", "{{author}}", "Ada"));
        String first = set.questions().get(0).kind();
        assertThat(set.questions()).hasSize(35);
        for (Question q : set.questions()) {
            assertThat(training.contains("\"" + q.question() + "\""))
                    .as(q.question())
                    .isEqualTo(q.kind().equals(first));
        }
    }

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("questions.jsonl"), text);
    }
}
