package io.tunebook.tensors;

import io.tunebook.tensors.Safetensors.StoredTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A matrix that several tensors of safetensors make up, as quantised models are published for Python's libraries: its
 * values are computed as it is read. Rows are outputs and columns inputs, whichever way the tensors have them. Safe for
 * several threads.
 */
public sealed interface PackedMatrix {
    /** Reads a file's bytes by position. */
    interface Bytes {
        void read(long position, ByteBuffer into) throws IOException;
    }

    /**
     * One of the tensors.
     *
     * @param from the file it lies in
     */
    record Part(StoredTensor stored, Bytes from) {
        /** The length of its first dimension; 1 for a single value. */
        public long rows() {
            return stored.shape().length == 0 ? 1 : stored.shape()[0];
        }

        /** The length of its second dimension; 1 where it has none. */
        public long columns() {
            return stored.shape().length < 2 ? 1 : stored.shape()[1];
        }

        /**
         * So many bytes from one of them on.
         *
         * @throws ModelFormatException if the tensor has fewer
         */
        public ByteBuffer bytes(long first, int count) throws IOException {
            if (first < 0 || first + count > stored.bytes()) {
                throw new ModelFormatException(
                        stored.file(),
                        "tensor " + stored.name() + ": expected bytes up to " + (first + count) + ", found "
                                + stored.bytes());
            }
            ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
            from.read(stored.offset() + first, buffer);
            return buffer.flip();
        }

        /** Floats of F32, F16 or BF16, from one of them on. */
        float[] floats(long first, int count) throws IOException {
            GgufType type = GgufType.valueOf(stored.dtype());
            float[] out = new float[count];
            type.dequantize(bytes(first * type.blockBytes(), count * type.blockBytes()), out, 0, count);
            return out;
        }

        float[] floats() throws IOException {
            return floats(0, Math.toIntExact(stored.values()));
        }

        int[] ints(long first, int count) throws IOException {
            int[] out = new int[count];
            bytes(4 * first, 4 * count).asIntBuffer().get(out);
            return out;
        }
    }

    /** The lengths of its dimensions: outputs, inputs. */
    long[] shape();

    /**
     * The plain type that the library which made it computes its values in.
     *
     * @return F16 or BF16
     */
    GgufType type();

    /** The file of its largest tensor, for messages. */
    Path file();

    /**
     * Reads rows as floats.
     *
     * @param first the first row
     * @param rows how many
     * @param at the index of the first value in {@code out}
     */
    void read(long first, int rows, float[] out, int at) throws IOException;

    /**
     * Floats of eight bits (E4M3: four of exponent, three of mantissa) and a scale for each block of rows and columns,
     * as DeepSeek and Qwen publish them; a single scale for the whole in Mistral's.
     *
     * @param scales {@code weight_scale_inv}, which multiplies: [row blocks, column blocks], or one value
     */
    record Fp8(Part codes, Part scales, int blockRows, int blockColumns) implements PackedMatrix {
        private static final float[] VALUES = new float[256];

        static {
            for (int code = 0; code < 256; code++) {
                int exponent = code >> 3 & 15;
                int mantissa = code & 7;
                double size = exponent == 0 ? Math.scalb(mantissa, -9) : Math.scalb(8 + mantissa, exponent - 10);
                boolean nan = (code & 127) == 127; // there is no infinity
                VALUES[code] = nan ? Float.NaN : (float) (code > 127 ? -size : size);
            }
        }

        @Override
        public long[] shape() {
            return codes.stored().shape();
        }

        @Override
        public GgufType type() {
            return GgufType.BF16;
        }

        @Override
        public Path file() {
            return codes.stored().file();
        }

        @Override
        public void read(long first, int rows, float[] out, int at) throws IOException {
            int columns = (int) codes.columns();
            ByteBuffer bytes = codes.bytes(first * columns, rows * columns);
            boolean single = scales.stored().values() == 1;
            float[] all = single ? scales.floats() : new float[0];
            int across = (int) scales.columns();
            float[] row = all;
            for (int r = 0; r < rows; r++) {
                if (!single && (r == 0 || (first + r) % blockRows == 0)) {
                    row = scales.floats((first + r) / blockRows * across, across);
                }
                for (int c = 0; c < columns; c++) {
                    out[at++] = VALUES[bytes.get() & 255] * row[single ? 0 : c / blockColumns];
                }
            }
        }
    }

