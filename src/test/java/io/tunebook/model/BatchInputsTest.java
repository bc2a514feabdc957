package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Rows and numbers rounded up for recorded steps say the same as the batch they come from. */
final class BatchInputsTest {
    private static final int VOCABULARY = 100;

    @Property(tries = 200)
    void roundingAddsNothingThatCounts(
            @ForAll @IntRange(min = 1, max = 5) int rows,
            @ForAll @IntRange(min = 2, max = 200) int length,
            @ForAll boolean packed,
            @ForAll long seed) {
        TokenBatch batch = batch(rows, length, packed, new Random(seed));
        BatchInputs plain = BatchInputs.of(batch, VOCABULARY);
        BatchInputs rounded = BatchInputs.of(batch.paddedTo(64), VOCABULARY).rounded();
        int wide = (int) rounded.shape().get(1);

        assertThat(wide % 64).isZero();
        assertThat(labels(rounded, wide)).isEqualTo(labels(plain, length));
        for (int i = plain.labelPositions().length; i < rounded.labelPositions().length; i++) {
            assertThat(rounded.targets()[i]).as("a label that does not count").isNegative();
            assertThat(rounded.labelPositions()[i])
                    .as("the end of the first row, which predicts nothing")
                    .isEqualTo(wide - 1);
        }
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < length; i++) {
                assertThat(rounded.ids()[row * wide + i]).isEqualTo(plain.ids()[row * length + i]);
                assertThat(rounded.positions()[row * wide + i]).isEqualTo(plain.positions()[row * length + i]);
            }
        }
        assertThat(rounded.starts()[0]).isZero();
        assertThat(rounded.starts()).isSorted();
        assertThat(rounded.starts()[rounded.starts().length - 1]).isEqualTo(rows * wide);
        assertThat(rounded.longest()).isBetween(plain.longest() == length ? length : plain.longest(), wide);
        for (int d = 1; d < rounded.starts().length; d++) {
            assertThat(rounded.starts()[d] - rounded.starts()[d - 1]).isLessThanOrEqualTo(rounded.longest());
        }
    }

    /** Places, by row and column, and what each predicts. */
    private static Set<String> labels(BatchInputs inputs, int length) {
        Set<String> all = new HashSet<>();
        for (int i = 0; i < inputs.labelPositions().length; i++) {
            if (inputs.targets()[i] >= 0) {
                all.add(inputs.labelPositions()[i] / length + "," + inputs.labelPositions()[i] % length + ":"
                        + inputs.targets()[i]);
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
