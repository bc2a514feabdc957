package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tunebook.lora.AdapterFile;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/** However a file is cut or damaged, what comes of it is read or is a {@link ModelFormatException}. */
class BrokenFilesTest {
    private Path folder;

    private interface Opening {
        void open(Path file) throws IOException;
    }

    @BeforeProperty
    void folder() throws IOException {
        folder = Files.createTempDirectory("broken");
    }

    @AfterProperty
    void delete() throws IOException {
        try (var files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder())
                    .forEach(f -> assertThat(f.toFile().delete()).isTrue());
        }
    }

    private static byte[] golden(String name) throws Exception {
        return Files.readAllBytes(Path.of(
                BrokenFilesTest.class.getResource("/io/tunebook/export/" + name).toURI()));
    }

    @Property(tries = 300)
    void aGgufFileThatIsCutShortIsRefused(@ForAll @IntRange(min = 0, max = 42_000) int length) throws Exception {
        byte[] whole = golden("llama/base.gguf");
        Path file = Files.write(folder.resolve("short.gguf"), Arrays.copyOf(whole, length));
        assertThatThrownBy(() -> GgufFile.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageStartingWith(file.toString());
    }

    @Property(tries = 1000)
    void aDamagedGgufFileIsReadOrRefused(@ForAll long seed, @ForAll @IntRange(min = 1, max = 8) int bytes)
            throws Exception {
        // Most of the file is weights, where anything goes: the damage is done to the header.
        readOrRefused(damaged(golden("llama/base.gguf"), 1600, seed, bytes), "m.gguf", file -> {
            try (GgufFile gguf = GgufFile.open(file)) {
                for (GgufTensor tensor : gguf.tensors()) {
                    gguf.read(tensor);
                }
            }
            Weights.open(file).close();
        });
    }

    @Property(tries = 1000)
    void aDamagedAdapterIsReadOrRefused(@ForAll long seed, @ForAll @IntRange(min = 1, max = 8) int bytes)
            throws Exception {
        Files.write(folder.resolve("adapter_config.json"), golden("llama/adapter/adapter_config.json"));
        byte[] tensors = damaged(golden("llama/adapter/adapter_model.safetensors"), 1500, seed, bytes);
        readOrRefused(tensors, "adapter_model.safetensors", file -> AdapterFile.read(folder));
        Files.write(folder.resolve("adapter_model.safetensors"), golden("llama/adapter/adapter_model.safetensors"));
        byte[] config = damaged(golden("llama/adapter/adapter_config.json"), 1000, seed, bytes);
        readOrRefused(config, "adapter_config.json", file -> AdapterFile.read(folder));
    }

    private void readOrRefused(byte[] content, String name, Opening opening) throws IOException {
        Path file = Files.write(folder.resolve(name), content);
        try {
            opening.open(file);
        } catch (ModelFormatException refused) {
            assertThat(refused).hasMessageContaining(folder.toString());
        }
    }

    private static byte[] damaged(byte[] content, int within, long seed, int bytes) {
        Random random = new Random(seed);
        for (int i = 0; i < bytes; i++) {
            content[random.nextInt(within)] = (byte) random.nextInt(256);
        }
        return content;
    }
}
