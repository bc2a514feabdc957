package io.tunebook.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.lora.LoraAdapter;
import io.tunebook.lora.LoraConfig;
import io.tunebook.model.CausalLM;
import io.tunebook.model.LoadOptions;
import io.tunebook.model.Precision;
import io.tunebook.model.TokenBatch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Models, adapters and training beside the figures of Transformers and PEFT; {@code bench/reference/training.py} made
 * them.
 */
final class ReferenceTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What {@code training.py} made: a folder a model, beside that of the cases. */
    static List<String> architectures() {
        return folders("", "logits.safetensors");
    }

    static List<String> cases() {
        return folders("cases", "case.json");
    }

    private static List<String> folders(String in, String with) {
        String[] found = Reference.path(in)
                .toFile()
                .list((parent, name) ->
                        Files.exists(parent.toPath().resolve(name).resolve(with)));
        assertThat(found).as("folders with " + with).isNotEmpty();
        return Stream.of(found).sorted().toList();
    }

    @ParameterizedTest
    @MethodSource("architectures")
    void logitsAreThoseOfTransformers(String architecture) throws IOException {
        try (CausalLM model = Reference.model(architecture)) {
            assertClose(
                    model.logits(Reference.ids()),
                    Reference.floats(architecture + "/logits.safetensors", "logits"),
                    1e-4);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void fiftyStepsHaveTheLossesOfPeft(String name) throws IOException {
        JsonNode c = Reference.json("cases/" + name + "/case.json");
        try (CausalLM model = Reference.model(c.path("architecture").asText())) {
            List<Double> losses = losses(model, name, arguments(c), Reference.padded());

            assertThat(losses).hasSize(50);
            for (int i = 0; i < 50; i++) {
                double expected = c.path("losses").get(i).asDouble();
                assertThat(losses.get(i)).as("loss of step " + (i + 1)).isCloseTo(expected, within(1e-4 * expected));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void anAdapterOfPeftGivesTheLogitsOfPeft(String name) throws IOException {
        JsonNode c = Reference.json("cases/" + name + "/case.json");
        try (CausalLM model = Reference.model(c.path("architecture").asText())) {
            LoraAdapter.load(Reference.path("cases/" + name + "/final"), model).use();

            assertClose(
                    model.logits(Reference.ids()),
                    Reference.floats("cases/" + name + "/logits.safetensors", "logits"),
                    1e-4);
        }
    }

    @Test
    void twoDevicesGiveTheLossesOfTwiceTheAccumulation() throws IOException {
        JsonNode c = Reference.json("cases/accumulation/case.json");
        try (CausalLM model = Reference.model("llama")) {
            TrainingArguments two = arguments(c).gradientAccumulation(1).devices(2);
            List<Double> losses = losses(model, "accumulation", two, Reference.padded());

            for (int i = 0; i < 50; i++) {
                double expected = c.path("losses").get(i).asDouble();
                assertThat(losses.get(i)).as("loss of step " + (i + 1)).isCloseTo(expected, within(1e-4 * expected));
            }
        }
    }

    /** What dropout drops is decided by the seed and the micro-batch's number, not by which device comes first. */
    @Test
    void dropoutOnTwoDevicesIsThatOfTwiceTheAccumulation() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            LoraConfig lora = LoraConfig.rank(4).dropout(0.3);
            TrainingArguments two =
                    TrainingArguments.defaults().maxSteps(12).learningRate(5e-3).devices(2);
            List<List<Double>> losses = new ArrayList<>();
            for (TrainingArguments a : List.of(two, two, two.devices(1).gradientAccumulation(2), two.seed(7))) {
                try (LoraAdapter adapter = LoraAdapter.create(model, lora, 1)) {
                    Trainer trainer = Trainer.of(model, lora).with(a);
                    trainer.train(Reference.epochs(Reference.padded()), List.of(), adapter);
                    losses.add(trainer.report().steps().stream()
                            .map(TrainingReport.Step::loss)
                            .toList());
                }
            }
            assertThat(losses.get(1)).as("the same run again, bit for bit").isEqualTo(losses.get(0));
            for (int i = 0; i < 12; i++) {
                assertThat(losses.get(2).get(i)).isCloseTo(losses.get(0).get(i), within(1e-4));
            }
            assertThat(losses.get(3).get(11))
                    .as("another seed")
                    .isNotCloseTo(losses.get(0).get(11), within(1e-4));
        }
    }

    @Test
    void packingGivesTheLossesOfPeft() throws IOException {
        JsonNode c = Reference.json("cases/plain/case.json");
        try (CausalLM model = Reference.model("llama")) {
            List<Double> losses = losses(model, "plain", arguments(c), Reference.packed());

            for (int i = 0; i < 50; i++) {
                double expected = c.path("losses").get(i).asDouble();
                assertThat(losses.get(i)).as("loss of step " + (i + 1)).isCloseTo(expected, within(1e-4 * expected));
            }
        }
    }

    @Test
    void checkpointedGradientsAreThePlainOnes() throws IOException {
        for (String name : List.of("plain", "dora")) {
            try (CausalLM model = Reference.model("llama")) {
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model);
                TokenBatch batch = Reference.padded().get(0);
                adapter.addGradient(batch, 1, 1, 0);
                float[] plain = adapter.gradient().toFloatArray();
                adapter.gradient().muli(0);
                adapter.addGradient(batch, 1, 1, model.config().layers());
                float[] again = adapter.gradient().toFloatArray();

                for (int i = 0; i < plain.length; i++) {
                    assertThat(again[i]).isCloseTo(plain[i], within(1e-5f * (1 + Math.abs(plain[i]))));
                }
                assertThat(plain).as("not all zero").isNotEqualTo(new float[plain.length]);
            }
        }
    }

    /** Of adapters without DoRA, whose denominator counts as a constant in the gradient. */
    @ParameterizedTest
    @ValueSource(strings = {"mistral", "gemma3"})
    void gradientsAreTheSlopesOfTheLoss(String name) throws IOException {
        TokenBatch batch = Reference.packed().get(3);
        try (CausalLM model = Reference.model(name)) {
            LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model);
            adapter.addGradient(batch, 1, 1, 0);
            float[] gradient = adapter.gradient().toFloatArray();
            float[] at = adapter.floats();
            double norm = 0;
            for (float g : gradient) {
                norm += (double) g * g;
            }
            norm = Math.sqrt(norm);
            double h = 1e-2;
            double up = lossAt(model, adapter, at, gradient, h / norm, batch);
            double down = lossAt(model, adapter, at, gradient, -h / norm, batch);
            assertThat((up - down) / (2 * h)).isCloseTo(norm, within(2e-2 * norm));
        }
    }

    private static double lossAt(
            CausalLM model, LoraAdapter adapter, float[] from, float[] direction, double far, TokenBatch batch) {
        float[] there = new float[from.length];
        for (int i = 0; i < there.length; i++) {
            there[i] = (float) (from[i] + far * direction[i]);
        }
        adapter.set(there);
        adapter.use();
        return model.loss(batch).sum();
    }

    @Test
    void bfloat16StaysAsCloseAsPeftsDoes() throws IOException {
        JsonNode c = Reference.json("cases/plain/case.json");
        try (CausalLM model = CausalLM.load(Reference.path("llama"), LoadOptions.in(Precision.BFLOAT16))) {
            List<Double> losses = losses(model, "plain", arguments(c), Reference.padded());
            double ours = 0;
            double peft = 0;
            for (int i = 0; i < 50; i++) {
                double exact = c.path("losses").get(i).asDouble();
                ours += Math.abs(losses.get(i) - exact) / 50;
                peft += Math.abs(c.path("bfloat16").get(i).asDouble() - exact) / 50;
            }
            assertThat(ours)
                    .as("mean deviation from float32; PEFT's is " + peft)
                    .isLessThan(1.5 * peft);
        }
    }

    /**
     * Products in eight bits, forward and backward: with DoRA, with norms of q and k, and with GeGLU, whose gate and up
     * are multiplied apart.
     */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "dora", "qwen3", "gemma3"})
    void eightBitsStayNear(String name) throws IOException {
        JsonNode c = Reference.json("cases/" + name + "/case.json");
        Path folder = Reference.path(c.path("architecture").asText());
        try (CausalLM model =
                CausalLM.load(folder, LoadOptions.in(Precision.FLOAT32).fp8())) {
            assertThat(model.toString()).contains("with products in FP8");
            List<Double> losses = losses(model, name, arguments(c), Reference.padded());
            double deviation = 0;
            for (int i = 0; i < 50; i++) {
                double exact = c.path("losses").get(i).asDouble();
                deviation += Math.abs(losses.get(i) - exact) / exact / 50;
            }
            // Gemma's small model has gradients ten times as large as the others
            assertThat(deviation).isBetween(1e-5, name.equals("gemma3") ? 0.05 : 0.01);
            try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.rank(4), 1)) {
                assertThatThrownBy(adapter::merge)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("eight bits");
            }
        }
    }

    @Test
    void smollm2AnswersAsInTransformers() throws IOException {
        String gguf = System.getenv("TUNEBOOK_DEFAULT_MODEL");
        assumeTrue(gguf != null, "skipped: TUNEBOOK_DEFAULT_MODEL names no GGUF file");
        JsonNode expected = Reference.json("smollm2-greedy.json");
        try (CausalLM model = CausalLM.load(Path.of(gguf), LoadOptions.in(Precision.FLOAT32))) {
            int[] prompt = JSON.treeToValue(expected.path("ids"), int[].class);
            assertThat(model.tokenizer().ids(expected.path("prompt").asText(), false))
                    .isEqualTo(prompt);

            assertThat(model.generator().maxTokens(64).tokens(prompt))
                    .isEqualTo(JSON.treeToValue(expected.path("greedy"), int[].class));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen3", "qwen3_5_moe"})
    void peftLoadsWhatWasSaved(String architecture, @TempDir Path folder) throws Exception {
        String python = System.getenv("TUNEBOOK_PYTHON");
        assumeTrue(python != null, "skipped: TUNEBOOK_PYTHON names no Python");
        assumeTrue(
                new ProcessBuilder(python, "-c", "import peft, transformers")
                                .redirectErrorStream(true)
                                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                                .start()
                                .waitFor()
                        == 0,
                "skipped: " + python + " has no PEFT");
        try (CausalLM model = Reference.model(architecture)) {
            TrainingArguments arguments =
                    TrainingArguments.defaults().maxSteps(5).learningRate(1e-2);
            LoraConfig lora = LoraConfig.rank(4).dora(architecture.equals("qwen3"));
            LoraAdapter adapter = Trainer.of(model, lora)
                    .with(arguments)
                    .train(Reference.epochs(Reference.padded()), List.of(), LoraAdapter.create(model, lora, 1));
            adapter.save(folder);
            Files.writeString(folder.resolve("architecture.txt"), architecture);
            Process check = new ProcessBuilder(
                            python, Path.of("../bench/reference/training.py").toString(), "--check", folder.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            JsonNode theirs = JSON.readTree(new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            assertThat(check.waitFor()).isZero();

            float[][] ours = model.logits(Reference.ids());
            float[] last = ours[ours.length - 1];
            for (int i = 0; i < last.length; i++) {
                assertThat((double) last[i]).isCloseTo(theirs.get(i).asDouble(), within(1e-4));
            }
        }
    }

    // ---- the cases

    static TrainingArguments arguments(JsonNode c) {
        return TrainingArguments.defaults()
                .maxSteps(50)
                .batchSize(4)
                .gradientAccumulation(c.path("accumulation").asInt())
                .learningRate(c.path("learningRate").asDouble())
                .schedule(
                        switch (c.path("schedule").asText()) {
                            case "linear" -> Schedule.LINEAR;
                            case "cosine" -> Schedule.COSINE;
                            default -> Schedule.CONSTANT;
                        })
                .warmup(c.path("warmupSteps").asInt() / 50.0)
                .weightDecay(c.path("weightDecay").asDouble())
                .betas(c.path("betas").get(0).asDouble(), c.path("betas").get(1).asDouble())
                .maxGradientNorm(c.path("clip").asDouble());
    }

    private static List<Double> losses(
            CausalLM model, String name, TrainingArguments arguments, List<TokenBatch> batches) throws IOException {
        LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/initial"), model);
        Trainer trainer = Trainer.of(model, LoraConfig.rank(4)).with(arguments);
        trainer.train(Reference.epochs(batches), List.of(), adapter);
        List<Double> losses = new ArrayList<>();
        trainer.report().steps().forEach(s -> losses.add(s.loss()));
        return losses;
    }

    private static void assertClose(float[][] found, float[] expected, double tolerance) {
        assertThat(found.length * found[0].length).isEqualTo(expected.length);
        for (int t = 0; t < found.length; t++) {
            for (int v = 0; v < found[t].length; v++) {
                assertThat((double) found[t][v])
                        .as("position " + t + ", token " + v)
                        .isCloseTo(expected[t * found[t].length + v], within(tolerance));
            }
        }
    }
}
