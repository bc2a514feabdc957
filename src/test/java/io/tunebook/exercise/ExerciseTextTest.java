package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a student reads above each task: how hard it is, how long it takes, what it is worth, and a hint, in both
 * languages.
 */
final class ExerciseTextTest {
    private static final Pattern ENGLISH =
            Pattern.compile("(?m)^\\*(?:Easy|Medium|Hard) · (\\d+) minutes · (\\d) points?\\*$");
    private static final Pattern CHINESE = Pattern.compile("(?m)^\\*(?:容易|中等|困难) · (\\d+) 分钟 · (\\d) 分\\*$");

    static List<String> exercises() throws IOException {
        return ExerciseNotebook.names();
    }

    @ParameterizedTest
    @MethodSource("exercises")
    void eachTaskSaysHowHardItIsHowLongItTakesAndWhatItIsWorth(String name) throws IOException {
        ExerciseNotebook exercise = ExerciseNotebook.read(name);
        ObjectNode english = notebook("exercises", name);
        ObjectNode chinese = notebook("zh/exercises", name);
        assertThat(exercise.tasks()).hasSizeBetween(5, 6);
        for (String task : exercise.tasks()) {
            int points =
                    exercise.checks(task).stream().mapToInt(exercise::points).sum();
            Matcher said = found(ENGLISH, text(english, task));
            assertThat(said.group(2)).as("%s, points of %s", name, task).isEqualTo("" + points);
            assertThat(Integer.parseInt(said.group(1)))
                    .as("%s, minutes of %s", name, task)
                    .isBetween(1, 60);
            Matcher inChinese = found(CHINESE, text(chinese, task));
            assertThat(List.of(inChinese.group(1), inChinese.group(2)))
                    .as("%s, minutes and points of %s in Chinese", name, task)
                    .containsExactly(said.group(1), said.group(2));
            assertThat(text(english, task)).as(task).contains("<details><summary>Hint</summary>");
            assertThat(text(chinese, task)).as(task).contains("<details><summary>提示</summary>");
        }
    }

    private static Matcher found(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        assertThat(matcher.find()).as(text).isTrue();
        return matcher;
    }

    private static ObjectNode notebook(String folder, String name) throws IOException {
        Path file = ExerciseNotebook.FOLDER.resolve(folder).resolve(name + ".ipynb");
        return ExerciseNotebook.read(file);
    }

    private static String text(ObjectNode notebook, String task) {
        for (JsonNode cell : notebook.path("cells")) {
            if (cell.path("id").asText().equals(task + "-text")) {
                StringBuilder text = new StringBuilder();
                cell.path("source").forEach(line -> text.append(line.asText()));
                return text.toString();
            }
        }
        throw new IllegalArgumentException("there is no text above " + task);
    }
}
