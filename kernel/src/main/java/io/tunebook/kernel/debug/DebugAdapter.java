package io.tunebook.kernel.debug;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.debug.Debugger.ThreadState;
import io.tunebook.kernel.debug.Debugger.ThreadState.Step;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.files.PlainJson;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * The Debug Adapter Protocol with what Jupyter adds to it. Requests come one at a time, on one thread; events leave
 * from any.
 *
 * @see <a href="https://microsoft.github.io/debug-adapter-protocol/specification">Debug Adapter Protocol</a>
 * @see <a href="https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request">Jupyter messaging, debug
 *     requests</a>
 */
public final class DebugAdapter {
    private static final ObjectMapper JSON = PlainJson.mapper();
    private static final String NOT_STOPPED = "no thread has stopped";
    /** A frame's number is its thread's number with its place, the innermost being 0. */
    private static final long FRAMES = 100_000;

    private final DebugTarget target;
    private final Consumer<ObjectNode> events;
    private final CellFiles files = new CellFiles();
    private final VariableTree tree = new VariableTree();
    private final Evaluation evaluation;
    private final Debugger debugger;
    private final AtomicInteger seq = new AtomicInteger();
    private volatile Map<String, Field> variables = Map.of();
    private volatile boolean started;
    private boolean instrumented;

    /** @param events receives the protocol's events */
    public DebugAdapter(DebugTarget target, Consumer<ObjectNode> events) {
        this.target = target;
        this.events = events;
        evaluation = new Evaluation(target);
        debugger = new Debugger(files, new Debugger.Listener() {
            @Override
            public void stopped(ThreadState thread, String reason) {
                variables = target.variables();
                ObjectNode event = message("event").put("event", "stopped");
                event.putObject("body")
                        .put("reason", reason)
                        .put("threadId", thread.id())
                        .put("preserveFocusHint", false)
                        .put("allThreadsStopped", false);
                events.accept(event);
            }

            @Override
            public void continued(ThreadState thread) {
                tree.clear();
                ObjectNode event = message("event").put("event", "continued");
                event.putObject("body").put("threadId", thread.id()).put("allThreadsContinued", false);
                events.accept(event);
            }
        });
    }

    /**
     * A cell is about to run.
     *
     * @param name what its classes will call it, such as {@code Cell[3]}
     */
    public void begins(String name, String code) {
        files.runs(name, code);
    }

    /** It has ended. Called where nothing is compiled. */
    public void ended() {
        debugger.cellEnded();
        variables = target.variables();
    }

    /** Answers a request. */
    public ObjectNode answer(JsonNode request) {
        String command = request.path("command").asText();
        ObjectNode response = message("response")
                .put("request_seq", request.path("seq").asInt())
                .put("command", command);
        try {
            ObjectNode body = JSON.createObjectNode();
            handle(command, request.path("arguments"), body);
            response.put("success", true).set("body", body);
        } catch (CellException e) {
            response.put("success", false).put("message", e.name() + ": " + e.getMessage());
        } catch (Exception | LinkageError e) {
            response.put("success", false)
                    .put("message", e.getMessage() == null ? e.getClass().getName() : e.getMessage());
        }
        if (command.equals("attach") && response.path("success").asBoolean()) {
            ObjectNode initialized = message("event").put("event", "initialized");
            initialized.putObject("body");
            events.accept(initialized);
        }
        return response;
    }

    private ObjectNode message(String type) {
        return JSON.createObjectNode().put("seq", seq.incrementAndGet()).put("type", type);
    }

    private void handle(String command, JsonNode arguments, ObjectNode body) throws Exception {
        switch (command) {
            case "initialize" -> initialize(body);
            case "attach" -> {
                start();
                debugger.attach();
            }
            case "configurationDone", "setExceptionBreakpoints", "setFunctionBreakpoints" -> {
                // nothing to do: breakpoints count as soon as they are set
            }
            case "disconnect", "terminate" -> {
                debugger.detach();
                started = false;
            }
            case "debugInfo" -> debugInfo(body);
            case "dumpCell" ->
                body.put("sourcePath", files.add(arguments.path("code").asText()));
            case "source" ->
                body.put(
                        "content",
                        files.text(arguments.path("source").path("path").asText())
                                .orElseThrow(() -> new IllegalArgumentException("source unavailable")));
            case "setBreakpoints" -> setBreakpoints(arguments, body);
            case "threads" -> {
                ArrayNode threads = body.putArray("threads");
                debugger.threads()
                        .forEach(t -> threads.addObject().put("id", t.id()).put("name", t.thread.getName()));
            }
            case "continue" -> continueThreads(arguments, body);
            case "next" -> resume(arguments, Step.OVER);
            case "stepIn" -> resume(arguments, Step.IN);
            case "stepOut" -> resume(arguments, Step.OUT);
            case "pause" -> debugger.pause();
            case "stackTrace" -> stackTrace(thread(arguments), arguments, body);
            case "scopes" -> scopes(frame(arguments.path("frameId").asLong()), body);
            case "variables" ->
                items(tree.children(arguments.path("variablesReference").asInt()), body);
            case "inspectVariables" -> {
                if (!debugger.isStopped()) {
                    tree.clear();
                }
                items(globals(), body);
            }
            case "richInspectVariables" -> richInspect(arguments, body);
            case "evaluate" -> evaluate(arguments, body);
            case "copyToGlobals" -> copyToGlobals(arguments);
            case "modules" -> body.put("totalModules", 0).putArray("modules");
            default -> throw new IllegalArgumentException("the debugger does not know " + command);
        }
    }

