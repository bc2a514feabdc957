package io.tunebook.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.Safetensors;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against adapters that PEFT saved ({@code bench/reference/formats.py}). */
class AdapterFileTest {
    private static final String DOWN = "model.layers.0.mlp.down_proj";

    @TempDir
    Path temp;

    private static Path golden(String architecture) throws Exception {
        return Path.of(AdapterFileTest.class
                .getResource("/io/tunebook/export/" + architecture + "/adapter")
                .toURI());
    }

    @Test
    void readsWhatPeftSaved() throws Exception {
        AdapterFile dora = AdapterFile.read(golden("llama"));
        assertThat(dora.settings().rank("model.layers.1.self_attn.q_proj")).isEqualTo(2);
        assertThat(dora.settings().rank("model.layers.0.self_attn.q_proj")).isEqualTo(4);
        assertThat(dora.settings().scale(DOWN)).isEqualTo(3.5 / 4);
        assertThat(dora.factors().get(DOWN).magnitude()).hasSize(32);
        assertThat(dora.factors().keySet()).first().isEqualTo(DOWN);
        AdapterFile rslora = AdapterFile.read(golden("qwen2"));
        assertThat(rslora.settings().scale(DOWN)).isEqualTo(8 / Math.sqrt(4));
        assertThat(rslora.settings().targetModules()).containsExactlyInAnyOrder("q_proj", "k_proj", "down_proj");
    }

    @Test
    void writesWhatPeftWouldHave() throws Exception {
        for (String architecture : List.of("llama", "qwen2")) {
            Path folder = temp.resolve(architecture);
            AdapterFile adapter = AdapterFile.read(golden(architecture));
            adapter.write(folder);
            AdapterFile again = AdapterFile.read(folder);
            assertThat(again.settings()).isEqualTo(adapter.settings());
            assertThat(again.factors()).isEqualTo(adapter.factors());
            try (Safetensors ours = Safetensors.open(folder.resolve("adapter_model.safetensors"));
                    Safetensors theirs = Safetensors.open(golden(architecture).resolve("adapter_model.safetensors"))) {
                assertThat(ours.tensors().keySet()).isEqualTo(theirs.tensors().keySet());
                assertThat(ours.metadata()).isEqualTo(theirs.metadata());
            }
            ObjectMapper json = new ObjectMapper();
            JsonNode ours = json.readTree(folder.resolve("adapter_config.json").toFile());
            JsonNode theirs = json.readTree(
                    golden(architecture).resolve("adapter_config.json").toFile());
            ours.properties()
                    .forEach(e -> assertThat(e.getValue()).as(e.getKey()).isEqualTo(theirs.get(e.getKey())));
        }
    }

    @Test
    void refusesWhatItDoesNotCompute() throws Exception {
        Files.copy(golden("llama").resolve("adapter_model.safetensors"), temp.resolve("adapter_model.safetensors"));
        String config = Files.readString(golden("llama").resolve("adapter_config.json"));
        Files.writeString(
                temp.resolve("adapter_config.json"), config.replace("\"bias\": \"none\"", "\"bias\": \"all\""));
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("bias: expected \"none\", found \"all\"");
        Files.writeString(temp.resolve("adapter_config.json"), config.replace("\"r\": 4", "\"r\": 8"));
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("layer " + DOWN + ": expected rank 8 as adapter_config.json says, found 4");
    }

    @Test
    void refusesAPickle() throws Exception {
        Files.createFile(temp.resolve("adapter_model.bin"));
        assertThatThrownBy(() -> AdapterFile.read(temp)).hasMessageContaining("pickle");
    }

    /** A file with a hole, so that it takes no room. */
    @Test
    void aTensorLargerThanAnArrayIsNamed() throws Exception {
        Files.copy(golden("llama").resolve(AdapterFile.CONFIG), temp.resolve(AdapterFile.CONFIG));
        long bytes = 4L * (1 << 29) * 4;
        String name = "base_model.model.model.layers.0.self_attn.k_proj.lora_";
        String header = "{\"" + name + "A.weight\":{\"dtype\":\"F32\",\"shape\":[4," + (1 << 29)
                + "],\"data_offsets\":[0," + bytes + "]},\"" + name
                + "B.weight\":{\"dtype\":\"F32\",\"shape\":[8,4],\"data_offsets\":[" + bytes + "," + (bytes + 128)
                + "]}}";
        try (RandomAccessFile file =
                new RandomAccessFile(temp.resolve(AdapterFile.TENSORS).toFile(), "rw")) {
            file.writeLong(Long.reverseBytes(header.length()));
            file.writeBytes(header);
            file.setLength(8 + header.length() + bytes + 128);
        }
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(AdapterFile.TENSORS)
                .hasMessageContaining("k_proj")
                .hasMessageContaining("2 GB");
    }

    @Test
    void saysWhichCheckpointOfAnOutputFolderIsTheNewest() throws Exception {
        for (String name : List.of("checkpoint-9", "checkpoint-20")) {
            Path folder = Files.createDirectories(temp.resolve(name));
            for (String file : List.of(AdapterFile.CONFIG, AdapterFile.TENSORS)) {
                Files.copy(golden("llama").resolve(file), folder.resolve(file));
            }
        }
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("found a trainer's output: its newest checkpoint is checkpoint-20. Load that");
        assertThat(AdapterFile.read(temp.resolve("checkpoint-20")).factors()).isNotEmpty();
    }

    @Test
    void saysWhatADownloadLeft() throws Exception {
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0".repeat(64) + "\nsize 12345\n";
        Files.copy(golden("llama").resolve(AdapterFile.CONFIG), temp.resolve(AdapterFile.CONFIG));
        Files.writeString(temp.resolve(AdapterFile.TENSORS), pointer);
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .hasMessageContaining("adapter_model.safetensors: expected an adapter's data, found a Git LFS pointer");
        Files.writeString(temp.resolve(AdapterFile.CONFIG), "<html><head>");
        assertThatThrownBy(() -> AdapterFile.read(temp))
                .hasMessageContaining("adapter_config.json: expected an adapter's data, found a page of the web");
    }

    @Test
    void saysThatAnAdapterIsMlxs(@org.junit.jupiter.api.io.TempDir Path folder) throws Exception {
        Files.writeString(
                folder.resolve("adapter_config.json"), "{\"fine_tune_type\": \"lora\", \"lora_parameters\": {}}");
        Files.write(folder.resolve("adapters.safetensors"), new byte[8]);
        assertThatThrownBy(() -> AdapterFile.read(folder)).hasMessageContaining("found MLX's adapters.safetensors");
    }
}
