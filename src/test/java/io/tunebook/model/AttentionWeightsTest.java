package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.train.Reference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What heads look at is what Transformers' eager attention gives, which {@code bench/reference/attention_weights.py}
 * asked.
 */
class AttentionWeightsTest {
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3"})
    void areThoseOfTransformers(String architecture) throws Exception {
        JsonNode golden = Reference.json("attention.json");
        JsonNode expected = golden.path("models").path(architecture);
        int[] ids = IntStream.range(0, golden.path("ids").size())
                .map(i -> golden.path("ids").get(i).asInt())
                .toArray();
        int layer = expected.path("layer").asInt();
        try (CausalLM model = Reference.model(architecture)) {
            float[][][] heads = AttentionWeights.of(model, layer, ids).heads();
            assertThat(layer).isEqualTo(model.config().layers() - 1).isPositive();
            assertThat(heads).hasNumberOfRows(expected.path("heads").size());
            for (int h = 0; h < heads.length; h++) {
                for (int i = 0; i < ids.length; i++) {
                    for (int j = 0; j < ids.length; j++) {
                        float value =
                                expected.path("heads").get(h).get(i).get(j).floatValue();
                        assertThat(heads[h][i][j]).isCloseTo(value, within(1e-5f));
                    }
                }
            }
        }
    }

    @Test
    void refusesALayerThatIsNotThereAndNoText() throws Exception {
        try (CausalLM model = Reference.model("llama")) {
            int layers = model.config().layers();
            assertThatThrownBy(() -> AttentionWeights.of(model, layers, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("expected a layer from 0 to " + (layers - 1) + ", found " + layers);
            assertThatThrownBy(() -> AttentionWeights.of(model, 0)).hasMessageContaining("found none");
        }
    }
}
