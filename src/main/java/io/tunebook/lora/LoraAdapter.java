package io.tunebook.lora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.tunebook.model.CausalLM;
import io.tunebook.model.Factors;
import io.tunebook.model.TokenBatch;
import io.tunebook.model.Weights;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import tech.tablesaw.api.Table;

/**
 * LoRA's factors for one model, on the model's device. Several may exist; {@link #use} says which one the model
 * computes with. Closing frees the factors, and so does closing the model.
 */
public final class LoraAdapter implements AutoCloseable {
    private final CausalLM model;
    private final AdapterFile.Settings settings;
    private final LoraLayout layout;
    private final NDManager manager;
    private final NDArray factors;
    private final AdapterEmbeddings embeddings;
    private final Factors.Embeddings onDevice;
    /** The one that was saved beside the factors, where it is another one than the model's. */
    private final Optional<Tokenizer> tokenizer;

    private boolean handedOver;
    private NDArray gradient;
    private NDArray losses;

    private LoraAdapter(
            CausalLM model,
            AdapterFile.Settings settings,
            LoraLayout layout,
            float[] values,
            AdapterEmbeddings embeddings,
            Optional<Tokenizer> tokenizer)
            throws IOException {
        this.model = model;
        this.tokenizer = tokenizer;
        this.settings = settings;
        this.layout = layout;
        this.embeddings = embeddings;
        manager = model.manager().newSubManager();
        try {
            factors = manager.create(values);
            onDevice = onDevice();
        } catch (IOException | RuntimeException | Error e) {
            manager.close();
            throw e;
        }
    }

    /**
     * The embedding and the output are computed from the model's file, so that what is merged now makes no difference.
     */
    private Factors.Embeddings onDevice() throws IOException {
        if (embeddings.isEmpty()) {
            return Factors.Embeddings.NONE;
        }
        try (Weights base = model.source().weights()) {
            AdapterEmbeddings.Applied applied = embeddings.on(base, settings);
            Optional<NDArray> input = upload(applied.embedding());
            return new Factors.Embeddings(input, applied.tied() ? input : upload(applied.output()));
        }
    }

    private Optional<NDArray> upload(Optional<AdapterEmbeddings.Matrix> matrix) throws IOException {
        if (matrix.isEmpty()) {
            return Optional.empty();
        }
        AdapterEmbeddings.Matrix m = matrix.get();
        return Optional.of(model.adapters()
                .matrix(manager, m.rows(), m.columns(), (first, count, out) -> m.read(first, count, out, 0)));
    }

    private Factors all() {
        return layout.factors(factors, onDevice);
    }

