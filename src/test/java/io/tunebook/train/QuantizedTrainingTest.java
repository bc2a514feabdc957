package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.family.Family;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** QLoRA on GGUF's blocks is LoRA on the same weights expanded. */
final class QuantizedTrainingTest {
    private static final int HIDDEN = 256;
    private static final int INNER = 512;
    private static final int VOCABULARY = 96;

    @TempDir
    Path temp;

    /** Q4_K_M is a mix of Q4_K and Q6_K. */
    @ParameterizedTest
    @CsvSource({"Q4_K_M, false", "Q4_K_M, true", "Q8_0, false", "Q4_0, false"})
    void blocksTrainAsTheExpandedWeightsDo(Quantization quantization, boolean checkpointing) throws IOException {
        Path plain = temp.resolve("plain.gguf");
        Path quantized = temp.resolve("quantized.gguf");
        write(plain);
        MergedGguf.quantize(plain, quantization, quantized, done -> {});
        List<List<Double>> losses = new ArrayList<>();
        List<float[]> factors = new ArrayList<>();
        long[] bytes = new long[2];
        for (int i = 0; i < 2; i++) {
            try (CausalLM model = i == 0
                    ? CausalLM.load(quantized, LoadOptions.in(Precision.FLOAT32).quantized())
                    : CausalLM.load(quantized, LoadOptions.in(Precision.FLOAT32))) {
                LoraConfig lora = LoraConfig.rank(4);
                Trainer trainer = Trainer.of(model, lora)
                        .with(TrainingArguments.defaults()
                                .maxSteps(10)
                                .learningRate(1e-2)
                                .gradientCheckpointing(checkpointing));
                LoraAdapter adapter = trainer.train(
                        Reference.epochs(Reference.padded()), List.of(), LoraAdapter.create(model, lora, 1));
                losses.add(trainer.report().steps().stream()
                        .map(TrainingReport.Step::loss)
                        .toList());
                factors.add(adapter.floats());
                bytes[i] = model.weightBytes();
            }
        }

        assertThat(bytes[0]).as("bytes of blocks").isLessThan(bytes[1] / 3);
        for (int i = 0; i < 10; i++) {
            assertThat(losses.get(0).get(i))
                    .as("loss of step " + (i + 1))
                    .isCloseTo(losses.get(1).get(i), within(1e-4));
        }
        for (int i = 0; i < factors.get(0).length; i++) {
            assertThat(factors.get(0)[i]).isCloseTo(factors.get(1)[i], within(2e-3f));
        }
        assertThat(losses.get(0).get(9))
                .as("it learns")
                .isLessThan(losses.get(0).get(0));
    }

    /** A random Llama whose rows are as long as super-blocks want them. */
    private static void write(Path out) throws IOException {
        List<String> tokens = new ArrayList<>(List.of("t", "0"));
        for (int i = 0; tokens.size() < VOCABULARY; i++) {
            tokens.add("t" + i);
        }
        GgufWriter writer = new GgufWriter()
                .string("general.architecture", "llama")
                .uint32("llama.block_count", 2)
                .uint32("llama.context_length", 256)
                .uint32("llama.embedding_length", HIDDEN)
                .uint32("llama.feed_forward_length", INNER)
                .uint32("llama.attention.head_count", 4)
                .uint32("llama.attention.head_count_kv", 2)
                .float32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
                .float32("llama.rope.freq_base", 10000)
                .string("tokenizer.ggml.model", "gpt2")
                .string("tokenizer.ggml.pre", "smollm")
                .strings("tokenizer.ggml.tokens", tokens)
                .strings("tokenizer.ggml.merges", List.of("t 0"))
                .uint32("tokenizer.ggml.eos_token_id", 1);
        int kv = HIDDEN / 2;
        tensor(writer, "model.embed_tokens.weight", VOCABULARY, HIDDEN);
        tensor(writer, "model.norm.weight", HIDDEN);
        for (int l = 0; l < 2; l++) {
            String layer = "model.layers." + l + ".";
            tensor(writer, layer + "input_layernorm.weight", HIDDEN);
            tensor(writer, layer + "self_attn.q_proj.weight", HIDDEN, HIDDEN);
            tensor(writer, layer + "self_attn.k_proj.weight", kv, HIDDEN);
            tensor(writer, layer + "self_attn.v_proj.weight", kv, HIDDEN);
            tensor(writer, layer + "self_attn.o_proj.weight", HIDDEN, HIDDEN);
            tensor(writer, layer + "post_attention_layernorm.weight", HIDDEN);
            tensor(writer, layer + "mlp.gate_proj.weight", INNER, HIDDEN);
            tensor(writer, layer + "mlp.up_proj.weight", INNER, HIDDEN);
            tensor(writer, layer + "mlp.down_proj.weight", HIDDEN, INNER);
        }
        writer.write(out, done -> {});
    }

    private static void tensor(GgufWriter writer, String name, long... shape) {
        Random random = new Random(name.hashCode());
        int n = (int) (shape.length == 1 ? shape[0] : shape[0] * shape[1]);
        ByteBuffer bytes = ByteBuffer.allocate(4 * n).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < n; i++) {
            bytes.putFloat((float) (shape.length == 1 ? 1 + random.nextGaussian() / 8 : random.nextGaussian() / 16));
        }
        writer.tensor(
                Family.named("llama").orElseThrow().ggufName(name), GgufType.F32, shape, o -> o.write(bytes.rewind()));
    }
}
