package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.family.GgufForm;
import io.tunebook.tensors.GgufType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The decoder's text expands blocks as the reader of files does, which is held against llama.cpp's values. */
final class BlocksTest {
    private static final int UINT8 = 0, INT8 = 1, FLOAT16 = 5;

    @TempDir
    Path temp;

    @ParameterizedTest
    @EnumSource(
            names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"
            })
    void expandsAsTheReaderDoes(GgufType type) throws Exception {
        int rows = 6;
        int columns = 512;
        int blocks = rows * columns / type.blockSize();
        byte[] bytes = new byte[Math.toIntExact(type.bytes((long) rows * columns))];
        new Random(3).nextBytes(bytes);
        int each = bytes.length / blocks;
        int front = type == GgufType.Q2_K || type == GgufType.Q3_K || type == GgufType.Q6_K ? each - 4 : 0;
        for (int b = 0; b < blocks; b++) { // random halves may be infinite; these are between 1/4 and 4
            for (int half = 0; half < 2; half++) {
                bytes[b * each + front + 2 * half + 1] &= (byte) 0x87;
                bytes[b * each + front + 2 * half + 1] |= (byte) 0x38;
            }
        }
        Path file = Files.write(temp.resolve("blocks"), bytes);
        float[] expected = new float[rows * columns];
        type.dequantize(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), expected, 0, expected.length);

        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                DecoderScript script = new DecoderScript(manager, false)) {
            FileTensors files = script.files();
            NDArray none = manager.create(new Shape(0));
            Weights.Tensor t = new Weights.Tensor(
                    "blocks",
                    type,
                    new long[] {rows, columns},
                    file,
                    0,
                    bytes.length,
                    GgufForm.AS_IS,
                    0,
                    Optional.empty());
            FileTensors.Stored stored = files.blocksFromFile(
                    manager,
                    files.mapFile(manager, file, bytes.length, type == GgufType.Q8_0 ? INT8 : UINT8),
                    files.mapFile(manager, file, bytes.length / 2, FLOAT16),
                    t,
                    none);
            float[] found = script.expandOnce(manager, List.of(stored), columns, Precision.FLOAT32.type())
                    .toFloatArray();
            assertThat(found).isEqualTo(expected);
        }
    }
}
