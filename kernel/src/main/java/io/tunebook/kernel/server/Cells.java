package io.tunebook.kernel.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.debug.DebugAdapter;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.CellRunner;
import io.tunebook.kernel.protocol.Memory;
import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.session.Session;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The requests that run cells. */
final class Cells {
    private static final System.Logger LOG = System.getLogger(Cells.class.getName());
    private static final Pattern HELP =
            Pattern.compile("\\s*(?:(%{0,2}[\\w.]+)\\s*(\\?{1,2})|(\\?{1,2})\\s*(%{0,2}[\\w.]+))\\s*");

    private final Starting starting;
    private final Frontends frontends;
    private final Subshells subshells;
    private final CodeHelp help;
    private final DebugMessages debug;
    private final History history;
    private final Memory memory;
    private final AtomicInteger count = new AtomicInteger();

    Cells(
            Starting starting,
            Frontends frontends,
            Subshells subshells,
            CodeHelp help,
            DebugMessages debug,
            History history,
            Memory memory) {
        this.starting = starting;
        this.frontends = frontends;
        this.subshells = subshells;
        this.help = help;
        this.debug = debug;
        this.history = history;
        this.memory = memory;
    }

    /** The execution count of the last cell. */
    int count() {
        return count.get();
    }

    /** Whether what waits behind the request is not to run, since it failed. */
    static boolean stopsOthers(Request request, ObjectNode reply) {
        return request.type().equals("execute_request")
                && reply.path("status").asText().equals("error")
                && request.content().path("stop_on_error").asBoolean(true);
    }

    /** The reply for a cell that does not run. */
    ObjectNode aborted() {
        return Message.object().put("status", "aborted").put("execution_count", count.get());
    }

    /** Answers an {@code execute_request}. */
    ObjectNode execute(Request request) {
        JsonNode content = request.content();
        String code = content.path("code").asText();
        boolean silent = content.path("silent").asBoolean(false);
        boolean keep = !silent && content.path("store_history").asBoolean(true);
        int number = keep ? count.incrementAndGet() : count.get();
        if (!silent) {
            frontends.publish(
                    request.message().header(),
                    "execute_input",
                    Message.object().put("code", code).put("execution_count", number));
        }
        Ran ran = run(request, code, number, silent);
        ObjectNode reply = ran.reply();
        if (reply.path("status").asText().equals("error")) {
            reply.put("execution_count", number).putArray("payload");
            reply.putObject("user_expressions");
            if (!silent) {
                frontends.publishError(request.message(), reply);
            }
        }
        if (keep && !code.isBlank()) {
            history.add(number, code, ran.output());
        }
        return reply;
    }

    /**
     * What became of a cell.
     *
     * @param output its result as plain text, for the history
     */
    private record Ran(ObjectNode reply, String output) {}

    private Ran run(Request request, String code, int number, boolean silent) {
        JsonNode content = request.content();
        Session.Frontend frontend = frontends.under(
                request.message(), silent, content.path("allow_stdin").asBoolean(false));
        try {
            Matcher asked = HELP.matcher(code);
            if (asked.matches()) {
                String name = asked.group(1) != null ? asked.group(1) : asked.group(4);
                boolean source = "??".equals(asked.group(2)) || "??".equals(asked.group(3));
                return new Ran(page(name, source, number), "");
            }
            Session session = starting.await();
            CellRunner runner = subshells.runner(session, request);
            debug.begins(number, code);
            Optional<MimeBundle> result;
            try {
                result = session.execute(runner, code, number, frontend);
            } finally {
                debug.ended();
            }
            if (result.isPresent() && !silent) {
                ObjectNode shown = Replies.bundle(result.get());
                frontends.publish(request.message().header(), "execute_result", shown.put("execution_count", number));
            }
            ObjectNode reply = Replies.ok();
            reply.put("execution_count", number).putArray("payload");
            reply.set("user_expressions", expressions(runner, content.path("user_expressions"), number, frontend));
            return new Ran(reply, result.isPresent() && !silent ? result.get().text() : "");
        } catch (CellException e) {
            return new Ran(Replies.error(e), "");
        } catch (CompletionException e) {
            Throwable cause = e.getCause();
            LOG.log(System.Logger.Level.ERROR, "the session did not start", cause);
            return new Ran(
                    Replies.error(
                            cause.getClass().getName(),
                            "the session did not start: " + cause.getMessage(),
                            List.of(cause.toString())),
                    "");
        } catch (Throwable t) { // of the compiler, say: the cell has failed, and whoever ran it is told why
            memory.troubled(t);
            LOG.log(System.Logger.Level.WARNING, "a cell failed outside its own code", t);
            return new Ran(Replies.internalError(t), "");
        }
    }

    /** {@code name?} opens the frontend's page of help, {@code name??} with the source. */
    private ObjectNode page(String name, boolean source, int number) throws CellException {
        ObjectNode reply = Replies.ok().put("execution_count", number);
        ArrayNode payload = reply.putArray("payload");
        reply.putObject("user_expressions");
        MimeBundle text = (source ? help.source(name) : Optional.<MimeBundle>empty())
                .or(() -> help.about(name, name.length()))
                .orElseThrow(() -> new CellException(
                        "NameError", name + " is not known", List.of("there is nothing named " + name), null));
        ObjectNode page = payload.addObject().put("source", "page").put("start", 0);
        page.set("data", Replies.JSON.valueToTree(text.data()));
        return reply;
    }

    private ObjectNode expressions(CellRunner runner, JsonNode asked, int number, Session.Frontend frontend) {
        ObjectNode answers = Message.object();
        asked.fields().forEachRemaining(e -> {
            try {
                ObjectNode answer = starting.await()
                        .execute(runner, e.getValue().asText(), number, frontend)
                        .map(Replies::bundle)
                        .orElseGet(() -> Replies.bundle(MimeBundle.of(MimeBundle.TEXT, "")));
                answers.set(e.getKey(), answer.put("status", "ok"));
            } catch (CellException x) {
                answers.set(e.getKey(), Replies.error(x));
            }
        });
        return answers;
    }

    /**
     * The debugger's messages. They have a thread of their own: an evaluation may take long, and control must stay free
     * for an interrupt.
     */
    static final class DebugMessages {
        private final Starting starting;
        private final CompletableFuture<DebugAdapter> adapter;
        /**
         * The header of the debugger's last request, as ipykernel has it: JupyterLab takes what belongs to a cell for a
         * sign that variables have changed.
         */
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
}
