package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.protocol.Message;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Behind a cell that failed only those requests are aborted that were waiting already. */
@WithKernel
class AbortTest {
    private static void afterErrors(WireKernel kernel, int rounds) {
        for (int i = 0; i < rounds; i++) {
            assertThat(kernel.execute("int[] none = null; none[0]++;").status()).isEqualTo("error");
            WireKernel.Answer next = kernel.execute("1 + " + i);
            assertThat(next.status()).as("round " + i).isEqualTo("ok");
            assertThat(next.result()).isEqualTo(String.valueOf(1 + i));
            kernel.forget();
        }
    }

    private static void afterInterrupts(WireKernel kernel, int rounds) {
        for (int i = 0; i < rounds; i++) {
            assertThat(kernel.interruptAfterOutput("System.out.println(1); while (true) {}")
                            .status())
                    .isEqualTo("error");
            assertThat(kernel.execute("7").result()).as("round " + i).isEqualTo("7");
            kernel.forget();
        }
    }

    @Test
    void whatIsSentAfterTheReplyOfAFailedCellRuns(WireKernel kernel) {
        afterErrors(kernel, 60);
    }

    @Test
    void whatIsSentAfterTheReplyOfAnInterruptedCellRuns(WireKernel kernel) {
        afterInterrupts(kernel, 40);
    }

    @Test
    @Tag("nightly")
    void soItIsInAThousandRounds(WireKernel kernel) {
        afterErrors(kernel, 1_000);
    }

    @Test
    @Tag("nightly")
    void soItIsInAThousandRoundsOfInterrupts(WireKernel kernel) {
        afterInterrupts(kernel, 1_000);
    }

    @Test
    void whatWasWaitingIsAborted(WireKernel kernel) {
        Message first = kernel.start("Thread.sleep(700); throw new IllegalStateException();");
        List<Message> behind = List.of(kernel.start("1"), kernel.start("2"));
        assertThat(kernel.await(first).status()).isEqualTo("error");
        for (Message m : behind) {
            assertThat(kernel.await(m).status()).isEqualTo("aborted");
            assertThat(kernel.answer(m).published()).isEmpty();
        }
        assertThat(kernel.execute("3").result()).isEqualTo("3");
    }
}
