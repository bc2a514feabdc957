package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** An answer in Ollama's own form: a line of JSON for each piece, or one object at the end. */
final class OllamaAnswer implements Answer {
    private static final ObjectMapper JSON = Json.wire();

    private final HttpExchange exchange;
    private final String model;
    private final boolean chat;
    private final boolean stream;
    private final List<ObjectNode> calls = new ArrayList<>();
    private final List<JsonNode> logprobs = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private final StringBuilder thoughts = new StringBuilder();

    OllamaAnswer(HttpExchange exchange, String model, boolean chat, boolean stream) {
        this.exchange = exchange;
        this.model = model;
        this.chat = chat;
        this.stream = stream;
    }

    @Override
    public void nothing(String reason) throws IOException {
        LocalHttp.send(exchange, 200, object("", "", true).put("done_reason", reason));
    }

    @Override
    public void rendered(String prompt) throws IOException {
        ObjectNode out = object("", "", false);
        if (chat) {
            // As Ollama: there is no message yet.
            out.putObject("message").put("role", "").put("content", "");
        }
        out.putObject("_debug_info").put("rendered_template", prompt);
        LocalHttp.send(exchange, 200, out);
    }

    @Override
    public void piece(String content, String thinking, List<JsonNode> some) throws IOException {
        text.append(content);
        thoughts.append(thinking);
        logprobs.addAll(some);
        if (stream) {
            ObjectNode line = object(content, thinking, false);
            if (!some.isEmpty()) {
                line.putArray("logprobs").addAll(some);
            }
            LocalHttp.line(exchange, line);
        }
    }

    @Override
    public void calls(List<ObjectNode> some) throws IOException {
        calls.addAll(some);
        if (stream) {
            ObjectNode line = object("", "", false);
            ((ObjectNode) line.get("message")).putArray("tool_calls").addAll(some);
            LocalHttp.line(exchange, line);
        }
    }

    @Override
    public void end(Ending e) throws IOException {
        ObjectNode last = stream ? object("", "", true) : object(text.toString(), thoughts.toString(), true);
        if (!stream && !calls.isEmpty()) {
            ((ObjectNode) last.get("message")).putArray("tool_calls").addAll(calls);
        }
        last.put("done_reason", e.reason());
        if (e.context() != null) {
            last.set("context", JSON.valueToTree(e.context()));
        }
        last.put("total_duration", e.total())
                .put("load_duration", e.load())
                .put("prompt_eval_count", e.promptTokens())
                .put("prompt_eval_cached_count", e.cached())
                .put("prompt_eval_duration", e.promptTime())
                .put("eval_count", e.tokens())
                .put("eval_duration", e.time());
        if (!stream && !logprobs.isEmpty()) {
            last.putArray("logprobs").addAll(logprobs);
        }
        if (stream) {
            LocalHttp.line(exchange, last);
        } else {
            LocalHttp.send(exchange, 200, last);
        }
    }

    private ObjectNode object(String content, String thinking, boolean done) {
        ObjectNode out = JSON.createObjectNode()
                .put("model", model)
                .put("created_at", Instant.now().toString());
        ObjectNode at = out;
        if (chat) {
            at = out.putObject("message").put("role", "assistant").put("content", content);
        } else {
            out.put("response", content);
        }
        if (!thinking.isEmpty()) {
            at.put("thinking", thinking);
        }
        return out.put("done", done);
    }
}
