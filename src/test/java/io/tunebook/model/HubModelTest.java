package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.hub.Hub;
import io.tunebook.hub.HubSource;
import io.tunebook.hub.LocalHub;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names of models on hubs, and what is fetched of them: from a hub on this machine. */
final class HubModelTest {
    @TempDir
    Path temp;

    private final List<String> said = new ArrayList<>();

    private Path fetch(LocalHub local, HubModel model) throws IOException {
        Hub hub = Hub.model(model.id()).from(HubSource.mirror(local.url())).cache(temp.resolve("cache"));
        return model.fetch(hub, said::add);
    }

    @Test
    void namesAreTakenApart() {
        HubModel plain = HubModel.named("unsloth/gemma-3-270m-it").orElseThrow();
        assertThat(plain.id()).isEqualTo("unsloth/gemma-3-270m-it");
        assertThat(plain.where()).isEmpty();
        assertThat(plain.kind()).isEmpty();
        HubModel elsewhere = HubModel.named("modelscope:Qwen/Qwen3-0.6B").orElseThrow();
        assertThat(elsewhere.id()).isEqualTo("Qwen/Qwen3-0.6B");
        assertThat(elsewhere.where()).contains(HubSource.modelScope());
        HubModel gguf = HubModel.named("hf:owner/name-GGUF:Q8_0").orElseThrow();
        assertThat(gguf.where()).contains(HubSource.huggingFace());
        assertThat(gguf.kind()).contains("Q8_0");
        for (String none : List.of("qwen2.5:1.5b", "llama3", "a/b/c", "../name", "owner/..", "modelscope:", "owner/")) {
            assertThat(HubModel.named(none)).as(none).isEmpty();
        }
    }

    @Test
    void whatIsReadIsFetchedAndWhatItNeedsIsSaidBefore() throws Exception {
        Path served = Files.createDirectories(temp.resolve("served/original"));
        Path root = served.getParent();
        for (String file : List.of("config.json", "model.safetensors", "tokenizer.json")) {
            Files.copy(Reference.path("llama").resolve(file), root.resolve(file));
        }
        Files.writeString(root.resolve("pytorch_model.bin"), "a pickle");
        Files.writeString(root.resolve("consolidated.safetensors"), "the same weights once more");
        Files.writeString(served.resolve("model.safetensors"), "and once more");
        try (LocalHub local = LocalHub.serve("owner/tiny", root)) {
            Path fetched = fetch(local, HubModel.named("owner/tiny").orElseThrow());

            assertThat(said)
                    .singleElement()
                    .asString()
                    .startsWith("owner/tiny: ")
                    .contains("parameters", "bfloat16");
            assertThat(local.requests()).noneMatch(r -> r.contains("pytorch_model") || r.contains("consolidated"));
            assertThat(fetched.resolve("original")).doesNotExist();
            try (CausalLM model = CausalLM.load(new ModelSource("owner/tiny", fetched))) {
                assertThat(said.get(0))
                        .contains(String.format(java.util.Locale.ROOT, "%,d parameters", model.parameters()));
            }
        }
    }

    @Test
    void aFamilyThatIsNotComputedIsRefusedBeforeItsWeightsAreFetched() throws Exception {
        Path root = Files.createDirectories(temp.resolve("served"));
        Files.writeString(root.resolve("config.json"), "{\"model_type\": \"mamba\"}");
        Files.writeString(root.resolve("model.safetensors"), "gigabytes");
        try (LocalHub local = LocalHub.serve("owner/other", root)) {
            assertThatThrownBy(() -> fetch(local, HubModel.named("owner/other").orElseThrow()))
                    .isInstanceOf(ModelFormatException.class)
                    .hasMessageContaining("mamba");
            assertThat(local.requests()).noneMatch(r -> r.endsWith("model.safetensors"));
        }
    }

    @Test
    void aGgufFileIsChosenByItsKind() throws Exception {
        Path root = Files.createDirectories(temp.resolve("served"));
        for (String kind : List.of("Q4_K_M", "Q8_0", "IQ4_K_M")) {
            Files.writeString(root.resolve("Tiny-" + kind + ".gguf"), kind);
        }
        Files.writeString(root.resolve("mmproj-F16.gguf"), "what sees");
        try (LocalHub local = LocalHub.serve("owner/tiny-GGUF", root)) {
            HubModel model = new HubModel("owner/tiny-GGUF", Optional.empty(), Optional.empty());
            assertThat(fetch(local, model)).hasContent("Q4_K_M");
            assertThat(fetch(local, new HubModel(model.id(), Optional.empty(), Optional.of("q8_0"))))
                    .hasContent("Q8_0");
            assertThatThrownBy(() -> fetch(local, new HubModel(model.id(), Optional.empty(), Optional.of("F16"))))
                    .hasMessageContaining("F16")
                    .hasMessageContaining("Tiny-Q8_0.gguf");
        }
    }
}