    /**
     * A fresh adapter, which changes nothing yet: B is zero.
     *
     * @param seed of A's start
     */
    public static LoraAdapter create(CausalLM model, LoraConfig config, long seed) {
        LoraLayout layout = config.layout(model.config());
        float[] values = new float[layout.parameters()];
        SplittableRandom random = new SplittableRandom(seed);
        for (LoraLayout.Slice s : layout.slices().values()) {
            FreshFactors.start(values, s, config.initialization(), random);
            if (s.magnitude() >= 0) {
                System.arraycopy(model.adapters().rowNorms(s.layer(), s.target()), 0, values, s.magnitude(), s.out());
            }
        }
        try {
            return new LoraAdapter(
                    model, settings(config, model, layout), layout, values, AdapterEmbeddings.NONE, Optional.empty());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * What is adapted in the words of PEFT, which takes {@code all-linear} and patterns for a whole string only: last
     * parts of names, or whole names.
     */
    private static List<String> targets(CausalLM model, LoraLayout layout) {
        Set<String> modules = layout.slices().keySet();
        List<String> last =
                modules.stream().map(LoraAdapter::lastPart).distinct().sorted().toList();
        boolean everywhere = LoraLayout.modules(model.config()).stream()
                .filter(m -> last.contains(lastPart(m)))
                .allMatch(modules::contains);
        // the modules of a picture's encoder have the same last parts
        return everywhere && model.config().prefix().equals(ModelConfig.TEXT) ? last : List.copyOf(modules);
    }

    /** A parameter of experts keeps the names of what holds it. */
    private static String lastPart(String module) {
        return Experts.parameter(module)
                ? module.substring(module.indexOf("mlp.experts."))
                : module.substring(module.lastIndexOf('.') + 1);
    }

    private static AdapterFile.Settings settings(LoraConfig c, CausalLM model, LoraLayout layout) {
        return new AdapterFile.Settings(
                c.rank(),
                c.alpha(),
                c.dropout(),
                targets(model, layout),
                c.rslora(),
                c.dora(),
                c.initialization().peftName(),
                c.patterns().rankPattern(),
                c.patterns().alphaPattern(),
                model.path().getFileName().toString());
    }

    /**
     * Reads an adapter that Tunebook or PEFT saved. Where it changes the embedding or the output, these are computed as
     * PEFT does and stay as they are when the adapter is trained on. An adapter may have resized the vocabulary. Its
     * new tokens are known to the tokenizer that was saved beside it: where a {@code tokenizer.json} lies in the folder
     * with other tokens than the model's, or another chat template or end of text, it is {@link #tokenizer()}, and the
     * model's too while the adapter is in use or merged.
     *
     * @throws IOException if a file is missing or broken
     * @throws IllegalArgumentException if it does not fit the model; the message names the module
     */
    public static LoraAdapter load(Path folder, CausalLM model) throws IOException {
        AdapterFile file = AdapterFile.read(folder);
        List<String> known = LoraLayout.modules(model.config());
        file.factors().keySet().stream()
                .filter(m -> !known.contains(m))
                .findFirst()
                .ifPresent(m -> {
                    throw new IllegalArgumentException(
                            folder + ": the module " + m + " is not one that can be adapted in "
                                    + model.path().getFileName());
                });
        LoraLayout layout = LoraLayout.of(
                model.config(),
                new LoraLayout.Choice() {
                    @Override
                    public int rank(String module) {
                        AdapterFile.Factors f = file.factors().get(module);
                        return f == null ? 0 : f.rank();
                    }

                    @Override
                    public double scale(String module) {
                        return file.settings().scale(module);
                    }
                },
                file.settings().dora());
        float[] values = new float[layout.parameters()];
        layout.slices().forEach((module, s) -> {
            AdapterFile.Factors f = file.factors().get(module);
            if (f.inFeatures() != s.in() || f.outFeatures() != s.out()) {
                throw new IllegalArgumentException(folder + ": " + module + ": expected [" + s.out() + ", " + s.in()
                        + "] as in the model, found [" + f.outFeatures() + ", " + f.inFeatures() + "]");
            }
            if (s.copies() > 1 && s.rank() != file.settings().rank(module) * s.copies()) {
                throw new IllegalArgumentException(folder + ": " + module + ": expected factors of " + s.copies()
                        + " experts as in the model, found those of "
                        + s.rank() / file.settings().rank(module));
            }
            System.arraycopy(f.a(), 0, values, s.a(), f.a().length);
            System.arraycopy(f.b(), 0, values, s.b(), f.b().length);
            if (s.magnitude() >= 0) {
                System.arraycopy(f.magnitude(), 0, values, s.magnitude(), s.out());
            }
        });
        Optional<Tokenizer> tokenizer = AdapterTokenizer.beside(folder, model.ownTokenizer());
        try {
            LoraAdapter adapter = new LoraAdapter(model, file.settings(), layout, values, file.embeddings(), tokenizer);
            tokenizer.ifPresent(t -> t.requireFits(
                    folder.toString(),
                    adapter.onDevice.vocabulary(model.config().vocabularySize())));
            return adapter;
        } catch (IOException | RuntimeException | Error e) {
            tokenizer.ifPresent(Tokenizer::close);
            throw e;
        }
    }

    /** The tokenizer that was saved beside the factors, where it is another one than the model's. */
    public Optional<Tokenizer> tokenizer() {
        return tokenizer;
    }

    public CausalLM model() {
        return model;
    }

    public AdapterFile.Settings settings() {
        return settings;
    }

    public LoraLayout layout() {
        return layout;
    }

    /** All factors, flat, float32; laid out as {@link #layout} says. */
    public NDArray factors() {
        return factors;
    }

    /** Where {@link #addGradient} adds up the summed losses, float64 [1]; made when first asked for. */
    public NDArray losses() {
        if (losses == null) {
            losses = manager.zeros(new Shape(1), DataType.FLOAT64);
        }
        return losses;
    }

    /** Where {@link #addGradient} adds up, flat, float32; made when first asked for. */
    public NDArray gradient() {
        if (gradient == null) {
            gradient = manager.zeros(factors.getShape());
        }
        return gradient;
    }

    /** A copy of all factors. */
    public float[] floats() {
        return factors.toFloatArray();
    }

    /** Replaces all factors. */
    public void set(float[] values) {
        if (values.length != layout.parameters()) {
            throw new IllegalArgumentException("expected " + layout.parameters() + " factors, found " + values.length);
        }
        try (NDArray from = manager.create(values)) {
            model.adapters().assign(factors, from);
        }
    }

    /** The same factors for the same model on another device. */
    public LoraAdapter copyFor(CausalLM other) {
        try {
            return new LoraAdapter(other, settings, layout, floats(), embeddings, Optional.empty());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes over the factors of a copy, which may be on another device. */
    public void follow(LoraAdapter copy) {
        model.adapters().assign(factors, copy.factors);
    }

    /** Adds a copy's gradient and losses, which may be on another device, and makes them zero there. */
    public void takeGradient(LoraAdapter copy) {
        model.adapters().take(gradient(), copy.gradient());
        model.adapters().take(losses(), copy.losses());
    }

    /** What it changes in the embedding and the output, as it was read. */
    public AdapterEmbeddings embeddings() {
        return embeddings;
    }

    /**
     * From now on the model computes with this adapter as it is now, until another one is used or
     * {@link CausalLM#detach} takes it off.
     */
    public void use() {
        handedOver = true;
        model.adapters().attach(all(), tokenizer, (flat, out) -> AdapterGguf.write(model.config(), file(flat), out));
    }

    /**
     * Forward and backward of one micro batch: adds {@code weight} times the gradient of the summed loss to
     * {@link #gradient()}, and that loss to {@link #losses}. A GPU is not waited for.
     *
     * @see CausalLM#gradient
     */
    public void addGradient(TokenBatch batch, double weight, long seed, int checkpointed) {
        model.gradient(batch, all(), gradient(), losses(), weight, settings.dropout(), seed, checkpointed);
    }

    /**
     * The same as {@link #addGradient}, waited for, with all layers computed again in the backward or none.
     *
     * @return the summed loss of this batch
     */
    public double gradient(TokenBatch batch, double weight, long seed, boolean checkpointing) {
        double before = losses().toDoubleArray()[0];
        addGradient(batch, weight, seed, checkpointing ? model.config().layers() : 0);
        return losses().toDoubleArray()[0] - before;
    }

    /**
     * Adds the adapter to the model's weights, so that nothing is left to compute beside them. {@link #unmerge} takes
     * it out again.
     */
    public void merge() {
        handedOver = true;
        model.adapters().merge(all(), 1, tokenizer);
    }

    public void unmerge() {
        model.adapters().merge(all(), -1, tokenizer);
    }

    /** What is trained, module by module, with counts. */
    public Table summary() {
        return layout.summary();
    }

    /** A copy of the factors in the form in which they are saved. */
    public AdapterFile file() {
        return file(floats());
    }

    private AdapterFile file(float[] all) {
        Map<String, AdapterFile.Factors> byModule = new LinkedHashMap<>();
        layout.slices()
                .forEach((module, s) -> byModule.put(
                        module,
                        new AdapterFile.Factors(
                                s.in(),
                                s.out(),
                                s.rank(),
                                Arrays.copyOfRange(all, s.a(), s.a() + s.rank() * s.in()),
                                Arrays.copyOfRange(all, s.b(), s.b() + s.out() * s.rank()),
                                s.magnitude() < 0
                                        ? new float[0]
                                        : Arrays.copyOfRange(all, s.magnitude(), s.magnitude() + s.out()))));
        return new AdapterFile(settings, byModule, embeddings);
    }

    /**
     * Writes {@code adapter_config.json} and {@code adapter_model.safetensors} as PEFT does, and the files of
     * {@link #tokenizer()} beside them.
     */
    public void save(Path folder) throws IOException {
        file().write(folder, model.config().prefix());
        if (tokenizer.isPresent()) {
            AdapterTokenizer.copy(tokenizer.get(), folder);
        }
    }

    /** Frees the factors. A tokenizer of its own that the model has used is freed with the model. */
    @Override
    public void close() {
        manager.close();
        if (!handedOver) {
            tokenizer.ifPresent(Tokenizer::close);
        }
    }
}
