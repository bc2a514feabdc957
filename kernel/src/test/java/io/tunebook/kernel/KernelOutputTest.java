package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * What the kernel itself prints and shows while a cell runs belongs under that cell, and not into the server's
 * terminal.
 */
@WithKernel
class KernelOutputTest {
    @Test
    void magicsPrintUnderTheirCell(WireKernel kernel) {
        assertThat(kernel.execute("%time Thread.sleep(10)").stdout()).contains("Wall time");
        assertThat(kernel.execute("%%time\nThread.sleep(10)").stdout()).contains("Wall time");
        assertThat(kernel.execute("%timeit Math.sqrt(2)").stdout()).isNotBlank();
        assertThat(kernel.log()).doesNotContain("Wall time");
    }

    @Test
    void aVariableThatWasResetIsNamedInTheCell(WireKernel kernel) {
        kernel.execute("record Box(int a) {}\nvar acc = new Box(1);");
        WireKernel.Answer answer = kernel.execute("record Box(int a, String b) {}");
        assertThat(answer.stderr() + answer.stdout()).contains("acc was reset");
        assertThat(kernel.log()).doesNotContain("was reset");
    }

    @Test
    void outputOfACellsThreadsStaysUnderIt(WireKernel kernel) throws InterruptedException {
        WireKernel.Answer answer = kernel.execute(
                "%time new Thread(() -> System.out.println(\"thread\")).start()\n" + "Thread.sleep(300);");
        assertThat(answer.stdout()).contains("thread");
    }
}
