package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.CausalLM.Precision;
import io.tunebook.tensors.GgufType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's weights as {@code decoder.ts} wants them. Files are mapped by PyTorch, not read into Java: what has the right type and lies together is used where
 * it lies, the rest is cast or expanded on the device. Of a quantized model the matrices may stay in GGUF's blocks.
 */
final class DeviceWeights {
    private static final int UINT8 = 0;
    private static final int INT8 = 1;
    private static final int FLOAT16 = 5;
    private static final int TENSORS = 10;
    private static final List<String> TARGETS = List.of(
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj");

    private final NDManager manager;
    private final TorchScript script;
    private final Precision precision;
    private final Precision narrow;
    private final Weights from;
    private final NDArray like;
    private final Map<String, NDArray> maps = new HashMap<>();
    private final List<NDArray> weights = new ArrayList<>();
    private final List<NDArray> blocks = new ArrayList<>();
    private final List<Integer> wide = new ArrayList<>();
    private final long[] types;
    private final boolean quantized;
    private final long bytes;

    /** How matrices lie in memory; vectors always have the type that the model computes in. */
    enum Storage {
        /** In the type that the model computes in. */
        COMPUTED,
        /**
         * Cast layer by layer when they are used: bfloat16 where the file has it (mapped, not copied) or has blocks, float32 where the file has floats that
         * bfloat16 cannot hold.
         */
        NARROW,
        /** GGUF's blocks, expanded layer by layer. */
        BLOCKS
    }

    DeviceWeights(NDManager manager, TorchScript script, Precision precision, Weights from, Storage storage)
            throws IOException {
        this.manager = manager;
        this.script = script;
        this.precision = precision;
        this.narrow = storage == Storage.NARROW ? Precision.BFLOAT16 : precision;
        this.from = from;
        boolean apart = storage != Storage.COMPUTED;
        like = manager.create(new Shape(0));
        ModelConfig config = from.config();
        types = apart ? new long[2 + TARGETS.size() * config.layers()] : new long[0];
        String output = config.tiedEmbeddings() || !from.tensors().containsKey("lm_head.weight")
                ? "model.embed_tokens.weight"
                : "lm_head.weight";
        if (apart) {
            keep(0, "model.embed_tokens.weight", storage);
            keep(1, output, storage);
        }
        weights.add(apart ? like : joined("model.embed_tokens.weight"));
        weights.add(joined("model.norm.weight"));
        weights.add(apart || output.equals("model.embed_tokens.weight") ? weights.get(0) : joined("lm_head.weight"));
        for (int l = 0; l < config.layers(); l++) {
            String layer = "model.layers." + l + ".";
            String attention = layer + "self_attn.";
            if (apart) {
                for (int t = 0; t < TARGETS.size(); t++) {
                    keep(2 + l * TARGETS.size() + t, layer + TARGETS.get(t) + ".weight", storage);
                }
            }
            weights.add(joined(layer + "input_layernorm.weight"));
            weights.add(apart ? like : matrix(attention, "q_proj", "k_proj", "v_proj"));
            weights.add(joined(attention + "q_proj.bias", attention + "k_proj.bias", attention + "v_proj.bias"));
            weights.add(apart ? like : matrix(attention, "o_proj"));
            weights.add(joined(attention + "o_proj.bias"));
            weights.add(joined(layer + "post_attention_layernorm.weight"));
            weights.add(apart ? like : matrix(layer + "mlp.", "gate_proj", "up_proj"));
            weights.add(apart ? like : matrix(layer + "mlp.", "down_proj"));
            weights.add(joined(attention + "q_norm.weight"));
            weights.add(joined(attention + "k_norm.weight"));
        }
        maps.values().forEach(NDArray::close); // what is used of them keeps them mapped
        quantized = Arrays.stream(types).anyMatch(t -> t != 0);
        bytes = weights.stream()
                        .distinct()
                        .mapToLong(w -> w.getShape().size() * precision.bytes())
                        .sum()
                + blockBytes();
    }

    private long blockBytes() {
        long sum = 0;
        for (int t = 0; t < types.length; t++) {
            if (t != 1 || blocks.get(3) != blocks.get(1)) {
                long codes = blocks.get(2 * t + 1).getShape().size();
                sum += types[t] == 0
                        ? codes * (wide.contains(t) ? Precision.FLOAT32 : narrow).bytes()
                        : codes + 2 * blocks.get(2 * t).getShape().size();
            }
        }
        return sum;
    }

    /** The first arguments of all methods that compute with the model. */
    TorchScript.Arguments arguments(TorchScript.Arguments a) {
        return a.tensors(weights).tensors(blocks).numbers(types);
    }

    /** Whether a matrix is in blocks. */
    boolean quantized() {
        return quantized;
    }

    /** Whether matrices are cast or expanded when they are used. */
    boolean stored() {
        return types.length > 0;
    }

    /** What all weights take on the device. */
    long bytes() {
        return bytes;
    }

    /** A tensor of the model's type, to make others alike. */
    NDArray like() {
        return weights.get(1);
    }

    /** One of the ten tensors of a layer, expanded if need be; its owner is {@code scope}. */
    NDArray layer(NDManager scope, int layer, int tensor, long[] shape) {
        if (!stored()) {
            return weights.get(3 + layer * TENSORS + tensor);
        }
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(
                            scope,
                            "weights",
                            arguments(a).numbers(shape).number(layer).tensors(List.of()))
                    .get(tensor);
        }
    }

