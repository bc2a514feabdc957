package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.FileTensors.Stored;
import io.tunebook.model.family.DeltaNet;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Norm;
import io.tunebook.model.family.Target;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.PackedMatrix;
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
import java.util.stream.LongStream;

/**
 * Brings a model's weights to the device and hands them to the decoder's text, which holds them from then on. Files are
 * mapped by PyTorch, not read into Java: what has the right type and lies together is used where it lies, the rest is
 * cast or expanded on the device. Matrices may stay as the file has them.
 */
final class DeviceWeights implements AutoCloseable {
    private static final int UINT8 = 0;
    private static final int INT8 = 1;
    private static final int FLOAT16 = 5;
    private static final String EMBEDDING = "model.embed_tokens.weight";

    private final NDManager scope;
    private final DecoderScript script;
    private final FileTensors files;
    private final Precision precision;
    private final Storage storage;
    private final Weights from;
    private final NDArray none;
    private final Map<String, NDArray> maps = new HashMap<>();
    private boolean quantized;
    private long bytes;

    /** What was loaded: the bytes that the weights take, how matrices lie, and whether some are in blocks. */
    record Loaded(long bytes, Storage storage, boolean quantized) {
        /** Whether matrices are cast or expanded when they are used. */
        boolean expandedWhenUsed() {
            return storage == Storage.NARROW || storage == Storage.BLOCKS;
        }

        /** What is to be told of the matrices beside the type that is computed in. */
        String words() {
            String narrow = storage == Storage.NARROW ? " from bfloat16" : "";
            return (quantized ? " from GGUF's blocks" : narrow)
                    + (storage == Storage.FP8 ? " with products in FP8" : "");
        }
    }

    private DeviceWeights(NDManager manager, DecoderScript script, Precision precision, Weights from, Storage storage) {
        this.scope = manager.newSubManager(); // all that the text does not hold is freed with it
        this.script = script;
        this.files = script.files();
        this.precision = precision;
        this.storage = storage;
        this.from = from;
        this.none = scope.create(new Shape(0));
    }

    /**
     * Loads all weights.
     *
     * @param storage any but {@link Storage#FASTEST}
     * @param chunk for how many positions at a time logits are made
     */
    static Loaded load(
            NDManager manager,
            DecoderScript script,
            Precision precision,
            Weights from,
            Storage storage,
            RotaryTable rotary,
            int chunk)
            throws IOException {
        try (DeviceWeights weights = new DeviceWeights(manager, script, precision, from, storage)) {
            weights.load();
            script.complete(weights.vectors("model.norm.weight"), rotary.arrays(weights.scope), from.config(), chunk);
            return new Loaded(weights.bytes, storage, weights.quantized);
        }
    }

    private void load() throws IOException {
        ModelConfig config = from.config();
        ends();
        if (storage == Storage.FP8) {
            Storage.requireEightBits(config, scope.getDevice(), precision);
            script.useEight();
        }
        for (int l = 0; l < config.layers(); l++) {
            String layer = "model.layers." + l + ".";
            for (Target.Product product : Target.Product.values()) {
                product(l, product);
            }
            if (config.experts().isPresent()) {
                experts(l, config.experts().get());
            }
            List<NDArray> norms = new ArrayList<>();
            for (Norm norm : Norm.values()) {
                norms.add(vectors(layer + config.family().module(norm) + ".weight"));
            }
            if (config.layer(l).delta()) {
                delta(l, config.delta().orElseThrow());
            }
            script.addLayer(norms, vectors(layer + "self_attn.sinks"), config.layer(l));
        }
    }

    /** The embedding and the output, which may be one. */
    private void ends() throws IOException {
        boolean tied = from.config().tiedEmbeddings() || !from.tensors().containsKey("lm_head.weight");
        long[] rows = {from.config().vocabularySize()};
        if (computed()) {
            NDArray embedding = counted(joined(precision, List.of(EMBEDDING)));
            script.addProduct(embedding, rows, none);
            script.addProduct(tied ? embedding : counted(joined(precision, List.of("lm_head.weight"))), rows, none);
        } else {
            Stored embedding = stored(EMBEDDING);
            long columns = from.tensor(EMBEDDING).columns();
            script.addStored(List.of(embedding), columns, none);
            script.addStored(List.of(tied ? embedding : stored("lm_head.weight")), columns, none);
        }
    }

