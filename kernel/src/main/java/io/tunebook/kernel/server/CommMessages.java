package io.tunebook.kernel.server;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.session.Session;
import java.util.Map;

/** The messages between a cell's comms and the frontend's. */
final class CommMessages {
    private final Starting starting;
    private final Frontends frontends;
    private final Subshells subshells;
    private final Cells cells;
    /** Of the message that came last; a comm that a cell uses belongs to that cell. */
    private volatile ObjectNode last = Message.object();

    CommMessages(Starting starting, Frontends frontends, Subshells subshells, Cells cells) {
        this.starting = starting;
        this.frontends = frontends;
        this.subshells = subshells;
        this.cells = cells;
        starting.session().thenAccept(session -> session.comms().connect((type, comm, target, data, metadata) -> {
            ObjectNode content = Message.object().put("comm_id", comm).put("target_name", target);
            content.set("data", Replies.JSON.valueToTree(data));
            frontends.publish(cause(), type, content, Replies.JSON.valueToTree(metadata));
        }));
    }

    private ObjectNode cause() {
        CellContext cell = CellContext.current();
        return cell != null && cell.display() instanceof Frontends.Under under
                ? under.request().header()
                : last;
    }

    /** Answers a {@code comm_info_request}. */
    ObjectNode info(Request request) {
        ObjectNode reply = Replies.ok();
        ObjectNode open = reply.putObject("comms");
        String target = request.content().path("target_name").asText("");
        starting.now().ifPresent(session -> session.comms().all().forEach((comm, name) -> {
            if (target.isEmpty() || target.equals(name)) {
                open.putObject(comm).put("target_name", name);
            }
        }));
        return reply;
    }

    /**
     * Takes a {@code comm_open}, {@code comm_msg} or {@code comm_close}.
     *
     * @return null: these have no reply
     */
    ObjectNode receive(Request request) {
        JsonNode content = request.content();
        last = request.message().header();
        Map<String, Object> data = content.path("data").isObject()
                ? Replies.JSON.convertValue(content.path("data"), new TypeReference<>() {})
                : Map.of();
        try {
            // The handler is the user's code: it runs as cells do.
            Session session = starting.await();
            session.call(
                    subshells.runner(session, request),
                    cells.count(),
                    frontends.under(request.message(), false, false),
                    () -> session.comms()
                            .receive(
                                    request.type(),
                                    content.path("comm_id").asText(),
                                    content.path("target_name").asText(),
                                    data));
        } catch (CellException e) {
            frontends.publishError(request.message(), Replies.error(e));
        }
        return null;
    }
}
