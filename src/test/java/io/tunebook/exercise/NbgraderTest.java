package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A class as a teacher leads it, with the real nbgrader: assignments made, five submissions graded, grades exported,
 * feedback written.
 */
final class NbgraderTest {
    private static final Path CHECKOUT = ExerciseNotebook.FOLDER.getParent();
    private static final String ENDLESS = "while (true) { if (System.nanoTime() == 0) break; }";

    @TempDir
    Path folder;

    private Path course;
    private String python;

    @BeforeEach
    void course() throws Exception {
        CourseKernel.require();
        python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "skipped: TUNEBOOK_PYTHON names no Python");
        assumeTrue(
                run(List.of(python, "-c", "import nbgrader"), CHECKOUT).status() == 0,
                "skipped: TUNEBOOK_PYTHON has no nbgrader; java environment/Lab.java setup installs it");
        course = Files.createDirectories(folder.resolve("course"));
    }

    static List<String> exercises() throws Exception {
        return ExerciseNotebook.names();
    }

    /**
     * What lies in {@code notebooks/exercises}, and in {@code notebooks/zh/exercises}, is what generate_assignment
     * makes of the solutions.
     */
    @Test
    void theExercisesAreWhatNbgraderMakesOfTheSolutions() throws Exception {
        Path released = folder.resolve("released");
        CourseKernel.Run run = run(
                List.of(
                        python,
                        CHECKOUT.resolve("environment/exercises.py").toString(),
                        "release",
                        released.toString()),
                CHECKOUT);
        assertThat(run.status()).as(run.text()).isZero();
        for (String name : ExerciseNotebook.names()) {
            isWhatWasMade(name, ExerciseNotebook.FOLDER.resolve("exercises"), released, "# Exercise ");
            isWhatWasMade(name, ExerciseNotebook.FOLDER.resolve("zh/exercises"), released.resolve("zh"), "# 练习 ");
        }
    }

    private static void isWhatWasMade(String name, Path kept, Path released, String title) throws Exception {
        ObjectNode exercise = ExerciseNotebook.read(kept.resolve(name + ".ipynb"));
        assertThat(exercise)
                .as("python environment/exercises.py release writes " + name + " anew")
                .isEqualTo(ExerciseNotebook.read(released.resolve(name + ".ipynb")));
        String text = exercise.toString();
        assertThat(text).contains(title).contains("YOUR CODE HERE");
        assertThat(text).doesNotContain("SOLUTION").doesNotContain("HIDDEN TESTS");
    }

    /** Two tasks of the first exercise, so that it is quick. */
    @Test
    void fiveSubmissionsGetTheirPoints() throws Exception {
        ExerciseNotebook exercise = ExerciseNotebook.read("01-data");
        ObjectNode small = exercise.solution().deepCopy();
        ArrayNode cells = (ArrayNode) small.path("cells");
        while (!grade(cells.get(cells.size() - 1)).startsWith("check-2")) {
            cells.remove(cells.size() - 1);
        }
        grade(new ExerciseNotebook("small", small, exercise.wrong()), 25);
    }

    @Tag("nightly")
    @ParameterizedTest
    @MethodSource("exercises")
    void fiveSubmissionsOfEachExerciseGetTheirPoints(String name) throws Exception {
        grade(ExerciseNotebook.read(name), 180);
    }

    /** @param seconds the limit for a cell, many times what any but the endless one takes */
    private void grade(ExerciseNotebook exercise, int seconds) throws Exception {
        String name = exercise.name();
        Path prefix = folder.resolve("prefix");
        CourseKernel.install(prefix);
        ExerciseNotebook.write(exercise.solution(), course.resolve("source/" + name + "/" + name + ".ipynb"));
        Files.copy(CHECKOUT.resolve("environment/nbgrader_config.py"), course.resolve("nbgrader_config.py"));
        nbgrader("generate_assignment", name);
        Path release = course.resolve("release/" + name + "/" + name + ".ipynb");

        List<String> tasks = exercise.tasks();
        String first = tasks.get(0);
        submit(exercise, release, "right", task -> code(exercise, task));
        submit(
                exercise,
                release,
                "first-wrong",
                task -> task.equals(first) ? wrong(exercise, task) : code(exercise, task));
        submit(exercise, release, "all-wrong", task -> wrong(exercise, task));
        submit(exercise, release, "empty", task -> null);
        submit(
                exercise,
                release,
                "endless",
                task -> task.equals(first) ? endless(code(exercise, task)) : code(exercise, task));

        nbgrader("autograde", name, "--Execute.timeout=" + seconds);
        nbgrader("export", "--to=grades.csv");
        nbgrader("generate_feedback", name);

        int all = points(exercise, tasks);
        int others = points(exercise, tasks.subList(1, tasks.size()));
        Map<String, Double> expected = new TreeMap<>(Map.of(
                "right", (double) all,
                "first-wrong", (double) others,
                "all-wrong", 0.0,
                "empty", 0.0,
                "endless", (double) others));
        assertThat(scores("score")).isEqualTo(expected);
        assertThat(scores("max_score").values()).containsOnly((double) all);

        String right = feedback(name, "right");
        assertThat(right).contains("✓").contains(all + ".0 / " + all + ".0").doesNotContain("✗");
        assertThat(feedback(name, "first-wrong")).contains("✗").contains("expected");
        assertThat(feedback(name, "empty")).contains("YOUR CODE HERE").contains("0.0 / " + all + ".0");
        assertThat(feedback(name, "endless")).contains("CellTimeoutError");
    }

    private static int points(ExerciseNotebook exercise, List<String> tasks) {
        return tasks.stream()
                .flatMap(task -> exercise.checks(task).stream())
                .mapToInt(exercise::points)
                .sum();
    }

    /** The solution's code, without nbgrader's marks, as a student would write it. */
    private static String code(ExerciseNotebook exercise, String task) {
        for (JsonNode cell : exercise.solution().path("cells")) {
            if (grade(cell).equals(task)) {
                StringBuilder code = new StringBuilder();
                cell.path("source").forEach(line -> code.append(line.asText()));
                return code.toString().replaceAll("(?m)^ *// (BEGIN|END) SOLUTION\n", "");
            }
        }
        throw new IllegalArgumentException("there is no " + task);
    }

    private static String wrong(ExerciseNotebook exercise, String task) {
        return exercise.wrong().get(task).stream()
                .filter(answer -> answer.points() == 0)
                .findFirst()
                .orElseThrow()
                .code();
    }

    /** The same method, which first runs for ever. */
    private static String endless(String code) {
        int body = code.indexOf("{\n") + 2;
        return code.substring(0, body) + "    " + ENDLESS + "\n" + code.substring(body);
    }

    private static String grade(JsonNode cell) {
        return cell.path("metadata").path("nbgrader").path("grade_id").asText();
    }

    private void submit(ExerciseNotebook exercise, Path release, String student, Function<String, String> answer)
            throws Exception {
        ObjectNode notebook = ExerciseNotebook.read(release);
        for (String task : exercise.tasks()) {
            String code = answer.apply(task);
            if (code != null) {
                ExerciseNotebook.set(notebook, task, code);
            }
        }
        String name = exercise.name();
        ExerciseNotebook.write(notebook, course.resolve("submitted/" + student + "/" + name + "/" + name + ".ipynb"));
    }

    private Map<String, Double> scores(String column) throws Exception {
        List<String> lines = Files.readAllLines(course.resolve("grades.csv"));
        List<String> header = Arrays.asList(lines.get(0).split(","));
        Map<String, Double> scores = new TreeMap<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] row = line.split(",");
            scores.put(row[header.indexOf("student_id")], Double.valueOf(row[header.indexOf(column)]));
        }
        return scores;
    }

    private String feedback(String name, String student) throws Exception {
        return Files.readString(course.resolve("feedback/" + student + "/" + name + "/" + name + ".html"));
    }

    private void nbgrader(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(python, "-m", "nbgrader"));
        command.addAll(List.of(arguments));
        CourseKernel.Run run = run(command, course);
        assertThat(run.status())
                .as(String.join(" ", arguments) + "\n" + run.text())
                .isZero();
    }

    private CourseKernel.Run run(List<String> command, Path where) throws Exception {
        Map<String, String> environment = new TreeMap<>(Map.of("PYTHONUTF8", "1"));
        for (String kind : List.of("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")) {
            environment.put("JUPYTER_" + kind, folder.resolve(kind).toString());
        }
        environment.put("JUPYTER_PATH", folder.resolve("prefix/share/jupyter").toString());
        // nbgrader calls the program alembic, which lies beside its Python
        environment.put("PATH", Path.of(python).getParent() + File.pathSeparator + System.getenv("PATH"));
        environment.put("TUNEBOOK_HISTORY", folder.resolve("history.jsonl").toString());
        return CourseKernel.run(command, where, environment, folder.resolve("log.txt"));
    }
}
