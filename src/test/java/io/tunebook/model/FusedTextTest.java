package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.tunebook.cuda.CpuOperators;
import io.tunebook.export.MergedGguf;
import io.tunebook.export.Quantization;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The text that GPUs run, with {@code kernels.py}, on a CPU: kernels are computed by {@link KernelTwins}, which read
 * memory as they do. It must give what the plain text gives. What the kernels themselves compute is not seen here.
 */
class FusedTextTest {
    private static final int[] PROMPT = {5, 17, 3, 42, 8, 11, 29};

    private static CpuOperators operators;

    @TempDir
    Path temp;

    @BeforeAll
    static void register() {
        assumeFalse(
                Engine.getInstance().getGpuCount() > 0,
                "skipped: with a GPU the operators may be registered already, and the GPU runs the text itself");
        operators = KernelTwins.register();
    }

    static List<String> families() throws IOException {
        try (Stream<Path> all = Files.list(Reference.path(""))) {
            return all.filter(p -> Files.exists(p.resolve("logits.safetensors")))
                    .map(p -> p.getFileName().toString())
                    .filter(name ->
                            !name.contains("_v")) // of models that read pictures only the text's part is computed
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void givesWhatThePlainTextGives(String family) throws IOException {
        agree(Reference.path(family), LoadOptions.in(Precision.FLOAT32), LoraConfig.rank(8), 1e-4);
    }

    /** The type that kernels take: what they are given has it, and nothing of it is lost on the way. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "qwen3_5", "qwen3_5_moe", "gpt_oss", "glm4", "hunyuan_v1_dense"})
    void computesInBfloat16(String family) throws IOException {
        agree(Reference.path(family), LoadOptions.in(Precision.BFLOAT16), LoraConfig.rank(8), 0.1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3_5", "qwen3_5_moe", "gemma3"})
    void adaptsWithDora(String family) throws IOException {
        agree(
                Reference.path(family),
                LoadOptions.in(Precision.FLOAT32),
                LoraConfig.rank(8).dora(true),
                1e-4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen3_5", "qwen3_5_moe"})
    void drops(String family) throws IOException {
        agree(
                Reference.path(family),
                LoadOptions.in(Precision.FLOAT32),
                LoraConfig.rank(8).dropout(0.2),
                1e-4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "gemma3"})
    void multipliesInEightBits(String family) throws IOException {
        agree(Reference.path(family), LoadOptions.in(Precision.FLOAT32).fp8(), LoraConfig.rank(8), 1e-4);
    }

    @Test
    void everyKernelIsCalled() throws Exception {
        Path llama = Reference.path("llama");
        LoadOptions options = LoadOptions.in(Precision.FLOAT32);
        Set<String> called = new HashSet<>(agree(llama, options, LoraConfig.rank(8), 1e-4));
        called.addAll(agree(llama, options, LoraConfig.rank(8).dora(true), 1e-4));
        called.addAll(agree(llama, options.fp8(), LoraConfig.rank(8), 1e-4));
        called.addAll(agree(Reference.path("qwen3_moe"), options, LoraConfig.rank(8), 1e-4));
        called.addAll(agree(Reference.path("gemma3"), options, LoraConfig.rank(8), 1e-4));
        TinyModels.withWords(temp, "llama", "{}");
        for (Quantization quantization : List.of(Quantization.Q8_0, Quantization.Q4_0)) {
            Path file = temp.resolve(quantization + ".gguf");
            MergedGguf.quantize(temp, quantization, file, done -> {});
            called.addAll(agree(file, options.quantized(), LoraConfig.rank(8), 1e-4));
        }
        assertThat(called).isEqualTo(operators.kernels());
    }

    /** Computes by both texts and compares. @return the kernels that were called */
    private static Set<String> agree(Path path, LoadOptions options, LoraConfig lora, double tolerance)
            throws IOException {
        operators.begin(options.precision().get() == Precision.BFLOAT16);
        ModelSource source = ModelSource.of(path);
        LoadOptions onCpu = options.device(Device.cpu());
        try (CausalLM plain = CausalLM.load(source, onCpu, (device, config, asked) -> Optional.of("plain"));
                CausalLM fused = CausalLM.load(source, onCpu, (device, config, asked) -> Optional.empty())) {
            fused.steps().aroundSwiglu();
            List<float[]> expected = computed(plain, lora);
            List<float[]> found = computed(fused, lora);
            assertThat(operators.called()).as("kernels that were called").isNotEmpty();
            assertThat(operators.failures().stream().limit(1))
                    .as("failures of kernels")
                    .isEmpty();
            for (int i = 0; i < expected.size(); i++) {
                assertThat(distance(found.get(i), expected.get(i)))
                        .as("result " + i + ", as a share of its norm")
                        .isLessThan(tolerance);
            }
            return operators.called();
        }
    }

    /** Logits, a continuation's, and losses and gradients of batches of each kind. */
    private static List<float[]> computed(CausalLM model, LoraConfig lora) throws IOException {
        List<float[]> all = new ArrayList<>(Arrays.asList(model.logits(PROMPT)));
        try (LoraAdapter adapter = LoraAdapter.create(model, lora, 1)) {
            Random random = new Random(3);
            float[] factors = adapter.floats();
            for (int i = 0; i < factors.length; i++) {
                factors[i] += 0.05f * (float) random.nextGaussian();
            }
            adapter.set(factors);
            for (TokenBatch batch :
                    List.of(Reference.padded().get(0), Reference.packed().get(1), TokenBatch.sequence(PROMPT))) {
                for (int checkpointed : new int[] {0, model.config().layers()}) {
                    adapter.gradient().muli(0);
                    adapter.losses().muli(0);
                    adapter.addGradient(batch, 1, 7, checkpointed);
                    all.add(new float[] {(float) adapter.losses().toDoubleArray()[0]});
                    all.add(adapter.gradient().toFloatArray());
                }
            }
            adapter.use();
            all.addAll(Arrays.asList(model.logits(PROMPT)));
            all.add(new float[] {(float) model.loss(PROMPT).sum()});
            try (KvCache cache = model.cache(16)) {
                all.add(cache.next(PROMPT));
                all.add(cache.next(9));
                all.add(cache.next(30, 2));
            }
        }
        return all;
    }

    private static double distance(float[] found, float[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        double squares = 0;
        double of = 1e-12;
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isFinite();
            squares += Math.pow(found[i] - expected[i], 2);
            of += Math.pow(expected[i], 2);
        }
        return Math.sqrt(squares / of);
    }
}
