package io.tunebook.exercise;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * An exercise with its solution, and with the wrong answers that lie beside it.
 *
 * @param name such as {@code 01-data}
 * @param solution the solution's notebook
 * @param wrong the wrong answers by task
 */
record ExerciseNotebook(String name, ObjectNode solution, Map<String, List<Answer>> wrong) {
    static final Path FOLDER = Path.of("../notebooks").toAbsolutePath().normalize();

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern HEADING = Pattern.compile("### (.*) \\((\\d+)(?:: ([^)]*))?\\)");

    /**
     * An answer to a task.
     *
     * @param what what is wrong with it
     * @param code what stands in the task's cell
     * @param points what it scores
     * @param passes the checks that it passes, nevertheless
     */
    record Answer(String what, String code, int points, List<String> passes) {}

    /** The exercises' names, in order. */
    static List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER.resolve("solutions"))) {
            return files.map(f -> f.getFileName().toString())
                    .filter(f -> f.endsWith(".ipynb"))
                    .map(f -> f.replace(".ipynb", ""))
                    .sorted()
                    .toList();
        }
    }

    static ExerciseNotebook read(String name) throws IOException {
        Path folder = FOLDER.resolve("solutions");
        return new ExerciseNotebook(
                name,
                (ObjectNode) JSON.readTree(folder.resolve(name + ".ipynb").toFile()),
                answers(folder.resolve(name + ".wrong.md")));
    }

    /**
     * Reads {@code ## task}, {@code ### what is wrong (points: checks passed)} and a block of Java, again and again.
     */
    private static Map<String, List<Answer>> answers(Path file) throws IOException {
        Map<String, List<Answer>> answers = new LinkedHashMap<>();
        List<Answer> task = new ArrayList<>();
        Matcher heading = null;
        StringBuilder code = null;
        int number = 0;
        for (String line : Files.readAllLines(file)) {
            number++;
            if (code != null && line.equals("```")) {
                List<String> passes = heading.group(3) == null
                        ? List.of()
                        : List.of(heading.group(3).split(", "));
                task.add(new Answer(heading.group(1), code.toString(), Integer.parseInt(heading.group(2)), passes));
                code = null;
                heading = null;
            } else if (code != null) {
                code.append(line).append('\n');
            } else if (line.startsWith("## ")) {
                answers.put(line.substring(3), task = new ArrayList<>());
            } else if (line.startsWith("### ")) {
                heading = HEADING.matcher(line);
                if (!heading.matches()) {
                    throw new IOException(file + ", line " + number + ": expected ### words (points), found " + line);
                }
            } else if (line.equals("```java")) {
                code = new StringBuilder();
            }
        }
        return answers;
    }

    /** The cells' names of one kind, {@code solution} or {@code grade}, in order. */
    private List<String> cells(String kind) {
        List<String> ids = new ArrayList<>();
        for (JsonNode cell : solution.path("cells")) {
            JsonNode grading = cell.path("metadata").path("nbgrader");
            if (grading.path(kind).asBoolean()) {
                ids.add(grading.path("grade_id").asText());
            }
        }
        return ids;
    }

    /** The tasks' names, in order. */
    List<String> tasks() {
        return cells("solution");
    }

    /** The checks of a task: {@code task-2} has {@code check-2} or {@code check-2-…}. */
    List<String> checks(String task) {
        String check = task.replace("task", "check");
        return cells("grade").stream()
                .filter(id -> id.equals(check) || id.startsWith(check + "-"))
                .toList();
    }

    /** What a check is worth. */
    int points(String check) {
        return cell(check).path("metadata").path("nbgrader").path("points").asInt();
    }

    /**
     * The notebook with other answers, each check that has to fail tagged so that the runner takes a tick for a
     * failure.
     *
     * @param answer what stands in a task's cell; null for the solution
     */
    ObjectNode with(Function<String, Answer> answer) {
        ObjectNode notebook = solution.deepCopy();
        TreeSet<String> fail = new TreeSet<>();
        for (String task : tasks()) {
            Answer given = answer.apply(task);
            if (given != null) {
                fail.addAll(checks(task));
                given.passes().forEach(fail::remove);
                set(notebook, task, given.code());
            }
        }
        for (JsonNode cell : notebook.path("cells")) {
            if (fail.contains(gradeId(cell))) {
                hasToFail((ObjectNode) cell);
            }
        }
        return notebook;
    }

    /**
     * One notebook with every answer: behind each task its solution, which passes its checks, and then its wrong
     * answers one after the other, each with the checks. So a solution meets wrong answers to all tasks before it, and
     * none at all to those behind it.
     */
    ObjectNode withEveryAnswer() {
        ObjectNode notebook = solution.deepCopy();
        ArrayNode cells = notebook.putArray("cells");
        List<String> tasks = tasks();
        List<String> checks = cells("grade");
        for (JsonNode cell : solution.path("cells")) {
            String id = gradeId(cell);
            if (!checks.contains(id)) {
                cells.add(cell);
            }
            if (tasks.contains(id)) {
                checks(id).forEach(check -> cells.add(cell(check)));
                int n = 0;
                for (Answer answer : wrong.get(id)) {
                    addWrong(cells, id, answer, ++n);
                }
            }
        }
        return notebook;
    }

    private void addWrong(ArrayNode cells, String task, Answer answer, int number) {
        ObjectNode code = cell(task).deepCopy();
        code.putArray("source").add(answer.code().strip());
        cells.add(code.put("id", task + "-wrong-" + number));
        for (String check : checks(task)) {
            ObjectNode checked = cell(check).deepCopy();
            if (!answer.passes().contains(check)) {
                hasToFail(checked);
            }
            cells.add(checked.put("id", task + "-wrong-" + number + "-" + check));
        }
    }

    /** The runner takes a tick in this cell for a failure. */
    private static void hasToFail(ObjectNode cell) {
        ((ObjectNode) cell.path("metadata")).putArray("tags").add("raises-exception");
    }

    private ObjectNode cell(String gradeId) {
        for (JsonNode cell : solution.path("cells")) {
            if (gradeId(cell).equals(gradeId)) {
                return (ObjectNode) cell;
            }
        }
        throw new IllegalArgumentException("there is no cell " + gradeId);
    }

    private static String gradeId(JsonNode cell) {
        return cell.path("metadata").path("nbgrader").path("grade_id").asText();
    }

    /** Puts code into a task's cell. */
    static void set(ObjectNode notebook, String task, String code) {
        for (JsonNode cell : notebook.path("cells")) {
            if (gradeId(cell).equals(task)) {
                ((ObjectNode) cell).putArray("source").add(code.strip());
            }
        }
    }

    static void write(JsonNode notebook, Path file) throws IOException {
        Files.createDirectories(file.getParent());
        JSON.writeValue(file.toFile(), notebook);
    }

    static ObjectNode read(Path file) throws IOException {
        return (ObjectNode) JSON.readTree(file.toFile());
    }
}
