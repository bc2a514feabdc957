package io.tunebook.tensors;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Against the blocks that gguf-py makes of the same floats, and against the errors that llama.cpp makes. */
class QuantizeTest {
    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"})
    void equalsGgufPyToTheLastBit(GgufType type) throws Exception {
        Path golden = Path.of(QuantizeTest.class.getResource("quantised.gguf").toURI());
        try (GgufFile file = GgufFile.open(golden)) {
            float[] values = file.read(file.tensor("F32").orElseThrow());
            GgufTensor expected = file.tensor(type.name()).orElseThrow();
            ByteBuffer blocks = ByteBuffer.allocate((int) expected.bytes());
            file.read(expected.file(), expected.offset(), blocks);
            ByteBuffer found = ByteBuffer.allocate((int) expected.bytes());
            type.quantize(values, 0, values.length, found);
            assertThat(found.array()).isEqualTo(blocks.array());
        }
    }

    /**
     * The limits are the root mean square errors of llama.cpp's {@code quantize_row_*_ref} for normally distributed
     * values, over the values' own root mean square; two percent more is allowed.
     */
    @ParameterizedTest
    @CsvSource({"Q4_K, 0.07128", "Q5_K, 0.03608", "Q6_K, 0.01773"})
    void errsNoMoreThanLlamaCpp(GgufType type, double reference) {
        Random random = new Random(5);
        float[] values = new float[1 << 18];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * 0.03);
        }
        ByteBuffer blocks = ByteBuffer.allocate((int) type.bytes(values.length));
        type.quantize(values, 0, values.length, blocks);
        float[] back = new float[values.length];
        type.dequantize(blocks.flip(), back, 0, back.length);
        double error = 0;
        double power = 0;
        for (int i = 0; i < values.length; i++) {
            error += Math.pow(back[i] - values[i], 2);
            power += Math.pow(values[i], 2);
        }
        assertThat(Math.sqrt(error / power)).isLessThan(1.02 * reference);
    }
}
