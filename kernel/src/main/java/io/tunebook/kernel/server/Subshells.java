package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.CellRunner;
import io.tunebook.kernel.session.Session;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The subshells: each has a thread that handles requests and one that runs their cells, beside the main shell and over
 * the same variables.
 *
 * @see <a href="https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html">JEP 91</a>
 */
final class Subshells {
    private final Starting starting;
    private final Function<String, Lane> lanes;
    private final Map<String, Subshell> all = new ConcurrentHashMap<>();

    private record Subshell(Lane lane, CellRunner runner) {}

    /** @param lanes makes a thread for requests, by its name */
    Subshells(Starting starting, Function<String, Lane> lanes) {
        this.starting = starting;
        this.lanes = lanes;
    }

    /** Answers a {@code create_subshell_request}. */
    ObjectNode create() {
        String id = UUID.randomUUID().toString();
        all.put(
                id,
                new Subshell(
                        lanes.apply("subshell"), starting.await().evaluator().newRunner()));
        return Replies.ok().put("subshell_id", id);
    }

    /** Answers a {@code list_subshell_request}. */
    ObjectNode list() {
        ObjectNode reply = Replies.ok();
        ArrayNode ids = reply.putArray("subshell_id");
        all.keySet().forEach(ids::add);
        return reply;
    }

    /** Answers a {@code delete_subshell_request}: what the subshell runs is interrupted. */
    ObjectNode delete(Request request) {
        String id = request.content().path("subshell_id").asText();
        Subshell subshell = all.remove(id);
        if (subshell == null) {
            throw unknown(id);
        }
        subshell.lane().close();
        starting.await().evaluator().close(subshell.runner());
        return Replies.ok();
    }

    /** The thread that handles what is for a subshell, or empty if there is none of this name. */
    Optional<Lane> lane(String id) {
        return Optional.ofNullable(all.get(id)).map(Subshell::lane);
    }

    /**
     * Where the cell of a request runs.
     *
     * @throws CellException if there is no such subshell
     */
    CellRunner runner(Session session, Request request) throws CellException {
        if (request.subshell().isEmpty()) {
            return session.evaluator().mainRunner();
        }
        Subshell subshell = all.get(request.subshell());
        if (subshell == null) {
            String message = unknown(request.subshell()).getMessage();
            throw new CellException("UnknownSubshell", message, List.of(message), null);
        }
        return subshell.runner();
    }

    private static IllegalArgumentException unknown(String id) {
        return new IllegalArgumentException("there is no subshell " + id + "; create_subshell_request makes one");
    }

    void close() {
        all.values().forEach(s -> s.lane().close());
    }
}
