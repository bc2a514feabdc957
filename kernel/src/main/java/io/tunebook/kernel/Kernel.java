package io.tunebook.kernel;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.display.Comms;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Completer;
import io.tunebook.kernel.eval.Completer.Proposal;
import io.tunebook.kernel.protocol.Channels;
import io.tunebook.kernel.protocol.ConnectionFile;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Transport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the messages of a frontend mean. One thread calls {@link #shell} and another {@link #control}; neither ever throws, whatever the message holds.
 *
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html">Messaging in Jupyter</a>
 */
public final class Kernel implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Kernel.class.getName());
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String NAME = "tunebook";
    private static final Pattern HELP =
            Pattern.compile("\\s*(?:(%{0,2}[\\w.]+)\\s*(\\?{1,2})|(\\?{1,2})\\s*(%{0,2}[\\w.]+))\\s*");

    private final Transport transport;
    private final CompletableFuture<Session> starting;
    private final History history;
    private final String sessionId = UUID.randomUUID().toString();
    private final CountDownLatch shutdown = new CountDownLatch(1);
    private int count;
    /** The shell's last request was a cell that failed, and what is queued behind it must not run. */
    private boolean failed;
    /** The shell's request that runs; a comm message a cell sends belongs to it. */
    private volatile ObjectNode parent = Message.object();

    /**
     * @param starting the session, perhaps not yet complete: kernel_info is answered before it is
     * @param history the file that keeps what was run
     */
    public Kernel(Transport transport, CompletableFuture<Session> starting, Path history) {
        this.transport = transport;
        this.starting = starting;
        this.history = new History(history);
        Comms.connect((type, comm, target, data) -> {
            ObjectNode content = Message.object().put("comm_id", comm).put("target_name", target);
            content.set("data", JSON.valueToTree(data));
            publish(parent, type, content);
        });
    }

    /**
     * Serves a frontend until it asks for the shutdown.
     *
     * @param connectionFile as Jupyter writes it
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if it asks for what this kernel refuses
     */
    public static void run(Path connectionFile, Session.SessionOptions options) throws IOException {
        CellContext.detach(); // what the kernel logs belongs under no cell
        CompletableFuture<Session> starting = new CompletableFuture<>();
        start("session", () -> {
            try {
                starting.complete(new Session(options));
            } catch (Throwable t) {
                starting.completeExceptionally(t);
            }
        });
        Channels channels = new Channels(ConnectionFile.read(connectionFile));
        Kernel kernel = new Kernel(channels, starting, Settings.historyFile());
        kernel.publish(Message.object(), "status", Message.object().put("execution_state", "starting"));
        start("control", () -> channels.serveControl(kernel::control));
        start("shell", () -> channels.serveShell(kernel::shell));
        kernel.awaitShutdown();
        channels.close();
        kernel.close();
    }

    private static void start(String name, Runnable loop) {
        Thread thread = new Thread(loop, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Waits until a frontend asks for the end. */
    public void awaitShutdown() {
        try {
            shutdown.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the session, with what its cells left running. */
    @Override
    public void close() {
        if (starting.isDone() && !starting.isCompletedExceptionally()) {
            starting.join().close();
        }
    }

    private Session session() {
        return starting.join();
    }

    // ---- the channels

    /** Handles a message of the shell channel. */
    public void shell(Message request) {
        parent = request.header();
        handle(request, true);
        if (failed) {
            failed = false;
            abortPending();
        }
    }

    /** Handles a message of the control channel, while a cell may run. */
    public void control(Message request) {
        handle(request, false);
    }

    private void handle(Message request, boolean fromShell) {
        status(request, "busy");
        try {
            ObjectNode reply;
            try {
                reply = answer(request, fromShell);
            } catch (Throwable t) {
                LOG.log(System.Logger.Level.WARNING, request.type() + " failed", t);
                reply = error(t.getClass().getName(), String.valueOf(t.getMessage()), List.of());
            }
            if (reply != null && request.type().endsWith("_request")) {
                reply(request, fromShell, reply);
            }
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "cannot answer " + request.type(), e);
        } finally {
            status(request, "idle");
            if (shutdownRequested(request)) {
                shutdown.countDown();
            }
        }
    }

    private static boolean shutdownRequested(Message request) {
        return request.type().equals("shutdown_request");
    }

    private void reply(Message request, boolean toShell, ObjectNode content) {
        String type = request.type().replaceFirst("_request$", "_reply");
        Message reply = request.reply(type, sessionId, content);
        if (toShell) {
            transport.replyShell(reply);
        } else {
            transport.replyControl(reply);
        }
    }

    private ObjectNode answer(Message request, boolean fromShell) throws Exception {
        JsonNode content = request.content();
        return switch (request.type()) {
            case "kernel_info_request" -> info();
            case "execute_request" -> fromShell ? execute(request) : unknown(request);
            case "complete_request" -> complete(content);
            case "inspect_request" -> inspect(content);
            case "is_complete_request" -> {
                Completer.Completeness found =
                        session().completer().isComplete(content.path("code").asText());
                ObjectNode reply = Message.object().put("status", found.status());
                yield found.status().equals("incomplete") ? reply.put("indent", found.indent()) : reply;
            }
            case "history_request" -> {
                ObjectNode reply = ok();
                reply.set("history", history.answer(content));
                yield reply;
            }
            case "comm_info_request" -> {
                ObjectNode reply = ok();
                ObjectNode open = reply.putObject("comms");
                String target = content.path("target_name").asText("");
                Comms.all().forEach((comm, name) -> {
                    if (target.isEmpty() || target.equals(name)) {
                        open.putObject(comm).put("target_name", name);
                    }
                });
                yield reply;
            }
            case "comm_open", "comm_msg", "comm_close" -> comm(request);
            case "interrupt_request" -> {
                if (starting.isDone()) {
                    session().interrupt();
                }
                yield ok();
            }
            case "shutdown_request" -> {
                ObjectNode reply = ok().put("restart", content.path("restart").asBoolean());
                if (starting.isDone() && !starting.isCompletedExceptionally()) {
                    session().interrupt();
                }
                publish(request.header(), "shutdown_reply", reply);
                yield reply;
            }
            case "debug_request" ->
                ok().put("type", "response")
                        .put("request_seq", content.path("seq").asInt())
                        .put("command", content.path("command").asText())
                        .put("success", false)
                        .put("message", "this kernel has no debugger");
            default -> unknown(request);
        };
    }

    private static ObjectNode unknown(Message request) {
        LOG.log(System.Logger.Level.WARNING, "dropped a message of the unknown type " + request.type());
        return null;
    }

    private static ObjectNode ok() {
        return Message.object().put("status", "ok");
    }

    private static ObjectNode error(String name, String value, List<String> traceback) {
        ObjectNode content =
                Message.object().put("status", "error").put("ename", name).put("evalue", value);
        ArrayNode lines = content.putArray("traceback");
        traceback.forEach(lines::add);
        return content;
    }

    private void status(Message request, String state) {
        publish(request.header(), "status", Message.object().put("execution_state", state));
    }

    private void publish(ObjectNode cause, String type, ObjectNode content) {
        transport.publish(Message.broadcast(cause, type, sessionId, content));
    }

    // ---- requests

    private static ObjectNode info() {
        ObjectNode info = ok().put("protocol_version", Message.VERSION)
                .put("implementation", NAME)
                .put("implementation_version", Main.VERSION)
                .put("banner", "Java " + Runtime.version() + ", tunebook " + Main.VERSION)
                .put("debugger", false);
        info.putObject("language_info")
                .put("name", "java")
                .put("version", Runtime.version().toString())
                .put("mimetype", "text/x-java-source")
                .put("file_extension", ".java")
                .put("pygments_lexer", "java")
                .put("codemirror_mode", "text/x-java")
                .put("nbconvert_exporter", "script");
        int feature = Runtime.version().feature();
        info.putArray("help_links")
                .addObject()
                .put("text", "Java " + feature + " API")
                .put("url", "https://docs.oracle.com/en/java/javase/" + feature + "/docs/api/");
        info.putArray("supported_features");
        return info;
    }

    private ObjectNode execute(Message request) {
        JsonNode content = request.content();
        String code = content.path("code").asText();
        boolean silent = content.path("silent").asBoolean(false);
        boolean keep = !silent && content.path("store_history").asBoolean(true);
        Frontend frontend =
                new Frontend(request, silent, content.path("allow_stdin").asBoolean(false));
        if (keep) {
            count++;
        }
        int number = count;
        if (!silent) {
            publish(
                    request.header(),
                    "execute_input",
                    Message.object().put("code", code).put("execution_count", number));
        }
        ObjectNode reply = null;
        String output = "";
        try {
            Matcher help = HELP.matcher(code);
            if (help.matches()) {
                String name = help.group(1) != null ? help.group(1) : help.group(4);
                boolean source = "??".equals(help.group(2)) || "??".equals(help.group(3));
                reply = page(name, source, number);
            } else {
                Optional<MimeBundle> result = session().execute(code, number, frontend);
                if (result.isPresent() && !silent) {
                    output = result.get().text();
                    ObjectNode shown = bundle(result.get());
                    publish(request.header(), "execute_result", shown.put("execution_count", number));
                }
                reply = ok();
                reply.put("execution_count", number).putArray("payload");
                reply.set("user_expressions", expressions(content.path("user_expressions"), number, frontend));
            }
        } catch (CellException e) {
            reply = error(e.name(), String.valueOf(e.getMessage()), e.traceback());
        } catch (CompletionException e) {
            Throwable cause = e.getCause();
            LOG.log(System.Logger.Level.ERROR, "the session did not start", cause);
            reply = error(
                    cause.getClass().getName(),
                    "the session did not start: " + cause.getMessage(),
                    List.of(cause.toString()));
        }
        if (reply.path("status").asText().equals("error")) {
            reply.put("execution_count", number).putArray("payload");
            reply.putObject("user_expressions");
            if (!silent) {
                publish(request.header(), "error", reply.deepCopy().retain("ename", "evalue", "traceback"));
            }
        }
        if (keep && !code.isBlank()) {
            history.add(number, code, output);
        }
        failed = reply.path("status").asText().equals("error")
                && content.path("stop_on_error").asBoolean(true);
        return reply;
    }

    /** What was queued behind a failed cell does not run. */
    private void abortPending() {
        for (Optional<Message> next = transport.pending(); next.isPresent(); next = transport.pending()) {
            Message request = next.get();
            if (request.type().equals("execute_request")) {
                status(request, "busy");
                reply(request, true, Message.object().put("status", "aborted").put("execution_count", count));
                status(request, "idle");
            } else {
                shell(request);
            }
        }
    }

    private ObjectNode page(String name, boolean source, int number) throws CellException {
        ObjectNode reply = ok().put("execution_count", number);
        ArrayNode payload = reply.putArray("payload");
        reply.putObject("user_expressions");
        MimeBundle text = (source ? session().inspector().source(name) : Optional.<MimeBundle>empty())
                .or(() -> help(name, name.length()))
                .orElseThrow(() -> new CellException(
                        "NameError", name + " is not known", List.of("there is nothing named " + name), null));
        ObjectNode page = payload.addObject().put("source", "page").put("start", 0);
        page.set("data", JSON.valueToTree(text.data()));
        return reply;
    }

    private ObjectNode expressions(JsonNode asked, int number, Frontend frontend) {
        ObjectNode answers = Message.object();
        asked.fields().forEachRemaining(e -> {
            try {
                ObjectNode answer = session()
                        .execute(e.getValue().asText(), number, frontend)
                        .map(Kernel::bundle)
                        .orElseGet(() -> bundle(MimeBundle.of(MimeBundle.TEXT, "")));
                answers.set(e.getKey(), answer.put("status", "ok"));
            } catch (CellException x) {
                answers.set(e.getKey(), error(x.name(), String.valueOf(x.getMessage()), x.traceback()));
            }
        });
        return answers;
    }

    private static ObjectNode bundle(MimeBundle bundle) {
        ObjectNode content = Message.object();
        ObjectNode data = content.putObject("data");
        bundle.data().forEach((type, value) -> data.set(type, node(type, value)));
        ObjectNode metadata = content.putObject("metadata");
        bundle.metadata().forEach((type, value) -> metadata.set(type, JSON.valueToTree(value)));
        return content;
    }

    /** A text under a JSON type is JSON itself. */
    private static JsonNode node(String type, Object value) {
        if (value instanceof String text) {
            if (!type.equals(MimeBundle.JSON) && !type.endsWith("+json")) {
                return JSON.getNodeFactory().textNode(text);
            }
            try {
                return JSON.readTree(text);
            } catch (JsonProcessingException e) {
                return JSON.getNodeFactory().textNode(text); // then it is a string
            }
        }
        return JSON.valueToTree(value);
    }

    private ObjectNode complete(JsonNode content) {
        String code = content.path("code").asText();
        int cursor = cursor(code, content);
        List<Proposal> found = session().magics().complete(code, cursor);
        if (found.isEmpty()) {
            found = session().completer().complete(code, cursor);
        }
        int start = found.isEmpty() ? cursor : found.get(0).start();
        ObjectNode reply =
                ok().put("cursor_start", codePoints(code, start)).put("cursor_end", codePoints(code, cursor));
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

    private ObjectNode inspect(JsonNode content) {
        String code = content.path("code").asText();
        Optional<MimeBundle> help = help(code, cursor(code, content));
        ObjectNode reply = ok().put("found", help.isPresent());
        reply.set("data", JSON.valueToTree(help.map(MimeBundle::data).orElse(Map.of())));
        reply.putObject("metadata");
        return reply;
    }

    private Optional<MimeBundle> help(String code, int cursor) {
        Optional<MimeBundle> magic = session().magics().inspect(code, cursor);
        return magic.isPresent() ? magic : session().inspector().inspect(code, cursor);
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

    private ObjectNode comm(Message request) {
        JsonNode content = request.content();
        Map<String, Object> data = content.path("data").isObject()
                ? JSON.convertValue(content.path("data"), new TypeReference<>() {})
                : Map.of();
        try {
            // The handler is the user's code: it runs as cells do.
            session()
                    .call(
                            count,
                            new Frontend(request, false, false),
                            () -> Comms.receive(
                                    request.type(),
                                    content.path("comm_id").asText(),
                                    content.path("target_name").asText(),
                                    data));
        } catch (CellException e) {
            publish(
                    request.header(),
                    "error",
                    error(e.name(), e.getMessage(), e.traceback()).retain("ename", "evalue", "traceback"));
        }
        return null;
    }

    /** Where the output of one request goes: under its cell, also when a thread prints after the cell's end. */
    private final class Frontend implements Session.Frontend {
        private final Message request;
        private final boolean silent;
        private final boolean stdin;

        Frontend(Message request, boolean silent, boolean stdin) {
            this.request = request;
            this.silent = silent;
            this.stdin = stdin;
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
            ObjectNode content = bundle(bundle);
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
                return transport
                        .ask(request.reply("input_request", sessionId, content))
                        .content()
                        .path("value")
                        .asText();
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
