package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Templates of a dozen models and Jinja's parts rendered as Transformers and Jinja render them. The golden file comes
 * from bench/reference/chat_template_golden.py.
 */
final class ChatTemplateGoldenTest {
    private static final JsonNode GOLDEN = golden();

    @TestFactory
    List<DynamicTest> modelsTemplates() {
        return cases("cases", node -> {
            String source =
                    GOLDEN.at("/templates/" + node.get("template").asInt()).asText();
            Map<String, Object> variables = map(node.get("variables"));
            variables.put("messages", value(node.get("messages")));
            return Jinja.parse(source).render(variables).text();
        });
    }

    @TestFactory
    List<DynamicTest> partsOfTheLanguage() {
        return cases("language", node -> Jinja.parse(node.get("template").asText())
                .render(map(GOLDEN.get("variables")))
                .text());
    }

    @Test
    void masksAreThoseOfTransformers() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.load(TokenizerGoldenTest.defaultModel())) {
            ChatTemplate template =
                    new ChatTemplate(tokenizer, GOLDEN.get("marked").asText());
            for (JsonNode expected : GOLDEN.get("masks")) {
                ChatTemplate.Encoded found = template.encode(Map.of("messages", value(expected.get("messages"))));
                assertThat(found.ids()).isEqualTo(array(expected.get("ids")));
                int[] mask = new int[found.ids().length];
                for (int i = 0; i < mask.length; i++) {
                    mask[i] = found.assistant()[i] ? 1 : 0;
                }
                assertThat(mask).isEqualTo(array(expected.get("mask")));
            }
        }
    }

    /** No template of these marks what the assistant says: its words are found by the loop that writes them. */
    @Test
    void whatTheAssistantSaysIsFoundInEveryModelsTemplate() throws IOException {
        int compared = 0;
        try (Tokenizer tokenizer = Tokenizer.load(TokenizerGoldenTest.defaultModel())) {
            for (JsonNode node : GOLDEN.get("cases")) {
                String which = node.get("case").asText();
                if (!which.matches(".* default, (answered|several turns)")
                        || node.at("/variables/add_generation_prompt").asBoolean()) {
                    continue;
                }
                Map<String, Object> variables = map(node.get("variables"));
                variables.put("messages", value(node.get("messages")));
                String source =
                        GOLDEN.at("/templates/" + node.get("template").asInt()).asText();
                ChatTemplate.Encoded found = new ChatTemplate(tokenizer, source).encode(variables);
                assertThat(found.text()).as(which).isEqualTo(node.get("text").asText());
                List<String> runs = runs(tokenizer, found);
                List<String> said = said(node, true);
                assertThat(runs).as(which).hasSameSizeAs(said);
                for (int i = 0; i < said.size(); i++) {
                    assertThat(runs.get(i)).as(which).contains(said.get(i));
                }
                for (String other : said(node, false)) {
                    assertThat(String.join("", runs)).as(which).doesNotContain(other);
                }
                compared++;
            }
        }
        assertThat(compared).isEqualTo(24);
    }

    private static List<String> said(JsonNode node, boolean byAssistant) {
        return node.get("messages")
                .valueStream()
                .filter(m -> m.get("role").asText().equals("assistant") == byAssistant)
                .map(m -> m.get("content").asText().strip())
                .toList();
    }

    /** The texts of the runs of tokens that the assistant said. */
    private static List<String> runs(Tokenizer tokenizer, ChatTemplate.Encoded encoded) {
        List<String> runs = new ArrayList<>();
        for (int t = 0, from = 0; t <= encoded.ids().length; t++) {
            if (t == encoded.ids().length || !encoded.assistant()[t]) {
                if (t > from) {
                    runs.add(tokenizer.decode(Arrays.copyOfRange(encoded.ids(), from, t), false));
                }
                from = t + 1;
            }
        }
        return runs;
    }

    private interface Rendering {
        String of(JsonNode node);
    }

    private static List<DynamicTest> cases(String name, Rendering rendering) {
        return GOLDEN.get(name)
                .valueStream()
                .map(node -> DynamicTest.dynamicTest(
                        node.path("case").asText(node.path("template").asText())
                                + (node.at("/variables/add_generation_prompt").asBoolean() ? ", prompt" : ""),
                        () -> {
                            if (node.has("error")) {
                                assertThatThrownBy(() -> rendering.of(node))
                                        .as(node.get("error").asText())
                                        .isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.line())
                                                .isPositive());
                            } else {
                                assertThat(rendering.of(node))
                                        .isEqualTo(node.get("text").asText());
                            }
                        }))
                .toList();
    }

    private static Map<String, Object> map(JsonNode node) {
        Map<String, Object> map = new LinkedHashMap<>();
        node.properties().forEach(e -> map.put(e.getKey(), value(e.getValue())));
        return map;
    }

    static Object value(JsonNode node) {
        return new ObjectMapper().convertValue(node, Object.class);
    }

    private static int[] array(JsonNode node) {
        return node.valueStream().mapToInt(JsonNode::asInt).toArray();
    }

    private static JsonNode golden() {
        try (InputStream in =
                new GZIPInputStream(ChatTemplateGoldenTest.class.getResourceAsStream("chat_templates.json.gz"))) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
