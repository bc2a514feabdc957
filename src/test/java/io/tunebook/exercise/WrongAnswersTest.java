package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The checks of the exercises take no wrong answer: it passes exactly the checks that its list names. Each task is
 * solved where all others are wrong, so no check leans on another task.
 */
final class WrongAnswersTest {
    @TempDir
    Path folder;

    static List<String> exercises() throws IOException {
        return ExerciseNotebook.names();
    }

    /** Every exercise has its list, each task at least three answers, and the points are those of the checks passed. */
    @ParameterizedTest
    @MethodSource("exercises")
    void eachTaskHasThreeWrongAnswers(String name) throws IOException {
        ExerciseNotebook exercise = ExerciseNotebook.read(name);
        assertThat(exercise.tasks()).hasSizeBetween(5, 6);
        assertThat(exercise.wrong().keySet()).containsExactlyElementsOf(exercise.tasks());
        for (String task : exercise.tasks()) {
            List<String> checks = exercise.checks(task);
            assertThat(checks).as(task).isNotEmpty();
            assertThat(exercise.wrong().get(task)).as(task).hasSizeGreaterThanOrEqualTo(3);
            assertThat(exercise.wrong().get(task)).as("worth nothing: " + task).anyMatch(a -> a.points() == 0);
            if (checks.size() > 1) {
                assertThat(exercise.wrong().get(task))
                        .as("worth a part: " + task)
                        .anyMatch(a -> a.points() > 0);
            }
            for (ExerciseNotebook.Answer answer : exercise.wrong().get(task)) {
                assertThat(checks).as(answer.what()).containsAll(answer.passes());
                assertThat(answer.points())
                        .as(answer.what())
                        .isEqualTo(answer.passes().stream()
                                .mapToInt(exercise::points)
                                .sum())
                        .isLessThan(checks.stream().mapToInt(exercise::points).sum());
            }
        }
    }

    /** Every answer of an exercise in one kernel, so that all wrong ones are run with each change. */
    @Test
    void everySolutionIsFullAndNoWrongAnswerScores() throws Exception {
        CourseKernel.require();
        List<Path> notebooks = new ArrayList<>();
        for (String name : exercises()) {
            Path file = folder.resolve(name + ".ipynb");
            ExerciseNotebook.write(ExerciseNotebook.read(name).withEveryAnswer(), file);
            notebooks.add(file);
        }
        assertThat(notebooks).hasSize(9);
        CourseKernel.Run run = CourseKernel.notebooks(notebooks, folder.resolve("out"));
        assertThat(run.status()).as(run.text()).isZero();
    }

    /**
     * As students hand them in: other answers to all other tasks, those behind included, and a kernel of its own for
     * each notebook.
     */
    @Tag("nightly")
    @ParameterizedTest
    @MethodSource("exercises")
    void noWrongAnswerScoresBesideOthers(String name) throws Exception {
        CourseKernel.require();
        ExerciseNotebook exercise = ExerciseNotebook.read(name);
        List<Path> notebooks = new ArrayList<>();
        int most = exercise.wrong().values().stream().mapToInt(List::size).max().orElseThrow();
        int variants = Math.max(exercise.tasks().size(), most + 1);
        for (int n = 0; n < variants; n++) {
            Path file = folder.resolve(name + "-" + n + ".ipynb");
            ExerciseNotebook.write(exercise.with(answers(exercise, n)::get), file);
            notebooks.add(file);
        }
        CourseKernel.Run run = CourseKernel.notebooks(notebooks, folder.resolve("out"));
        assertThat(run.status()).as(run.text()).isZero();
    }

    /**
     * Task k is solved in notebook k; in the others its wrong answers come one after the other, and again from the
     * first.
     */
    private static Map<String, ExerciseNotebook.Answer> answers(ExerciseNotebook exercise, int notebook) {
        Map<String, ExerciseNotebook.Answer> answers = new HashMap<>();
        List<String> tasks = exercise.tasks();
        for (int k = 0; k < tasks.size(); k++) {
            List<ExerciseNotebook.Answer> wrong = exercise.wrong().get(tasks.get(k));
            int turn = notebook < k ? notebook : notebook - 1;
            if (notebook != k) {
                answers.put(tasks.get(k), wrong.get(turn % wrong.size()));
            }
        }
        return answers;
    }
}
