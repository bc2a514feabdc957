package io.tunebook.export;

import io.tunebook.model.Weights;
import io.tunebook.model.family.ConfigWriter;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.SafetensorsWriter;
import io.tunebook.tokenizer.TokenizerFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A model as a folder, in the form that Hugging Face and ModelScope keep: {@code config.json}, {@code tokenizer.json},
 * {@code tokenizer_config.json} and {@code model.safetensors} in bfloat16, which Transformers opens.
 */
public final class SafetensorsFolder {
    private SafetensorsFolder() {}

    /**
     * Writes the folder. Weights that lie in blocks are expanded, so a file of four bits becomes about four times as large.
     *
     * @param model a GGUF file or blob
     * @param folder is made where it is not there; files of these names are replaced
     * @throws UnsupportedOperationException if the usual fields of {@code config.json} do not say all of the model's configuration
     * @throws io.tunebook.tensors.ModelFormatException if the model is broken
     */
    public static void write(Path model, Path folder) throws IOException {
        Files.createDirectories(folder);
        try (Weights weights = Weights.open(model)) {
            ConfigWriter.write(weights.config(), folder);
            TokenizerFolder.write(model, folder);
            List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
            for (Weights.Tensor tensor : weights.tensors().values()) {
                tensors.add(new SafetensorsWriter.Tensor(
                        tensor.name(),
                        GgufType.BF16,
                        tensor.shape(),
                        (first, out) -> read(weights, tensor, first, out)));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of("format", "pt"));
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
        System.arraycopy(whole, skipped, out, 0, out.length);
    }
}
