package io.tunebook.lora;

import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.model.family.GgufForm;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;

/**
 * An adapter as GGUF, for llama.cpp's {@code --lora} and for Ollama up to 0.34.0.
 *
 * <p>llama.cpp scales every layer by one alpha over the rank of its factors ({@code llama-adapter.h}); where layers
 * differ from that (rsLoRA, patterns of ranks and alphas) the difference is multiplied into B.
 */
public final class AdapterGguf {
    private AdapterGguf() {}

    /**
     * Writes the adapter, float32.
     *
     * @param config the base model's dimensions
     * @param adapter the adapter
     * @param out the file to write; it is written beside and moved when whole
     * @throws IllegalArgumentException if the adapter does not fit the base, or has DoRA's magnitudes, which llama.cpp
     *     does not know, or changes the embedding or the output
     */
    public static void write(ModelConfig config, AdapterFile adapter, Path out) throws IOException {
        if (!adapter.embeddings().isEmpty()) {
            throw new IllegalArgumentException("the adapter changes the embedding or the output ("
                    + adapter.embeddings().tensors().keySet()
                    + "), which is not written as llama.cpp's adapter: merge it into the model instead");
        }
        String architecture = config.family().gguf();
        String first = adapter.factors().keySet().iterator().next();
        float alpha =
                (float) (adapter.settings().scale(first) * adapter.settings().rank(first));
        GgufWriter writer = new GgufWriter()
                .string("general.architecture", architecture)
                .string("general.type", "adapter")
                .uint32("general.file_type", 0)
                .string("adapter.type", "lora")
                .float32("adapter.lora.alpha", alpha);
        for (var entry : adapter.factors().entrySet()) {
            String name = entry.getKey() + ".weight";
            Factors f = entry.getValue();
            if (f.magnitude().length > 0) {
                throw new IllegalArgumentException(
                        "layer " + entry.getKey()
                                + " has DoRA's magnitudes, which llama.cpp's adapters do not have: merge it into the model instead");
            }
            f.requireFits(entry.getKey(), config.tensors().get(name));
            float toB = (float) (adapter.settings().scale(entry.getKey()) * f.rank() / alpha);
            GgufForm form = config.family().ggufForm(config, name);
            writer.tensor(
                    config.family().ggufName(name) + ".lora_a",
                    GgufType.F32,
                    new long[] {f.rank(), f.inFeatures()},
                    o -> o.write(bytes(columns(f, form.columns()))));
            writer.tensor(
                    config.family().ggufName(name) + ".lora_b",
                    GgufType.F32,
                    new long[] {f.outFeatures(), f.rank()},
                    o -> o.write(bytes(rows(f, form.rows(), toB))));
        }
        writer.write(out, done -> {});
    }

    /** B with its rows where llama.cpp keeps the layer's outputs. */
    private static float[] rows(Factors f, GgufForm.Order order, float factor) {
        float[] out = new float[f.b().length];
        for (int place = 0; place < f.outFeatures(); place++) {
            int row = order.at(place);
            for (int k = 0; k < f.rank(); k++) {
                out[place * f.rank() + k] = factor * f.b()[row * f.rank() + k];
            }
        }
        return out;
    }

    /** A with its columns where llama.cpp keeps the layer's inputs. */
    private static float[] columns(Factors f, GgufForm.Order order) {
        float[] out = f.a().clone();
        for (int row = 0; row < out.length; row += f.inFeatures()) {
            order.toGguf(out, row, f.inFeatures());
        }
        return out;
    }

    private static ByteBuffer bytes(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(FloatBuffer.wrap(values));
        return bytes;
    }
}
