package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Cells that reach for the kernel's own threads. */
@WithKernel
class HostileCellsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Thread.currentThread().getThreadGroup().interrupt();",
                "Thread.currentThread().getThreadGroup().getParent().interrupt();",
                "var g = Thread.currentThread().getThreadGroup();\nwhile (g.getParent() != null) g = g.getParent();\n"
                        + "for (int i = 0; i < 50; i++) g.interrupt();",
                "Thread.getAllStackTraces().keySet().forEach(Thread::interrupt);",
                "System.exit(3);",
                "Runtime.getRuntime().exit(1);",
                "throw new ThreadDeath();",
                "throw new StackOverflowError();",
                "throw new Error(\"e\") { public String getMessage() { throw new IllegalStateException(); } };",
            })
    void theKernelGoesOn(String code, WireKernel kernel) {
        kernel.execute("int kept = 5;");
        kernel.execute(code);
        assertThat(kernel.execute("kept + 1").result()).isEqualTo("6");
        assertThat(kernel.interrupt().status()).isEqualTo("ok");
        assertThat(kernel.execute("kept + 2").result()).isEqualTo("7");
    }
}