    private void experts(int layer, Experts experts) throws IOException {
        for (List<String> parts : List.of(List.of("gate", "up"), List.of("down"))) {
            List<String> weights = new ArrayList<>();
            List<String> biases = new ArrayList<>();
            for (int e = 0; e < experts.count(); e++) {
                for (String part : parts) {
                    weights.add(Experts.tensor(layer, e, part, "weight"));
                    biases.add(Experts.tensor(layer, e, part, "bias"));
                }
            }
            product(weights, vectors(biases.toArray(String[]::new)));
        }
        String router = experts.router(layer);
        NDArray weight = counted(joined(precision, List.of(router + ".weight")));
        script.addExperts(weight, vectors(router + ".bias"), vectors(Experts.sharedGate(layer)), experts);
    }

    private void delta(int layer, DeltaNet delta) throws IOException {
        List<NDArray> tensors = new ArrayList<>();
        for (String name : DeltaNet.tensors(layer)) {
            tensors.add(vectors(name));
        }
        script.addDelta(tensors, delta);
    }

    private void product(int layer, Target.Product product) throws IOException {
        List<Target> targets = product.targets(from.config(), layer);
        if (targets.stream().allMatch(Target::ofExperts)) { // or there are none
            long[] widths =
                    targets.stream().mapToLong(t -> t.out(from.config())).toArray();
            script.addShape(widths, targets.isEmpty() ? 1 : targets.get(0).in(from.config()));
            return;
        }
        List<String> names =
                targets.stream().map(t -> t.module(layer) + ".weight").toList();
        NDArray bias =
                vectors(targets.stream().map(t -> t.module(layer) + ".bias").toArray(String[]::new));
        product(names, bias);
    }

    /** The product of matrices that share their input. */
    private void product(List<String> names, NDArray bias) throws IOException {
        if (computed()) {
            long[] widths =
                    names.stream().mapToLong(name -> from.tensor(name).rows()).toArray();
            try (NDArray weight = joined(precision, names)) {
                bytes += storage == Storage.FP8
                        ? eightBits(weight.getShape())
                        : weight.getShape().size() * precision.bytes();
                script.addProduct(weight, widths, bias);
            }
        } else {
            List<Stored> parts = new ArrayList<>();
            for (String name : names) {
                parts.add(stored(name));
            }
            script.addStored(parts, from.tensor(names.get(0)).columns(), bias);
        }
    }

    /**
     * Whether matrices come in the type that the model computes in; the text rounds them to eight bits where that is
     * wanted.
     */
    private boolean computed() {
        return storage == Storage.COMPUTED || storage == Storage.FP8;
    }

    /** Two of a matrix, one of them transposed, with a scale a row. */
    private static long eightBits(Shape matrix) {
        return 2 * matrix.size() + Float.BYTES * (matrix.get(0) + matrix.get(1));
    }

    /** Vectors behind one another; empty if the architecture has none of this name. */
    private NDArray vectors(String... names) throws IOException {
        return from.tensors().containsKey(names[0]) ? counted(joined(precision, List.of(names))) : none;
    }

    private NDArray counted(NDArray weight) {
        bytes += weight.getShape().size() * precision.bytes();
        return weight;
    }

    /** Tensors below one another. */
    private NDArray joined(Precision type, List<String> names) throws IOException {
        List<Weights.Tensor> tensors = names.stream().map(from::tensor).toList();
        if (tensors.stream().allMatch(DeviceWeights::mappable)) {
            return mapped(type, tensors);
        }
        if (tensors.stream().allMatch(DeviceWeights::expandable)) {
            return expanded(type, tensors);
        }
        List<NDArray> parts = new ArrayList<>();
        for (Weights.Tensor t : tensors) {
            parts.add(
                    mappable(t)
                            ? mapped(type, List.of(t))
                            : expandable(t) ? expanded(type, List.of(t)) : read(type, t));
        }
        if (parts.size() == 1) {
            return parts.get(0);
        }
        NDArray all = script.joined(scope, parts);
        parts.forEach(NDArray::close);
        return all;
    }

    private static boolean mappable(Weights.Tensor t) {
        if (t.added() != 0 || t.packed().isPresent() || onlyJava(t)) {
            return false; // Java computes it
        }
        return switch (t.type()) {
            case F32 -> t.offset() % 4 == 0;
            case F16, BF16 -> t.offset() % 2 == 0;
            default -> false;
        };
    }

    private static boolean onlyJava(Weights.Tensor t) {
        return !t.form().columns().asIs() || t.form().decay();
    }

    private static boolean expandable(Weights.Tensor t) {
        return !onlyJava(t) && expandable(t.type());
    }

    private static boolean expandable(GgufType type) {
        return switch (type) {
            case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 -> true;
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
            known = files.mapFile(scope, file, Files.size(file) / bytesEach, type);
            maps.put(key, known);
        }
        return known;
    }

