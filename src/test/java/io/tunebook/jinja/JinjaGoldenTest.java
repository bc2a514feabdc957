package io.tunebook.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/**
 * Generated templates, each part of the language in combinations, rendered as Jinja renders them, or refused where it
 * refuses them. The golden file comes from bench/reference/jinja_golden.py; a file with other seeds can be given by the
 * system property {@code tunebook.jinja}.
 */
final class JinjaGoldenTest {
    @Test
    void generatedTemplatesAreRenderedAsByJinja() throws IOException {
        JsonNode golden = golden();
        Map<String, Object> variables = new ObjectMapper().convertValue(golden.get("variables"), Map.class);
        List<String> different = new ArrayList<>();
        int compared = 0;
        for (JsonNode node : golden.get("cases")) {
            String source = node.get("template").asText();
            String found;
            try {
                found = Jinja.parse(source).render(variables).text();
            } catch (TemplateException e) {
                found = null;
                assertThat(e.line()).as(source).isPositive();
                assertThat(e.column()).as(source).isPositive();
            }
            String expected = node.has("error") ? null : node.get("text").asText();
            if (found == null ? expected != null : !found.equals(expected)) {
                different.add(source + "\n  found: " + found + "\n  expected: "
                        + (expected == null ? node.get("error").asText() : expected));
            }
            compared++;
        }
        assertThat(different).isEmpty();
        assertThat(compared).isGreaterThan(3000);
    }

    private static JsonNode golden() throws IOException {
        String other = System.getProperty("tunebook.jinja");
        try (InputStream in = other != null
                ? new java.io.FileInputStream(other)
                : JinjaGoldenTest.class.getResourceAsStream("templates.json.gz")) {
            return new ObjectMapper().readTree(new GZIPInputStream(in));
        }
    }
}