    /**
     * NF4 of bitsandbytes (Dettmers et al., 2023), as Unsloth publishes it: four bits a value, the first one in the
     * upper half of a byte, and the largest magnitude of each block, which may be quantised itself.
     *
     * @param absmax of the blocks: F32, or U8 codes of {@code nestedMap}
     * @param map the sixteen values that codes stand for
     * @param nestedAbsmax of blocks of {@code absmax}; null where that is F32
     * @param nestedMap the values that the codes of {@code absmax} stand for
     * @param offset what is added to each of them
     */
    record Nf4(
            long[] shape,
            GgufType type,
            Part codes,
            Part absmax,
            Part map,
            Part nestedAbsmax,
            Part nestedMap,
            int block,
            int nestedBlock,
            float offset)
            implements PackedMatrix {
        @Override
        public Path file() {
            return codes.stored().file();
        }

        @Override
        public void read(long first, int rows, float[] out, int at) throws IOException {
            int columns = Math.toIntExact(shape[1]);
            long start = first * columns;
            long end = start + (long) rows * columns;
            long firstBlock = start / block;
            int blocks = (int) ((end + block - 1) / block - firstBlock);
            float[] largest = largest(firstBlock, blocks);
            float[] values = map.floats();
            long firstByte = start / 2;
            ByteBuffer bytes = codes.bytes(firstByte, (int) ((end + 1) / 2 - firstByte));
            for (long i = start; i < end; i++) {
                int both = bytes.get((int) (i / 2 - firstByte));
                int code = i % 2 == 0 ? both >> 4 & 15 : both & 15;
                out[at++] = values[code] * largest[(int) (i / block - firstBlock)];
            }
        }

        private float[] largest(long first, int count) throws IOException {
            if (nestedAbsmax == null) {
                return absmax.floats(first, count);
            }
            ByteBuffer bytes = absmax.bytes(first, count);
            float[] of = nestedMap.floats();
            float[] scales = nestedAbsmax.floats();
            float[] out = new float[count];
            for (int i = 0; i < count; i++) {
                out[i] = of[bytes.get(i) & 255] * scales[(int) ((first + i) / nestedBlock)] + offset;
            }
            return out;
        }
    }

    /**
     * Four bits with a scale and a zero for each group of inputs, inputs in rows: AWQ's (Lin et al., 2023) and GPTQ's
     * (Frantar et al., 2022). A word of 32 bits has eight values: AWQ's those of eight outputs in an order of its own,
     * GPTQ's those of eight inputs.
     *
     * @param codes {@code qweight}: AWQ's [inputs, outputs / 8], GPTQ's [inputs / 8, outputs]
     * @param zeros {@code qzeros}, [groups, outputs / 8]
     * @param scales [groups, outputs]
     * @param groups {@code g_idx}, which group an input belongs to; null where they follow one another
     * @param more what is added to the stored zeros: 1 in GPTQ's first format
     */
    record Int4(boolean awq, Part codes, Part zeros, Part scales, Part groups, int more) implements PackedMatrix {
        private static final int[] AWQ_ORDER = {0, 2, 4, 6, 1, 3, 5, 7};

        @Override
        public long[] shape() {
            long inputs = awq ? codes.rows() : codes.rows() * 8;
            return new long[] {scales.columns(), inputs};
        }

        @Override
        public GgufType type() {
            return scales.stored().dtype().equals("BF16") ? GgufType.BF16 : GgufType.F16;
        }

        @Override
        public Path file() {
            return codes.stored().file();
        }

        /** Where in a word the value of an output stands, in bits. */
        private int shift(long output) {
            if (!awq) {
                return (int) (output % 8) * 4;
            }
            int place = 0;
            while (AWQ_ORDER[place] != output % 8) {
                place++;
            }
            return place * 4;
        }

