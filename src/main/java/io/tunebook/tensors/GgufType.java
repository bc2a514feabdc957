package io.tunebook.tensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * How a tensor's values are stored: plain floats, or blocks of small integers that share scales.
 *
 * <p>The layouts are those of ggml ({@code ggml-common.h}); every one of them is little endian.
 */
public enum GgufType {
    /** IEEE 754 single precision. */
    F32(0, 1, 4),
    /** IEEE 754 half precision. */
    F16(1, 1, 2),
    /** 4 bits a value, a scale for 32. */
    Q4_0(2, 32, 18),
    /** 4 bits a value, a scale and a minimum for 32. */
    Q4_1(3, 32, 20),
    /** 5 bits a value, a scale for 32. */
    Q5_0(6, 32, 22),
    /** 5 bits a value, a scale and a minimum for 32. */
    Q5_1(7, 32, 24),
    /** 8 bits a value, a scale for 32. */
    Q8_0(8, 32, 34),
    /** 2 bits a value, 4-bit scales and minima for each 16 of 256. */
    Q2_K(10, 256, 84),
    /** 3 bits a value, 6-bit scales for each 16 of 256. */
    Q3_K(11, 256, 110),
    /** 4 bits a value, 6-bit scales and minima for each 32 of 256. */
    Q4_K(12, 256, 144),
    /** 5 bits a value, 6-bit scales and minima for each 32 of 256. */
    Q5_K(13, 256, 176),
    /** 6 bits a value, 8-bit scales for each 16 of 256. */
    Q6_K(14, 256, 210),
    /** 4 bits a value, which stand for sixteen uneven steps, a scale for 32. */
    IQ4_NL(20, 32, 18),
    /** The uneven steps of {@link #IQ4_NL}, 6-bit scales for each 32 of 256. */
    IQ4_XS(23, 256, 136),
    /** The upper half of a single-precision float. */
    BF16(30, 1, 2),
    /** 4 bits a value, a float of its own, and an exponent for 32 (OCP Microscaling Formats). */
    MXFP4(39, 32, 17);

    private final int id;
    private final int blockSize;
    private final int blockBytes;

    GgufType(int id, int blockSize, int blockBytes) {
        this.id = id;
        this.blockSize = blockSize;
        this.blockBytes = blockBytes;
    }

    /** The number that stands for this type in a file. */
    public int id() {
        return id;
    }

    /** How many values a block holds; the length of a row is a multiple of it. */
    public int blockSize() {
        return blockSize;
    }

    /** How many bytes a block takes. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Whether the values are stored as integers with scales. */
    public boolean quantized() {
        return blockSize > 1;
    }

    /**
     * The bytes that so many values take.
     *
     * @throws IllegalArgumentException if the values do not fill whole blocks
     */
    public long bytes(long values) {
        if (values < 0 || values % blockSize != 0) {
            throw new IllegalArgumentException(
                    "expected a multiple of " + this + "'s block of " + blockSize + " values, found " + values);
        }
        return Math.multiplyExact(values / blockSize, (long) blockBytes);
    }

    /** Whether values can be stored in this type; the others are only read. */
    public boolean writable() {
        return this != Q2_K && this != Q3_K && this != IQ4_NL && this != IQ4_XS;
    }

    /**
     * What ggml calls the type of a number, one of these or not: a tensor of a type that is not read here is named by
     * it.
     *
     * @see <a href="https://github.com/ggml-org/ggml/blob/master/include/ggml.h">ggml: enum ggml_type</a>
     */
    static String nameOf(long id) {
        String[] names = {
            "F32",
            "F16",
            "Q4_0",
            "Q4_1",
            "Q4_2",
            "Q4_3",
            "Q5_0",
            "Q5_1",
            "Q8_0",
            "Q8_1",
            "Q2_K",
            "Q3_K",
            "Q4_K",
            "Q5_K",
            "Q6_K",
            "Q8_K",
            "IQ2_XXS",
            "IQ2_XS",
            "IQ3_XXS",
            "IQ1_S",
            "IQ4_NL",
            "IQ3_S",
            "IQ2_S",
            "IQ4_XS",
            "I8",
            "I16",
            "I32",
            "I64",
            "F64",
            "IQ1_M",
            "BF16",
            "Q4_0_4_4",
            "Q4_0_4_8",
            "Q4_0_8_8",
            "TQ1_0",
            "TQ2_0",
            "IQ4_NL_4_4",
            "IQ4_NL_4_8",
            "IQ4_NL_8_8",
            "MXFP4",
            "NVFP4",
            "Q1_0"
        };
        return id >= 0 && id < names.length ? names[(int) id] : "number " + id;
    }

    /** The type that a number stands for, if it is one of these. */
    public static Optional<GgufType> of(int id) {
        for (GgufType type : values()) {
            if (type.id == id) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /**
     * Turns stored blocks into floats, bit for bit as the Python package {@code gguf} does.
     *
     * @param blocks the blocks, read from the buffer's position, which moves past them; its byte order does not matter
     * @param out where the values go
     * @param at the index of the first value in {@code out}
     * @param count how many values: a multiple of the block size
     * @throws IllegalArgumentException if {@code count} does not fill whole blocks or the buffer holds fewer
     */
    public void dequantize(ByteBuffer blocks, float[] out, int at, int count) {
        check(blocks, count);
        ByteBuffer in = blocks.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        Dequantizer.run(this, in, out, at, count);
        blocks.position(in.position());
    }

    /**
     * Turns floats into stored blocks. F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and MXFP4 come out bit for bit as from
     * the Python package {@code gguf}; Q4_K, Q5_K and Q6_K search for the scales with the least squared error.
     *
     * @param in the values, finite
     * @param at the index of the first value in {@code in}
     * @param count how many values: a multiple of the block size
     * @param blocks where the blocks go, from the buffer's position, which moves past them
     * @throws IllegalArgumentException if {@code count} does not fill whole blocks or the buffer has too little room
     * @throws UnsupportedOperationException for Q2_K, Q3_K, IQ4_NL and IQ4_XS, which are only read
     */
    public void quantize(float[] in, int at, int count, ByteBuffer blocks) {
        check(blocks, count);
        ByteBuffer out = blocks.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        Quantizer.run(this, in, at, count, out);
        blocks.position(out.position());
    }

    private void check(ByteBuffer blocks, int count) {
        long bytes = bytes(count);
        if (blocks.remaining() < bytes) {
            throw new IllegalArgumentException(count + " values of " + this + " take " + bytes
                    + " bytes, but the buffer has " + blocks.remaining());
        }
    }
}
