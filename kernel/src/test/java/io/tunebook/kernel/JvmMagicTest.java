package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.WireKernel.Answer;
import io.tunebook.kernel.WireKernel.Channel;
import io.tunebook.kernel.protocol.Message;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@code %%jvm} starts the kernel anew with other options of the JVM, and no frontend has to connect again. */
@WithKernel(fresh = true)
class JvmMagicTest {
    @Test
    void theNotebookRunsWithTheOptionsOfItsFirstCell(WireKernel kernel) {
        // As "run all cells" does: everything is sent before the first reply.
        Message first = kernel.start("%%jvm -Xmx200m -Dof.a.test=yes");
        List<Message> behind = new ArrayList<>();
        behind.add(kernel.start("Runtime.getRuntime().maxMemory() <= 200L << 20"));
        behind.add(kernel.start("System.out.print(\"printed\"); System.getProperty(\"of.a.test\")"));
        for (int i = 0; i < 20; i++) {
            behind.add(kernel.start("" + i));
        }
        assertThat(kernel.await(first).stdout()).contains("-Xmx200m -Dof.a.test=yes");
        assertThat(kernel.await(behind.get(0)).result()).isEqualTo("true");
        Answer second = kernel.await(behind.get(1));
        assertThat(second.stdout()).isEqualTo("printed");
        assertThat(second.result()).isEqualTo("yes");
        for (int i = 0; i < 20; i++) {
            assertThat(kernel.await(behind.get(i + 2)).result()).isEqualTo("" + i);
        }
        Answer again = kernel.execute("%%jvm -Xmx200m\n-Dof.a.test=yes");
        assertThat(again.stdout()).isEqualTo("This JVM runs with -Xmx200m -Dof.a.test=yes\n");
    }

    @Test
    void itIsAKernelAsBefore(WireKernel kernel) {
        assertThat(kernel.execute("%%jvm -Xmx300m").status()).isEqualTo("ok");
        kernel.onInput(request -> request.path("prompt").asText() + "Ada");
        assertThat(kernel.execute("input(\"name: \")").result()).isEqualTo("name: Ada");
        assertThat(kernel.interruptAfterOutput("System.out.println(1); while (true) {}")
                        .error()
                        .path("ename")
                        .asText())
                .isEqualTo("KeyboardInterrupt");
        Answer completed = kernel.request(
                Channel.SHELL,
                "complete_request",
                Message.object().put("code", "\"\".len").put("cursor_pos", 6));
        assertThat(completed.reply().path("matches").toString()).contains("length");
        assertThat(kernel.request(Channel.CONTROL, "kernel_info_request", Message.object())
                        .status())
                .isEqualTo("ok");
        assertThat(kernel.execute("throw new IllegalStateException(\"mine\");").traceback())
                .contains("mine");
        assertThat(kernel.execute("display(html(\"<b>x</b>\"));").displays("text/html"))
                .containsExactly("<b>x</b>");
        kernel.send(Channel.CONTROL, "shutdown_request", Message.object().put("restart", false));
        assertThat(kernel.ends()).isTrue();
        assertThat(kernel.process().exitValue()).isZero();
    }

    @Test
    void itsEndIsTheEndOfTheKernel(WireKernel kernel) {
        assertThat(kernel.execute("%%jvm -Xmx300m").status()).isEqualTo("ok");
        kernel.start("Runtime.getRuntime().halt(7);");
        assertThat(kernel.ends()).isTrue();
        assertThat(kernel.process().exitValue()).isEqualTo(7);
    }

    @Test
    void nothingOfItOutlivesTheKernel(WireKernel kernel) {
        kernel.execute("%%jvm -Xmx300m");
        ProcessHandle child = ProcessHandle.of(Long.parseLong(
                        kernel.execute("ProcessHandle.current().pid()").result()))
                .orElseThrow();
        assertThat(child.pid()).isNotEqualTo(kernel.process().pid());
        kernel.process().destroyForcibly();
        assertThat(child.onExit().orTimeout(60, java.util.concurrent.TimeUnit.SECONDS))
                .succeedsWithin(java.time.Duration.ofSeconds(60));
    }

    @Test
    void optionsThatNoJvmTakesAreAnErrorOfTheCell(WireKernel kernel) {
        Answer refused = kernel.execute("%%jvm -XX:NoSuchOption");
        assertThat(refused.status()).isEqualTo("error");
        assertThat(refused.traceback()).contains("no kernel starts with -XX:NoSuchOption", "Unrecognized VM option");
        assertThat(kernel.execute("1 + 1").result()).isEqualTo("2");
        Answer late = kernel.execute("%%jvm -Xmx300m");
        assertThat(late.traceback()).contains("first cell", "restart the kernel");
    }

    @Test
    void previewFeaturesAreTheCompilersToo(WireKernel kernel) {
        kernel.execute("%%jvm --enable-preview");
        String options = "java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments()"
                + ".contains(\"--enable-preview\")";
        assertThat(kernel.execute(options).result()).isEqualTo("true");
        if (Runtime.version().feature() == 17) {
            assertThat(kernel.execute("Object o = 5;\nswitch (o) { case Integer i -> i + 1; default -> 0; }")
                            .status())
                    .isEqualTo("ok");
        }
    }
}
