package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CourseDataTest {
    @TempDir
    Path folder;

    @Test
    void dataAreFoundAboveTheNotebookOrWhereTheVariablePoints() throws Exception {
        Path data = Files.createDirectories(folder.resolve("course/data/wudao"));
        Path deep = Files.createDirectories(folder.resolve("course/autograded/ada/01-data"));
        assertThat(CourseData.path("wudao", deep, Optional.empty())).isEqualTo(data);

        Path checkout = Files.createDirectories(folder.resolve("checkout/notebooks/data/wudao"));
        assertThat(CourseData.path("wudao", folder.resolve("checkout"), Optional.empty()))
                .isEqualTo(checkout);

        Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
        assertThat(CourseData.path(
                        "wudao", elsewhere, Optional.of(data.getParent().toString())))
                .isEqualTo(data);
        assertThat(CourseData.path(
                        "wudao", deep, Optional.of(checkout.getParent().toString())))
                .as("what lies beside the notebook comes first")
                .isEqualTo(data);
    }

    /**
     * The default model is asked in English in the Chinese chapters too; there its kinds of questions have Chinese
     * names.
     */
    @Test
    void theChineseChaptersAskTheEnglishQuestions() throws Exception {
        Path data = ExerciseNotebook.FOLDER.resolve("data");
        List<Map<String, Object>> english = questions(data.resolve("questions.jsonl"));
        List<Map<String, Object>> chinese = questions(data.resolve("zh/questions-english.jsonl"));
        Map<Object, Object> kinds = new HashMap<>();
        for (int i = 0; i < english.size(); i++) {
            Object kind = english.get(i).remove("kind");
            Object named = chinese.get(i).remove("kind");
            assertThat(kinds.getOrDefault(kind, named)).isEqualTo(named);
            kinds.put(kind, named);
        }
        assertThat(chinese).isEqualTo(english);
        assertThat(kinds.values()).doesNotHaveDuplicates().allMatch(kind -> ((String) kind).matches("\\p{IsHan}+"));
        assertThat(questions(data.resolve("zh/questions.jsonl")))
                .extracting(question -> question.get("kind"))
                .contains("英文")
                .allMatch(kind -> kind.equals("英文") || kinds.containsValue(kind));
    }

    private static List<Map<String, Object>> questions(Path file) throws IOException {
        List<Map<String, Object>> questions = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            questions.add(new ObjectMapper().readValue(line, new TypeReference<TreeMap<String, Object>>() {}));
        }
        return questions;
    }

    @Test
    void whatIsNowhereIsNamedWithThePlacesAndWhatToDo() {
        assertThatThrownBy(() -> CourseData.path("no-such-data", folder, Optional.of("/nowhere")))
                .isInstanceOf(FileNotFoundException.class)
                .hasMessageContaining("no-such-data")
                .hasMessageContaining(folder.toString())
                .hasMessageContaining("/nowhere")
                .hasMessageContaining("Set TUNEBOOK_DATA");
    }
}
