package io.tunebook.export;

import io.tunebook.tensors.GgufType;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What types the weights of an exported model get. Vectors (norms, biases) are always F32, as llama.cpp wants them.
 *
 * <p>The mixes and fallbacks are those of llama.cpp's {@code llama-quantize} ({@code llama-quant.cpp}), without an
 * importance matrix.
 */
public enum Quantization {
    /**
     * The type that each tensor has in the base; what lies in MXFP4 stays so in all types of eight bits and fewer;
     * Q2_K, Q3_K, IQ4_NL and IQ4_XS, which are not written, become Q4_K.
     */
    AS_BASE(null, -1),
    /** Half precision: exact enough for anything, two bytes a weight. */
    F16(GgufType.F16, 1),
    /** bfloat16: what most models are trained in, two bytes a weight. */
    BF16(GgufType.BF16, 32),
    /** 8 bits: next to no loss, half the size of F16. */
    Q8_0(GgufType.Q8_0, 7),
    /** 4 bits in the older, simpler blocks. */
    Q4_0(GgufType.Q4_0, 2),
    /** 4 bits where it hurts least and 6 where it hurts most: what Ollama serves by default. */
    Q4_K_M(GgufType.Q4_K, 15);

    /** Routers and convolutions, which llama.cpp keeps so. */
    private static final Pattern WHOLE = Pattern.compile("\\.(ffn_gate_inp|ssm_conv1d)\\.weight$");

    private static final Pattern LAYER = Pattern.compile("blk\\.(\\d+)\\..*");

    private final GgufType type;
    private final int fileType;

    Quantization(GgufType type, int fileType) {
        this.type = type;
        this.fileType = fileType;
    }

    /** The number for {@code general.file_type} (llama.cpp's {@code llama_ftype}); none for {@link #AS_BASE}. */
    OptionalInt fileType() {
        return fileType < 0 ? OptionalInt.empty() : OptionalInt.of(fileType);
    }

    /**
     * The type of one tensor.
     *
     * @param name its name in GGUF
     * @param shape its shape, the slowest dimension first
     * @param base its type in the base
     * @param layers how many layers the model has
     * @param tied whether the embedding is the output layer too
     */
    GgufType typeOf(String name, long[] shape, GgufType base, int layers, boolean tied) {
        if (shape.length == 1 || WHOLE.matcher(name).find()) {
            return GgufType.F32;
        }
        if (base == GgufType.MXFP4 && (type == null || type.quantized())) {
            return base; // another type of about four bits would round once more, as llama.cpp's own files of gpt-oss
            // do not
        }
        if (type == null) {
            return base.writable() ? base : fitting(GgufType.Q4_K, shape[shape.length - 1]);
        }
        GgufType wanted = type;
        boolean output = name.equals("output.weight") || tied && name.equals("token_embd.weight");
        if (output && type.quantized() && this != Q8_0) {
            wanted = GgufType.Q6_K;
        } else if (this == Q4_K_M && (name.contains(".attn_v.") || name.contains(".ffn_down"))) {
            Matcher layer = LAYER.matcher(name);
            wanted = layer.matches() && sensitive(Integer.parseInt(layer.group(1)), layers) ? GgufType.Q6_K : type;
        }
        return fitting(wanted, shape[shape.length - 1]);
    }

    /** The first and last eighth of the layers and every third between them. */
    private static boolean sensitive(int layer, int layers) {
        int eighth = layers / 8;
        return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
    }

    /** The type itself, or the next one up whose blocks fill a row. */
    private static GgufType fitting(GgufType wanted, long row) {
        if (row % wanted.blockSize() == 0) {
            return wanted;
        }
        if (row % 32 != 0) {
            return GgufType.F16;
        }
        return wanted == GgufType.Q4_K ? GgufType.Q5_0 : GgufType.Q8_0;
    }
}
