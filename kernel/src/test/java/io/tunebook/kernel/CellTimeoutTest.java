package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A cell that runs longer than the settings allow is stopped, and no other one. */
@WithKernel(
        environment = "TUNEBOOK_TIMEOUT=6 SECONDS",
        jvmOptions = "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2")
class CellTimeoutTest {
    @Test
    void aCellOverItsTimeIsStopped(WireKernel kernel) {
        assertThat(kernel.execute("int kept = 3;").status()).isEqualTo("ok");
        assertThat(kernel.execute("while (true) {}").error().path("ename").asText())
                .isEqualTo("CellTimeout");
        assertThat(kernel.execute("kept").result()).isEqualTo("3");
    }

    /** Who counts the time is none of the common pool's threads, which a cell may keep busy. */
    @Test
    void aCellThatFillsTheCommonPoolIsStopped(WireKernel kernel) {
        assertThat(kernel.execute("IntStream.range(0, 8).parallel().forEach(i -> { while (true) {} });")
                        .error()
                        .path("ename")
                        .asText())
                .isEqualTo("CellTimeout");
    }

    /** The time of the first cell is over just when it ends by itself: the stop must not reach the next one. */
    @Test
    @Tag("nightly")
    void aStopHitsTheCellThatItIsFor(WireKernel kernel) {
        for (int i = 0; i < 60; i++) {
            String status =
                    kernel.execute("Thread.sleep(" + (5_900 + 2 * i) + ");").status();
            WireKernel.Answer next = kernel.execute("Thread.sleep(20); " + i);
            assertThat(next.status()).as("behind one that ended as " + status).isEqualTo("ok");
            assertThat(next.result()).isEqualTo(String.valueOf(i));
        }
    }
}