    // ---- beginning and end

    private void initialize(ObjectNode body) {
        start();
        for (String can : List.of(
                "supportsConfigurationDoneRequest",
                "supportsEvaluateForHovers",
                "supportsTerminateRequest",
                "supportsDelayedStackTraceLoading",
                "supportsSingleThreadExecutionRequests")) {
            body.put(can, true);
        }
        body.putArray("exceptionBreakpointFilters");
    }

    private synchronized void start() {
        if (!instrumented) {
            Hooks.connect(target.loader(), debugger);
            target.instrument(Instrument::instrument);
            instrumented = true;
        }
        started = true;
    }

    private void debugInfo(ObjectNode body) {
        body.put("isStarted", started)
                .put("hashMethod", "Murmur2")
                .put("hashSeed", Integer.toUnsignedLong(CellFiles.SEED))
                .put("tmpFilePrefix", files.prefix())
                .put("tmpFileSuffix", CellFiles.SUFFIX)
                .put("richRendering", true)
                .put("copyToGlobals", true);
        body.putArray("exceptionPaths");
        ArrayNode all = body.putArray("breakpoints");
        debugger.breakpoints().forEach((path, lines) -> {
            ArrayNode of = all.addObject().put("source", path).putArray("breakpoints");
            new TreeSet<>(lines).forEach(line -> of.addObject().put("line", line));
        });
        ArrayNode stopped = body.putArray("stoppedThreads");
        debugger.threads().stream().filter(t -> t.stopped).forEach(t -> stopped.add(t.id()));
    }

    private void setBreakpoints(JsonNode arguments, ObjectNode body) {
        String path = arguments.path("source").path("path").asText();
        Set<Integer> lines = new TreeSet<>();
        ArrayNode all = body.putArray("breakpoints");
        arguments.path("breakpoints").forEach(b -> {
            int line = files.lineWithCode(path, b.path("line").asInt());
            lines.add(line);
            all.addObject()
                    .put("id", seq.incrementAndGet())
                    .put("verified", true)
                    .put("line", line)
                    .putObject("source")
                    .put("path", path);
        });
        debugger.breakpoints(path, lines);
    }

    // ---- a stopped thread

    private ThreadState thread(JsonNode arguments) {
        return debugger.thread(arguments.path("threadId").asLong())
                .filter(t -> t.stopped)
                .orElseThrow(() -> new IllegalStateException(NOT_STOPPED));
    }

    /** One thread takes a step; the others go on, unless the request says that they do not. */
    private void resume(JsonNode arguments, Step how) {
        ThreadState thread = thread(arguments);
        debugger.resume(thread, how);
        if (!isSingle(arguments)) {
            debugger.resumeOthers(thread);
        }
    }

    /** All threads go on, whichever one is named: JupyterLab has forgotten which one had stopped. */
    private void continueThreads(JsonNode arguments, ObjectNode body) {
        if (isSingle(arguments)) {
            debugger.resume(thread(arguments), Step.NONE);
        } else if (debugger.isStopped()) {
            debugger.resumeOthers(null);
        } else {
            throw new IllegalStateException(NOT_STOPPED);
        }
        body.put("allThreadsContinued", !isSingle(arguments));
    }

    private static boolean isSingle(JsonNode arguments) {
        return arguments.path("singleThread").asBoolean(false);
    }

    private record Place(ThreadState thread, Frame frame) {}

    private Place frame(long id) {
        ThreadState thread = debugger.thread(id / FRAMES)
                .filter(t -> t.stopped)
                .orElseThrow(() -> new IllegalStateException(NOT_STOPPED));
        List<Frame> frames = thread.frames();
        int place = (int) (id % FRAMES);
        if (place >= frames.size()) {
            throw new IllegalArgumentException("there is no frame " + id);
        }
        return new Place(thread, frames.get(place));
    }

