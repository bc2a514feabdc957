package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which modules are adapted, with which rank and scale: as PEFT says of the same configuration
 * (bench/reference/lora_choice.py).
 */
final class LoraChoiceTest {
    @TempDir
    Path temp;

    private static JsonNode golden() throws IOException {
        try (InputStream in = LoraChoiceTest.class.getResourceAsStream("choices.json")) {
            return new ObjectMapper().readTree(in);
        }
    }

    private ModelConfig model() throws IOException {
        Path file = Files.writeString(
                temp.resolve("config.json"), golden().get("config").toString());
        return ModelConfig.read(file);
    }

    @TestFactory
    List<DynamicTest> choosesAsPeft() throws IOException {
        JsonNode golden = golden();
        ModelConfig model = model();
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode one : golden.get("cases")) {
            tests.add(DynamicTest.dynamicTest(one.get("given").toString(), () -> {
                LoraLayout layout = config(golden, one.get("given")).layout(model);
                assertThat(layout.slices().keySet()).containsExactlyInAnyOrderElementsOf(() -> one.get("found")
                        .fieldNames());
                layout.slices().forEach((module, slice) -> {
                    JsonNode expected = one.get("found").get(module);
                    assertThat(slice.rank())
                            .as(module)
                            .isEqualTo(expected.get("rank").intValue());
                    assertThat(slice.scale())
                            .as(module)
                            .isCloseTo(expected.get("scale").doubleValue(), within(1e-12));
                });
            }));
        }
        assertThat(tests).hasSizeGreaterThanOrEqualTo(16);
        return tests;
    }

    private static LoraConfig config(JsonNode golden, JsonNode given) {
        LoraConfig config = LoraConfig.rank(golden.get("rank").intValue())
                .alpha(golden.get("alpha").doubleValue());
        config = config.targetModules(texts(given.get("target_modules")));
        if (given.has("exclude_modules")) {
            config = config.excludeModules(texts(given.get("exclude_modules")));
        }
        if (given.has("layers_to_transform")) {
            JsonNode layers = given.get("layers_to_transform");
            config = config.layersToTransform(
                    layers.isInt()
                            ? new int[] {layers.intValue()}
                            : java.util.stream.IntStream.range(0, layers.size())
                                    .map(i -> layers.get(i).intValue())
                                    .toArray());
        }
        if (given.has("layers_pattern")) {
            config = config.layersPattern(texts(given.get("layers_pattern")));
        }
        Map<String, Integer> ranks = new LinkedHashMap<>();
        given.path("rank_pattern")
                .properties()
                .forEach(e -> ranks.put(e.getKey(), e.getValue().intValue()));
        Map<String, Double> alphas = new LinkedHashMap<>();
        given.path("alpha_pattern")
                .properties()
                .forEach(e -> alphas.put(e.getKey(), e.getValue().doubleValue()));
        return config.rankPattern(ranks)
                .alphaPattern(alphas)
                .rslora(given.path("use_rslora").asBoolean());
    }

    private static String[] texts(JsonNode node) {
        List<String> all = new ArrayList<>();
        if (node.isTextual()) {
            all.add(node.asText());
        }
        node.forEach(n -> all.add(n.asText()));
        return all.toArray(String[]::new);
    }

    @Test
    void whatPeftRefusesIsRefused() throws IOException {
        LoraConfig config = LoraConfig.rank(4);
        assertThatThrownBy(() -> config.targetModules(".*q_proj").layersToTransform(1))
                .hasMessageContaining(
                        "layersToTransform: expected target modules by name, found the regular expression");
        assertThatThrownBy(() -> config.layersPattern("layers"))
                .hasMessageContaining("expected layersToTransform beside it");
        assertThatThrownBy(() -> config.rankPattern(Map.of("q_proj", 0))).hasMessageContaining("rankPattern q_proj");
        assertThatThrownBy(() -> config.alphaPattern(Map.of("q_proj", 0.0)))
                .hasMessageContaining("alphaPattern q_proj");
        assertThatThrownBy(() -> config.initialization("orthogonal").rankPattern(Map.of("q_proj", 3)))
                .hasMessageContaining("an even rank, found 3");
        ModelConfig model = model();
        assertThatThrownBy(() -> config.excludeModules(".*").layout(model)).hasMessageContaining("match none");
    }

    @Test
    void anExpressionThatGoesOnForEverIsRefused() throws IOException {
        String a = "a".repeat(60);
        for (String pattern : List.of("(a+)+\\3b", "(a|aa)+\\3b")) {
            assertThatThrownBy(() -> ModulePattern.first(Map.of(pattern, 1), a, 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("takes too long");
        }
        assertThatThrownBy(() -> ModulePattern.matches("(a|b)*c", "a".repeat(20_000)))
                .hasMessageContaining("at most 1000 characters, found 20000");
        assertThatThrownBy(() -> ModulePattern.matches("(", "a")).hasMessageContaining("expected a regular expression");
    }

    @Test
    void anAdapterWithSuchAnExpressionIsRefusedByItsFile() throws Exception {
        Path golden = Path.of(LoraChoiceTest.class
                .getResource("/io/tunebook/export/llama/adapter")
                .toURI());
        Files.copy(golden.resolve(AdapterFile.TENSORS), temp.resolve(AdapterFile.TENSORS));
        String config = Files.readString(golden.resolve(AdapterFile.CONFIG));
        String changed =
                config.replaceFirst("\"rank_pattern\": \\{[^}]*\\}", "\"rank_pattern\": {\"([^x]+)+\\\\\\\\3x\": 2}");
        assertThat(changed).isNotEqualTo(config);
        Files.writeString(temp.resolve(AdapterFile.CONFIG), changed);
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(AdapterFile.CONFIG + ": the regular expression")
                .hasMessageContaining("takes too long");
    }

    @Test
    void theScaleOfAllIsThatOfAModuleWithoutAPatternOfItsOwn() {
        assertThat(LoraConfig.rank(8).alpha(16).scale()).isEqualTo(2);
        assertThat(LoraConfig.rank(16).alpha(16).rslora(true).scale()).isEqualTo(4);
    }
}
