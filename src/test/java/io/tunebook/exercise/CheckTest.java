package io.tunebook.exercise;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Each check says what was expected and what came. */
final class CheckTest {
    @Test
    void whatHoldsPasses() {
        assertThatCode(() -> {
                    Check.check("a claim", true);
                    Check.check("a claim", true, 5);
                    Check.checkEquals("arrays by their elements", new int[][] {{1}, {2, 3}}, new int[][] {{1}, {2, 3}});
                    Check.checkEquals("lists", List.of("a"), List.of("a"));
                    Check.checkClose("numbers", 1, 1.05, 0.1);
                })
                .doesNotThrowAnyException();
    }

    @Test
    void whatDoesNotHoldIsToldWithWhatCame() {
        assertThatThrownBy(() -> Check.check("a claim", false))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("a claim");
        assertThatThrownBy(() -> Check.check("a small loss", false, 2.5))
                .isInstanceOf(AssertionError.class)
                .hasMessage("✗ a small loss: expected this to hold, found 2.5");
        assertThatThrownBy(() -> Check.checkEquals("ids", new int[] {1, 2}, new int[] {1}))
                .isInstanceOf(AssertionError.class)
                .hasMessage("✗ ids: expected [1, 2], found [1]");
        assertThatThrownBy(() -> Check.checkEquals("words", "tea", null))
                .isInstanceOf(AssertionError.class)
                .hasMessage("✗ words: expected \"tea\", found null");
        assertThatThrownBy(() -> Check.checkEquals("a number's type counts", 1L, 1))
                .isInstanceOf(AssertionError.class)
                .hasMessage("✗ a number's type counts: expected 1 (Long), found 1 (Integer)");
    }

    @Test
    void numbersThatAreNoneAreNotClose() {
        assertThatThrownBy(() -> Check.checkClose("a loss", 1, Double.NaN, 0.1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("expected 1.0 within 0.1, found NaN");
        assertThatThrownBy(() -> Check.checkClose("a loss", 1, 1.5, 0.1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("found 1.5, 0.5 apart");
    }
}
