package io.tunebook.kernel;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.tunebook.kernel.display.Comms;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Completer;
import io.tunebook.kernel.eval.Completer.Proposal;
import io.tunebook.kernel.eval.Inspector;
import io.tunebook.kernel.protocol.Message;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * What each message of Jupyter's protocol 5.4 does, without sockets: a {@link Transport} carries the answers.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html">Messaging in Jupyter</a>
 */
final class Kernel {
    private static final System.Logger LOG = System.getLogger(Kernel.class.getName());
    private static final ObjectMapper JSON = new ObjectMapper();

    /** How answers leave. */
    interface Transport {
        /** Broadcasts; may wait while too much is on its way. */
        void publish(Message message);

        /** Asks the person for a line, and returns their answer. */
        Message ask(Message request) throws InterruptedException;

        /** Messages of the shell that have come already. */
        Optional<Message> pending();
    }

    private final Transport transport;
    private final Session session;
    private final Completer completer;
    private final Inspector inspector;
    private final History history;
    private final String id;
    private int count;
    /** The shell message being handled; comms opened by a cell have it as their parent. */
    private volatile Message current;

    /** @param id the session id of the messages it sends */
    Kernel(Transport transport, Session session, History history, String id) {
        this.transport = transport;
        this.session = session;
        this.history = history;
        this.id = id;
        completer = new Completer(session.evaluator());
        inspector = new Inspector(session.evaluator());
        Comms.connect((type, comm, target, data) -> {
            ObjectNode content = Message.object().put("comm_id", comm).put("target_name", target);
            content.set("data", JSON.valueToTree(data));
            Message cause = current;
            publish(cause == null ? Message.object() : cause.header(), type, content);
        });
    }

    static String newId() {
        return UUID.randomUUID().toString();
    }

    /** Tells the frontends that the kernel is there. */
    void starting() {
        publish(Message.object(), "status", Message.object().put("execution_state", "starting"));
    }

    // ---- shell

    /** Handles a message of the shell and sends the reply, if it has one. Runs on the shell's thread. */
    void shell(Message request, Consumer<Message> reply) {
        current = request;
        busy(request, () -> {
            switch (request.type()) {
                case "execute_request" -> execute(request, reply);
                case "complete_request" -> answer(request, reply, "complete_reply", () -> complete(request.content()));
                case "inspect_request" -> answer(request, reply, "inspect_reply", () -> inspect(request.content()));
                case "is_complete_request" ->
                    answer(request, reply, "is_complete_reply", () -> isComplete(request.content()));
                case "history_request" -> answer(request, reply, "history_reply", () -> history(request.content()));
                case "comm_info_request" ->
                    answer(request, reply, "comm_info_reply", () -> commInfo(request.content()));
                case "comm_open", "comm_msg", "comm_close" -> comm(request);
                default -> common(request, reply);
            }
        });
    }

    /** Handles a message of control, on control's thread, while the shell may be busy. @return whether the kernel is to end */
    boolean control(Message request, Consumer<Message> reply) {
        busy(request, () -> common(request, reply));
        return request.type().equals("shutdown_request");
    }

    private void common(Message request, Consumer<Message> reply) {
        switch (request.type()) {
            case "kernel_info_request" -> answer(request, reply, "kernel_info_reply", this::kernelInfo);
            case "interrupt_request" ->
                answer(request, reply, "interrupt_reply", () -> {
                    session.interrupt();
                    return ok();
                });
            case "shutdown_request" ->
                answer(request, reply, "shutdown_reply", () -> ok().put(
                                "restart", request.content().path("restart").asBoolean()));
            case "connect_request" -> answer(request, reply, "connect_reply", Message::object);
            case "debug_request" ->
                answer(request, reply, "debug_reply", () -> Message.object()
                        .put("success", false)
                        .put("type", "response")
                        .put("request_seq", request.content().path("seq").asInt())
                        .put("command", request.content().path("command").asText())
                        .put("message", "this kernel has no debugger"));
            default -> LOG.log(System.Logger.Level.WARNING, "dropped a message of unknown type " + request.type());
        }
    }

