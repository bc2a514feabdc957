package io.tunebook.lora;

import io.tunebook.lora.AdapterFile.Factors;
import io.tunebook.lora.AdapterFile.Settings;
import io.tunebook.model.Weights;
import io.tunebook.tensors.Safetensors.Values;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What an adapter changes in the embedding ({@code model.embed_tokens}) and in the output ({@code lm_head}): whole
 * matrices ({@code modules_to_save}, or those of a resized vocabulary), rows of single tokens ({@code
 * trainable_token_indices}), and LoRA's factors. They are not trained further here; what was read is written again.
 *
 * @param tensors PEFT's tensors of these two modules, by their names without {@code base_model.model.}
 * @param tokens the ids of the rows that were trained, by {@code embed_tokens} or {@code lm_head}
 * @param saved the modules that were trained whole: {@code embed_tokens}, {@code lm_head}
 * @param keptTied PEFT's {@code ensure_weight_tying}
 * @see <a href="https://huggingface.co/docs/peft/developer_guides/checkpoint">PEFT's checkpoint format</a>
 */
public record AdapterEmbeddings(
        Map<String, Values> tensors, Map<String, List<Integer>> tokens, List<String> saved, boolean keptTied) {
    /** Both matrices stay as the model has them. */
    public static final AdapterEmbeddings NONE = new AdapterEmbeddings(Map.of(), Map.of(), List.of(), false);

    static final String EMBEDDING = "model.embed_tokens";
    static final String OUTPUT = "lm_head";

    /** Keeps its own copies. */
    public AdapterEmbeddings {
        tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        tokens = Map.copyOf(tokens);
        saved = List.copyOf(saved);
    }

    /** Whether the model's own matrices are used as they are. */
    public boolean isEmpty() {
        return tensors.isEmpty();
    }

    /** Rows of a matrix [rows, columns] of float32. */
    @FunctionalInterface
    interface Rows {
        void read(int first, int count, float[] out, int at) throws IOException;
    }

    /** One of the two matrices as the adapter leaves it, float32 [rows, columns]. Safe for several threads. */
    public static final class Matrix {
        private final int rows;
        private final int columns;
        private final Rows from;

        private Matrix(int rows, int columns, Rows from) {
            this.rows = rows;
            this.columns = columns;
            this.from = from;
        }

        public int rows() {
            return rows;
        }

        public int columns() {
            return columns;
        }

        /**
         * Reads rows.
         *
         * @param out where the values go, {@link #columns} a row
         * @param at the index of the first one in {@code out}
         */
        public void read(int first, int count, float[] out, int at) throws IOException {
            from.read(first, count, out, at);
        }
    }

    /**
     * The two matrices for a base.
     *
     * @param embedding empty where it stays the base's
     * @param output empty where it stays the base's
     * @param tied whether one matrix is both
     */
    public record Applied(Optional<Matrix> embedding, Optional<Matrix> output, boolean tied) {}

    /**
     * The two matrices for a base, as PEFT computes them.
     *
     * @param base stays open for as long as the matrices are read
     * @throws IllegalArgumentException if they do not fit the base; the message names the tensor
     */
    public Applied on(Weights base, Settings settings) throws IOException {
        boolean tiedBase = !base.tensors().containsKey(OUTPUT + ".weight");
        if (isEmpty()) {
            return new Applied(Optional.empty(), Optional.empty(), tiedBase);
        }
        Part in = new Part(EMBEDDING);
        Part out = new Part(OUTPUT);
        Optional<Values> inBase = in.base.or(() -> tiedBase ? out.base : Optional.empty());
        Optional<Values> outBase = out.base.or(() -> tiedBase ? in.base : Optional.empty());
        // without rows of its own, a tied output has the embedding's
        Part outRows = tiedBase && (out.rows.isEmpty() || !tokens.containsKey(OUTPUT)) ? in : out;
        boolean alike = in.saved.isEmpty()
                ? out.saved.isEmpty() && in.factors.isEmpty() && out.factors.isEmpty() && outRows == in
                : keptTied
                        && out.saved
                                .map(o ->
                                        Arrays.equals(o.values(), in.saved.get().values()))
                                .orElse(tiedBase);
        boolean tied = tiedBase && alike;
        Optional<Matrix> embedding = Optional.empty();
        if (in.changes() || inBase.isPresent()) {
            embedding = Optional.of(matrix(in, in, inBase, base, settings));
        }
        Optional<Matrix> output = Optional.empty();
        if (tied) {
            output = embedding;
        } else if (out.changes() || outBase.isPresent() || outRows.rows.isPresent()) {
            output = Optional.of(matrix(out, outRows, outBase, base, settings));
        }
        int vocabulary = base.config().vocabularySize();
        int inputs = embedding.map(Matrix::rows).orElse(vocabulary);
        int outputs = output.map(Matrix::rows).orElse(vocabulary);
        if (inputs != outputs) {
            throw new IllegalArgumentException("the adapter has an embedding of " + inputs + " rows and an output of "
                    + outputs + ": its vocabulary was resized, and only one of the two was saved; save it again with"
                    + " save_embedding_layers=True");
        }
        return new Applied(embedding, output, tied);
    }

    /** PEFT's tensors of one module, by what they are. */
    private final class Part {
        private final String module;
        private final Optional<Values> saved;
        private final Optional<Values> base;
        private final Optional<Values> rows;
        private final Optional<Factors> factors;

        Part(String module) {
            this.module = module;
            boolean whole = AdapterEmbeddings.this.saved.contains(lastPart(module));
            saved = whole ? tensor(".weight").or(() -> tensor(".modules_to_save.weight")) : Optional.empty();
            base = tensor(".base_layer.weight")
                    .or(() -> tensor(".token_adapter.base_layer.weight"))
                    .or(() -> tensor(".original_module.weight"))
                    .or(() -> whole ? Optional.empty() : tensor(".weight"));
            rows = tensor(".token_adapter.trainable_tokens_delta");
            factors = factorsOf(module);
        }

        private Optional<Values> tensor(String suffix) {
            return Optional.ofNullable(tensors.get(module + suffix));
        }

        boolean changes() {
            return saved.isPresent() || base.isPresent() || rows.isPresent() || factors.isPresent();
        }
    }

    private static String lastPart(String module) {
        return module.substring(module.lastIndexOf('.') + 1);
    }

    /**
     * LoRA's factors of a module as those of a linear layer. An embedding's are transposed: PEFT's A is [r, rows] and B
     * is [columns, r]; its magnitudes are of columns and not among them.
     */
    Optional<Factors> factorsOf(String module) {
        boolean embedding = module.equals(EMBEDDING);
        Values a = tensors.get(module + (embedding ? ".lora_embedding_B" : ".lora_A.weight"));
        Values b = tensors.get(module + (embedding ? ".lora_embedding_A" : ".lora_B.weight"));
        if (a == null || b == null) {
            return Optional.empty();
        }
        Values magnitude = tensors.get(module + ".lora_magnitude_vector");
        int rank = Math.toIntExact(embedding ? a.shape()[1] : a.shape()[0]);
        int in = Math.toIntExact(embedding ? a.shape()[0] : a.shape()[1]);
        int out = Math.toIntExact(embedding ? b.shape()[1] : b.shape()[0]);
        return Optional.of(new Factors(
                in,
                out,
                rank,
                embedding ? transposed(a.values(), in, rank) : a.values(),
                embedding ? transposed(b.values(), rank, out) : b.values(),
                embedding || magnitude == null ? new float[0] : magnitude.values()));
    }

    private static float[] transposed(float[] values, int rows, int columns) {
        float[] out = new float[values.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                out[c * rows + r] = values[r * columns + c];
            }
        }
        return out;
    }

    private Matrix matrix(Part part, Part rowsOf, Optional<Values> replaced, Weights base, Settings settings)
            throws IOException {
        int columns = base.config().hiddenSize();
        if (part.saved.isPresent()) {
            return whole(part.module, part.saved.get(), columns);
        }
        Matrix under = replaced.isPresent() ? whole(part.module, replaced.get(), columns) : own(part.module, base);
        if (rowsOf.rows.isPresent()) {
            under = withRows(rowsOf, under);
        }
        return part.factors.isPresent() ? withFactors(part, under, settings) : under;
    }

    private static Matrix own(String module, Weights base) {
        String name = module + ".weight";
        Weights.Tensor tensor = base.tensor(base.tensors().containsKey(name) ? name : EMBEDDING + ".weight");
        return new Matrix(
                Math.toIntExact(tensor.rows()),
                Math.toIntExact(tensor.columns()),
                (first, count, out, at) -> base.readRows(tensor, first, count, out, at));
    }

    private static Matrix whole(String module, Values values, int columns) {
        if (values.shape()[1] != columns) {
            throw new IllegalArgumentException("the adapter was made for another model: " + module + " has rows of "
                    + values.shape()[1] + " values there, in the base of " + columns);
        }
        return new Matrix(
                Math.toIntExact(values.shape()[0]),
                columns,
                (first, count, out, at) ->
                        System.arraycopy(values.values(), first * columns, out, at, count * columns));
    }

    private Matrix withRows(Part part, Matrix under) {
        float[] trained = part.rows.orElseThrow().values();
        int columns = under.columns;
        List<Integer> ids = tokens.getOrDefault(lastPart(part.module), tokens.get(lastPart(EMBEDDING)));
        if (part.rows.get().shape()[1] != columns) {
            throw new IllegalArgumentException("the adapter was made for another model: its tokens' rows have "
                    + part.rows.get().shape()[1] + " values, in the base they have " + columns);
        }
        int highest = Collections.max(ids);
        if (highest >= under.rows) {
            throw new IllegalArgumentException("the adapter trained the token " + highest
                    + ", and the embedding has " + under.rows
                    + " rows: the vocabulary was resized before training, so resize the base model as well");
        }
        return new Matrix(under.rows, columns, (first, count, out, at) -> {
            under.read(first, count, out, at);
            for (int i = 0; i < ids.size(); i++) {
                int row = ids.get(i) - first;
                if (row >= 0 && row < count) {
                    System.arraycopy(trained, i * columns, out, at + row * columns, columns);
                }
            }
        });
    }

    private Matrix withFactors(Part part, Matrix under, Settings settings) throws IOException {
        Factors f = part.factors.orElseThrow();
        if (f.outFeatures() != under.rows || f.inFeatures() != under.columns) {
            throw new IllegalArgumentException("the adapter was made for another model: the factors of " + part.module
                    + " are for [" + f.outFeatures() + ", " + f.inFeatures() + "], in the base it is [" + under.rows
                    + ", " + under.columns + "]");
        }
        float scale = (float) settings.scale(part.module);
        Matrix sum = new Matrix(under.rows, under.columns, (first, count, out, at) -> {
            under.read(first, count, out, at);
            for (int i = 0; i < count; i++) {
                f.mergeRow(scale, first + i, out, at + i * under.columns);
            }
        });
        Values magnitude = part.module.equals(EMBEDDING) ? tensors.get(EMBEDDING + ".lora_magnitude_vector") : null;
        return magnitude == null ? sum : withColumnMagnitudes(sum, magnitude.values());
    }

    /**
     * DoRA of an embedding: m · (W + s (B A)^T) / its columns' norms, as {@code DoraEmbeddingLayer} in PEFT's
     * {@code tuners/lora/dora.py}.
     */
    private static Matrix withColumnMagnitudes(Matrix sum, float[] magnitude) throws IOException {
        double[] squares = new double[sum.columns];
        float[] row = new float[sum.columns];
        for (int r = 0; r < sum.rows; r++) {
            sum.read(r, 1, row, 0);
            for (int c = 0; c < row.length; c++) {
                squares[c] += (double) row[c] * row[c];
            }
        }
        return new Matrix(sum.rows, sum.columns, (first, count, out, at) -> {
            sum.read(first, count, out, at);
            for (int i = 0; i < count * sum.columns; i++) {
                int c = i % sum.columns;
                out[at + i] *= (float) (magnitude[c] / Math.sqrt(squares[c]));
            }
        });
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AdapterEmbeddings e
                && tokens.equals(e.tokens)
                && saved.equals(e.saved)
                && keptTied == e.keptTied
                && tensors.keySet().equals(e.tensors.keySet())
                && tensors.entrySet().stream().allMatch(t -> {
                    Values o = e.tensors.get(t.getKey());
                    return Arrays.equals(t.getValue().shape(), o.shape())
                            && Arrays.equals(t.getValue().values(), o.values());
                });
    }

    @Override
    public int hashCode() {
        return Objects.hash(tensors.keySet(), tokens, saved, keptTied);
    }

    @Override
    public String toString() {
        return "AdapterEmbeddings" + tensors.keySet();
    }
}
