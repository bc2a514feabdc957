package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.train.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Frequencies and logits with YaRN are Transformers', which {@code bench/reference/yarn.py} asked. */
class YarnTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path temp;

    static IntStream cases() throws Exception {
        return IntStream.range(0, Reference.json("yarn.json").path("cases").size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void computesAsTransformers(int number) throws Exception {
        JsonNode expected = Reference.json("yarn.json").path("cases").get(number);
        Path folder = model(Reference.path("qwen3"), expected.path("rope_parameters"));
        ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
        float[] frequencies = config.ropes().get(0).inverseFrequencies();
        assertThat(frequencies).hasSize(expected.path("inverse_frequencies").size());
        for (int i = 0; i < frequencies.length; i++) {
            float value = expected.path("inverse_frequencies").get(i).floatValue();
            assertThat(frequencies[i]).isCloseTo(value, within(2e-6f * value));
        }
        assertThat(config.ropes().get(0).scale())
                .isCloseTo(expected.path("attention_factor").floatValue(), within(1e-6f));
        try (CausalLM model = CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32))) {
            assertLogits(model, expected);
        }
    }

    /** What is written to a GGUF file and read again computes the same. */
    @ParameterizedTest
    @MethodSource("cases")
    void keepsItInGguf(int number) throws Exception {
        JsonNode expected = Reference.json("yarn.json").path("cases").get(number);
        if (!expected.path("rope_parameters").path("truncate").asBoolean(true)) {
            return; // GGUF has no word for it
        }
        Path hub = Path.of(
                YarnTest.class.getResource("/io/tunebook/export/llama/hub").toURI());
        Path folder = model(hub, expected.path("rope_parameters"));
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(folder, Quantization.BF16, file, done -> {});
        ModelConfig written;
        try (GgufFile gguf = GgufFile.open(file)) {
            written = ModelConfig.read(gguf);
        }
        ModelConfig config = ModelConfig.read(folder.resolve("config.json"));
        assertThat(written.ropes().get(0).scale())
                .isCloseTo(config.ropes().get(0).scale(), within(1e-6f));
        assertThat(written.ropes().get(0).inverseFrequencies())
                .containsExactly(config.ropes().get(0).inverseFrequencies(), within(1e-6f));
    }

    private static void assertLogits(CausalLM model, JsonNode expected) throws Exception {
        int[] ids = StreamSupport.stream(Reference.json("yarn.json").path("ids").spliterator(), false)
                .mapToInt(JsonNode::intValue)
                .toArray();
        float[][] logits = model.logits(ids);
        float[] last = logits[ids.length - 1];
        for (int i = 0; i < last.length; i++) {
            assertThat(last[i]).isCloseTo(expected.path("logits").get(i).floatValue(), within(2e-5f));
        }
    }

    private Path model(Path from, JsonNode rope) throws Exception {
        for (String file : new String[] {"model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
            if (Files.exists(from.resolve(file))) {
                Files.copy(from.resolve(file), temp.resolve(file));
            }
        }
        ObjectNode config = (ObjectNode) JSON.readTree(Files.readAllBytes(from.resolve("config.json")));
        config.set("rope_parameters", rope);
        Files.write(temp.resolve("config.json"), JSON.writeValueAsBytes(config));
        return temp;
    }
}