    private void stackTrace(ThreadState thread, JsonNode arguments, ObjectNode body) {
        List<Frame> frames = thread.frames();
        int from = arguments.path("startFrame").asInt(0);
        int levels = arguments.path("levels").asInt(0);
        int to = levels == 0 ? frames.size() : Math.min(frames.size(), from + levels);
        ArrayNode all = body.putArray("stackFrames");
        for (int i = from; i < to; i++) {
            Frame f = frames.get(i);
            ObjectNode frame = all.addObject()
                    .put("id", thread.id() * FRAMES + i)
                    .put("name", f.title())
                    .put("line", f.line())
                    .put("column", 1);
            String path = files.path(f.file());
            if (path != null) {
                frame.putObject("source").put("name", f.file()).put("path", path);
            }
        }
        body.put("totalFrames", frames.size());
    }

    // ---- variables

    private void scopes(Place place, ObjectNode body) {
        ArrayNode scopes = body.putArray("scopes");
        scopes.addObject()
                .put("name", "Locals")
                .put("variablesReference", tree.reference(() -> locals(place.frame())))
                .put("presentationHint", "locals")
                .put("expensive", false);
        scopes.addObject()
                .put("name", "Globals")
                .put("variablesReference", tree.reference(this::globals))
                .put("expensive", false);
    }

    /** Where a cell's own statements stop, cells' variables are the local ones, as a module's are in Python. */
    private List<VariableTree.Item> locals(Frame frame) {
        List<VariableTree.Item> all = new ArrayList<>();
        Set<String> names = new HashSet<>();
        frame.locals().forEach(l -> {
            names.add(l.name());
            all.add(tree.item(l.name(), brief(l.signature()), l.value()));
        });
        if (frame.isStatement()) {
            globals().stream().filter(g -> !names.contains(g.name())).forEach(all::add);
        }
        return all;
    }

    private static String brief(String signature) {
        return SourceType.of(signature).replaceAll("\\b(?:[a-z_]\\w*\\.)+(?=[A-Z])", "");
    }

    private List<VariableTree.Item> globals() {
        return variables.entrySet().stream()
                .map(e -> tree.item(e.getKey(), SourceType.brief(e.getValue().getType()), value(e.getValue())))
                .toList();
    }

    private static Object value(Field field) {
        try {
            return field.get(null);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e); // the session made it accessible
        }
    }

    private static void items(List<VariableTree.Item> items, ObjectNode body) {
        ArrayNode all = body.putArray("variables");
        items.forEach(i -> all.addObject()
                .put("name", i.name())
                .put("evaluateName", i.name())
                .put("value", i.value())
                .put("type", i.type())
                .put("variablesReference", i.reference()));
    }

    private void richInspect(JsonNode arguments, ObjectNode body) throws Exception {
        String name = arguments.path("variableName").asText();
        Map<String, Object> data = Map.of();
        if (arguments.has("frameId") && debugger.isStopped()) {
            Place place = frame(arguments.path("frameId").asLong());
            data = debugger.on(place.thread(), () -> target.render(evaluation.evaluate(name, place.frame()))
                    .orElse(Map.of()));
        } else if (variables.containsKey(name)) {
            data = target.render(value(variables.get(name))).orElse(Map.of());
        }
        body.set("data", JSON.valueToTree(new LinkedHashMap<>(data)));
        body.putObject("metadata");
    }

    private void evaluate(JsonNode arguments, ObjectNode body) throws Exception {
        if (!arguments.has("frameId")) {
            throw new IllegalStateException(NOT_STOPPED + ": there is no frame to evaluate in");
        }
        Place place = frame(arguments.path("frameId").asLong());
        Object value = debugger.on(
                place.thread(),
                () -> evaluation.evaluate(arguments.path("expression").asText(), place.frame()));
        VariableTree.Item item = tree.item("", "", value);
        body.put("result", item.value()).put("type", item.type()).put("variablesReference", item.reference());
    }

    private void copyToGlobals(JsonNode arguments) throws Exception {
        String to = arguments.path("dstVariableName").asText();
        String from = arguments.path("srcVariableName").asText();
        if (!javax.lang.model.SourceVersion.isName(to)) {
            throw new IllegalArgumentException("expected a name for the variable, found " + to);
        }
        Place place = frame(arguments.path("srcFrameId").asLong());
        Frame.Local local = place.frame().locals().stream()
                .filter(l -> l.name().equals(from))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("this frame has no variable " + from));
        debugger.on(place.thread(), () -> {
            evaluation.copy(to, local);
            return null;
        });
        variables = debugger.on(place.thread(), target::variables);
    }
}
