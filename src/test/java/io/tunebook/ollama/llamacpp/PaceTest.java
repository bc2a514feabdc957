package io.tunebook.ollama.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

class PaceTest {
    private final Pace pace = new Pace(4);

    /**
     * So many tokens. @param milliseconds by the number of threads @return how many of the tokens one thread computed
     */
    private int alone(int tokens, IntUnaryOperator milliseconds) {
        int alone = 0;
        for (int i = 0; i < tokens; i++) {
            int threads = pace.threads();
            assertThat(threads).isIn(1, 4);
            alone += threads == 1 ? 1 : 0;
            pace.took(milliseconds.applyAsInt(threads) * 1_000_000L);
        }
        return alone;
    }

    @Test
    void allThreadsComputeWhereTheCoresAreFree() {
        assertThat(alone(1000, threads -> 40 / threads)).isEqualTo(2);
    }

    @Test
    void oneThreadGoesOnAloneWhereOthersUseTheCores() {
        // 2 of the beginning; then all but the trials after 8, 16, 32, 64, 128, 256 and 256 tokens
        assertThat(alone(1000, threads -> threads == 1 ? 40 : 700)).isEqualTo(1000 - 8);
    }

    @Test
    void allThreadsComeBackWhenTheCoresAreFreeAgain() {
        alone(100, threads -> threads == 1 ? 40 : 700);
        assertThat(alone(1000, threads -> 40 / threads)).isLessThanOrEqualTo(64);
        assertThat(alone(10, threads -> threads == 1 ? 40 : 700))
                .as("the first pause is short again")
                .isEqualTo(8);
    }

    /** Tokens take longer the longer a text is; what one thread needed for a short one is no measure any more. */
    @Test
    void aLongTextIsNotTakenForABusyMachine() {
        alone(10, threads -> 40 / threads);
        assertThat(alone(1000, threads -> 400 / threads)).isEqualTo(8);
    }

    @Test
    void oneCoreHasOneThread() {
        Pace one = new Pace(1);
        one.took(1_000_000);
        one.took(9_000_000);
        one.took(90_000_000);
        assertThat(one.threads()).isEqualTo(1);
    }
}
