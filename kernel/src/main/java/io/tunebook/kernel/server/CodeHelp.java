package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.Completer;
import io.tunebook.kernel.eval.Completer.Proposal;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.session.Session;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The requests about code that is being written. */
final class CodeHelp {
    private final Starting starting;

    CodeHelp(Starting starting) {
        this.starting = starting;
    }

    /** Answers a {@code complete_request}. */
    ObjectNode complete(Request request) {
        String code = request.content().path("code").asText();
        int cursor = cursor(code, request.content());
        Session session = starting.await();
        List<Proposal> found = session.evaluator().withCompiler(() -> {
            List<Proposal> magics = session.magics().complete(code, cursor);
            return magics.isEmpty() ? java(session, code, cursor) : magics;
        });
        int start = found.isEmpty() ? cursor : found.get(0).start();
        ObjectNode reply =
                Replies.ok().put("cursor_start", codePoints(code, start)).put("cursor_end", codePoints(code, cursor));
        ArrayNode matches = reply.putArray("matches");
        ArrayNode types = reply.putObject("metadata").putArray("_jupyter_types_experimental");
        for (Proposal p : found) {
            matches.add(p.text());
            types.addObject()
                    .put("text", p.text())
                    .put("type", p.type())
                    .put("start", codePoints(code, p.start()))
                    .put("end", codePoints(code, p.end()));
        }
        return reply;
    }

    private static List<Proposal> java(Session session, String code, int cursor) {
        String java = session.magics().asJava(code, cursor);
        List<Proposal> found = session.completer().complete(java, cursor);
        if (java.equals(code)) {
            return found;
        }
        int line = code.lastIndexOf('\n', cursor - 1) + 1;
        return found.stream()
                .filter(p -> p.start() > line)
                .toList(); // one that writes an import would write over the magic
    }

    /** Answers an {@code inspect_request}. */
    ObjectNode inspect(Request request) {
        String code = request.content().path("code").asText();
        Optional<MimeBundle> found = about(code, cursor(code, request.content()));
        ObjectNode reply = Replies.ok().put("found", found.isPresent());
        reply.set("data", Replies.JSON.valueToTree(found.map(MimeBundle::data).orElse(Map.of())));
        reply.putObject("metadata");
        return reply;
    }

    /** Answers an {@code is_complete_request}. */
    ObjectNode isComplete(Request request) {
        Session session = starting.await();
        Completer.Completeness found = session.evaluator().withCompiler(() -> session.completer()
                .isComplete(request.content().path("code").asText()));
        ObjectNode reply = Message.object().put("status", found.status());
        return found.status().equals("incomplete") ? reply.put("indent", found.indent()) : reply;
    }

    /** The help for what the cursor stands at. */
    Optional<MimeBundle> about(String code, int cursor) {
        Session session = starting.await();
        return session.evaluator().withCompiler(() -> {
            Optional<MimeBundle> magic = session.magics().inspect(code, cursor);
            return magic.isPresent()
                    ? magic
                    : session.inspector().inspect(session.magics().asJava(code, cursor), cursor);
        });
    }

    /** The source of what has this name, where it is known. */
    Optional<MimeBundle> source(String name) {
        Session session = starting.await();
        return session.evaluator().withCompiler(() -> session.inspector().source(name));
    }

    /** Jupyter counts in Unicode characters, Java in UTF-16 units. */
    private static int cursor(String code, JsonNode content) {
        int points = code.codePointCount(0, code.length());
        int asked = content.path("cursor_pos").asInt(points);
        return code.offsetByCodePoints(0, Math.max(0, Math.min(asked, points)));
    }

    private static int codePoints(String code, int at) {
        return code.codePointCount(0, at);
    }
}
