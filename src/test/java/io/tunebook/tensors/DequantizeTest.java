package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against the floats that gguf-py makes of the same random blocks ({@code bench/reference/formats.py}). */
class DequantizeTest {
    @ParameterizedTest
    @EnumSource(names = "F32", mode = EnumSource.Mode.EXCLUDE)
    void equalsGgufPyToTheLastBit(GgufType type) throws Exception {
        Path golden =
                Path.of(DequantizeTest.class.getResource("dequantised.gguf").toURI());
        try (GgufFile file = GgufFile.open(golden)) {
            float[] values = file.read(file.tensor(type.name()).orElseThrow());
            assertThat(values).hasSize(2 * 2048).startsWith(file.floats("head." + type));
            assertThat(crc(values)).isEqualTo(file.integer("crc." + type).orElseThrow());
        }
    }

    private static long crc(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        CRC32 crc = new CRC32();
        crc.update(bytes.array());
        return crc.getValue();
    }
}
