package io.tunebook.export;

import io.tunebook.lora.AdapterEmbeddings;
import io.tunebook.lora.AdapterFile;
import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.model.Weights;
import io.tunebook.model.family.Experts;
import io.tunebook.model.family.GgufForm;
import io.tunebook.model.family.ModelConfig;
import io.tunebook.model.family.Target;
import io.tunebook.tensors.GgufFile;
import io.tunebook.tensors.GgufTensor;
import io.tunebook.tensors.GgufType;
import io.tunebook.tensors.GgufWriter;
import io.tunebook.tensors.ModelFormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A base model with an adapter merged in, as one GGUF file that llama.cpp and Ollama open like any other.
 *
 * <p>From a GGUF base only the tensors that the adapter touches are written anew, W + s·B·A and for DoRA m·(W +
 * s·B·A)/‖W + s·B·A‖ by rows (arXiv:2402.09353); all others, the metadata, the tokenizer and the chat template are
 * copied byte for byte. From safetensors every tensor is written, and the metadata is made from the folder's files.
 */
public final class MergedGguf {
    /** How many values are merged and quantised before they are written. */
    private static final int BATCH = 1 << 22;

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String OUTPUT = "lm_head.weight";

    /** How many values one core takes at a time. */
    private static final int CHUNK = 1 << 16;

    private final Weights weights;
    private final Optional<AdapterFile> adapter;
    private final Quantization quantization;
    private final AdapterEmbeddings.Applied embeddings;
    private final Rounding.Sum rounding = new Rounding.Sum();

    private MergedGguf(Weights weights, Optional<AdapterFile> adapter, Quantization quantization) throws IOException {
        this.weights = weights;
        this.adapter = adapter;
        this.quantization = quantization;
        embeddings = adapter.isPresent()
                ? adapter.get().embeddings().on(weights, adapter.get().settings())
                : AdapterEmbeddings.NONE.on(weights, null);
    }

    /**
     * Merges and writes.
     *
     * @param base a GGUF file or blob, or a folder of safetensors with its configuration and tokenizer
     * @param adapter the adapter
     * @param quantization the types of the tensors that are written anew
     * @param out the file to write; it is written beside and moved when whole
     * @throws ModelFormatException if the base is broken, or a folder's tokenizer is of a kind that GGUF has no name
     *     for
     * @return how much of the adapter is left after rounding
     * @throws IllegalArgumentException if the adapter does not fit the base or has resized its vocabulary, or
     *     {@code out} is the base itself
     */
    public static Rounding write(Path base, AdapterFile adapter, Quantization quantization, Path out)
            throws IOException {
        return write(base, adapter, quantization, out, done -> {});
    }

    /**
     * Merges and writes, and tells how far it is.
     *
     * @param progress told after each tensor how many bytes of tensors are written
     * @return how much of the adapter is left after rounding
     */
    public static Rounding write(
            Path base, AdapterFile adapter, Quantization quantization, Path out, LongConsumer progress)
            throws IOException {
        return write(base, Optional.of(adapter), quantization, out, progress);
    }

    /**
     * Writes a base as it is, every matrix in the type asked for, with no adapter.
     *
     * @param progress told after each tensor how many bytes of tensors are written
     */
    public static void quantize(Path base, Quantization quantization, Path out, LongConsumer progress)
            throws IOException {
        write(base, Optional.empty(), quantization, out, progress);
    }

    private static Rounding write(
            Path base, Optional<AdapterFile> adapter, Quantization quantization, Path out, LongConsumer progress)
            throws IOException {
        if (Files.exists(out) && Files.isSameFile(base, out)) {
            throw new IllegalArgumentException(out + " is the base itself: name another file");
        }
        try (Weights weights = Weights.open(base)) {
            MergedGguf merged = new MergedGguf(weights, adapter, quantization);
            merged.writer().write(out, progress);
            return merged.rounding.result();
        }
    }

    private GgufWriter writer() throws IOException {
        checkFit();
        GgufWriter writer = new GgufWriter();
        if (weights.gguf().isPresent()) {
            fromGguf(weights.gguf().get(), writer);
        } else {
            fromSafetensors(writer);
        }
        // What llama.cpp writes beside quantised tensors: the version of their blocks' layout.
        return writer.uint32("general.quantization_version", 2);
    }

