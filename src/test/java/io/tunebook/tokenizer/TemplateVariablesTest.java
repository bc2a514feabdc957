package io.tunebook.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which variables a chat template sees and which tokens are special, as in Transformers; {@code
 * bench/reference/template_variables.py} asked it.
 */
final class TemplateVariablesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * Jinja's own and of no use to a template of messages: text at random, and the blocks of a template that another
     * one extends.
     */
    private static final List<String> LEFT_OUT = List.of("lipsum", "self");

    @TempDir
    Path temp;

    @TestFactory
    List<DynamicTest> theyAreThoseOfTransformers() throws IOException {
        JsonNode golden;
        try (InputStream in = TemplateVariablesTest.class.getResourceAsStream("template_variables.json")) {
            golden = JSON.readTree(in);
        }
        List<DynamicTest> tests = new ArrayList<>();
        golden.get("cases")
                .properties()
                .forEach(c -> tests.add(DynamicTest.dynamicTest(c.getKey(), () -> {
                    Path folder =
                            Files.createDirectories(temp.resolve(c.getKey().replaceAll("\\W", "-")));
                    JSON.writeValue(folder.resolve("tokenizer.json").toFile(), golden.get("tokenizer.json"));
                    for (String file : List.of("tokenizer_config.json", "special_tokens_map.json")) {
                        if (c.getValue().has(file)) {
                            JSON.writeValue(
                                    folder.resolve(file).toFile(), c.getValue().get(file));
                        }
                    }
                    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
                        ChatTemplate template = new ChatTemplate(
                                tokenizer, golden.get("template").asText());
                        Map<String, Object> message = new LinkedHashMap<>();
                        message.put("role", "user");
                        message.put("content", "hi");
                        String found = template.render(Map.of("messages", List.of(message)));
                        assertThat(found)
                                .isEqualTo(c.getValue()
                                        .get("text")
                                        .asText()
                                        .lines()
                                        .filter(line -> !LEFT_OUT.contains(line))
                                        .collect(Collectors.joining("\n", "", "\n")));
                        if (c.getValue().has("decoded")) {
                            int[] all = IntStream.range(0, tokenizer.vocabularySize())
                                    .toArray();
                            assertThat(tokenizer.decode(all, true))
                                    .isEqualTo(c.getValue().get("decoded").asText());
                            c.getValue().get("special").forEach(id -> assertThat(tokenizer.isSpecial(id.asInt()))
                                    .as("id " + id)
                                    .isTrue());
                        }
                    }
                })));
        assertThat(tests).hasSizeGreaterThan(15);
        return tests;
    }
}