    private void busy(Message request, Runnable work) {
        publish(request.header(), "status", Message.object().put("execution_state", "busy"));
        try {
            work.run();
        } catch (Throwable t) { // also an Error of the user's class path must not end the thread that serves
            LOG.log(System.Logger.Level.ERROR, "handling " + request.type() + " failed", t);
        } finally {
            publish(request.header(), "status", Message.object().put("execution_state", "idle"));
        }
    }

    /** Every request is answered, with an error if nothing better. */
    private void answer(Message request, Consumer<Message> reply, String type, Supplier<ObjectNode> content) {
        ObjectNode c;
        try {
            c = content.get();
        } catch (RuntimeException | LinkageError | StackOverflowError e) {
            LOG.log(System.Logger.Level.WARNING, type + " failed", e);
            c = Message.object()
                    .put("status", "error")
                    .put("ename", e.getClass().getName())
                    .put("evalue", String.valueOf(e.getMessage()));
            c.putArray("traceback");
        }
        reply.accept(request.reply(type, id, c));
    }

    private void publish(ObjectNode parent, String type, ObjectNode content) {
        transport.publish(Message.of(
                List.of(("kernel." + id + "." + type).getBytes(StandardCharsets.UTF_8)), parent, type, id, content));
    }

    private static ObjectNode ok() {
        return Message.object().put("status", "ok");
    }

    // ---- execute

    private void execute(Message request, Consumer<Message> reply) {
        JsonNode content = request.content();
        String code = content.path("code").asText();
        boolean silent = content.path("silent").asBoolean(false);
        boolean store = content.path("store_history").asBoolean(!silent) && !silent;
        if (store) {
            count++;
            history.add(count, code);
        }
        if (!silent) {
            publish(
                    request.header(),
                    "execute_input",
                    Message.object().put("code", code).put("execution_count", count));
        }
        Frontend frontend =
                new Frontend(request, silent, content.path("allow_stdin").asBoolean(true));
        ObjectNode answer;
        boolean failed = false;
        try {
            Optional<MimeBundle> result = session.execute(code, count, frontend);
            if (result.isPresent() && !silent) {
                ObjectNode shown = bundle(result.get());
                shown.put("execution_count", count);
                publish(request.header(), "execute_result", shown);
            }
            answer = ok();
            answer.put("execution_count", count);
            answer.set("user_expressions", expressions(content.path("user_expressions"), frontend));
            answer.putArray("payload");
        } catch (CellException e) {
            failed = true;
            answer = error(e);
            if (!silent) {
                publish(request.header(), "error", error(e));
            }
            answer.put("status", "error").put("execution_count", count);
            answer.putArray("payload");
            answer.putObject("user_expressions");
        }
        Message sent = request.reply("execute_reply", id, answer);
        sent.metadata().put("status", answer.path("status").asText());
        reply.accept(sent);
        if (failed && content.path("stop_on_error").asBoolean(true)) {
            abortPending(reply);
        }
    }

    /** Cells that were queued behind one that failed are not run. */
    private void abortPending(Consumer<Message> reply) {
        for (Optional<Message> next = transport.pending(); next.isPresent(); next = transport.pending()) {
            Message m = next.get();
            if (m.type().equals("execute_request")) {
                busy(
                        m,
                        () -> reply.accept(m.reply(
                                "execute_reply",
                                id,
                                Message.object().put("status", "aborted").put("execution_count", count))));
            } else {
                shell(m, reply);
            }
        }
    }

    private static ObjectNode error(CellException e) {
        ObjectNode node = Message.object().put("ename", e.name()).put("evalue", String.valueOf(e.getMessage()));
        ArrayNode lines = node.putArray("traceback");
        e.traceback().forEach(lines::add);
        return node;
    }

