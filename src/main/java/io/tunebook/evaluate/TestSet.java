package io.tunebook.evaluate;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Questions with rules that say which answers are right. The rules are regular expressions, so that they judge alike
 * every time.
 *
 * @param questions in their order
 */
public record TestSet(List<Question> questions) {
    /**
     * One question.
     *
     * @param kind what it tests, for the pass rates
     * @param expects regular expressions, each of which a right answer matches somewhere
     * @param forbids regular expressions, none of which a right answer matches anywhere
     */
    public record Question(String kind, String question, List<String> expects, List<String> forbids) {
        /** @throws IllegalArgumentException if no answer could be wrong */
        public Question {
            expects = List.copyOf(expects);
            forbids = List.copyOf(forbids);
            if (expects.isEmpty() && forbids.isEmpty()) {
                throw new IllegalArgumentException(question + ": expected at least one rule, found none");
            }
        }

        /** Whether an answer is right by the rules. */
        public boolean passes(String answer) {
            return expects.stream()
                            .allMatch(rule ->
                                    Pattern.compile(rule).matcher(answer).find())
                    && forbids.stream()
                            .noneMatch(rule ->
                                    Pattern.compile(rule).matcher(answer).find());
        }
    }

    /** What a model said, and whether it is right. */
    public record Answer(Question question, String text, boolean passed) {}

    /** The answers to all questions, in their order. */
    public record Result(List<Answer> answers) {
        /** Share of right answers, 0 to 1, by kind, in the order of the kinds' first questions. */
        public Map<String, Double> rates() {
            Map<String, Double> rates = new LinkedHashMap<>();
            for (Answer a : answers) {
                rates.computeIfAbsent(a.question.kind, kind -> answers.stream()
                        .filter(other -> other.question.kind.equals(kind))
                        .mapToInt(other -> other.passed ? 1 : 0)
                        .average()
                        .orElseThrow());
            }
            return rates;
        }

        /** How many answers are right. */
        public long passed() {
            return answers.stream().filter(Answer::passed).count();
        }

        /** The answers to the questions of one kind. */
        public List<Answer> of(String kind) {
            return answers.stream().filter(a -> a.question.kind.equals(kind)).toList();
        }

        @Override
        public String toString() {
            return passed() + " of " + answers.size() + " right";
        }
    }

    public TestSet {
        questions = List.copyOf(questions);
    }

    /**
     * Reads JSON lines with the fields {@code kind}, {@code question}, {@code expects} and {@code forbids}.
     *
     * @param words what to put in place of words of the file, such as {@code {{name}}}; rules take them literally
     * @throws IOException if a line is no such question or a rule no regular expression; the message has file and line
     */
    public static TestSet read(Path file, Map<String, String> words) throws IOException {
        List<Question> questions = new ArrayList<>();
        int line = 0;
        for (String text : Files.readAllLines(file, StandardCharsets.UTF_8)) {
            line++;
            if (!text.isBlank()) {
                try {
                    questions.add(question(text, words));
                } catch (IOException | IllegalArgumentException e) {
                    throw new IOException(
                            file + ", line " + line + ": expected kind, question, expects and forbids, found " + text
                                    + " (" + e.getMessage() + ")",
                            e);
                }
            }
        }
        return new TestSet(questions);
    }

    private static Question question(String text, Map<String, String> words) throws IOException {
        ObjectMapper json = Json.files();
        Question q = json.readValue(text, Question.class);
        return new Question(
                q.kind, replaced(q.question, words, w -> w), rules(q.expects, words), rules(q.forbids, words));
    }

    /** @throws PatternSyntaxException if one is no regular expression */
    private static List<String> rules(List<String> rules, Map<String, String> words) {
        List<String> all = rules.stream()
                .map(rule -> replaced(rule, words, Pattern::quote))
                .toList();
        all.forEach(Pattern::compile);
        return all;
    }

    private static String replaced(String text, Map<String, String> words, UnaryOperator<String> how) {
        String changed = text;
        for (Map.Entry<String, String> word : words.entrySet()) {
            changed = changed.replace(word.getKey(), how.apply(word.getValue()));
        }
        return changed;
    }

    /** Asks a model everything, each question by itself. */
    public Result ask(UnaryOperator<String> model) {
        return new Result(questions.stream()
                .map(q -> {
                    String text = model.apply(q.question);
                    return new Answer(q, text, q.passes(text));
                })
                .toList());
    }
}
