package io.tunebook.kernel.debug;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.debug.CellFiles.Murmur2;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Murmur2Test {
    /** What ipykernel 7.4's murmur2_x86 gives. */
    @ParameterizedTest
    @CsvSource({
        "'', 3990065800",
        "a, 2167009006",
        "ab, 2805137849",
        "abc, 3350977461",
        "abcd, 804720481",
        "int x = 1;\\nx + 1, 501940937",
        "é中😀, 3400815401"
    })
    void isTheHashOfIpykernel(String text, long hash) {
        assertThat(Murmur2.hash(text.replace("\\n", "\n"), CellFiles.SEED)).isEqualTo(hash);
    }
}
