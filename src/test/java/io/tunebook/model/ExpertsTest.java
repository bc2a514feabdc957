package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import io.tunebook.train.Reference;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Mixtures of experts: blocks, files, and LoRA on experts. {@code ReferenceTest} holds logits, losses and adapters
 * against Transformers and PEFT.
 */
final class ExpertsTest {
    /**
     * llama.cpp rounds the places of YaRN, which gpt-oss's configuration leaves as they are: a file of it is another
     * model by as much.
     */
    private static final String ROUNDED =
            "{\"rope_parameters\": {\"rope_type\": \"yarn\", \"rope_theta\": 150000.0, \"factor\": 4.0,"
                    + " \"original_max_position_embeddings\": 64, \"truncate\": true}}";

    private static final LoadOptions WIDE = LoadOptions.in(Precision.FLOAT32);

    @TempDir
    Path temp;

    /**
     * Saved with PEFT's names and values; the same when it is merged in memory, into a folder's export and into a GGUF
     * file.
     */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qwen2_moe_experts",
                "qwen3_moe_experts",
                "qwen3_5_moe_experts",
                "gpt_oss_experts",
                "gpt_oss_down"
            })
    void anAdapterOfExpertsGoesRound(String name) throws Exception {
        String family = Reference.json("cases/" + name + "/case.json")
                .path("architecture")
                .asText();
        Path folder = TinyModels.withWords(temp, family, family.equals("gpt_oss") ? ROUNDED : "{}");
        Path theirs = Reference.path("cases/" + name + "/final");
        Path saved = temp.resolve("adapter");
        float[][] expected;
        try (CausalLM model = CausalLM.load(folder, WIDE);
                LoraAdapter adapter = LoraAdapter.load(theirs, model)) {
            adapter.save(saved);
            adapter.use();
            expected = model.logits(Reference.ids());
            model.detach();
            assertThat(off(model.logits(Reference.ids()), expected))
                    .as("without it")
                    .isGreaterThan(0.01f);
            adapter.merge();
            assertThat(off(model.logits(Reference.ids()), expected)).isLessThan(1e-4f);
            adapter.unmerge();
        }
        try (Safetensors ours = Safetensors.open(saved.resolve(AdapterFile.TENSORS));
                Safetensors peft = Safetensors.open(theirs.resolve(AdapterFile.TENSORS))) {
            assertThat(ours.tensors().keySet())
                    .containsExactlyInAnyOrderElementsOf(peft.tensors().keySet());
            for (String tensor : peft.tensors().keySet()) {
                assertThat(ours.tensors().get(tensor).shape())
                        .isEqualTo(peft.tensors().get(tensor).shape());
                assertThat(ours.read(ours.tensors().get(tensor)))
                        .isEqualTo(peft.read(peft.tensors().get(tensor)));
            }
        }
        for (String field : List.of("target_parameters", "target_modules", "r", "lora_alpha")) {
            assertThat(config(saved).path(field))
                    .hasSameElementsAs(config(theirs).path(field));
        }
        Path base = temp.resolve("base.gguf");
        MergedGguf.quantize(folder, Quantization.AS_BASE, base, done -> {});
        for (Path from : List.of(folder, base)) {
            Path file = temp.resolve("merged.gguf");
            MergedGguf.write(from, AdapterFile.read(saved), Quantization.AS_BASE, file);
            try (CausalLM merged = CausalLM.load(file, WIDE)) {
                assertThat(off(merged.logits(Reference.ids()), expected)).isLessThan(1e-4f);
            }
        }
    }

    private static JsonNode config(Path folder) throws Exception {
        return new ObjectMapper().readTree(Files.readAllBytes(folder.resolve(AdapterFile.CONFIG)));
    }

    private static float off(float[][] found, float[][] expected) {
        float worst = 0;
        for (int i = 0; i < found.length; i++) {
            for (int j = 0; j < found[i].length; j++) {
                worst = Math.max(worst, Math.abs(found[i][j] - expected[i][j]));
            }
        }
        return worst;
    }

    /**
     * Experts without rows, with one, with a tile's 64 and with more: each row times its expert's weight, or the weight
     * transposed.
     */
    @Test
    void tilesOfRowsAreMultipliedWithTheirExpertsWeights() {
        int[] counts = {0, 1, 64, 0, 65, 3, 130, 0};
        int in = 4;
        int out = 3;
        int rows = Arrays.stream(counts).sum();
        long[] experts = new long[rows];
        for (int e = 0, at = 0; e < counts.length; at += counts[e++]) {
            Arrays.fill(experts, at, at + counts[e], e);
        }
        try (NDManager manager = NDManager.newBaseManager();
                TorchScript script = DecoderScript.load(manager, false)) {
            NDArray weights = manager.randomNormal(new Shape(counts.length, out, in));
            float[] w = weights.toFloatArray();
            for (boolean transposed : new boolean[] {false, true}) {
                NDArray x = manager.randomNormal(new Shape(rows, transposed ? out : in));
                float[] found;
                try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                    found = script.call(
                                    manager,
                                    "by_tiles",
                                    a.tensor(x)
                                            .tensor(weights)
                                            .tensor(manager.create(experts))
                                            .flag(transposed))
                            .get(0)
                            .toFloatArray();
                }
                int sums = transposed ? out : in;
                int columns = transposed ? in : out;
                assertThat(found).hasSize(rows * columns);
                for (int row = 0; row < rows; row++) {
                    for (int column = 0; column < columns; column++) {
                        double expected = 0;
                        for (int k = 0; k < sums; k++) {
                            int at = transposed ? k * in + column : column * in + k;
                            expected += x.getFloat(row, k) * w[(int) experts[row] * in * out + at];
                        }
                        assertThat((double) found[row * columns + column]).isCloseTo(expected, within(1e-5));
                    }
                }
            }
        }
    }

    /**
     * PEFT makes parameters of all experts of an adapter whose experts had modules of their own ({@code training.py
     * --older-experts}).
     */
    @Test
    void readsAdaptersWithModulesOfEachExpert() throws Exception {
        float[] expected = Reference.floats("older_experts/expected.safetensors", "logits");
        try (CausalLM model = Reference.model("qwen3_moe");
                LoraAdapter adapter = LoraAdapter.load(Reference.path("older_experts"), model)) {
            adapter.save(temp.resolve("saved"));
            try (LoraAdapter again = LoraAdapter.load(temp.resolve("saved"), model)) {
                assertThat(again.floats()).isEqualTo(adapter.floats());
                for (LoraAdapter each : List.of(adapter, again)) {
                    each.use();
                    int at = 0;
                    for (float[] row : model.logits(Reference.ids())) {
                        for (float logit : row) {
                            assertThat(logit).isCloseTo(expected[at++], within(1e-4f));
                        }
                    }
                }
            }
        }
    }

    /**
     * The same model as Ollama's own converter writes it: architecture gptoss, other names, and keys that are missing.
     */
    @Test
    void readsGptOssOfOllamasConverter() throws Exception {
        Path usual = temp.resolve("usual.gguf");
        Path other = temp.resolve("other.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, "gpt_oss", ROUNDED), Quantization.AS_BASE, usual, done -> {});
        try (GgufFile file = GgufFile.open(usual)) {
            GgufWriter writer = new GgufWriter().string("general.architecture", "gptoss");
            for (var entry : file.metadata().entrySet()) {
                String key = entry.getKey().replace("gpt-oss.", "gptoss.");
                boolean left = key.contains("expert_feed_forward")
                        || key.contains("scaling.type")
                        || key.contains("scaling.attn");
                if (key.startsWith("tokenizer.")) {
                    writer.copy(file, key);
                } else if (!left && entry.getValue() instanceof Long whole) {
                    writer.uint32(key, whole);
                } else if (!left && entry.getValue() instanceof Number number) {
                    writer.float32(key, number.floatValue());
                }
            }
            for (GgufTensor tensor : file.tensors()) {
                String name = tensor.name()
                        .replace(".attn_output.", ".attn_out.")
                        .replace(".attn_sinks.weight", ".attn_sinks")
                        .replace(".post_attention_norm.", ".ffn_norm.");
                ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
                file.read(tensor.file(), tensor.offset(), bytes);
                writer.tensor(name, tensor.type(), tensor.shape(), out -> out.write(bytes.rewind()));
            }
            writer.write(other, done -> {});
        }
        Path merged = temp.resolve("merged.gguf");
        AdapterFile adapter = AdapterFile.read(Reference.path("cases/gpt_oss/final"));
        float[][] plain;
        float[][] adapted;
        try (CausalLM model = CausalLM.load(usual, WIDE)) {
            plain = model.logits(Reference.ids());
            LoraAdapter.load(Reference.path("cases/gpt_oss/final"), model).use();
            adapted = model.logits(Reference.ids());
        }
        try (CausalLM model = CausalLM.load(other, WIDE)) {
            assertThat(off(model.logits(Reference.ids()), plain)).isLessThan(1e-5f);
        }
        MergedGguf.write(other, adapter, Quantization.AS_BASE, merged);
        try (CausalLM model = CausalLM.load(merged, WIDE);
                GgufFile file = GgufFile.open(merged)) {
            assertThat(off(model.logits(Reference.ids()), adapted)).isLessThan(1e-4f);
            assertThat(file.tensor("blk.0.attn_out.weight")).as("Ollama's name").isPresent();
        }
    }

    /** Experts are adapted where they are named, and not otherwise; PEFT has neither dropout nor DoRA for them. */
    @Test
    void expertsAreAdaptedOnRequest() throws Exception {
        try (CausalLM model = Reference.model("qwen3_moe")) {
            LoraConfig plain = LoraConfig.rank(3);
            assertThat(plain.layout(model.config()).slices().keySet())
                    .hasSize(8)
                    .noneMatch(m -> m.contains("experts"));
            LoraConfig both = plain.targetParameters("mlp.experts.gate_up_proj", "mlp.experts.down_proj");
            assertThat(both.layout(model.config()).slices().keySet())
                    .hasSize(12)
                    .contains("model.layers.1.mlp.experts.gate_up_proj");
            // A [3, 32] and B [48, 3] of each of 10 experts, and [3, 24] and [32, 3]
            assertThat(both.layout(model.config()).parameters()
                            - plain.layout(model.config()).parameters())
                    .isEqualTo(2 * 10 * 3 * (32 + 48 + 24 + 32));
            for (LoraConfig other : List.of(
                    both.dropout(0.1),
                    both.dora(true),
                    LoraConfig.rank(4).targetParameters("mlp.experts.down_proj").initialization("orthogonal"))) {
                assertThatThrownBy(() -> other.layout(model.config()))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("targetParameters");
            }
            assertThatThrownBy(() -> plain.targetParameters("mlp.gate"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("mlp.experts.gate_up_proj");
            float[][] before = model.logits(Reference.ids());
            try (LoraAdapter fresh = LoraAdapter.create(model, both, 1)) {
                fresh.use();
                assertThat(off(model.logits(Reference.ids()), before)).isLessThan(1e-5f);
                fresh.save(temp.resolve("fresh"));
                assertThat(LoraAdapter.load(temp.resolve("fresh"), model).floats())
                        .isEqualTo(fresh.floats());
            }
        }
    }

    /**
     * Each expert is expanded by itself where it stays in its file's blocks: the same logits, losses and gradients as
     * expanded once for all.
     */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3_moe", "qwen3_5_moe"})
    void expertsStayInTheirBlocks(String family) throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, family, "{}"), Quantization.Q8_0, file, done -> {});
        Path factors = Reference.path("cases/" + family + "/final");
        TokenBatch batch = Reference.padded().get(0);

        try (CausalLM expanded = CausalLM.load(file, WIDE);
                CausalLM stored = CausalLM.load(file, WIDE.quantized());
                LoraAdapter there = LoraAdapter.load(factors, expanded);
                LoraAdapter here = LoraAdapter.load(factors, stored)) {
            assertThat(stored.quantized()).isTrue();
            assertThat(stored.weightBytes()).isLessThan(expanded.weightBytes());
            float[][] expected = expanded.logits(Reference.ids());
            float[][] found = stored.logits(Reference.ids());
            for (int i = 0; i < expected.length; i++) {
                assertThat(found[i]).usingComparatorWithPrecision(1e-4f).containsExactly(expected[i]);
            }
            there.addGradient(batch, 1, 1, 0);
            float[] exact = there.gradient().toFloatArray();
            for (int checkpointed : new int[] {0, 1, stored.config().layers()}) {
                here.gradient().muli(0);
                here.addGradient(batch, 1, 1, checkpointed);
                assertThat(here.gradient().toFloatArray())
                        .usingComparatorWithPrecision(1e-3f)
                        .containsExactly(exact);
            }
            float largest = 0;
            for (float x : exact) {
                largest = Math.max(largest, Math.abs(x));
            }
            assertThat(largest).as("a gradient that can differ").isGreaterThan(0.1f);
        }
    }

    /**
     * As llama.cpp's converter writes it: nothing says how wide a dense MLP would be, and the shared expert's gate is a
     * vector.
     */
    @Test
    void theSharedExpertsWidthIsThatOfItsOwnKey() throws Exception {
        Path file = temp.resolve("model.gguf");
        Path other = temp.resolve("other.gguf");
        MergedGguf.quantize(TinyModels.withWords(temp, "qwen3_5_moe", "{}"), Quantization.AS_BASE, file, done -> {});
        try (GgufFile written = GgufFile.open(file)) {
            assertThat(written.tensor("blk.0.ffn_gate_inp_shexp.weight")
                            .orElseThrow()
                            .shape())
                    .containsExactly(32);
            GgufWriter writer = new GgufWriter();
            for (String key : written.metadata().keySet()) {
                if (!key.endsWith(".feed_forward_length") || key.contains("expert")) {
                    writer.copy(written, key);
                }
            }
            for (GgufTensor tensor : written.tensors()) {
                ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
                written.read(tensor.file(), tensor.offset(), bytes);
                writer.tensor(tensor.name(), tensor.type(), tensor.shape(), out -> out.write(bytes.rewind()));
            }
            writer.write(other, done -> {});
        }
        try (CausalLM model = CausalLM.load(other, WIDE)) {
            assertThat(model.config().intermediateSize()).isEqualTo(64);
            float[] expected = Reference.floats("qwen3_5_moe/logits.safetensors", "logits");
            float[][] found = model.logits(Reference.ids());
            for (int i = 0; i < found.length; i++) {
                assertThat(found[i])
                        .usingComparatorWithPrecision(1e-4f)
                        .containsExactly(Arrays.copyOfRange(expected, i * 96, i * 96 + 96));
            }
        }
    }

    /** Pieces of a parameter of all experts that has another shape would be other experts. */
    @Test
    void refusesParametersOfOtherExperts() throws Exception {
        JsonNode config = Reference.json("qwen3_5_moe_vision/config.json");
        ((ObjectNode) config.path("text_config")).put("moe_intermediate_size", 16);
        Path folder = TinyModels.withWords(temp, "qwen3_5_moe_vision", config.toString());

        assertThatThrownBy(() -> CausalLM.load(folder, WIDE))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("mlp.experts.gate_up_proj")
                .hasMessageContaining("[6, 32, 32]")
                .hasMessageContaining("[6, 64, 32]");
    }

    /** llama.cpp divides the weights of the chosen experts of Qwen3 by their sum, always, and never those of Qwen2. */
    @ParameterizedTest
    @CsvSource({"qwen3_moe, false", "qwen2_moe, true"})
    void refusesExpertsThatGgufCannotSay(String family, boolean normed) throws Exception {
        Path file = temp.resolve("model.gguf");
        Path folder = TinyModels.withWords(temp, family, "{\"norm_topk_prob\": " + normed + "}");

        assertThatThrownBy(() -> MergedGguf.quantize(folder, Quantization.AS_BASE, file, done -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("norm_topk_prob")
                .hasMessageContaining("llama.cpp");
        assertThat(file).doesNotExist();
    }

    /**
     * gpt-oss in MXFP4: what is written of it has the blocks' values to the last bit, and where they stay as they are
     * stored the same is computed.
     */
    @Test
    void blocksOfFourBitsStay() throws Exception {
        Path file = temp.resolve("model.gguf");
        MergedGguf.quantize(
                TinyModels.withWords(temp, "gpt_oss_mxfp4", ROUNDED), Quantization.AS_BASE, file, done -> {});
        try (Weights folder = Weights.open(temp);
                Weights written = Weights.open(file)) {
            for (Weights.Tensor tensor : folder.tensors().values()) {
                Weights.Tensor again = written.tensor(tensor.name());
                boolean expert =
                        tensor.name().contains(".experts.") && tensor.name().endsWith(".weight");
                assertThat(again.type() == GgufType.MXFP4).as(tensor.name()).isEqualTo(expert);
                float[] values = new float[Math.toIntExact(tensor.values())];
                float[] found = new float[values.length];
                folder.readRows(tensor, 0, (int) tensor.rows(), values, 0);
                written.readRows(again, 0, (int) again.rows(), found, 0);
                assertThat(found).as(tensor.name()).isEqualTo(values);
            }
        }
        try (CausalLM expanded = CausalLM.load(temp, WIDE)) {
            float[][] expected = expanded.logits(Reference.ids());
            for (Path from : List.of(temp, file)) {
                try (CausalLM stored = CausalLM.load(from, WIDE.quantized())) {
                    assertThat(stored.weightBytes()).isLessThan(expanded.weightBytes());
                    float[][] found = stored.logits(Reference.ids());
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(found[i]).usingComparatorWithPrecision(1e-4f).containsExactly(expected[i]);
                    }
                }
            }
        }
    }
}
