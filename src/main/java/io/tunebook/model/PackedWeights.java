package io.tunebook.model;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.files.Json;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.PackedMatrix;
import io.tunebook.tensors.PackedMatrix.Part;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Finds the matrices of a quantised model of safetensors, by what {@code quantization_config} in {@code config.json}
 * says.
 */
final class PackedWeights {
    private static final String NF4 = ".quant_state.bitsandbytes__nf4";

    /** Longer texts about a tensor are none. */
    private static final int LONGEST_STATE = 1 << 20;

    private final Path config;
    private final JsonNode quantization;
    private final Map<String, Part> parts;
    private final Map<String, PackedMatrix> found = new LinkedHashMap<>();

    private PackedWeights(Path config, JsonNode quantization, Map<String, Part> parts) {
        this.config = config;
        this.quantization = quantization;
        this.parts = parts;
    }

    /**
     * The matrices by the names that their weights have where they are not quantised.
     *
     * @param json {@code config.json}
     * @param parts all tensors of the files, by name
     * @throws ModelFormatException if they are quantised by a method that is not read, or a tensor of a matrix is
     *     missing
     */
    static Map<String, PackedMatrix> of(Path config, JsonNode json, Map<String, Part> parts) throws IOException {
        JsonNode quantization = json.has("quantization_config")
                ? json.path("quantization_config")
                : json.path("text_config").path("quantization_config");
        if (!quantization.isObject()) {
            return Map.of();
        }
        PackedWeights weights = new PackedWeights(config, quantization, parts);
        String method = quantization.path("quant_method").asText("a method without a name");
        for (String name : parts.keySet()) {
            switch (method) {
                case "fp8" -> weights.fp8(name);
                case "bitsandbytes" -> weights.nf4(name);
                case "awq", "gptq" -> weights.int4(name, method.equals("awq"));
                case "mxfp4" -> {} // see FusedExperts
                default ->
                    throw new ModelFormatException(
                            config,
                            "expected weights in float32, float16 or bfloat16, or quantised by fp8, bitsandbytes (NF4), awq, gptq or mxfp4, found"
                                    + " weights quantised by " + method
                                    + ": load the model that they were made from, or a GGUF file of it");
            }
        }
        return weights.found;
    }

    private void fp8(String name) throws IOException {
        Part codes = parts.get(name);
        if (!name.endsWith(".weight") || !codes.stored().dtype().equals("F8_E4M3")) {
            return;
        }
        JsonNode block = quantization.path("weight_block_size");
        Part scales = part(name + "_scale_inv");
        int rows = block.path(0).asInt(1);
        int columns = block.path(1).asInt(1);
        if (rows < 1 || columns < 1) {
            throw new ModelFormatException(config, "weight_block_size: expected two sizes from 1 on, found " + block);
        }
        long blocks = ((codes.rows() + rows - 1) / rows) * ((codes.columns() + columns - 1) / columns);
        if (scales.stored().values() != 1 && scales.stored().values() != blocks) {
            throw new ModelFormatException(
                    scales.stored().file(),
                    "tensor " + scales.stored().name() + ": expected one scale, or " + blocks + " for blocks of " + rows
                            + " by " + columns + " values, found "
                            + scales.stored().values());
        }
        found.put(name, new PackedMatrix.Fp8(codes, scales, rows, columns));
    }

    private void nf4(String name) throws IOException {
        if (name.endsWith(".SCB") || name.endsWith(".quant_state.bitsandbytes__fp4")) {
            throw new ModelFormatException(
                    config,
                    "expected NF4 of bitsandbytes, found its int8 or FP4 (tensor " + name
                            + "): load the model that they were made from, or a GGUF file of it");
        }
        if (!name.endsWith(NF4)) {
            return;
        }
        String weight = name.substring(0, name.length() - NF4.length());
        Part state = parts.get(name);
        JsonNode json = json(state);
        boolean nested = json.has("nested_blocksize");
        long[] shape = {
            json.path("shape").path(0).asLong(), json.path("shape").path(1).asLong()
        };
        Part codes = part(weight);
        if (shape[0] < 1 || shape[1] < 1 || codes.stored().bytes() != (shape[0] * shape[1] + 1) / 2) {
            throw new ModelFormatException(
                    codes.stored().file(),
                    "tensor " + weight + ": expected two values a byte for the shape " + json.path("shape") + ", found "
                            + codes.stored().bytes() + " bytes");
        }
        found.put(
                weight,
                new PackedMatrix.Nf4(
                        shape,
                        json.path("dtype").asText().equals("float16") ? GgufType.F16 : GgufType.BF16,
                        codes,
                        part(weight + ".absmax"),
                        part(weight + ".quant_map"),
                        nested ? part(weight + ".nested_absmax") : null,
                        nested ? part(weight + ".nested_quant_map") : null,
                        json.path("blocksize").asInt(64),
                        json.path("nested_blocksize").asInt(256),
                        (float) json.path("nested_offset").asDouble(0)));
    }

    /** A tensor that holds a text in JSON. */
    private static JsonNode json(Part state) throws IOException {
        Path file = state.stored().file();
        String expected = "tensor " + state.stored().name() + ": expected JSON";
        if (state.stored().bytes() > LONGEST_STATE) {
            throw new ModelFormatException(
                    file,
                    expected + " of at most " + LONGEST_STATE + " bytes, found "
                            + state.stored().bytes());
        }
        try {
            return Json.files()
                    .readTree(state.bytes(0, (int) state.stored().bytes()).array());
        } catch (JacksonException | CharConversionException broken) {
            throw new ModelFormatException(file, expected + ": " + broken.getMessage(), broken);
        }
    }

    private void int4(String name, boolean awq) throws IOException {
        if (!name.endsWith(".qweight")) {
            return;
        }
        int bits = quantization.path("bits").asInt(quantization.path("w_bit").asInt(4));
        String version = quantization.path("version").asText("gemm");
        if (bits != 4 || awq && !version.equalsIgnoreCase("gemm")) {
            throw new ModelFormatException(
                    config,
                    "expected 4 bits" + (awq ? " of version gemm" : "") + ", found " + bits + " of version " + version
                            + ": load the model that they were made from, or a GGUF file of it");
        }
        String module = name.substring(0, name.length() - ".qweight".length());
        boolean second = quantization.path("checkpoint_format").asText("gptq").equals("gptq_v2");
        found.put(
                module + ".weight",
                new PackedMatrix.Int4(
                        awq,
                        part(name),
                        part(module + ".qzeros"),
                        part(module + ".scales"),
                        awq ? null : parts.get(module + ".g_idx"),
                        awq || second ? 0 : 1));
    }

    private Part part(String name) throws ModelFormatException {
        Part part = parts.get(name);
        if (part == null) {
            throw new ModelFormatException(
                    config, "tensor " + name + ": expected beside a quantised one, found nothing");
        }
        return part;
    }
}
