package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tunebook.lora.LoraAdapter;
import io.tunebook.train.Reference;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GradientTest {
    /**
     * The formulas that GPUs have kernels for, in PyTorch's operators, beside the general ones, which {@code
     * ReferenceTest} holds against PEFT.
     */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "mistral", "qwen2"})
    void productsAroundSwigluGiveTheSameGradient(String name) throws IOException {
        String architecture = name.equals("plain") ? "llama" : name;
        TokenBatch batch = Reference.padded().get(0);
        try (CausalLM model = Reference.model(architecture);
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model)) {
            double loss = added(adapter, batch, 0);
            float[] general = adapter.gradient().toFloatArray();
            model.steps().aroundSwiglu();
            for (int checkpointed : new int[] {0, 1, model.config().layers()}) {
                adapter.gradient().muli(0);
                assertThat(added(adapter, batch, checkpointed)).isCloseTo(loss, within(1e-5 * loss));
                float[] found = adapter.gradient().toFloatArray();
                assertClose(found, general);
            }
        }
    }

    /**
     * Padding is not computed, and documents of one batch see nothing of each other: a batch gives what its documents
     * give one by one.
     */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "mistral", "qwen2"})
    void aBatchGivesWhatItsDocumentsGiveOneByOne(String name) throws IOException {
        String architecture = name.equals("plain") ? "llama" : name;
        Random random = new Random(5);
        try (CausalLM model = Reference.model(architecture);
                LoraAdapter adapter = LoraAdapter.load(Reference.path("cases/" + name + "/final"), model)) {
            adapter.use();
            int[][] uneven = {{7, 3}, {12}, {1, 9, 2}, {4}};
            int[][] even = {{6}, {6}, {6}};
            int[][] evenInOneRow = {{5, 5}, {5, 5}};
            for (int[][] lengths : List.of(uneven, even, evenInOneRow)) {
                TokenBatch batch = batch(lengths, 17, random);
                adapter.losses().muli(0);
                adapter.gradient().muli(0);
                double together = added(adapter, batch, 0);
                float[] general = adapter.gradient().toFloatArray();
                assertThat(model.loss(batch).sum()).isCloseTo(together, within(1e-5 * together));

                adapter.gradient().muli(0);
                double sum = 0;
                for (TokenBatch one : documents(batch)) {
                    sum += added(adapter, one, 0);
                }
                assertThat(sum).isCloseTo(together, within(1e-5 * together));
                assertClose(adapter.gradient().toFloatArray(), general);

                TokenBatch other = other(batch, random);
                adapter.gradient().muli(0);
                assertThat(added(adapter, other, model.config().layers()))
                        .as("whatever padding holds")
                        .isEqualTo(together);
                float[][] logits = model.logits(batch);
                assertThat(logits.length).isEqualTo(batch.ids().length);
                int[] firstDocument = Arrays.copyOf(batch.ids(), lengths[0][0]);
                float[][] alone = model.logits(firstDocument);
                for (int i = 0; i < alone.length; i++) {
                    assertThat(logits[i]).usingComparatorWithPrecision(1e-4f).containsExactly(alone[i]);
                }
            }
        }
    }

    private static double added(LoraAdapter adapter, TokenBatch batch, int checkpointed) {
        adapter.losses().muli(0);
        adapter.addGradient(batch, 1, 1, checkpointed);
        return adapter.losses().toDoubleArray()[0];
    }

    private static void assertClose(float[] found, float[] expected) {
        double most = 0;
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            most = Math.max(most, Math.abs(expected[i]));
            difference = Math.max(difference, Math.abs(found[i] - expected[i]));
        }
        assertThat(difference).isLessThan(1e-5 * most);
    }

    /** Rows of documents of these lengths, padded to a width. */
    private static TokenBatch batch(int[][] rows, int width, Random random) {
        int n = rows.length * width;
        TokenBatch b = new TokenBatch(rows.length, width, new int[n], new int[n], new int[n], new int[n]);
        Arrays.fill(b.labels(), TokenBatch.IGNORED);
        Arrays.fill(b.documents(), TokenBatch.PADDING);
        for (int row = 0; row < rows.length; row++) {
            int at = row * width;
            for (int d = 0; d < rows[row].length; d++) {
                for (int i = 0; i < rows[row][d]; i++, at++) {
                    b.ids()[at] = 3 + random.nextInt(90);
                    b.labels()[at] = random.nextInt(4) > 0 ? b.ids()[at] : TokenBatch.IGNORED;
                    b.documents()[at] = d;
                    b.positions()[at] = i;
                }
            }
        }
        return b;
    }

    private static List<TokenBatch> documents(TokenBatch b) {
        List<TokenBatch> all = new ArrayList<>();
        for (int from = 0, to; from < b.ids().length; from = to) {
            to = from + 1;
            while (to < b.ids().length && to % b.length() > 0 && b.documents()[to] == b.documents()[from]) {
                to++;
            }
            if (b.documents()[from] != TokenBatch.PADDING) {
                int[] ids = Arrays.copyOfRange(b.ids(), from, to);
                int[] labels = Arrays.copyOfRange(b.labels(), from, to);
                int[] positions = Arrays.copyOfRange(b.positions(), from, to);
                all.add(new TokenBatch(1, ids.length, ids, labels, positions, new int[ids.length]));
            }
        }
        return all;
    }

    /** The same batch with other tokens in its padding. */
    private static TokenBatch other(TokenBatch b, Random random) {
        int[] ids = b.ids().clone();
        for (int i = 0; i < ids.length; i++) {
            ids[i] = b.documents()[i] == TokenBatch.PADDING ? 3 + random.nextInt(90) : ids[i];
        }
        return new TokenBatch(b.rows(), b.length(), ids, b.labels(), b.positions(), b.documents());
    }
}