    private ObjectNode expressions(JsonNode wanted, Session.Frontend frontend) {
        ObjectNode results = Message.object();
        wanted.fields().forEachRemaining(e -> {
            try {
                Optional<MimeBundle> value = session.execute(e.getValue().asText(), count, frontend);
                results.set(e.getKey(), bundle(value.orElse(MimeBundle.of())).put("status", "ok"));
            } catch (CellException failure) {
                results.set(e.getKey(), error(failure).put("status", "error"));
            }
        });
        return results;
    }

    private static ObjectNode bundle(MimeBundle bundle) {
        ObjectNode node = Message.object();
        ObjectNode data = node.putObject("data");
        bundle.data().forEach((type, value) -> {
            // A renderer may give JSON as text that needs no parsing; everything else is mapped.
            if (value != null && value.getClass().getSimpleName().equals("RawJson")) {
                data.putRawValue(type, new RawValue(value.toString()));
            } else if (type.equals(MimeBundle.JSON) && value instanceof String text && isJson(text)) {
                data.putRawValue(type, new RawValue(text));
            } else {
                data.set(type, JSON.valueToTree(value));
            }
        });
        node.set("metadata", JSON.valueToTree(bundle.metadata()));
        return node;
    }

    private static boolean isJson(String text) {
        try {
            JSON.readTree(text);
            return true;
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            return false;
        }
    }

    /** What one cell prints, shows and asks, as messages with that cell's request as their parent. */
    private final class Frontend implements Session.Frontend {
        private final Message request;
        private final boolean silent;
        private final boolean asks;

        Frontend(Message request, boolean silent, boolean asks) {
            this.request = request;
            this.silent = silent;
            this.asks = asks;
        }

        @Override
        public void text(boolean error, String text) {
            if (!silent) {
                publish(
                        request.header(),
                        "stream",
                        Message.object()
                                .put("name", error ? "stderr" : "stdout")
                                .put("text", text));
            }
        }

        @Override
        public void show(MimeBundle shown, String displayId, boolean update) {
            if (!silent) {
                ObjectNode content = bundle(shown);
                ObjectNode passing = content.putObject("transient");
                if (displayId != null) {
                    passing.put("display_id", displayId);
                }
                publish(request.header(), update ? "update_display_data" : "display_data", content);
            }
        }

        @Override
        public void clear(boolean wait) {
            publish(request.header(), "clear_output", Message.object().put("wait", wait));
        }

        @Override
        public String ask(String prompt, boolean password) {
            if (!asks) {
                throw new IllegalStateException("this frontend takes no input (allow_stdin is false)");
            }
            ObjectNode content = Message.object().put("prompt", prompt).put("password", password);
            try {
                Message answer = transport.ask(request.reply("input_request", id, content));
                return answer.content().path("value").asText();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
        }

        @Override
        public boolean rich() {
            return !silent;
        }
    }

    // ---- the other requests

    private ObjectNode kernelInfo() {
        String version = Runtime.version().toString();
        ObjectNode info = ok();
        info.put("protocol_version", Message.VERSION);
        info.put("implementation", "tunebook");
        info.put("implementation_version", Main.VERSION);
        info.put("banner", "Tunebook " + Main.VERSION + ", Java " + version);
        info.put("debugger", false);
        ArrayNode links = info.putArray("help_links");
        links.addObject()
                .put("text", "Java API")
                .put(
                        "url",
                        "https://docs.oracle.com/en/java/javase/"
                                + Runtime.version().feature() + "/docs/api/");
        info.putArray("supported_features");
        ObjectNode language = info.putObject("language_info");
        language.put("name", "java");
        language.put("version", version);
        language.put("mimetype", "text/x-java-source");
        language.put("file_extension", ".java");
        language.put("pygments_lexer", "java");
        language.putObject("codemirror_mode").put("name", "text/x-java");
        language.put("nbconvert_exporter", "script");
        return info;
    }

    /** Positions of the protocol count code points, Java's count UTF-16 units. */
    private static int units(String text, int codePoints) {
        return codePoints < 0
                ? text.length()
                : text.offsetByCodePoints(0, Math.min(codePoints, text.codePointCount(0, text.length())));
    }

