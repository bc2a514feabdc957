package io.tunebook.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The numbers that dropout draws: a count and two keys decide them, and they are spread as chance would spread them.
 */
final class DropoutTest {
    private static final int N = 1 << 20;

    private static int[] numbers(TorchScript script, NDManager scope, long first, long second) {
        try (TorchScript.Arguments a = new TorchScript.Arguments()) {
            NDArray like = scope.create(new float[0]);
            return script.call(
                            scope, "counted", a.number(N).numbers(first, second).tensor(like))
                    .get(0)
                    .toIntArray();
        }
    }

    @Test
    void numbersAreSpreadAndOfTheirKeysAlone() {
        try (NDManager manager = NDManager.newBaseManager();
                TorchScript script = DecoderScript.load(manager, false)) {
            int[] some = numbers(script, manager, 1, 2);
            assertThat(numbers(script, manager, 1, 2)).isEqualTo(some);
            Map<String, int[]> others = new HashMap<>();
            others.put("another first key", numbers(script, manager, 3, 2));
            others.put("another second key", numbers(script, manager, 1, 3));
            others.put("negative keys", numbers(script, manager, -1, Integer.MIN_VALUE));
            for (double dropout : new double[] {0.05, 0.5, 0.9}) {
                long least = (long) (dropout * (1L << 32)) + Integer.MIN_VALUE;
                double deviation = Math.sqrt(N * dropout * (1 - dropout));
                long dropped = 0;
                long neighbours = 0;
                for (int i = 0; i < N; i++) {
                    dropped += some[i] < least ? 1 : 0;
                    neighbours += some[i] < least && some[(i + 1) % N] < least ? 1 : 0;
                }
                assertThat((double) dropped).isCloseTo(N * dropout, within(5 * deviation));
                assertThat((double) neighbours).isCloseTo(N * dropout * dropout, within(7 * deviation));
                others.forEach((what, other) -> {
                    long both = 0;
                    for (int i = 0; i < N; i++) {
                        both += some[i] < least && other[i] < least ? 1 : 0;
                    }
                    assertThat((double) both).as(what).isCloseTo(N * dropout * dropout, within(7 * deviation));
                });
            }
        }
    }
}
