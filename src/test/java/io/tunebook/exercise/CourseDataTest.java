package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
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
