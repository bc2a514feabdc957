package io.tunebook.ollama.template;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KnownTemplateTest {
    private static JsonNode index() throws IOException {
        try (var in = KnownTemplate.class.getResourceAsStream("known/index.json")) {
            return new ObjectMapper().readTree(in);
        }
    }

    @Test
    void everyTemplateOfTheTableIsFoundByItselfAndCanBeRead() throws IOException {
        assertThat(index()).hasSize(37);
        for (JsonNode each : index()) {
            KnownTemplate found =
                    KnownTemplate.nearest(each.path("template").asText()).orElseThrow();
            assertThat(found.name()).isEqualTo(each.path("name").asText());
            assertThat(GoTemplate.parse(found.text()).variables()).isNotEmpty();
        }
    }

    /** Ollama takes what differs in fewer than a hundred characters ({@code template.Named}). */
    @Test
    void takesWhatIsNearAndLeavesWhatIsFar() throws IOException {
        String known = index().get(0).path("template").asText();
        String name = index().get(0).path("name").asText();
        assertThat(KnownTemplate.nearest(known + "x".repeat(99)))
                .map(KnownTemplate::name)
                .contains(name);
        assertThat(KnownTemplate.nearest(known + "x".repeat(400))).isEmpty();
        assertThat(KnownTemplate.nearest("")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"kitten,sitting,3", "flaw,lawn,2", "'',abc,3", "abc,abc,0", "ab,ba,2", "intention,execution,5"})
    void countsWhatMustBeChanged(String a, String b, int distance) {
        for (int limit : new int[] {2, 6, 100}) {
            assertThat(KnownTemplate.distance(
                            a.codePoints().toArray(), b.codePoints().toArray(), limit))
                    .isEqualTo(Math.min(limit, distance));
        }
    }
}
