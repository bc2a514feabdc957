package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Ten thousand cells leave nothing behind but what they keep. */
class SoakTest {
    private static final int CELLS = 10_000;

    @Test
    void memoryDoesNotGrow() {
        try (TestKernel kernel = new TestKernel()) {
            kernel.run("int counter = 0;\nint again = 0;");
            cells(kernel, 0, CELLS / 5);
            long before = used();
            cells(kernel, CELLS / 5, CELLS);
            long grown = used() - before;
            assertThat(kernel.run("counter").result()).isEqualTo(String.valueOf(CELLS / 4));
            assertThat(grown / (CELLS - CELLS / 5))
                    .as("bytes a cell that stay, after 8,000 cells")
                    .isLessThan(6_000);
        }
    }

    private static void cells(TestKernel kernel, int from, int to) {
        for (int i = from; i < to; i++) {
            String code =
                    switch (i % 4) {
                        case 0 -> "counter++;";
                        case 1 -> "counter + " + i;
                        case 2 -> i % 40 == 2 ? "int again = " + i + ";" : "again += 2;";
                        default -> "System.out.println(\"cell\");";
                    };
            TestKernel.Answer answer = kernel.run(code);
            assertThat(answer.status())
                    .as(code + answer.reply() + answer.traceback())
                    .isEqualTo("ok");
            kernel.forget();
        }
    }

    private static long used() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
