package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.debug.DebugAdapter;
import io.tunebook.kernel.protocol.Message;
import java.util.concurrent.CompletableFuture;

/** The debugger's messages. They have a thread of their own: an evaluation may take long, and control must stay free for an interrupt. */
final class DebugMessages {
    private final Starting starting;
    private final CompletableFuture<DebugAdapter> adapter;
    /** The header of the debugger's last request, as ipykernel has it: JupyterLab takes what belongs to a cell for a sign that variables have changed. */
    private volatile ObjectNode cause = Message.object();

    DebugMessages(Starting starting, Frontends frontends) {
        this.starting = starting;
        adapter = starting.session()
                .thenApply(session -> new DebugAdapter(
                        new SessionDebugTarget(session), event -> frontends.publish(cause, "debug_event", event)));
    }

    /** Answers a {@code debug_request}. */
    ObjectNode answer(Request request) {
        cause = request.message().header();
        return adapter.join().answer(request.content());
    }

    /** A cell is about to run. */
    void begins(int number, String code) {
        adapter.join().begins("Cell[" + number + "]", code);
    }

    /** It has ended, however. */
    void ended() {
        starting.now().ifPresent(session -> session.evaluator().withCompiler(() -> {
            adapter.join().ended();
            return null;
        }));
    }
}