    private NDArray matrix(String prefix, String... names) throws IOException {
        return joined(Arrays.stream(names).map(n -> prefix + n + ".weight").toArray(String[]::new));
    }

    /** Tensors below one another, in the model's type; empty if the architecture has none of this name. */
    private NDArray joined(String... names) throws IOException {
        return joined(precision, names);
    }

    private NDArray joined(Precision type, String... names) throws IOException {
        if (!from.tensors().containsKey(names[0])) {
            return like;
        }
        List<Weights.Tensor> tensors = Arrays.stream(names).map(from::tensor).toList();
        if (tensors.stream().allMatch(this::mappable)) {
            return mapped(type, tensors);
        }
        if (tensors.stream().allMatch(t -> expandable(t.type()))) {
            return expanded(type, tensors);
        }
        List<NDArray> parts = new ArrayList<>();
        for (Weights.Tensor t : tensors) {
            parts.add(
                    mappable(t)
                            ? mapped(type, List.of(t))
                            : expandable(t.type()) ? expanded(type, List.of(t)) : read(type, t));
        }
        if (parts.size() == 1) {
            return parts.get(0);
        }
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(manager, "joined", a.tensors(parts)).get(0);
        } finally {
            parts.forEach(NDArray::close);
        }
    }

    private boolean mappable(Weights.Tensor t) {
        return switch (t.type()) {
            case F32 -> t.offset() % 4 == 0;
            case F16, BF16 -> t.offset() % 2 == 0;
            default -> false;
        };
    }

    private static boolean expandable(GgufType type) {
        return switch (type) {
            case Q4_0, Q4_1, Q8_0, Q4_K, Q6_K -> true;
            default -> false;
        };
    }

    private static int torchType(GgufType type) {
        return switch (type) {
            case F32 -> Precision.FLOAT32.type();
            case BF16 -> Precision.BFLOAT16.type();
            case F16 -> FLOAT16;
            case Q8_0 -> INT8;
            default -> UINT8;
        };
    }

    private NDArray map(Path file, int type, int bytesEach) throws IOException {
        String key = type + ":" + file;
        NDArray known = maps.get(key);
        if (known == null) {
            try (TorchScript.Arguments a = new TorchScript.Arguments()) {
                a.text(file.toString()).number(Files.size(file) / bytesEach).number(type);
                known = script.call(manager, "map_file", a).get(0);
            }
            maps.put(key, known);
        }
        return known;
    }

    private NDArray mapped(Precision precision, List<Weights.Tensor> tensors) throws IOException {
        List<Weights.Tensor> pieces = new ArrayList<>();
        List<Long> rows = new ArrayList<>();
        for (Weights.Tensor t : tensors) {
            int last = pieces.size() - 1;
            Weights.Tensor before = last < 0 ? null : pieces.get(last);
            if (before != null
                    && before.file().equals(t.file())
                    && before.type() == t.type()
                    && before.permutedHeads() + t.permutedHeads() == 0
                    && before.offset() + t.type().bytes(rows.get(last) * t.columns()) == t.offset()) {
                rows.set(last, rows.get(last) + t.shape()[0]); // lies right behind: one piece, so nothing to copy
            } else {
                pieces.add(t);
                rows.add(t.shape()[0]);
            }
        }
        List<NDArray> files = new ArrayList<>();
        for (Weights.Tensor t : pieces) {
            files.add(map(t.file(), torchType(t.type()), (int) t.type().bytes(1)));
        }
        boolean vector = tensors.get(0).shape().length == 1;
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            a.tensors(files)
                    .numbers(pieces.stream()
                            .mapToLong(t -> t.offset() / t.type().bytes(1))
                            .toArray());
            a.numbers(rows.stream().mapToLong(Long::longValue).toArray())
                    .numbers(pieces.stream()
                            .mapToLong(Weights.Tensor::permutedHeads)
                            .toArray());
            a.number(vector ? 0 : tensors.get(0).columns())
                    .number(precision.type())
                    .tensor(like);
            return script.call(manager, "from_files", a).get(0);
        }
    }

    private List<NDArray> blocks(Weights.Tensor t) throws IOException {
        GgufType type = t.type();
        boolean behind = type == GgufType.Q6_K;
        int scales = type == GgufType.Q4_1 || type == GgufType.Q4_K ? 2 : 1;
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            a.tensor(map(t.file(), torchType(type), 1)).tensor(map(t.file(), FLOAT16, 2));
            a.number(t.offset()).number(t.rows()).number(type.bytes(t.columns()));
            a.number(type.blockBytes()).number(scales).flag(behind).number(t.permutedHeads());
            return script.call(manager, "blocks_from_file", a.tensor(like));
        }
    }

    private NDArray expanded(Precision precision, List<Weights.Tensor> tensors) throws IOException {
        List<NDArray> parts = new ArrayList<>();
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            for (Weights.Tensor t : tensors) {
                parts.addAll(blocks(t));
            }
            a.tensors(parts)
                    .numbers(tensors.stream().mapToLong(t -> t.type().id()).toArray())
                    .numbers(tensors.stream().mapToLong(Weights.Tensor::rows).toArray())
                    .number(tensors.get(0).columns())
                    .number(precision.type());
            return script.call(manager, "expanded", a).get(0);
        } finally {
            parts.forEach(NDArray::close);
        }
    }

    /** Of a type that only Java expands. */
    private NDArray read(Precision precision, Weights.Tensor t) throws IOException {
        if (t.values() > Integer.MAX_VALUE / Float.BYTES) {
            throw new IOException(t.name() + ": expected at most 2 GB as float32, found " + Arrays.toString(t.shape()));
        }
        ByteBuffer buffer = ByteBuffer.allocateDirect(Math.toIntExact(t.values() * Float.BYTES))
                .order(ByteOrder.nativeOrder());
        FloatBuffer floats = buffer.asFloatBuffer();
        from.read(t, floats);
        try (NDArray read = manager.create(buffer, new Shape(t.shape()), DataType.FLOAT32);
                TorchScript.Arguments a = new TorchScript.Arguments()) {
            return script.call(
                            manager,
                            "as_type",
                            a.tensor(read).number(precision.type()).tensor(like))
                    .get(0);
        }
    }

    /** Leaves a matrix as it is stored. */
    private void keep(int target, String name, Storage storage) throws IOException {
        if (target == 1 && name.equals("model.embed_tokens.weight")) {
            blocks.addAll(List.copyOf(blocks.subList(0, 2)));
            types[1] = types[0];
            return;
        }
        Weights.Tensor t = from.tensor(name);
        if (storage == Storage.BLOCKS && expandable(t.type())) {
            blocks.addAll(blocks(t));
            types[target] = t.type().id();
            return;
        }
        boolean exactOnlyWide = t.type() == GgufType.F32 || t.type() == GgufType.F16;
        if (exactOnlyWide && narrow != precision) {
            wide.add(target);
        }
        blocks.add(like);
        blocks.add(joined(exactOnlyWide ? precision : narrow, name));
    }
}
