package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.lora.AdapterFile.Factors;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Adapters from before Transformers 5, whose experts have modules of their own. */
class ExpertNamesTest {
    private static final String LAYER = "model.layers.0.mlp.";

    private static Factors factors() {
        return new Factors(2, 3, 1, new float[2], new float[3], new float[0]);
    }

    /** In older files one name meant the experts' modules and the shared expert's; as parameters are, it means the latter. */
    @Test
    void theSharedExpertStaysAmongTheTargetModules() throws Exception {
        Map<String, Factors> saved = new LinkedHashMap<>();
        for (String module : new String[] {"experts.0.", "experts.1.", "shared_expert."}) {
            for (String part : new String[] {"gate_proj", "up_proj"}) {
                saved.put(LAYER + module + part, factors());
            }
        }
        JsonNode json = new ObjectMapper().readTree("""
                {"r": 1, "lora_alpha": 2, "target_modules": ["q_proj", "gate_proj", "up_proj"]}
                """);
        ExpertNames.Named named = ExpertNames.parameters(Path.of("adapter_config.json"), json, saved);
        assertThat(named.json().path("target_modules"))
                .extracting(JsonNode::asText)
                .containsExactlyInAnyOrder("q_proj", "shared_expert.gate_proj", "shared_expert.up_proj");
        assertThat(named.json().path("target_parameters"))
                .extracting(JsonNode::asText)
                .containsExactly("mlp.experts.gate_up_proj");
        assertThat(named.factors())
                .containsKeys(
                        LAYER + "shared_expert.gate_proj",
                        LAYER + "shared_expert.up_proj",
                        LAYER + "experts.gate_up_proj")
                .hasSize(3);
    }
}