        @Override
        public void read(long first, int rows, float[] out, int at) throws IOException {
            int inputs = Math.toIntExact(shape()[1]);
            int outputs = Math.toIntExact(scales.columns());
            int number = Math.toIntExact(scales.rows());
            int[] group = new int[inputs];
            if (groups == null) {
                int size = (inputs + number - 1) / number;
                Arrays.setAll(group, i -> i / size);
            } else {
                group = groups.ints(0, inputs);
                for (int g : group) {
                    if (g < 0 || g >= number) {
                        throw new ModelFormatException(
                                groups.stored().file(),
                                "tensor " + groups.stored().name() + ": expected groups below " + number + ", found "
                                        + g);
                    }
                }
            }
            int[] shifts = new int[8];
            Arrays.setAll(shifts, this::shift);
            // the words of all inputs that hold these outputs, a strip a row of the file
            int firstWord = (int) (first / 8);
            int words = (int) ((first + rows + 7) / 8) - firstWord;
            int[][] zero = new int[number][];
            float[][] scale = new float[number][];
            for (int g = 0; g < number; g++) {
                zero[g] = zeros.ints((long) g * outputs / 8 + firstWord, words);
                scale[g] = scales.floats((long) g * outputs + first, rows);
            }
            for (int i = 0; i < inputs; i += awq ? 1 : 8) {
                int[] strip = awq
                        ? codes.ints((long) i * outputs / 8 + firstWord, words)
                        : codes.ints((long) i / 8 * outputs + first, rows);
                for (int r = 0; r < rows; r++) {
                    long output = first + r;
                    int word = (int) (output / 8) - firstWord;
                    for (int j = i; j < i + (awq ? 1 : 8); j++) {
                        int code =
                                awq ? strip[word] >>> shifts[(int) (output % 8)] & 15 : strip[r] >>> (j - i) * 4 & 15;
                        int g = group[j];
                        int z = (zero[g][word] >>> shifts[(int) (output % 8)] & 15) + more;
                        out[at + r * inputs + j] = (code - z) * scale[g][r];
                    }
                }
            }
        }
    }

    /**
     * MXFP4 (OCP Microscaling Formats), as OpenAI publishes gpt-oss: sixteen bytes for 32 values, the first one of two
     * in the lower half of a byte, and an exponent for them.
     *
     * @param codes U8 [..., blocks of a row, 16]
     * @param scales U8 [..., blocks of a row]
     * @param first which row of all is the first one of this matrix
     * @param step how far apart its rows are
     */
    record Mxfp4(Part codes, Part scales, long[] shape, long first, int step) implements PackedMatrix {
        /** The same values, though their bytes lie otherwise in GGUF. */
        @Override
        public GgufType type() {
            return GgufType.MXFP4;
        }

        @Override
        public Path file() {
            return codes.stored().file();
        }

        /** How many blocks a row has. */
        public int blocks() {
            return Math.toIntExact(shape[1] / 32);
        }

        @Override
        public void read(long firstRow, int rows, float[] out, int at) throws IOException {
            for (int r = 0; r < rows; r++) {
                long block = (first + (firstRow + r) * step) * blocks();
                ByteBuffer exponents = scales.bytes(block, blocks());
                ByteBuffer bytes = codes.bytes(block * 16, blocks() * 16);
                while (bytes.hasRemaining()) {
                    int exponent = exponents.get(bytes.position() / 16);
                    int both = bytes.get();
                    out[at++] = Dequantizer.mxfp4(exponent, both);
                    out[at++] = Dequantizer.mxfp4(exponent, both >> 4);
                }
            }
        }
    }

    /**
     * Values of a plain type that lie apart from one another in a larger tensor.
     *
     * @param start the place of the first one
     * @param rowStep how far apart rows are
     * @param columnStep how far apart the values of a row are
     */
    record Strided(Part values, long[] shape, long start, long rowStep, long columnStep) implements PackedMatrix {
        @Override
        public GgufType type() {
            return GgufType.valueOf(values.stored().dtype());
        }

        @Override
        public Path file() {
            return values.stored().file();
        }

        /** A column at a time, since the values of a column lie nearer to one another; a vector at once. */
        @Override
        public void read(long first, int rows, float[] out, int at) throws IOException {
            int columns = Math.toIntExact(shape[shape.length - 1]);
            if (shape.length == 1) {
                float[] all = values.floats(start, Math.toIntExact((columns - 1) * columnStep + 1));
                for (int c = 0; c < columns; c++) {
                    out[at + c] = all[Math.toIntExact(c * columnStep)];
                }
                return;
            }
            int length = Math.toIntExact((rows - 1) * rowStep + 1);
            for (int c = 0; c < columns; c++) {
                float[] strip = values.floats(start + first * rowStep + c * columnStep, length);
                for (int r = 0; r < rows; r++) {
                    out[at + r * columns + c] = strip[Math.toIntExact(r * rowStep)];
                }
            }
        }
    }
}
