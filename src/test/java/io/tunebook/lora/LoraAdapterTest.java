package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.LoraConfig.Initialization;
import io.tunebook.model.CausalLM;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tech.tablesaw.api.Table;

/** Adapters on a model; logits and adapters are those of PEFT ({@code bench/reference/training.py}). */
final class LoraAdapterTest {
    private static float[] logits(CausalLM model) throws IOException {
        float[][] rows = model.logits(Reference.ids());
        float[] flat = new float[rows.length * rows[0].length];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(rows[i], 0, flat, i * rows[0].length, rows[0].length);
        }
        return flat;
    }

    private static void close(float[] found, float[] expected, double tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i]).as("logit " + i).isCloseTo(expected[i], within(tolerance));
        }
    }

    private static float[] peft(String name) throws IOException {
        return Reference.floats("cases/" + name + "/logits.safetensors", "logits");
    }

    private static float[] base() throws IOException {
        return Reference.floats("llama/logits.safetensors", "logits");
    }

    @Test
    void severalAdaptersOnOneModelAreSwitched() throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter plain = LoraAdapter.load(Reference.path("cases/plain/final"), model);
                LoraAdapter dora = LoraAdapter.load(Reference.path("cases/dora/final"), model);
                LoraAdapter decay = LoraAdapter.load(Reference.path("cases/decay/final"), model)) {
            for (int round = 0; round < 2; round++) {
                plain.use();
                close(logits(model), peft("plain"), 1e-4);
                dora.use();
                close(logits(model), peft("dora"), 1e-4);
                decay.use();
                close(logits(model), peft("decay"), 1e-4);
                model.detach();
                close(logits(model), base(), 1e-4);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "rslora", "decay"})
    void mergedIntoTheWeightsAndTakenOutAgain(String name) throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model)) {
            adapter.merge();
            close(logits(model), peft(name), 1e-4);
            adapter.unmerge();
            close(logits(model), base(), 1e-4);
        }
    }

    @Test
    void doraIsNotMerged() throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/dora/final"), model)) {
            assertThatThrownBy(adapter::merge).hasMessageContaining("magnitudes");
        }
    }

    @ParameterizedTest
    @EnumSource(Initialization.class)
    void aFreshAdapterChangesNothing(Initialization how) throws IOException {
        for (boolean dora : List.of(false, true)) {
            try (CausalLM model = Reference.model("qwen3");
                    LoraAdapter adapter = LoraAdapter.create(
                            model, LoraConfig.rank(6).initialization(how).dora(dora), 1)) {
                float[] before = logits(model);
                adapter.use();
                close(logits(model), before, 1e-4);
                LoraLayout.Slice s = adapter.layout().slices().get("model.layers.0.mlp.down_proj");
                float[] all = adapter.floats();
                double square = 0;
                for (int i = 0; i < s.rank() * s.in(); i++) {
                    square += all[s.a() + i] * all[s.a() + i];
                }
                // PEFT's: U(-1/sqrt(in), 1/sqrt(in)); N(0, 1/rank^2); a product of N(0, 1) with orthonormal rows, over
                // 10
                double deviation =
                        switch (how) {
                            case KAIMING_UNIFORM -> 1 / Math.sqrt(3.0 * s.in());
                            case GAUSSIAN -> 1.0 / s.rank();
                            case ORTHOGONAL -> Math.sqrt(0.5) / 10;
                        };
                assertThat(Math.sqrt(square / (s.rank() * s.in()))).isCloseTo(deviation, within(0.15 * deviation));
                assertThat(all[s.b()] != 0).isEqualTo(how == Initialization.ORTHOGONAL);
                assertThat(adapter.file().settings().initialization()).isEqualTo(how.peftName());
            }
        }
    }

    @Test
    void initializationsThatAreNotMadeAreRefusedByName() {
        LoraConfig lora = LoraConfig.rank(4);
        assertThat(lora.initialization("gaussian").initialization()).isEqualTo(Initialization.GAUSSIAN);
        for (String name : List.of("pissa", "pissa_niter_16", "olora", "corda", "lora_ga")) {
            assertThatThrownBy(() -> lora.initialization(name))
                    .hasMessageContaining("found " + name + ": it takes the factors out of the base model");
        }
        assertThatThrownBy(() -> lora.initialization("loftq")).hasMessageContaining("quantising");
        assertThatThrownBy(() -> lora.initialization("eva")).hasMessageContaining("a pass over the data");
        assertThatThrownBy(() -> LoraConfig.rank(3).initialization("orthogonal"))
                .hasMessageContaining("an even rank");
    }

    /**
     * PEFT has moved part of the base model into such an adapter, so that with the base as it is its logits would be
     * others.
     */
    @Test
    void anAdapterThatChangedItsBaseIsRefused(@TempDir Path folder) throws IOException {
        Path saved = Reference.path("cases/plain/final");
        Files.copy(saved.resolve("adapter_model.safetensors"), folder.resolve("adapter_model.safetensors"));
        String config = Files.readString(saved.resolve("adapter_config.json"));
        Files.writeString(
                folder.resolve("adapter_config.json"),
                config.replace("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\""));
        assertThatThrownBy(() -> AdapterFile.read(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("found pissa_niter_4, which has changed the base model's weights");
    }

    @Test
    void targetsAreNamesAPatternOrAllLinears() throws IOException {
        try (CausalLM model = Reference.model("llama")) {
            LoraConfig lora = LoraConfig.rank(4);
            assertThat(lora.layout(model.config()).slices()).hasSize(14);
            assertThat(lora.targetModules("q_proj", "mlp.down_proj")
                            .layout(model.config())
                            .slices()
                            .keySet())
                    .containsExactly(
                            "model.layers.0.self_attn.q_proj",
                            "model.layers.0.mlp.down_proj",
                            "model.layers.1.self_attn.q_proj",
                            "model.layers.1.mlp.down_proj");
            assertThat(lora.targetModules(".*\\.1\\..*_proj")
                            .layout(model.config())
                            .slices())
                    .hasSize(7);
            assertThatThrownBy(() -> lora.targetModules("query_key_value").layout(model.config()))
                    .hasMessageContaining("query_key_value")
                    .hasMessageContaining("model.layers.0.self_attn.q_proj");
        }
    }

    @Test
    void theSummaryCountsWhatIsTrained() throws IOException {
        try (CausalLM model = Reference.model("llama");
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/decay/final"), model)) {
            Table table = adapter.summary();
            // hidden 32, 4 heads and 2 key-value heads of 8, 2 layers, rank 4 on q and v
            assertThat(table.stringColumn("module").asList())
                    .containsExactly("self_attn.q_proj", "self_attn.v_proj", "all");
            assertThat(table.longColumn("parameters").asList())
                    .containsExactly(2L * 4 * (32 + 32), 2L * 4 * (32 + 16), 896L);
            assertThat(adapter.factors().getShape().size()).isEqualTo(896);
        }
    }

    @Test
    void anAdapterOfAnotherModelIsRefused() throws IOException {
        try (CausalLM model = Reference.model("qwen3")) {
            assertThatThrownBy(() -> LoraAdapter.load(Reference.path("cases/plain/final"), model))
                    .hasMessageContaining(
                            "model.layers.0.self_attn.q_proj: expected [64, 32] as in the model, found [32, 32]");
        }
    }
}
