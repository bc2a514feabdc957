package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.protocol.Message;
import org.junit.jupiter.api.Test;

/** What every frontend does, through a real process. */
@WithKernel
class OverTheWireTest {
    @Test
    void aCellHasItsOutputResultAndError(WireKernel kernel) {
        WireKernel.Answer answer = kernel.execute("System.out.print(\"out\"); System.err.print(\"err\");\n6 * 7");
        assertThat(answer.status()).isEqualTo("ok");
        assertThat(answer.stdout()).isEqualTo("out");
        assertThat(answer.stderr()).isEqualTo("err");
        assertThat(answer.result()).isEqualTo("42");
        WireKernel.Answer failed = kernel.execute("throw new IllegalStateException(\"on purpose\");");
        assertThat(failed.status()).isEqualTo("error");
        assertThat(failed.error().path("ename").asText()).isEqualTo("java.lang.IllegalStateException");
        assertThat(failed.traceback()).contains("on purpose").containsPattern("Cell\\[\\d+\\], line 1");
    }

    @Test
    void redefinedMethodsTakeEffectOnLiveObjects(WireKernel kernel) {
        kernel.execute("class Live { int f() { return 1; } }\nvar live = new Live();");
        assertThat(kernel.execute("class Live { int f() { return 2; } }\nlive.f()")
                        .result())
                .isEqualTo("2");
    }

    @Test
    void aCellIsInterrupted(WireKernel kernel) {
        WireKernel.Answer answer = kernel.interruptAfterOutput("System.out.println(1); while (true) {}");
        assertThat(answer.status()).isEqualTo("error");
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
    }

    /** A wait inside a library may hear nothing: the thread is left behind, and the next cell has another. */
    @Test
    void aCellThatDoesNotEndIsLeftBehind(WireKernel kernel) {
        kernel.execute("int kept = 5;");
        WireKernel.Answer answer =
                kernel.interruptAfterOutput("{ System.out.println(1); new Semaphore(0).acquireUninterruptibly(); }");
        assertThat(answer.error().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        assertThat(answer.traceback()).contains("acquireUninterruptibly");
        assertThat(kernel.execute("kept + 1").result()).isEqualTo("6");
    }

    @Test
    void inputComesFromTheFrontend(WireKernel kernel) {
        kernel.onInput(request -> request.path("prompt").asText() + "Ada");
        assertThat(kernel.execute("input(\"name: \")").result()).isEqualTo("name: Ada");
    }

    @Test
    void requestsMayWait(WireKernel kernel) {
        Message first = kernel.start("Thread.sleep(200); 1");
        Message second = kernel.start("2");
        assertThat(kernel.await(second).result()).isEqualTo("2");
        assertThat(kernel.await(first).result()).isEqualTo("1");
    }
}
