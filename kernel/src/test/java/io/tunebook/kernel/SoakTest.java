package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Thousands of cells leave nothing behind but what they keep. */
class SoakTest {
    @Test
    void memoryDoesNotGrowInTwoThousandCells() {
        assertThat(bytesEachCellKeeps(2_000)).isLessThan(20_000);
    }

    @Test
    @Tag("nightly")
    void memoryDoesNotGrowInTenThousandCells() {
        assertThat(bytesEachCellKeeps(10_000)).isLessThan(6_000);
    }

    /** Runs so many cells, and measures over the last four fifths of them. */
    private static long bytesEachCellKeeps(int cells) {
        try (TestKernel kernel = new TestKernel()) {
            kernel.run("int counter = 0;\nint again = 0;");
            cells(kernel, 0, cells / 5);
            long before = used();
            cells(kernel, cells / 5, cells);
            long grown = used() - before;
            assertThat(kernel.run("counter").result()).isEqualTo(String.valueOf(cells / 4));
            return grown / (cells - cells / 5);
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
