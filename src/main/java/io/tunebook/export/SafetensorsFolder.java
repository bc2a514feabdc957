package io.tunebook.export;

import io.tunebook.model.Weights;
import io.tunebook.model.family.ConfigWriter;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.SafetensorsWriter;
import io.tunebook.tokenizer.TokenizerFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A model as a folder, in the form that Hugging Face and ModelScope keep: {@code config.json}, {@code tokenizer.json},
 * {@code tokenizer_config.json} and {@code model.safetensors} in bfloat16, which Transformers opens.
 */
public final class SafetensorsFolder {
    private SafetensorsFolder() {}

    /**
     * Writes the folder. Weights that lie in blocks are expanded, so a file of four bits becomes about four times as
     * large.
     *
     * @param model a GGUF file or blob
     * @param folder is made where it is not there; files of these names are replaced
     * @throws UnsupportedOperationException if the usual fields of {@code config.json} do not say all of the model's
     *     configuration
     * @throws io.tunebook.tensors.ModelFormatException if the model is broken
     */
    public static void write(Path model, Path folder) throws IOException {
        Files.createDirectories(folder);
        try (Weights weights = Weights.open(model)) {
            ConfigWriter.write(weights.config(), folder);
            TokenizerFolder.write(model, folder);
            boolean fused = ExpertParameters.has(weights.config());
            List<SafetensorsWriter.Tensor> tensors = new ArrayList<>(fused ? ExpertParameters.of(weights) : List.of());
            for (Weights.Tensor tensor : weights.tensors().values()) {
                if (fused && Experts.number(tensor.name()) >= 0) {
                    continue;
                }
                tensors.add(new SafetensorsWriter.Tensor(
                        tensor.name(),
                        GgufType.BF16,
                        tensor.shape(),
                        (first, out) -> read(weights, tensor, first, out)));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of("format", "pt"));
        }
    }

    /**
     * Writes {@code config.json} and {@code model.safetensors} of a model that nobody trained: to measure the speed and
     * the memory of a training, which follow from a model's shapes alone. What such a model says is noise. Matrices are
     * uniform with a standard deviation of 0.02, from which pre-training begins as well; norms are 1, biases 0.
     *
     * @param shapes of a model whose configuration the usual fields of {@code config.json} say
     * @param folder is made where it is not there; the tokenizer's files are not among those written
     * @param seed the same seed and shapes give the same file
     * @throws UnsupportedOperationException if those fields do not say all of the configuration
     */
    public static void random(ModelConfig shapes, Path folder, long seed) throws IOException {
        Files.createDirectories(folder);
        ConfigWriter.write(shapes, folder);
        random(folder, seed);
    }

    /**
     * Writes {@code model.safetensors} of a model that nobody trained beside a {@code config.json} that is there,
     * whatever its family.
     *
     * @throws io.tunebook.tensors.ModelFormatException if the configuration is none that is computed here
     */
    public static void random(Path folder, long seed) throws IOException {
        ModelConfig shapes = ModelConfig.read(folder.resolve("config.json"));
        List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
        shapes.tensors().forEach((name, shape) -> {
            float plain = name.endsWith("norm.weight") ? 1 - shapes.family().added(name) : 0;
            tensors.add(new SafetensorsWriter.Tensor(name, GgufType.BF16, shape, (first, out) -> {
                if (shape.length == 1) {
                    Arrays.fill(out, plain);
                } else {
                    uniform(new SplittableRandom(31 * (31 * seed + name.hashCode()) + first), out);
                }
            }));
        });
        SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of("format", "pt"));
    }

    /** Four values of 16 bits from each draw: a large model has billions. */
    private static void uniform(SplittableRandom random, float[] out) {
        float step = (float) (0.02 * Math.sqrt(12) / (1 << 16));
        long drawn = 0;
        for (int i = 0; i < out.length; i++) {
            drawn = i % 4 == 0 ? random.nextLong() : drawn >>> 16;
            out[i] = step * ((short) drawn + 0.5f);
        }
    }

    /** Values from the middle of a row to the middle of another: whole rows are read, and cut. */
    private static void read(Weights weights, Weights.Tensor tensor, long first, float[] out) throws IOException {
        int columns = Math.toIntExact(tensor.columns());
        long row = first / columns;
        int skipped = (int) (first % columns);
        int rows = (skipped + out.length + columns - 1) / columns;
        float[] whole = new float[rows * columns];
        weights.readRows(tensor, row, rows, whole, 0);
        float added = weights.config().family().added(tensor.name()) - tensor.added(); // GGUF has it in its values
        for (int i = 0; i < out.length; i++) {
            out[i] = whole[skipped + i] - added;
        }
    }
}
