package io.tunebook.export;

import io.tunebook.model.Weights;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * gpt-oss's experts as Hugging Face's files have them: those of a layer are one parameter [experts, in, out], whose
 * outputs are gate and up in turns, and biases [experts, out].
 */
final class ExpertParameters {
    private final Weights weights;
    private final Experts experts;
    private final int layer;
    private final List<String> parts;
    private final int in;
    private final int out;

    /** The matrix of the expert that was read last, [in, out]: one is written in many pieces. */
    private float[] matrix = {};

    private int number = -1;

    private ExpertParameters(Weights weights, int layer, boolean down) {
        ModelConfig c = weights.config();
        this.weights = weights;
        this.layer = layer;
        experts = c.experts().orElseThrow();
        parts = down ? List.of("down") : List.of("gate", "up");
        in = down ? experts.width() : c.hiddenSize();
        out = down ? c.hiddenSize() : 2 * experts.width();
    }

    /** Whether a model's files have such parameters. */
    static boolean has(ModelConfig config) {
        return config.experts().flatMap(Experts::clamp).isPresent();
    }

    static List<SafetensorsWriter.Tensor> of(Weights weights) {
        List<SafetensorsWriter.Tensor> all = new ArrayList<>();
        for (int layer = 0; layer < weights.config().layers(); layer++) {
            for (boolean down : new boolean[] {false, true}) {
                ExpertParameters p = new ExpertParameters(weights, layer, down);
                String name = Experts.parameterOf(Experts.tensor(layer, 0, p.parts.get(0), "weight"))
                        .orElseThrow();
                int count = p.experts.count();
                all.add(new SafetensorsWriter.Tensor(name, GgufType.BF16, new long[] {count, p.in, p.out}, p::read));
                all.add(new SafetensorsWriter.Tensor(
                        name + "_bias", GgufType.BF16, new long[] {count, p.out}, p::biases));
            }
        }
        return all;
    }

    private void read(long first, float[] values) throws IOException {
        long each = (long) in * out;
        for (int i = 0; i < values.length; i++) {
            int expert = (int) ((first + i) / each);
            if (expert != number) {
                load(expert);
            }
            values[i] = matrix[(int) ((first + i) % each)];
        }
    }

    private void load(int expert) throws IOException {
        matrix = new float[in * out];
        number = expert;
        for (String part : parts) {
            Weights.Tensor t = weights.tensor(Experts.tensor(layer, expert, part, "weight"));
            FloatBuffer rows = FloatBuffer.allocate(Math.toIntExact(t.values()));
            weights.read(t, rows);
            for (int row = 0; row < t.rows(); row++) {
                int at = experts.firstRow(t.name()) + row * experts.rowStep(t.name());
                for (int column = 0; column < in; column++) {
                    matrix[column * out + at] = rows.get(row * in + column);
                }
            }
        }
    }

    private void biases(long first, float[] values) throws IOException {
        float[] all = new float[experts.count() * out];
        for (int expert = 0; expert < experts.count(); expert++) {
            for (String part : parts) {
                Weights.Tensor t = weights.tensor(Experts.tensor(layer, expert, part, "bias"));
                FloatBuffer own = FloatBuffer.allocate(Math.toIntExact(t.values()));
                weights.read(t, own);
                for (int row = 0; row < own.capacity(); row++) {
                    int at = experts.firstRow(t.name()) + row * experts.rowStep(t.name());
                    all[expert * out + at] = own.get(row);
                }
            }
        }
        System.arraycopy(all, Math.toIntExact(first), values, 0, values.length);
    }
}
