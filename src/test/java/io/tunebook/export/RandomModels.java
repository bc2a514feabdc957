package io.tunebook.export;

import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.lora.AdapterFile.Settings;
import io.tunebook.model.family.Blocks;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Small models with random weights and a real model's tokenizer, and random adapters for them. */
final class RandomModels {
    private RandomModels() {}

    static ModelConfig config(String architecture, int vocabulary) {
        boolean qwen2 = architecture.equals("qwen2");
        return new ModelConfig(
                architecture,
                64,
                128,
                2,
                4,
                2,
                16,
                vocabulary,
                256,
                1e-6f,
                10000,
                Optional.empty(),
                !qwen2,
                qwen2,
                false,
                architecture.equals("qwen3"),
                Blocks.PLAIN);
    }

    /**
     * Writes a model. Only tokens that are lower-case words have an output row that is not zero, so that a greedy
     * answer is plain text without end.
     */
    static void write(String architecture, Path tokenizerFrom, Path out) throws IOException {
        write(architecture, tokenizerFrom, out, Map.of());
    }

    /** The same with other metadata of the tokenizer: texts, numbers, lists of texts, yes or no. */
    static void write(String architecture, Path tokenizerFrom, Path out, Map<String, Object> instead)
            throws IOException {
        try (GgufFile source = GgufFile.open(tokenizerFrom)) {
            List<String> tokens = source.strings("tokenizer.ggml.tokens");
            ModelConfig config = config(architecture, tokens.size());
            GgufWriter writer = new GgufWriter()
                    .string("general.architecture", architecture)
                    .uint32("general.file_type", 0)
                    .uint32(architecture + ".block_count", config.layers())
                    .uint32(architecture + ".context_length", config.maxPositions())
                    .uint32(architecture + ".embedding_length", config.hiddenSize())
                    .uint32(architecture + ".feed_forward_length", config.intermediateSize())
                    .uint32(architecture + ".attention.head_count", config.heads())
                    .uint32(architecture + ".attention.head_count_kv", config.kvHeads())
                    .float32(architecture + ".attention.layer_norm_rms_epsilon", config.rmsNormEps())
                    .float32(architecture + ".rope.freq_base", (float) config.ropeTheta());
            for (String key : source.metadata().keySet()) {
                if (key.startsWith("tokenizer.") && !instead.containsKey(key)) {
                    writer.copy(source, key);
                }
            }
            instead.forEach((key, value) -> put(writer, key, value));
            Random random = new Random(17);
            config.tensors().forEach((name, shape) -> {
                float[] values = new float[(int) (shape.length == 1 ? shape[0] : shape[0] * shape[1])];
                boolean embedding = name.contains("embed_tokens") || name.contains("lm_head");
                float spread = name.endsWith("norm.weight") ? 0.1f : embedding ? 1 : 0.3f;
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) random.nextGaussian() * spread + (name.endsWith("norm.weight") ? 1 : 0);
                    if (embedding && !tokens.get(i / config.hiddenSize()).matches("Ġ?[a-z]+")) {
                        values[i] = 0;
                    }
                }
                writer.tensor(config.family().ggufName(name), GgufType.F32, shape, o -> {
                    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
                    bytes.asFloatBuffer().put(values);
                    o.write(bytes);
                });
            });
            writer.write(out, done -> {});
        }
    }

    @SuppressWarnings("unchecked")
    private static void put(GgufWriter writer, String key, Object value) {
        if (value instanceof String text) {
            writer.string(key, text);
        } else if (value instanceof Boolean yes) {
            writer.bool(key, yes);
        } else if (value instanceof Integer number) {
            writer.uint32(key, number);
        } else {
            writer.strings(key, (List<String>) value);
        }
    }

    /** Factors for every linear layer, in size such that answers change and stay far from noise. */
    static AdapterFile adapter(ModelConfig config, float spread) {
        Random random = new Random(23);
        Map<String, Factors> factors = new LinkedHashMap<>();
        config.tensors().forEach((name, shape) -> {
            if (name.endsWith("_proj.weight")) {
                int out = (int) shape[0];
                int in = (int) shape[1];
                factors.put(
                        name.substring(0, name.length() - ".weight".length()),
                        new Factors(
                                in,
                                out,
                                4,
                                gaussian(random, 4 * in, 1),
                                gaussian(random, out * 4, spread),
                                new float[0]));
            }
        });
        List<String> modules = List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");
        return new AdapterFile(new Settings(4, 8, 0, modules, false, false, "true", Map.of(), Map.of(), ""), factors);
    }

    private static float[] gaussian(Random random, int n, float spread) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian() * spread;
        }
        return values;
    }
}
