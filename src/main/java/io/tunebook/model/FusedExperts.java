package io.tunebook.model;

import io.tunebook.model.Weights.Tensor;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.ModelFormatException;
import io.tunebook.tensors.PackedMatrix;
import io.tunebook.tensors.PackedMatrix.Part;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Experts in safetensors, where those of a layer are one tensor. Qwen3.5 may have {@code gate_up_proj} [experts, out,
 * in] in a plain type, with gate above up: pieces of it are experts. gpt-oss has [experts, in, out], or
 * {@code gate_up_proj_blocks} [experts, out, in / 32, 16] with {@code gate_up_proj_scales} in MXFP4; the outputs are
 * gate and up in turns.
 */
final class FusedExperts {
    private final Map<String, Part> parts;
    private final Experts experts;
    private final Map<String, PackedMatrix> found = new LinkedHashMap<>();

    private FusedExperts(Map<String, Part> parts, Experts experts) {
        this.parts = parts;
        this.experts = experts;
    }

    /**
     * Each expert's matrices where they are pieces of one tensor.
     *
     * @param found the tensors of the files, by name
     * @throws ModelFormatException if a tensor has another shape than the configuration says
     */
    static Map<String, Tensor> pieces(ModelConfig config, Map<String, Tensor> found) throws ModelFormatException {
        Map<String, Tensor> pieces = new LinkedHashMap<>();
        Experts experts = config.experts().filter(e -> e.clamp().isEmpty()).orElse(null);
        for (int layer = 0; experts != null && layer < config.layers(); layer++) {
            for (String part : new String[] {"gate", "up", "down"}) {
                int rows = part.equals("down") ? config.hiddenSize() : experts.width();
                int columns = part.equals("down") ? experts.width() : config.hiddenSize();
                int all = part.equals("down") ? rows : 2 * rows;
                Tensor whole = found.get(Experts.parameterOf(Experts.tensor(layer, 0, part, "weight"))
                        .orElseThrow());
                if (whole == null) {
                    continue; // each expert has tensors of its own
                }
                require(whole.file(), whole.name(), whole.shape(), experts.count(), all, columns);
                for (int e = 0; e < experts.count(); e++) {
                    String name = Experts.tensor(layer, e, part, "weight");
                    GgufType type = whole.type();
                    long first = (long) e * all + experts.firstRow(name);
                    pieces.put(
                            name,
                            new Tensor(
                                    name,
                                    type,
                                    new long[] {rows, columns},
                                    whole.file(),
                                    whole.offset() + type.bytes(first * columns),
                                    type.bytes((long) rows * columns),
                                    whole.form(),
                                    whole.added(),
                                    Optional.empty()));
                }
            }
        }
        return pieces;
    }

    /**
     * Each expert's matrices and biases by their names, of gpt-oss.
     *
     * @param file for messages
     * @param parts all tensors of the files, by name
     * @throws ModelFormatException if a tensor has another shape than the configuration says
     */
    static Map<String, PackedMatrix> of(Path file, ModelConfig config, Map<String, Part> parts)
            throws ModelFormatException {
        if (config.experts().flatMap(Experts::clamp).isEmpty()) {
            return Map.of();
        }
        FusedExperts fused = new FusedExperts(parts, config.experts().get());
        for (int layer = 0; layer < config.layers(); layer++) {
            for (String part : new String[] {"gate", "up", "down"}) {
                int rows = part.equals("down") ? config.hiddenSize() : fused.experts.width();
                int columns = part.equals("down") ? fused.experts.width() : config.hiddenSize();
                String parameter = Experts.parameterOf(Experts.tensor(layer, 0, part, "weight"))
                        .orElseThrow();
                fused.weights(file, layer, part, parameter, rows, columns);
                fused.biases(file, layer, part, parameter + "_bias", rows);
            }
        }
        return fused.found;
    }

    private void weights(Path file, int layer, String part, String parameter, int rows, int columns)
            throws ModelFormatException {
        int count = experts.count();
        int step = experts.rowStep(Experts.tensor(layer, 0, part, "weight"));
        int first = experts.firstRow(Experts.tensor(layer, 0, part, "weight"));
        long all = (long) rows * step;
        Part plain = parts.get(parameter);
        Part blocks = parts.get(parameter + "_blocks");
        Part scales = parts.get(parameter + "_scales");
        if (plain != null) {
            require(file, plain, count, columns, all);
        } else if (blocks != null && scales != null) {
            require(file, blocks, count, all, columns / 32, 16);
            require(file, scales, count, all, columns / 32);
        } else {
            return; // what is missing is named where all tensors are looked for
        }
        for (int e = 0; e < count; e++) {
            String name = Experts.tensor(layer, e, part, "weight");
            long[] shape = {rows, columns};
            found.put(
                    name,
                    plain != null
                            ? new PackedMatrix.Strided(plain, shape, e * columns * all + first, step, all)
                            : new PackedMatrix.Mxfp4(blocks, scales, shape, e * all + first, step));
        }
    }

    private void biases(Path file, int layer, String part, String name, int rows) throws ModelFormatException {
        Part all = parts.get(name);
        if (all == null) {
            return;
        }
        int step = experts.rowStep(Experts.tensor(layer, 0, part, "bias"));
        int first = experts.firstRow(Experts.tensor(layer, 0, part, "bias"));
        require(file, all, experts.count(), (long) rows * step);
        for (int e = 0; e < experts.count(); e++) {
            found.put(
                    Experts.tensor(layer, e, part, "bias"),
                    new PackedMatrix.Strided(all, new long[] {rows}, (long) e * rows * step + first, 0, step));
        }
    }

    private static void require(Path file, Part part, long... shape) throws ModelFormatException {
        require(file, part.stored().name(), part.stored().shape(), shape);
    }

    private static void require(Path file, String name, long[] found, long... shape) throws ModelFormatException {
        if (!Arrays.equals(found, shape)) {
            throw new ModelFormatException(
                    file,
                    "tensor " + name + ": expected the shape " + Arrays.toString(shape) + ", found "
                            + Arrays.toString(found));
        }
    }
}
