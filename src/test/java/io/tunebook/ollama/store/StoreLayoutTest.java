package io.tunebook.ollama.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.files.Sha256;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A folder that is written here is read as Ollama's own. */
class StoreLayoutTest {
    @TempDir
    Path temp;

    @Test
    void liesAsOllamaWouldHaveIt() throws Exception {
        Path gguf = Files.writeString(temp.resolve("weights.gguf"), "GGUF and more");
        Path folder = temp.resolve("models");
        ModelStore store = StoreLayout.add(folder, "smollm2:135m", gguf);
        StoreLayout.add(folder, "hf.co/Owner/Model-GGUF:Q8_0", gguf);

        String digest = Sha256.hex(gguf);
        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile)
                            .map(f -> folder.relativize(f).toString().replace('\\', '/')))
                    .containsExactlyInAnyOrder(
                            "blobs/sha256-" + digest,
                            "manifests/registry.ollama.ai/library/smollm2/135m",
                            "manifests/hf.co/Owner/Model-GGUF/Q8_0");
        }
        StoredModel model = store.model("smollm2:135m");
        assertThat(model.gguf()).hasContent("GGUF and more");
        assertThat(model.bytes()).isEqualTo(Files.size(gguf));
        store.verify("smollm2:135m");
        store.verify("hf.co/Owner/Model-GGUF:Q8_0");
    }
}
