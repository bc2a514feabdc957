package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.WireKernel.Channel;
import io.tunebook.kernel.protocol.Message;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whatever comes by the control channel while a cell runs, that cell stays the one that an interrupt ends. */
@WithKernel
class ControlChannelTest {
    private static ObjectNode code(String code) {
        return Message.object().put("code", code).put("cursor_pos", code.length());
    }

    @Test
    void itsMessagesLeaveTheRunningCellAlone(WireKernel kernel) {
        kernel.execute("import io.tunebook.kernel.display.Comms;\nint kept = 5;\n"
                + "Comms.register(\"t\", comm -> comm.onMessage(data -> System.out.println(\"heard \" + kept)));");
        kernel.request(
                Channel.SHELL, "comm_open", Message.object().put("comm_id", "c").put("target_name", "t"));
        Message busy = kernel.start("System.out.println(\"in\"); while (true) {}");
        kernel.await(busy, "stream");
        List<Message> sent = new ArrayList<>();
        sent.add(kernel.send(Channel.CONTROL, "comm_msg", Message.object().put("comm_id", "c")));
        sent.add(kernel.send(Channel.CONTROL, "complete_request", code("ke")));
        sent.add(kernel.send(Channel.CONTROL, "inspect_request", code("kept")));
        sent.add(kernel.send(Channel.CONTROL, "is_complete_request", code("int x = 1;")));
        WireKernel.Answer history = kernel.request(
                Channel.CONTROL,
                "history_request",
                Message.object().put("hist_access_type", "tail").put("n", 5));
        assertThat(history.status()).isEqualTo("ok");
        assertThat(kernel.request(Channel.CONTROL, "comm_info_request", Message.object())
                        .reply()
                        .path("comms")
                        .has("c"))
                .isTrue();
        assertThat(kernel.request(Channel.CONTROL, "kernel_info_request", Message.object())
                        .status())
                .isEqualTo("ok");
        kernel.interrupt();
        assertThat(kernel.await(busy).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
        for (Message m : sent) { // they had their turn behind the cell
            WireKernel.Answer answer = kernel.await(m);
            switch (m.type()) {
                case "comm_msg" -> assertThat(answer.stdout()).startsWith("heard 5");
                case "complete_request" ->
                    assertThat(answer.reply().path("matches").toString()).contains("kept");
                case "inspect_request" ->
                    assertThat(answer.reply().path("found").asBoolean()).isTrue();
                default -> assertThat(answer.status()).isEqualTo("complete");
            }
        }
        assertThat(kernel.execute("kept").result()).isEqualTo("5");
    }

    /** JupyterLab asks so before it makes a subshell for a console, while a cell runs. */
    @Test
    void whatTheKernelIsIsAnsweredWhileACellRuns(WireKernel kernel) {
        Message busy = kernel.start("System.out.println(\"in\"); while (true) {}");
        kernel.await(busy, "stream");
        WireKernel.Answer info = kernel.request(Channel.SHELL, "kernel_info_request", Message.object());
        assertThat(info.reply().path("implementation").asText()).isEqualTo("tunebook");
        kernel.interrupt();
        assertThat(kernel.await(busy).reply().path("ename").asText()).isEqualTo("KeyboardInterrupt");
    }

    @Test
    void cellsDoNotRunThere(WireKernel kernel) {
        WireKernel.Answer answer = kernel.request(Channel.CONTROL, "execute_request", WireKernel.cell("1"));
        assertThat(answer.status()).isEqualTo("error");
        assertThat(answer.reply().path("evalue").asText()).contains("execute_request", "SHELL", "CONTROL");
    }

    @Test
    void requestsAboutCodeKeepNoCellWaiting(WireKernel kernel) {
        for (int i = 0; i < 20; i++) {
            Message help = kernel.send(Channel.SHELL, "inspect_request", code("String"));
            Message cell = kernel.start("" + i);
            assertThat(kernel.await(cell).result()).isEqualTo(String.valueOf(i));
            assertThat(kernel.await(help).status()).isEqualTo("ok");
        }
    }
}
