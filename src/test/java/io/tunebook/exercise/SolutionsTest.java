package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The exercises as a class meets them: each solution passes its checks, and no exercise passes before somebody has
 * worked on it.
 */
final class SolutionsTest {
    @TempDir
    Path out;

    @BeforeEach
    void kernel() {
        CourseKernel.require();
    }

    /** In the daily run each solution passes its checks in WrongAnswersTest. */
    @Tag("nightly")
    @Test
    void solutionsPass() throws Exception {
        List<Path> solutions = new ArrayList<>();
        for (String name : ExerciseNotebook.names()) {
            solutions.add(ExerciseNotebook.FOLDER.resolve("solutions/" + name + ".ipynb"));
        }
        assertThat(solutions).hasSize(9);
        CourseKernel.Run run = CourseKernel.notebooks(solutions, out);
        assertThat(run.status()).as(run.text()).isZero();
    }

    /** Their code is that of the English ones but for words, so that this need not run with every change. */
    @Tag("nightly")
    @Test
    void solutionsOfTheChineseExercisesPass() throws Exception {
        String python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "skipped: TUNEBOOK_PYTHON names no Python");
        Path course = out.resolve("course");
        String script = ExerciseNotebook.FOLDER
                .resolveSibling("environment/exercises.py")
                .toString();
        CourseKernel.Run made = CourseKernel.run(
                List.of(python, script, "course", course.toString(), "zh"),
                out,
                Map.of("PYTHONUTF8", "1"),
                out.resolve("course.txt"));
        assertThat(made.status()).as(made.text()).isZero();
        List<Path> solutions = new ArrayList<>();
        for (String name : ExerciseNotebook.names()) {
            solutions.add(course.resolve("source").resolve(name).resolve(name + ".ipynb"));
        }
        CourseKernel.Run run = CourseKernel.notebooks(solutions, out.resolve("executed"));
        assertThat(run.status()).as(run.text()).isZero();
    }

    /** In the daily run an empty submission says the same, in NbgraderTest. */
    @Tag("nightly")
    @Test
    void exercisesFailWhereTheCodeIsMissing() throws Exception {
        for (String name : ExerciseNotebook.names()) {
            Path exercise = ExerciseNotebook.FOLDER.resolve("exercises/" + name + ".ipynb");
            CourseKernel.Run run = CourseKernel.notebooks(List.of(exercise), out);
            assertThat(run.status()).as(run.text()).isEqualTo(1);
            assertThat(run.text()).contains("YOUR CODE HERE");
        }
    }
}
