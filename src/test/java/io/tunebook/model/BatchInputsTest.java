package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Rows and numbers rounded up for recorded steps say the same as the batch they come from. */
final class BatchInputsTest {
    private static final int VOCABULARY = 100;

    @Property(tries = 200)
    void roundingAddsNothingThatCounts(
            @ForAll @IntRange(min = 1, max = 5) int rows,
            @ForAll @IntRange(min = 2, max = 200) int length,
            @ForAll boolean packed,
            @ForAll boolean wide,
            @ForAll long seed) {
        TokenBatch batch = batch(rows, length, packed, new Random(seed));
        BatchInputs plain = BatchInputs.of(batch, VOCABULARY);
        BatchInputs rounded = plain.padded(wide ? new RecordedSizes().choose(plain.size()) : plain.size());
        int n = rounded.ids().length;

        assertThat(plain.ids()).as("padding is left out").hasSize(batch.tokens());
        assertThat(n % 64).isZero();
        assertThat(labels(rounded)).isEqualTo(labels(plain));
        for (int i = plain.labelPositions().length; i < rounded.labelPositions().length; i++) {
            assertThat(rounded.targets()[i]).as("a label that does not count").isNegative();
            assertThat(rounded.labelPositions()[i]).isEqualTo(n - 1);
        }
        assertThat(rounded.ids()).startsWith(plain.ids());
        assertThat(rounded.positions()).startsWith(plain.positions());
        assertThat(rounded.starts()).startsWith(plain.starts()).isSorted();
        assertThat(rounded.starts()[rounded.starts().length - 1]).isEqualTo(n);
        assertThat(rounded.longest()).isBetween(plain.longest(), n);
        for (int d = 1; d < rounded.starts().length; d++) {
            assertThat(rounded.starts()[d] - rounded.starts()[d - 1]).isLessThanOrEqualTo(rounded.longest());
        }
    }

    /** Batches of many lengths come in few shapes, and rounding computes little in vain. */
    @Test
    void manyLengthsAreFewShapes() {
        Set<Object> shapes = new HashSet<>();
        for (int n = 1; n <= 4096; n++) {
            int rounded = BatchInputs.tokens(n);
            assertThat(rounded).isBetween(n, n + Math.max(127, n / 8));
            shapes.add(rounded);
        }
        assertThat(shapes).hasSizeLessThan(30);
    }

    @Test
    void documentsOfOneLengthAreKnownAsSuch() {
        int[] n = new int[3 * 128];
        Arrays.setAll(n, i -> i % 128);
        BatchInputs rows = BatchInputs.of(new TokenBatch(3, 128, n, n, n, new int[n.length]), 128);
        assertThat(rows.same()).isEqualTo(3);
        assertThat(rows.size())
                .as("what suits the kernels stays")
                .isEqualTo(new RecordedSizes.Size(384, 3, 384, 128, 3));
        assertThat(new RecordedSizes().choose(rows.size())).isEqualTo(rows.size());
        assertThat(rows.padded(rows.size()).ids()).hasSize(3 * 128);
        assertThat(rows.padded(rows.size()).signature())
                .isEqualTo(rows.padded(rows.size()).signature());
        int[] documents = new int[n.length];
        documents[127] = 1;
        BatchInputs uneven = BatchInputs.of(new TokenBatch(3, 128, n, n, n, documents), 128);
        assertThat(uneven.same()).isZero();
        assertThat(uneven.starts()).containsExactly(0, 127, 128, 256, 384);
    }

    /** Places and what each predicts. */
    private static Set<String> labels(BatchInputs inputs) {
        Set<String> all = new HashSet<>();
        for (int i = 0; i < inputs.labelPositions().length; i++) {
            if (inputs.targets()[i] >= 0) {
                all.add(inputs.labelPositions()[i] + ":" + inputs.targets()[i]);
            }
        }
        return all;
    }

    private static TokenBatch batch(int rows, int length, boolean packed, Random random) {
        int n = rows * length;
        TokenBatch b = new TokenBatch(rows, length, new int[n], new int[n], new int[n], new int[n]);
        Arrays.fill(b.labels(), TokenBatch.IGNORED);
        Arrays.fill(b.documents(), TokenBatch.PADDING);
        for (int row = 0; row < rows; row++) {
            int end = 1 + random.nextInt(length);
            int document = 0;
            int position = 0;
            for (int i = row * length; i < row * length + end; i++) {
                if (packed && position > 2 && random.nextInt(8) == 0) {
                    document++;
                    position = 0;
                }
                b.ids()[i] = random.nextInt(VOCABULARY);
                b.labels()[i] = random.nextBoolean() ? b.ids()[i] : TokenBatch.IGNORED;
                b.documents()[i] = document;
                b.positions()[i] = position++;
            }
        }
        return b;
    }
}
