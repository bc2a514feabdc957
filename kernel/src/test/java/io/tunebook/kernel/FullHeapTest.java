package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A cell that fills the heap leaves a kernel that answers, or none at all, which Jupyter restarts; never one that lives
 * and is mute.
 */
@WithKernel(
        fresh = true,
        jvmOptions = {"-Xmx128m", "-XX:+UseG1GC"})
class FullHeapTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "List<Object> m = new ArrayList<>(); while (true) m.add(new long[2]);",
                "List<Object> m = new ArrayList<>(); while (true) m.add(new byte[10_000_000]);",
                "StringBuilder m = new StringBuilder(\"x\"); while (true) m.append(m);",
                "throw new RuntimeException(\"v\".repeat(50_000_000));",
            })
    void itAnswersOrEnds(String code, WireKernel kernel) {
        kernel.execute("int kept = 5;");
        try {
            assertThat(kernel.execute(code).status()).isEqualTo("error");
            kernel.execute("m = null;"); // may fail, where there is no m or no memory
            assertThat(kernel.execute("kept + 1").result()).isEqualTo("6");
            assertThat(kernel.request(
                                    WireKernel.Channel.CONTROL,
                                    "kernel_info_request",
                                    io.tunebook.kernel.protocol.Message.object())
                            .status())
                    .isEqualTo("ok");
        } catch (AssertionError e) {
            if (kernel.process().isAlive()) {
                throw e;
            }
            assertThat(kernel.log()).contains("the heap is full");
            assertThat(kernel.process().exitValue()).isEqualTo(3);
        }
    }

    @Test
    void memoryThatACellGivesBackIsThereAgain(WireKernel kernel) {
        for (int i = 0; i < 3; i++) {
            assertThat(kernel.execute("long[] big = new long[100_000_000];")
                            .error()
                            .path("ename")
                            .asText())
                    .isEqualTo("java.lang.OutOfMemoryError");
            assertThat(kernel.execute("int n = " + i + "; n").result()).isEqualTo(String.valueOf(i));
        }
    }
}