    private void fromGguf(GgufFile base, GgufWriter writer) throws IOException {
        if (!base.unread().isEmpty()) {
            throw new ModelFormatException(
                    base.path(),
                    "has tensors of types that cannot be copied, since they are not read: " + base.unread());
        }
        for (String key : base.metadata().keySet()) {
            if (!key.startsWith("split.")) { // what is written is one file
                writer.copy(base, key);
            }
        }
        Map<String, List<Weights.Tensor>> stacked = stacked();
        long touched = 0;
        long matrices = 0;
        for (GgufTensor tensor : base.tensors()) {
            List<Weights.Tensor> parts = stacked.getOrDefault(tensor.name(), List.of());
            matrices += tensor.shape().length > 1 ? tensor.values() : 0;
            boolean anew = !parts.isEmpty()
                    && (adapter.isPresent()
                            ? parts.stream().anyMatch(p -> touches(p.name()))
                            : tensor.shape().length > 1);
            if (!anew) {
                writer.tensor(base, tensor);
            } else {
                touched += tensor.values();
                add(writer, parts);
            }
        }
        untied().ifPresent(output -> add(writer, List.of(output)));
        if (2 * touched > matrices && quantization.fileType().isPresent()) {
            writer.uint32("general.file_type", quantization.fileType().getAsInt());
        }
    }

    private void fromSafetensors(GgufWriter writer) throws IOException {
        GgufHeader.write(weights.folder(), weights.config(), writer);
        GgufType stored = weights.tensor("model.embed_tokens.weight").type();
        int asStored = stored == GgufType.F32 ? 0 : stored == GgufType.F16 ? 1 : 32;
        writer.uint32("general.file_type", quantization.fileType().orElse(asStored));
        stacked().values().forEach(parts -> add(writer, parts));
        untied().ifPresent(output -> add(writer, List.of(output)));
    }

    /** The tensors that GGUF has under one name: those of all experts of a layer, others alone. */
    private Map<String, List<Weights.Tensor>> stacked() {
        Map<String, List<Weights.Tensor>> stacked = new LinkedHashMap<>();
        for (Weights.Tensor tensor : weights.tensors().values()) {
            String name = weights.ggufName(tensor.name());
            stacked.computeIfAbsent(name, n -> new ArrayList<>()).add(tensor);
        }
        return stacked;
    }

    /**
     * An output that the base does not have, since its embedding was both; the adapter has changed one of the two
     * alone.
     */
    private Optional<Weights.Tensor> untied() {
        if (weights.tensors().containsKey(OUTPUT) || embeddings.tied()) {
            return Optional.empty();
        }
        Weights.Tensor t = weights.tensor(EMBEDDING);
        return Optional.of(new Weights.Tensor(
                OUTPUT, t.type(), t.shape(), t.file(), t.offset(), t.bytes(), t.form(), t.added(), t.packed()));
    }

    /**
     * Adds a tensor, of one or of several, that is merged, if the adapter touches it, and quantised when it is written.
     */
    private void add(GgufWriter writer, List<Weights.Tensor> parts) {
        ModelConfig config = weights.config();
        Weights.Tensor tensor = parts.get(0);
        String name = weights.ggufName(tensor.name());
        long[] one = tensor.shape().length == 3 ? new long[] {tensor.rows(), tensor.columns()} : tensor.shape();
        if (Experts.isSharedGate(tensor.name())) {
            one = new long[] {tensor.columns()};
        }
        boolean vector = one.length == 1;
        long[] shape = one;
        if (Experts.number(tensor.name()) >= 0) {
            shape = LongStream.concat(LongStream.of(parts.size()), LongStream.of(one))
                    .toArray();
        }
        GgufType type = vector
                ? GgufType.F32
                : quantization.typeOf(name, shape, tensor.type(), config.layers(), embeddings.tied());
        writer.tensor(name, type, shape, out -> {
            for (Weights.Tensor part : parts) {
                if (vector) {
                    out.write(vector(part));
                } else {
                    matrix(part, type, out);
                }
            }
        });
    }

    private void checkFit() {
        Map<String, long[]> shapes = weights.config().tensors();
        adapter.ifPresent(a -> a.factors().forEach((module, f) -> {
            if (Experts.parameter(module)) {
                checkExperts(module, f);
            } else {
                f.requireFits(module, shapes.get(module + ".weight"));
            }
        }));
        int own = weights.config().vocabularySize();
        int rows = embeddings
                .embedding()
                .or(embeddings::output)
                .map(AdapterEmbeddings.Matrix::rows)
                .orElse(own);
        if (rows != own) {
            throw new IllegalArgumentException("the adapter resized the vocabulary from " + own + " to " + rows
                    + " tokens, and a GGUF needs the texts of them all, which an adapter's files do not have: merge it by"
                    + " PEFT (merge_and_unload), save the tokenizer into the same folder, and export that folder");
        }
    }

    private void checkExperts(String module, Factors factors) {
        ModelConfig c = weights.config();
        Target target = c.targets().stream()
                .filter(t -> t.ofExperts() && module.endsWith(t.module()))
                .findFirst()
                .orElse(null);
        factors.requireFits(module, target == null ? null : new long[] {target.out(c), target.in(c)});
        if (factors.rank() % target.copies(c) != 0) {
            throw new IllegalArgumentException("the adapter was made for another model: " + module + " has rank "
                    + factors.rank() + " there, which the " + target.copies(c) + " experts of the base do not share");
        }
    }

