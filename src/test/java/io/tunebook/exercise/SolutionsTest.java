package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exercises as a class meets them: each solution passes its checks, and no exercise passes before somebody has worked on it. */
final class SolutionsTest {
    @TempDir
    Path out;

    @BeforeEach
    void kernel() {
        CourseKernel.require();
    }

    @Test
    void solutionsPass() throws Exception {
        List<Path> solutions = new ArrayList<>();
        for (String name : ExerciseNotebook.names()) {
            solutions.add(ExerciseNotebook.FOLDER.resolve("solutions/" + name + ".ipynb"));
        }
        assertThat(solutions).hasSize(7);
        CourseKernel.Run run = CourseKernel.notebooks(solutions, out);
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