    private NDArray mapped(Precision type, List<Weights.Tensor> tensors) throws IOException {
        List<Weights.Tensor> pieces = new ArrayList<>();
        List<Long> rows = new ArrayList<>();
        for (Weights.Tensor t : tensors) {
            int last = pieces.size() - 1;
            Weights.Tensor before = last < 0 ? null : pieces.get(last);
            if (before != null
                    && before.file().equals(t.file())
                    && before.type() == t.type()
                    && before.form().rows().asIs()
                    && t.form().rows().asIs()
                    && before.offset() + t.type().bytes(rows.get(last) * t.columns()) == t.offset()) {
                rows.set(last, rows.get(last) + t.shape()[0]); // lies right behind: one piece, so nothing to copy
            } else {
                pieces.add(t);
                rows.add(t.shape()[0]);
            }
        }
        List<NDArray> mapped = new ArrayList<>();
        for (Weights.Tensor t : pieces) {
            mapped.add(map(t.file(), torchType(t.type()), (int) t.type().bytes(1)));
        }
        boolean vector = tensors.get(0).shape().length == 1;
        return files.fromFiles(
                scope,
                mapped,
                pieces.stream().mapToLong(t -> t.offset() / t.type().bytes(1)).toArray(),
                rows.stream().mapToLong(Long::longValue).toArray(),
                pieces.stream()
                        .flatMapToLong(t -> LongStream.of(t.form().rows().numbers()))
                        .toArray(),
                vector ? 0 : tensors.get(0).columns(),
                type.type(),
                none);
    }

    private Stored blocks(Weights.Tensor t) throws IOException {
        GgufType type = t.type();
        if (t.packed().isPresent() && t.packed().get() instanceof PackedMatrix.Mxfp4 m) {
            NDArray exponents = map(m.scales().stored().file(), UINT8, 1);
            return files.mxfp4FromParts(scope, map(m.file(), UINT8, 1), exponents, m, none);
        }
        if (type == GgufType.MXFP4) {
            return files.mxfp4FromFile(scope, map(t.file(), UINT8, 1), t, none);
        }
        return files.blocksFromFile(scope, map(t.file(), torchType(type), 1), map(t.file(), FLOAT16, 2), t, none);
    }

    private NDArray expanded(Precision type, List<Weights.Tensor> tensors) throws IOException {
        List<Stored> parts = new ArrayList<>();
        for (Weights.Tensor t : tensors) {
            parts.add(blocks(t));
        }
        NDArray all = script.expandOnce(scope, parts, tensors.get(0).columns(), type.type());
        parts.forEach(Stored::close);
        return all;
    }

    /** Of a type that only Java expands. */
    private NDArray read(Precision type, Weights.Tensor t) throws IOException {
        if (t.packed().isPresent() && t.packed().get() instanceof PackedMatrix.Strided m) {
            int each = (int) m.type().bytes(1);
            long offset = m.values().stored().offset();
            if (offset % each == 0) {
                NDArray file = map(m.file(), torchType(m.type()), each);
                return files.stridedFromFile(scope, file, offset / each + m.start(), m, type.type(), none);
            }
        }
        if (t.values() > Integer.MAX_VALUE / Float.BYTES) {
            throw new IOException(t.name() + ": expected at most 2 GB as float32, found " + Arrays.toString(t.shape()));
        }
        ByteBuffer buffer = ByteBuffer.allocateDirect(Math.toIntExact(t.values() * Float.BYTES))
                .order(ByteOrder.nativeOrder());
        FloatBuffer floats = buffer.asFloatBuffer();
        from.read(t, floats);
        try (NDArray read = scope.create(buffer, new Shape(t.shape()), DataType.FLOAT32)) {
            return script.asType(scope, read, type.type(), none);
        }
    }

    /**
     * A matrix as it stays in memory: in its blocks, in bfloat16, or in the model's type where bfloat16 cannot hold it.
     */
    private Stored stored(String name) throws IOException {
        Weights.Tensor t = from.tensor(name);
        if (storage == Storage.BLOCKS && expandable(t)) {
            Stored blocks = blocks(t);
            quantized = true;
            int each = t.type() == GgufType.MXFP4 ? 1 : 2;
            bytes += blocks.codes().getShape().size()
                    + each * blocks.scales().getShape().size();
            return blocks;
        }
        boolean exactOnlyWide = t.type() == GgufType.F32 || t.type() == GgufType.F16;
        Precision type = storage == Storage.NARROW && !exactOnlyWide ? Precision.BFLOAT16 : precision;
        NDArray weight = joined(type, List.of(name));
        bytes += weight.getShape().size() * type.bytes();
        return new Stored(none, weight, 0, t.rows());
    }

    @Override
    public void close() {
        scope.close();
    }
}
