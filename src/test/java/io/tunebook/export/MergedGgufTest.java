package io.tunebook.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.AdapterFile;
import io.tunebook.model.Weights;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.Safetensors;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against the weights that PEFT merges ({@code bench/reference/formats.py}). */
class MergedGgufTest {
    @TempDir
    Path temp;

    static Path golden(String name) throws Exception {
        return Path.of(MergedGgufTest.class.getResource(name).toURI());
    }

    @ParameterizedTest
    @CsvSource({"llama, 0.001", "qwen2, 0.00001"})
    void mergesAsPeftDoes(String architecture, float relative) throws Exception {
        Path base = golden(architecture + "/base.gguf");
        AdapterFile adapter = AdapterFile.read(golden(architecture + "/adapter"));
        Path out = temp.resolve("merged.gguf");
        MergedGguf.write(base, adapter, Quantization.AS_BASE, out);
        try (Weights merged = Weights.open(out);
                Safetensors expected = Safetensors.open(golden(architecture + "/merged.safetensors"))) {
            assertThat(adapter.factors()).hasSize(expected.tensors().size());
            for (GgufTensor tensor : expected.tensors().values()) {
                float[] theirs = expected.read(tensor);
                float[] ours = new float[theirs.length];
                merged.read(merged.tensor(tensor.name()), FloatBuffer.wrap(ours));
                for (int i = 0; i < ours.length; i++) {
                    assertThat(ours[i])
                            .as("%s[%d]", tensor.name(), i)
                            .isCloseTo(theirs[i], within(relative * Math.abs(theirs[i]) + 1e-7f));
                }
            }
        }
    }

    @Test
    void copiesEverythingElseByteForByte() throws Exception {
        Path out = temp.resolve("merged.gguf");
        AdapterFile adapter = AdapterFile.read(golden("llama/adapter"));
        MergedGguf.write(golden("llama/base.gguf"), adapter, Quantization.Q8_0, out);
        try (GgufFile base = GgufFile.open(golden("llama/base.gguf"));
                GgufFile merged = GgufFile.open(out)) {
            assertThat(merged.tensors())
                    .extracting(GgufTensor::name)
                    .containsExactlyElementsOf(
                            base.tensors().stream().map(GgufTensor::name).toList());
            int touched = 0;
            for (GgufTensor tensor : base.tensors()) {
                GgufTensor written = merged.tensor(tensor.name()).orElseThrow();
                if (tensor.name().matches(".*(attn_q|attn_k|ffn_down).weight")) {
                    assertThat(written.type()).isEqualTo(GgufType.Q8_0);
                    touched++;
                } else {
                    assertThat(bytes(merged, written)).isEqualTo(bytes(base, tensor));
                }
            }
            assertThat(touched).isEqualTo(6);
            assertThat(merged.metadata())
                    .containsAllEntriesOf(without(base.metadata(), "general.file_type"))
                    .containsEntry("general.quantization_version", 2L);
        }
    }

    @Test
    void refusesAnAdapterOfAnotherModel() throws Exception {
        AdapterFile adapter = AdapterFile.read(golden("llama/adapter"));
        AdapterFile wrong = new AdapterFile(
                adapter.settings(),
                Map.of("model.layers.0.mlp.up_proj", adapter.factors().get("model.layers.0.mlp.down_proj")));
        Path out = temp.resolve("x.gguf");
        assertThatThrownBy(() -> MergedGguf.write(golden("llama/base.gguf"), wrong, Quantization.F16, out))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "model.layers.0.mlp.up_proj has the shape [32, 64] there, in the base it is [64, 32]");
        assertThat(temp).isEmptyDirectory();
    }

    private static byte[] bytes(GgufFile file, GgufTensor tensor) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
        file.read(tensor.file(), tensor.offset(), bytes);
        return bytes.array();
    }

    private static Map<String, Object> without(Map<String, Object> metadata, String key) {
        Map<String, Object> copy = new HashMap<>(metadata);
        copy.remove(key);
        return copy;
    }
}