    /** A norm's or bias's values, float32, where llama.cpp keeps them. */
    private ByteBuffer vector(Weights.Tensor tensor) throws IOException {
        int n = Math.toIntExact(tensor.values());
        FloatBuffer values = FloatBuffer.allocate(n);
        weights.read(tensor, values);
        GgufForm form = weights.config().family().ggufForm(weights.config(), tensor.name());
        ByteBuffer bytes = ByteBuffer.allocate(4 * n).order(ByteOrder.LITTLE_ENDIAN);
        for (int place = 0; place < n; place++) {
            float value = values.get(form.rows().at(place));
            bytes.putFloat(form.decay() ? (float) -Math.exp(value) : value);
        }
        return bytes.flip();
    }

    private void matrix(Weights.Tensor tensor, GgufType type, GgufWriter.Output out) throws IOException {
        int columns = Math.toIntExact(tensor.columns());
        int rows = Math.toIntExact(tensor.rows());
        int batch = Math.max(1, BATCH / columns);
        int chunk = Math.max(1, CHUNK / columns);
        int rowBytes = Math.toIntExact(type.bytes(columns));
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(Math.min(batch, rows), rowBytes));
        for (int first = 0; first < rows; first += batch) {
            int n = Math.min(batch, rows - first);
            int start = first;
            try {
                IntStream.range(0, (n + chunk - 1) / chunk).parallel().forEach(c -> {
                    int from = c * chunk;
                    int count = Math.min(chunk, n - from);
                    ByteBuffer slice = bytes.slice(from * rowBytes, count * rowBytes);
                    float[] values = merged(tensor, start + from, count);
                    type.quantize(values, 0, values.length, slice);
                    if (touches(tensor.name())) {
                        float[] rounded = new float[values.length];
                        type.dequantize(
                                slice.duplicate().order(ByteOrder.LITTLE_ENDIAN).rewind(), rounded, 0, rounded.length);
                        rounding.add(rows(tensor, start + from, count, null), values, rounded);
                    }
                });
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
            out.write(bytes.slice(0, n * rowBytes));
        }
    }

    /** Rows as GGUF stores them, as the adapter leaves them. */
    private float[] merged(Weights.Tensor tensor, int first, int count) {
        Optional<AdapterEmbeddings.Matrix> matrix = embedding(tensor.name());
        if (matrix.isEmpty()) {
            return rows(tensor, first, count, factors(tensor.name()));
        }
        float[] values = new float[count * matrix.get().columns()];
        try {
            matrix.get().read(first, count, values, 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return values;
    }

    private Optional<AdapterEmbeddings.Matrix> embedding(String tensorName) {
        return switch (tensorName) {
            case EMBEDDING -> embeddings.embedding();
            case OUTPUT -> embeddings.output();
            default -> Optional.empty();
        };
    }

    private boolean touches(String tensorName) {
        return adapter.isPresent() && adapter.get().factors().containsKey(adapted(tensorName))
                || embedding(tensorName).isPresent();
    }

    /** Rows as GGUF stores them, merged with factors unless these are null. */
    private float[] rows(Weights.Tensor tensor, int first, int count, Factors factors) {
        int columns = (int) tensor.columns();
        float[] values = new float[count * columns];
        GgufForm form = weights.config().family().ggufForm(weights.config(), tensor.name());
        float scale =
                factors == null ? 0 : (float) adapter.orElseThrow().settings().scale(adapted(tensor.name()));
        try {
            if (form.rows().asIs()) {
                weights.readRows(tensor, first, count, values, 0);
            }
            for (int i = 0; i < count; i++) {
                int row = form.rows().at(first + i);
                if (!form.rows().asIs()) {
                    weights.readRows(tensor, row, 1, values, i * columns);
                }
                if (factors != null) {
                    factors.mergeRow(scale, row, values, i * columns);
                }
                form.columns().toGguf(values, i * columns, columns);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return values;
    }

    /** What the adapter does to a tensor; null where it leaves it alone. */
    private Factors factors(String tensorName) {
        Factors found = adapter.map(a -> a.factors().get(adapted(tensorName))).orElse(null);
        int expert = Experts.number(tensorName);
        if (found == null || expert < 0) {
            return found;
        }
        Experts experts = weights.config().experts().orElseThrow();
        int rows = Math.toIntExact(weights.tensor(tensorName).rows());
        return found.ofExpert(expert, experts.count(), experts.firstRow(tensorName), experts.rowStep(tensorName), rows);
    }

    /** What an adapter calls the weight: its module, or the parameter of all experts; empty for what is no weight. */
    private static String adapted(String tensorName) {
        return Experts.parameterOf(tensorName)
                .orElse(tensorName.endsWith(".weight") ? tensorName.substring(0, tensorName.lastIndexOf('.')) : "");
    }
}
