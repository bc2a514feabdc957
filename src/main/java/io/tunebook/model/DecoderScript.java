package io.tunebook.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.FileTensors.Stored;
import io.tunebook.model.TorchScript.Arguments;
import io.tunebook.model.family.DeltaNet;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * The decoder's text, which holds the weights and the adapter in use. Only this class and {@link FileTensors}, for the
 * functions of {@code files.py} that read mapped files, know how the text is called: each method is one of
 * {@code module.py} or {@code files.py}, where shapes and types stand. Knows nothing of files' formats and of layouts.
 */
public final class DecoderScript implements AutoCloseable {
    private static final List<String> TEXT = List.of(
            "blocks.py",
            "quantized.py",
            "norm.py",
            "lora.py",
            "rotary.py",
            "attention_cpu.py",
            "attention.py",
            "delta.py",
            "mlp.py",
            "loss.py",
            "router.py",
            "experts.py",
            "records.py",
            "heads.py",
            "layer.py",
            "adapter.py",
            "decoder.py",
            "generation.py",
            "inspection.py",
            "files.py",
            "module.py");

    private final NDManager manager;
    private final TorchScript script;
    private final NDArray none;

    /**
     * Compiles the text.
     *
     * @param manager on the device that computes
     * @param kernels whether the functions of {@code kernels.py}, for a GPU, take the places of others
     */
    DecoderScript(NDManager manager, boolean kernels) {
        this.manager = manager;
        this.script = load(manager, kernels);
        this.none = manager.create(new Shape(0));
    }

    /** The text alone, for those who call its functions by name; with kernels, as it is on a GPU. */
    public static TorchScript load(NDManager manager, boolean kernels) {
        Stream<String> files = kernels ? Stream.concat(TEXT.stream(), Stream.of("kernels.py")) : TEXT.stream();
        return TorchScript.load(manager, "Decoder", DecoderScript.class, files.toArray(String[]::new));
    }

    // ---- tensors

    /** A copy in PyTorch's type of this number, on the device of another tensor. */
    NDArray asType(NDManager owner, NDArray x, int type, NDArray like) {
        try (Arguments a = new Arguments()) {
            return one(owner, "as_type", a.tensor(x).number(type).tensor(like));
        }
    }

    /** Tensors of files. */
    FileTensors files() {
        return new FileTensors(script);
    }

    NDArray joined(NDManager owner, List<NDArray> parts) {
        try (Arguments a = new Arguments()) {
            return one(owner, "joined", a.tensors(parts));
        }
    }

    NDArray expandOnce(NDManager owner, List<Stored> parts, long columns, int type) {
        try (Arguments a = new Arguments()) {
            return one(owner, "expand_once", stored(a, parts, columns).number(type));
        }
    }

    private static Arguments stored(Arguments a, List<Stored> parts, long columns) {
        return a.tensors(parts.stream().map(Stored::scales).toList())
                .tensors(parts.stream().map(Stored::codes).toList())
                .numbers(parts.stream().mapToLong(Stored::kind).toArray())
                .numbers(parts.stream().mapToLong(Stored::rows).toArray())
                .number(columns);
    }

