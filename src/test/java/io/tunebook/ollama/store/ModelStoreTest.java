package io.tunebook.ollama.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;

import io.tunebook.model.CausalLM;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A folder laid out as Ollama lays out its own. */
class ModelStoreTest {
    @TempDir
    Path folder;

    private String weights;
    private ModelStore store;

    @BeforeEach
    void layOut() throws Exception {
        weights = blob("GGUF weights");
        String template = blob("{{ .Prompt }} äöü");
        manifest(
                "manifests/registry.ollama.ai/library/tiny/latest",
                List.of(
                        layer("model", weights),
                        layer("template", template),
                        layer("system", blob("You are a duck.")),
                        layer("license", blob("MIT")),
                        layer("license", blob("Apache")),
                        layer("adapter", blob("an adapter")),
                        layer("params", blob("{\"stop\": [\"<|im_end|>\"], \"temperature\": 0.5}"))));
        write(
                "manifests/registry.ollama.ai/library/rendered/latest",
                "{\"config\": {\"digest\": \"" + blob("{\"renderer\": \"r-1\", \"parser\": \"p-1\", \"os\": \"linux\"}")
                        + "\"}, \"layers\": [" + layer("model", weights) + "]}");
        manifest("manifests/registry.ollama.ai/library/tiny/shared", List.of(layer("model", weights)));
        manifest("manifests/hf.co/Owner/Model-GGUF/Q8_0", List.of(layer("model", weights)));
        manifest("manifests/registry.ollama.ai/someone/hers/latest", List.of(layer("model", weights)));
        manifest(
                "manifests/registry.ollama.ai/library/lost/latest",
                List.of(layer("model", "sha256:" + "0".repeat(64))));
        manifest("manifests/registry.ollama.ai/library/evil/latest", List.of(layer("model", "sha256:../../secret")));
        write("manifests/registry.ollama.ai/library/broken/latest", "{\"layers\": [");
        String child = blob("{\"layers\": [" + layer("model", weights) + "]}");
        write(
                "manifest-v2/ollama.com/library/newer/1b",
                "{\"manifests\": [{\"digest\": \"sha256:" + "1".repeat(64)
                        + "\", \"format\": \"safetensors\"}, {\"digest\": \"" + child + "\", \"format\": \"gguf\"}]}");
        store = ModelStore.open(folder);
    }

    @Test
    void readsAModelWithAllItsLayers() throws Exception {
        StoredModel model = store.model("tiny");
        assertThat(model.name()).isEqualTo("tiny:latest");
        assertThat(model.gguf()).hasContent("GGUF weights");
        assertThat(model.template()).contains("{{ .Prompt }} äöü");
        assertThat(model.system()).contains("You are a duck.");
        assertThat(model.license()).containsExactly("MIT", "Apache");
        assertThat(model.adapters()).hasSize(1);
        assertThat(model.options()).isEqualTo(Map.of("stop", List.of("<|im_end|>"), "temperature", 0.5));
    }

