package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import io.tunebook.kernel.session.Session;
import java.util.UUID;

/** All frontends of this kernel: what it tells them, in the name of its session. */
final class Frontends {
    private final Transport transport;
    private final String session = UUID.randomUUID().toString();

    Frontends(Transport transport) {
        this.transport = transport;
    }

    /** Says that a request is being worked at, {@code busy}, or done with, {@code idle}. */
    void status(Message cause, String state) {
        publish(cause.header(), "status", Message.object().put("execution_state", state));
    }

    /**
     * Broadcasts a message.
     *
     * @param cause the header of the request that it belongs to, or an empty object
     */
    void publish(ObjectNode cause, String type, ObjectNode content) {
        transport.publish(Message.broadcast(cause, type, session, content));
    }

    /** The same with metadata of the message itself. */
    void publish(ObjectNode cause, String type, ObjectNode content, ObjectNode metadata) {
        Message message = Message.broadcast(cause, type, session, content);
        message.metadata().setAll(metadata);
        transport.publish(message);
    }

    /** Broadcasts the error that a reply tells. */
    void publishError(Message cause, ObjectNode reply) {
        publish(cause.header(), "error", reply.deepCopy().retain("ename", "evalue", "traceback"));
    }

    /** Answers a request on its channel. */
    void reply(Request request, ObjectNode content) {
        String type = request.type().replaceFirst("_request$", "_reply");
        transport.reply(request.channel(), request.message().reply(type, session, content));
    }

    /**
     * Where the output of one request goes: under its cell, also when a thread prints after the cell's end.
     *
     * @param silent whether nobody is to see anything of it
     * @param stdin whether the frontend can be asked for a line
     */
    Under under(Message request, boolean silent, boolean stdin) {
        return new Under(request, silent, stdin);
    }

    /** The output of one request. */
    final class Under implements Session.Frontend {
        private final Message request;
        private final boolean silent;
        private final boolean stdin;

        private Under(Message request, boolean silent, boolean stdin) {
            this.request = request;
            this.silent = silent;
            this.stdin = stdin;
        }

        Message request() {
            return request;
        }

        private void send(String type, ObjectNode content) {
            if (!silent) {
                publish(request.header(), type, content);
            }
        }

        @Override
        public void text(boolean error, String text) {
            send(
                    "stream",
                    Message.object().put("name", error ? "stderr" : "stdout").put("text", text));
        }

        @Override
        public void show(MimeBundle bundle, String id, boolean update) {
            ObjectNode content = Replies.bundle(bundle);
            ObjectNode transientData = content.putObject("transient");
            if (id != null) {
                transientData.put("display_id", id);
            }
            send(update ? "update_display_data" : "display_data", content);
        }

        @Override
        public void clear(boolean wait) {
            send("clear_output", Message.object().put("wait", wait));
        }

        @Override
        public String ask(String prompt, boolean password) {
            if (!stdin) {
                return null;
            }
            try {
                ObjectNode content = Message.object().put("prompt", prompt).put("password", password);
                Message answer = transport.ask(request.reply("input_request", session, content));
                return answer == null ? null : answer.content().path("value").asText();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
        }

        @Override
        public boolean rich() {
            return true;
        }
    }
}