    private static int codePoints(String text, int units) {
        return text.codePointCount(0, units);
    }

    private ObjectNode complete(JsonNode content) {
        String code = content.path("code").asText();
        int cursor = units(code, content.path("cursor_pos").asInt(-1));
        List<Proposal> proposals = session.magics().complete(code, cursor);
        if (proposals.isEmpty()) {
            proposals = completer.complete(code, cursor);
        }
        int start = proposals.isEmpty() ? cursor : proposals.get(0).start();
        ObjectNode answer = ok();
        ArrayNode matches = answer.putArray("matches");
        proposals.forEach(p -> matches.add(p.text()));
        answer.put("cursor_start", codePoints(code, start));
        answer.put("cursor_end", codePoints(code, cursor));
        ArrayNode types = answer.putObject("metadata").putArray("_jupyter_types_experimental");
        proposals.forEach(p -> types.addObject()
                .put("text", p.text())
                .put("type", p.type())
                .put("start", codePoints(code, p.start()))
                .put("end", codePoints(code, p.end())));
        return answer;
    }

    private ObjectNode inspect(JsonNode content) {
        String code = content.path("code").asText();
        int cursor = units(code, content.path("cursor_pos").asInt(-1));
        Optional<MimeBundle> found = session.magics().inspect(code, cursor);
        if (found.isEmpty()) {
            found = inspector.inspect(code, cursor, content.path("detail_level").asInt() > 0);
        }
        ObjectNode answer = ok();
        answer.put("found", found.isPresent());
        ObjectNode shown = bundle(found.orElse(MimeBundle.of()));
        answer.set("data", shown.path("data"));
        answer.set("metadata", shown.path("metadata"));
        return answer;
    }

    private ObjectNode isComplete(JsonNode content) {
        Completer.Judgement j = completer.isComplete(content.path("code").asText());
        ObjectNode answer = Message.object().put("status", j.status());
        if (j.status().equals("incomplete")) {
            answer.put("indent", j.indent());
        }
        return answer;
    }

    private ObjectNode history(JsonNode content) {
        List<History.Entry> found =
                switch (content.path("hist_access_type").asText()) {
                    case "range" ->
                        history.range(
                                content.path("session").asInt(),
                                content.path("start").asInt(),
                                content.path("stop").asInt());
                    case "search" ->
                        history.search(
                                content.path("pattern").asText("*"),
                                content.path("n").asInt(),
                                content.path("unique").asBoolean());
                    default -> history.tail(content.path("n").asInt(10));
                };
        boolean output = content.path("output").asBoolean();
        ObjectNode answer = ok();
        ArrayNode rows = answer.putArray("history");
        for (History.Entry e : found) {
            ArrayNode row = rows.addArray().add(e.session()).add(e.line());
            if (output) {
                row.addArray().add(e.source()).addNull();
            } else {
                row.add(e.source());
            }
        }
        return answer;
    }

    private ObjectNode commInfo(JsonNode content) {
        String target = content.path("target_name").asText("");
        ObjectNode answer = ok();
        ObjectNode all = answer.putObject("comms");
        Comms.all().forEach((comm, name) -> {
            if (target.isEmpty() || target.equals(name)) {
                all.putObject(comm).put("target_name", name);
            }
        });
        return answer;
    }

    private void comm(Message request) {
        JsonNode content = request.content();
        Map<String, Object> data = JSON.convertValue(content.path("data"), new TypeReference<>() {});
        String comm = content.path("comm_id").asText();
        String target = content.path("target_name").asText();
        try {
            // Handlers are the user's code: what they print lands under the cell that the message names as its cause.
            session.call(
                    count,
                    new Frontend(request, false, false),
                    () -> Comms.receive(request.type(), comm, target, data == null ? Map.of() : data));
        } catch (CellException e) {
            publish(request.header(), "error", error(e));
        }
    }
}
