package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Headers that mean harm. */
final class SafetensorsTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'dtype':'F32','shape':{'x':2},'data_offsets':[0,8]}",
                "{'dtype':'F32','shape':'2','data_offsets':[0,8]}",
                "{'dtype':'F32','shape':[{'x':2}],'data_offsets':[0,8]}",
                "{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}",
                "{'dtype':'F32','shape':[1e300],'data_offsets':[0,8]}",
                "{'dtype':'F32','shape':[2],'data_offsets':{'0':0,'1':8}}",
                "{'dtype':'F32','shape':[2],'data_offsets':[8,0]}",
                "{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}",
                "{'dtype':'F32','shape':[2],'data_offsets':[0,9223372036854775807]}",
                "{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,8]}",
                "{'shape':[2],'data_offsets':[0,8]}",
                "[]",
                "null"
            })
    void aMalformedTensorIsRefusedByItsFileAndName(String tensor) throws IOException {
        byte[] header = ("{'weight':" + tensor + "}").replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + 8).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length).put(header);
        Path file = Files.write(folder.resolve("harm.safetensors"), bytes.array());
        assertThatThrownBy(() -> {
                    try (Safetensors tensors = Safetensors.open(file)) {
                        String unread = tensors.unread().get("weight");
                        if (unread != null) {
                            throw new ModelFormatException(file, "weight: " + unread);
                        }
                    }
                })
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("harm.safetensors")
                .hasMessageContaining("weight");
    }
}