    @Test
    void findsNamesAsOllamaWritesThem() throws Exception {
        for (String name : List.of(
                "tiny:shared",
                "TINY:latest",
                "library/tiny",
                "registry.ollama.ai/library/tiny:latest",
                "someone/hers",
                "hf.co/owner/model-gguf:q8_0",
                "newer:1b")) {
            assertThat(store.model(name).gguf()).as(name).hasContent("GGUF weights");
        }
        assertThat(store.model("hf.co/Owner/Model-GGUF:Q8_0").name()).isEqualTo("hf.co/Owner/Model-GGUF:Q8_0");
        assertThatThrownBy(() -> store.model("../../etc/passwd")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void saysWhatIsThereAndWhatIsWrongWithIt() throws Exception {
        assertThat(store.list())
                .extracting(ModelStore.Entry::name, e -> e.problem().isPresent())
                .containsExactlyInAnyOrder(
                        tuple("tiny:latest", false),
                        tuple("tiny:shared", false),
                        tuple("hf.co/Owner/Model-GGUF:Q8_0", false),
                        tuple("someone/hers:latest", false),
                        tuple("newer:1b", false),
                        tuple("rendered:latest", false),
                        tuple("lost:latest", true),
                        tuple("evil:latest", true),
                        tuple("broken:latest", true));
        assertThatThrownBy(() -> store.model("absent:7b"))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("ollama pull absent:7b")
                .hasMessageContaining("tiny:shared");
        assertThatThrownBy(() -> store.model("lost"))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("ollama pull lost:latest");
        assertThatThrownBy(() -> store.model("broken")).isInstanceOf(ModelFormatException.class);
        assertThatThrownBy(() -> store.model("evil"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("expected a digest");
    }

    @Test
    void readsWhichOfOllamasEnginesServesTheModel() throws Exception {
        assertThat(store.model("rendered").engine()).isEqualTo(Map.of("renderer", "r-1", "parser", "p-1"));
        assertThat(store.model("tiny").engine()).isEmpty();
        Files.delete(folder.resolve("blobs/"
                + blob("{\"renderer\": \"r-1\", \"parser\": \"p-1\", \"os\": \"linux\"}")
                        .replace(':', '-')));
        assertThatThrownBy(() -> store.model("rendered"))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("ollama pull rendered:latest");
    }

    /** On every platform the home folder's, unless only the Linux service has one, or the variable names another. */
    @Test
    void findsTheFolderAsOllamaDoes() throws Exception {
        Path home = folder.resolve("home");
        Path service = Files.createDirectories(folder.resolve("service"));
        Path own = home.resolve(".ollama").resolve("models");
        assertThat(ModelStore.folder(null, home, folder.resolve("none"))).isEqualTo(own);
        assertThat(ModelStore.folder(" ", home, service)).isEqualTo(service);
        Files.createDirectories(own);
        assertThat(ModelStore.folder("", home, service)).isEqualTo(own);
        assertThat(ModelStore.folder(" \"" + folder + "\" ", home, service)).isEqualTo(folder);
        assertThatThrownBy(() -> ModelStore.open(service))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("OLLAMA_MODELS");
    }

    @Test
    void theWeightsOfAModelWithAnAdapterAreNotTheModel() throws Exception {
        StoredModel adapted = store.model("tiny");
        assertThatThrownBy(() -> CausalLM.load(adapted))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tiny:latest has an adapter on top of its weights");
    }

    /** Ollama leaves a setting that is null at its default, and takes the bytes of a text as they are. */
    @Test
    void whatIsNoSettingAndWhatIsNoUtf8() throws Exception {
        String other = "sha256:" + "2".repeat(64);
        Files.write(
                folder.resolve("blobs/sha256-" + "2".repeat(64)), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
        manifest(
                "manifests/registry.ollama.ai/library/odd/latest",
                List.of(
                        layer("model", blob("GGUF weights")),
                        layer("params", blob("{\"stop\": null, \"temperature\": 0.5}")),
                        layer("template", other),
                        layer("system", other),
                        layer("license", other)));
        StoredModel odd = store.model("odd");
        assertThat(odd.options()).isEqualTo(Map.of("temperature", 0.5));
        assertThat(odd.template()).contains("caf\uFFFD");
        assertThat(odd.system()).contains("caf\uFFFD");
        assertThat(odd.license()).containsExactly("caf\uFFFD");
    }

    @Test
    void aManifestThatListsItselfIsRefused() throws Exception {
        String itself = "{\"manifests\": [{\"format\": \"gguf\", \"digest\": \"sha256:" + "3".repeat(64) + "\"}]}";
        write("blobs/sha256-" + "3".repeat(64), itself);
        write("manifests/registry.ollama.ai/library/round/latest", itself);
        assertThatThrownBy(() -> store.model("round"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("3".repeat(64))
                .hasMessageContaining("expected a manifest with layers");
    }

    @Test
    void countsASharedBlobOnce() throws Exception {
        long all = 0;
        try (var blobs = Files.list(folder.resolve("blobs"))) {
            for (Path blob : (Iterable<Path>) blobs::iterator) {
                all += Files.size(blob);
            }
        }
        assertThat(store.bytes()).isEqualTo(all);
        assertThat(store.model("tiny:shared").bytes()).isEqualTo("GGUF weights".length());
        assertThat(store.model("tiny:shared").gguf())
                .isEqualTo(store.model("tiny").gguf());
        assertThat(store.toString()).contains("tiny:shared", "0.0 kB  someone/hers:latest", "lost:latest: ");
    }

    @Test
    void findsADamagedBlob() throws Exception {
        store.verify("tiny");
        Path blob = store.model("tiny").gguf();
        Files.writeString(blob, "GGUF weightz");
        assertThatThrownBy(() -> store.verify("tiny"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(blob.getFileName().toString());
    }

    private String blob(String content) throws Exception {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        String digest =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        write("blobs/sha256-" + digest, content);
        return "sha256:" + digest;
    }

    private static String layer(String kind, String digest) {
        return "{\"mediaType\": \"application/vnd.ollama.image." + kind + "\", \"digest\": \"" + digest
                + "\", \"size\": 1}";
    }

    private void manifest(String path, List<String> layers) throws IOException {
        write(path, "{\"schemaVersion\": 2, \"layers\": [" + String.join(", ", layers) + "]}");
    }

    private void write(String path, String content) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }
}
