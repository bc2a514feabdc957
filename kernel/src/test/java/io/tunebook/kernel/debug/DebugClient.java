package io.tunebook.kernel.debug;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.WireKernel;
import io.tunebook.kernel.WireKernel.Channel;
import io.tunebook.kernel.protocol.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A frontend with a debugger, which speaks to a kernel as JupyterLab does. */
final class DebugClient {
    private final WireKernel kernel;
    private int seq;
    private int events;

    DebugClient(WireKernel kernel) {
        this.kernel = kernel;
    }

    /** Sends a request and gives the response, whatever it says. */
    JsonNode ask(String command, ObjectNode arguments) {
        ObjectNode request = Message.object()
                .put("type", "request")
                .put("seq", ++seq)
                .put("command", command)
                .set("arguments", arguments);
        JsonNode response =
                kernel.request(Channel.CONTROL, "debug_request", request).reply();
        assertThat(response.path("type").asText()).as(response.toString()).isEqualTo("response");
        assertThat(response.path("request_seq").asInt()).isEqualTo(seq);
        assertThat(response.path("command").asText()).isEqualTo(command);
        return response;
    }

    /** Sends a request that must succeed and gives its body. */
    JsonNode request(String command, ObjectNode arguments) {
        JsonNode response = ask(command, arguments);
        assertThat(response.path("success").asBoolean()).as(response.toString()).isTrue();
        return response.path("body");
    }

    static ObjectNode object() {
        return Message.object();
    }

    /** What JupyterLab sends when its debugger is switched on. */
    void start() {
        assertThat(request(
                                "initialize",
                                object().put("clientID", "jupyterlab")
                                        .put("linesStartAt1", true)
                                        .put("columnsStartAt1", true))
                        .path("supportsConfigurationDoneRequest")
                        .asBoolean())
                .isTrue();
        request("attach", object());
        event("initialized");
    }

    /** Gives a cell's path, after its breakpoints are set. */
    String breakpoints(String code, int... lines) {
        String path = request("dumpCell", object().put("code", code))
                .path("sourcePath")
                .asText();
        ObjectNode arguments = object();
        arguments.putObject("source").put("path", path);
        var all = arguments.putArray("breakpoints");
        for (int line : lines) {
            all.addObject().put("line", line);
        }
        request("setBreakpoints", arguments);
        request("configurationDone", object());
        return path;
    }

    /** Waits for the next event, which must be this one. */
    JsonNode event(String name) {
        long start = System.nanoTime();
        while (System.nanoTime() - start < 60_000_000_000L) {
            List<JsonNode> all = events();
            if (all.size() > events) {
                JsonNode next = all.get(events++);
                assertThat(next.path("event").asText()).as(next.toString()).isEqualTo(name);
                return next.path("body");
            }
            kernel.request(Channel.CONTROL, "kernel_info_request", object()); // lets the client read what comes
        }
        throw new AssertionError("no event " + name + " within a minute");
    }

    List<JsonNode> events() {
        List<JsonNode> all = new ArrayList<>();
        kernel.received().stream()
                .filter(r -> r.message().type().equals("debug_event"))
                .forEach(r -> all.add(r.message().content()));
        return all;
    }

    /** The frames of the thread that an event was about. */
    JsonNode frames(JsonNode event) {
        return request(
                        "stackTrace",
                        object().put("threadId", event.path("threadId").asLong()))
                .path("stackFrames");
    }

    /** The values of a frame's scope, {@code Locals} or {@code Globals}, by name. */
    Map<String, String> scope(JsonNode frame, String name) {
        for (JsonNode scope : request(
                        "scopes", object().put("frameId", frame.path("id").asLong()))
                .path("scopes")) {
            if (scope.path("name").asText().equals(name)) {
                return values(scope.path("variablesReference").asInt());
            }
        }
        throw new AssertionError("no scope " + name);
    }

    Map<String, String> values(int reference) {
        return values(request("variables", object().put("variablesReference", reference)));
    }

    static Map<String, String> values(JsonNode body) {
        Map<String, String> all = new TreeMap<>();
        body.path("variables")
                .forEach(v -> all.put(v.path("name").asText(), v.path("value").asText()));
        return all;
    }

    String evaluate(JsonNode frame, String expression) {
        JsonNode response = ask(
                "evaluate",
                object().put("expression", expression)
                        .put("frameId", frame.path("id").asLong()));
        return response.path("success").asBoolean()
                ? response.path("body").path("result").asText()
                : "error: " + response.path("message").asText();
    }

    /** Lets the thread go on and waits until it says so. */
    void go(String how, JsonNode event) {
        request(how, object().put("threadId", event.path("threadId").asLong()));
        event("continued");
    }
}
