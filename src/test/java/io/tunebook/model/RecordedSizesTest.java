package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Sizes hold their batches, and padding and recordings together cost little. */
final class RecordedSizesTest {
    private static RecordedSizes.Size wanted(int tokens, int labels) {
        int n = BatchInputs.tokens(tokens + 1);
        return new RecordedSizes.Size(n, 8, Math.min(n, (labels / 64 + 1) * 64), Math.min(n, 2048), 0);
    }

    @Property(tries = 100)
    void eachSizeHoldsItsBatch(@ForAll @IntRange(min = 1, max = 20_000) int most, @ForAll long seed) {
        Random random = new Random(seed);
        RecordedSizes sizes = new RecordedSizes();
        for (int i = 0; i < 200; i++) {
            int tokens = 1 + random.nextInt(most);
            RecordedSizes.Size wanted = wanted(tokens, random.nextInt(tokens));
            RecordedSizes.Size chosen = sizes.choose(wanted);
            assertThat(chosen.holds(wanted)).as(wanted + " in " + chosen).isTrue();
            assertThat(chosen.tokens()).as("the document of padding").isLessThanOrEqualTo(tokens + chosen.longest());
        }
    }

    @Test
    void aSizeOfItsOwnComesWhenThePaddingHasCostAsMuch() {
        RecordedSizes sizes = new RecordedSizes();
        RecordedSizes.Size often = wanted(1100, 500);
        RecordedSizes.Size first = sizes.choose(often);
        assertThat(first.tokens()).isEqualTo(1280);
        List<RecordedSizes.Size> then = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            then.add(sizes.choose(often));
        }
        double each = first.work() - often.work();
        assertThat(Collections.frequency(then, first)).isEqualTo((int) (8_000 / each));
        assertThat(then.get(99)).isEqualTo(often);
        assertThat(sizes.choose(wanted(1000, 400)))
                .as("what is there serves smaller ones")
                .isEqualTo(often);
    }

    @Test
    void manyLengthsNeedFewSizes() {
        Random random = new Random(1);
        RecordedSizes sizes = new RecordedSizes();
        Set<RecordedSizes.Size> used = new HashSet<>();
        double padded = 0;
        double plain = 0;
        for (int i = 0; i < 200; i++) {
            RecordedSizes.Size wanted = wanted(800 + random.nextInt(2000), 300 + random.nextInt(400));
            RecordedSizes.Size chosen = sizes.choose(wanted);
            used.add(chosen);
            padded += chosen.work();
            plain += wanted.work();
        }
        assertThat(used).hasSizeLessThan(25);
        assertThat(padded / plain).isBetween(1.0, 1.25);
    }

    @Test
    void documentsOfOneLengthAreLeftAlone() {
        RecordedSizes sizes = new RecordedSizes();
        RecordedSizes.Size rows = new RecordedSizes.Size(384, 3, 384, 128, 3);
        sizes.choose(wanted(1500, 900));
        assertThat(sizes.choose(rows)).isEqualTo(rows);
        assertThat(rows.holds(wanted(100, 50))).isFalse();
    }
}