    /** Copies values to where other arrays lie, from device to device if need be. */
    void assign(List<NDArray> to, List<NDArray> values) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            script.call(scope, "assign", a.tensors(to).tensors(values));
        }
    }

    /** Adds an array's values to another, from device to device if need be, and leaves zeros behind. */
    void take(NDArray total, NDArray other) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            script.call(scope, "take", a.tensor(total).tensor(other));
        }
    }

    /** {@code total + weight * gradients} and {@code losses + loss}, in place. */
    void accumulate(NDArray total, NDArray gradients, double weight, NDArray losses, NDArray loss) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            a.tensor(total).tensor(gradients).real(weight);
            script.call(scope, "accumulate", a.tensor(losses).tensor(loss));
        }
    }

    /** Whole numbers of the host's on the device; it is not waited for. */
    NDArray upload(NDManager owner, NDArray host) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            return one(owner, "upload", a.tensor(host).tensor(scope.create(new Shape(0))));
        }
    }

    /** The same, to where others lie. */
    void uploadTo(NDArray host, NDArray place) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            one(scope, "upload_to", a.tensor(host).tensor(place));
        }
    }

    /** A product such as a layer makes, waited for. */
    void product(NDArray x, NDArray weight) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            one(scope, "product", a.tensor(x).tensor(weight)).toFloatArray();
        }
    }

    /** From now on the products of layers that are added are kept in eight bits. */
    void useEight() {
        try (Arguments a = new Arguments()) {
            run("use_eight", a.flag(true));
        }
    }

    // ---- loading: the embedding's product, the output's, then six products and their norms for each layer

    void addProduct(NDArray weight, long[] widths, NDArray bias) {
        try (Arguments a = new Arguments()) {
            run("add_product", a.tensor(weight).numbers(widths).tensor(bias));
        }
    }

    void addStored(List<Stored> parts, long columns, NDArray bias) {
        try (Arguments a = new Arguments()) {
            run("add_stored", stored(a, parts, columns).tensor(bias));
        }
    }

    /** A product without a weight: what the factors of all experts are like, or one that a layer does not have. */
    void addShape(long[] widths, long columns) {
        try (Arguments a = new Arguments()) {
            run("add_shape", a.numbers(widths).number(columns));
        }
    }

    /**
     * The experts of the next layer, whose two products are the last ones.
     *
     * @param shared the shared expert's gate; empty if there is no such expert
     */
    void addExperts(NDArray router, NDArray bias, NDArray shared, Experts experts) {
        try (Arguments a = new Arguments()) {
            a.tensor(router)
                    .tensor(bias)
                    .tensor(shared)
                    .number(experts.chosen())
                    .flag(experts.normed());
            a.real(experts.clamp().map(Experts.Clamp::alpha).orElse(0.0));
            a.real(experts.clamp().map(Experts.Clamp::limit).orElse(0.0));
            run("add_experts", a.flag(experts.clamp().isPresent()));
        }
    }

    /** What stands in the place of the next layer's attention; tensors in the order of {@link DeltaNet#tensors}. */
    void addDelta(List<NDArray> tensors, DeltaNet delta) {
        try (Arguments a = new Arguments()) {
            tensors.forEach(a::tensor);
            run("add_delta", a.number(delta.keyHeads()).number(delta.keyDim()));
        }
    }

    /**
     * @param norms in the order of {@code Norms} in {@code layer.py}, empty ones for what the architecture does not
     *     have
     * @param sinks of the heads; empty for none
     * @param kind which rotary table and which window the layer has
     */
    void addLayer(List<NDArray> norms, NDArray sinks, ModelConfig.LayerKind kind) {
        try (Arguments a = new Arguments()) {
            run("add_layer", a.tensors(norms).tensor(sinks).number(kind.rope()).number(kind.window()));
        }
    }

    /** @param chunk for how many positions at a time logits are made */
    void complete(NDArray norm, List<NDArray> rotary, ModelConfig c, int chunk) {
        ModelConfig.Scales scales = c.scales();
        try (Arguments a = new Arguments()) {
            a.tensor(norm).tensors(rotary).number(c.heads()).number(c.kvHeads()).number(c.headDim());
            a.real(c.rmsNormEps()).number(chunk).real(c.attentionScale()).flag(c.gelu());
            a.real(scales.embedding()).real(scales.residual()).real(scales.logits());
            a.number(c.slidingWindow()).flag(c.family().rotatesNeighbours());
            run(
                    "complete",
                    a.flag(c.family().normsBehindRotation())
                            .number(c.longer())
                            .flag(c.family().gated()));
        }
    }

    void setRotary(RotaryTable rotary) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            run("set_rotary", a.tensors(rotary.arrays(scope)));
        }
    }

    /**
     * A way to compute attention.
     *
     * @param cudnn whether cuDNN computes it where it can, and not the flash kernel
     * @param sameBits whether the backward gives the same bits each time
     */
    record Attention(boolean cudnn, boolean sameBits) {}

    /** How far attention is from the flash kernel's for this model's heads, as a share of the largest value. */
    float difference(Attention attention) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            return one(scope, "try_attention", a.flag(attention.cudnn()).flag(attention.sameBits()))
                    .toFloatArray()[0];
        }
    }

    void use(Attention attention) {
        try (Arguments a = new Arguments()) {
            run("use_attention", a.flag(attention.cudnn()).flag(attention.sameBits()));
        }
    }

    // ---- LoRA

    void attach(Factors factors) {
        try (Arguments a = new Arguments()) {
            run("attach", embeddings(factors(a, factors), factors));
        }
    }

    void detach() {
        try (Arguments a = new Arguments()) {
            run("detach", a);
        }
    }

    void merge(Factors factors, double sign) {
        try (Arguments a = new Arguments()) {
            a.tensor(factors.flat()).numbers(factors.ranks()).reals(factors.scales());
            run("merge", embeddings(a.real(sign), factors));
        }
    }

    /** What every method that computes with a batch begins with. */
    private static Arguments batch(Arguments a, BatchInputs.Tensors batch) {
        return a.tensor(batch.numbers())
                .numbers(batch.sizes())
                .number(batch.longest())
                .number(batch.same());
    }

    private static Arguments factors(Arguments a, Factors factors) {
        return a.tensor(factors.flat())
                .numbers(factors.ranks())
                .reals(factors.scales())
                .flag(factors.dora());
    }

    /** Always two tensors; an empty one leaves the model's own. */
    private Arguments embeddings(Arguments a, Factors factors) {
        Factors.Embeddings e = factors.embeddings();
        return a.tensors(List.of(e.input().orElse(none), e.output().orElse(none)));
    }

    /** The norms of the rows of one target's weight. */
    float[] norms(int layer, Target target, ModelConfig c) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            a.number(layer).number(target.product().ordinal()).number(target.index(c));
            return one(scope, "target_norms", a).toFloatArray();
        }
    }

    // ---- computing

    /**
     * The logits of every position.
     *
     * @param positions how many there are
     */
    float[][] logits(BatchInputs batch, int positions) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            float[] all = one(scope, "logits", batch(a, batch.on(scope, this))).toFloatArray();
            float[][] rows = new float[positions][];
            Arrays.setAll(
                    rows, i -> Arrays.copyOfRange(all, all.length / positions * i, all.length / positions * (i + 1)));
            return rows;
        }
    }

    float[] attention(NDManager scope, BatchInputs batch, int layer) {
        try (Arguments a = new Arguments()) {
            return one(scope, "attention_of", batch(a, batch.on(scope, this)).number(layer))
                    .toFloatArray();
        }
    }

    float loss(BatchInputs batch) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            return one(scope, "loss", batch(a, batch.on(scope, this))).toFloatArray()[0];
        }
    }

    /**
     * The summed loss, and its derivative by the factors in the model's type.
     *
     * @param keys what dropout drops, two of 32 bits for each target of each layer; none without dropout
     * @param checkpointed how many layers, from the first, are computed again in the backward
     * @param around the rank whose products around SwiGLU are computed with it; 0 for none
     */
    List<NDArray> gradient(
            NDManager owner,
            BatchInputs.Tensors batch,
            Factors factors,
            double dropout,
            long[] keys,
            int checkpointed,
            long around) {
        try (Arguments a = new Arguments()) {
            factors(batch(a, batch), factors);
            return script.call(
                    owner,
                    "gradient",
                    embeddings(
                            a.real(dropout).numbers(keys).number(checkpointed).number(around), factors));
        }
    }

    /** Keys of all layers, then values, for so many tokens. */
    List<NDArray> cache(NDManager owner, int longest) {
        try (Arguments a = new Arguments()) {
            return script.call(owner, "cache", a.number(longest));
        }
    }

    /** The logits behind new tokens that begin at a position. */
    float[] next(int[] ids, int position, List<NDArray> keys, List<NDArray> values) {
        try (NDManager scope = manager.newSubManager();
                Arguments a = new Arguments()) {
            long[] tokens = Arrays.stream(ids).asLongStream().toArray();
            a.tensor(scope.create(tokens, new Shape(1, ids.length))).number(position);
            return one(scope, "next", a.tensors(keys).tensors(values)).toFloatArray();
        }
    }

    private NDArray one(NDManager owner, String method, Arguments a) {
        return script.call(owner, method, a).get(0);
    }

    private void run(String method, Arguments a) {
        script.run(manager.getDevice(), method, a);
    }

    @Override
    public void close() {
        script.close();
    }
}
