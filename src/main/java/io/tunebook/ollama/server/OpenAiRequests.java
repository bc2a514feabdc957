package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.Map;

/** The paths under {@code /v1}, which speak as OpenAI's interface does: each request becomes one of Ollama's. */
final class OpenAiRequests {
    private static final ObjectMapper JSON = Json.wire();
    private static final Map<String, String> OPTIONS = Map.of(
            "temperature", "temperature",
            "top_p", "top_p",
            "seed", "seed",
            "frequency_penalty", "frequency_penalty",
            "presence_penalty", "presence_penalty",
            "max_tokens", "num_predict",
            "max_completion_tokens", "num_predict");

    private final Completions completions;
    private final Embeddings embeddings;
    private final ModelList list;

    OpenAiRequests(Completions completions, Embeddings embeddings, ModelList list) {
        this.completions = completions;
        this.embeddings = embeddings;
        this.list = list;
    }

    /** An error in OpenAI's form. */
    static ObjectNode error(int status, String words) {
        ObjectNode out = JSON.createObjectNode();
        String type =
                switch (status) {
                    case 400 -> "invalid_request_error";
                    case 404 -> "not_found_error";
                    default -> "api_error";
                };
        out.putObject("error")
                .put("message", words)
                .put("type", type)
                .putNull("param")
                .putNull("code");
        return out;
    }

    /** {@code /v1/chat/completions} and {@code /v1/completions}. */
    void complete(HttpExchange exchange, JsonNode body, boolean chat) throws IOException, InterruptedException {
        ObjectNode request =
                JSON.createObjectNode().put("model", body.path("model").asText());
        boolean stream = body.path("stream").asBoolean(false);
        if (chat) {
            if (body.path("messages").isEmpty()) {
                throw new LocalHttp.Refusal(400, "[] is too short - 'messages'");
            }
            ArrayNode messages = request.putArray("messages");
            for (JsonNode message : body.get("messages")) {
                messages.addObject()
                        .put("role", message.path("role").asText())
                        .put("content", content(message.path("content")));
            }
            if (body.has("tools")) {
                request.set("tools", body.get("tools"));
            }
            JsonNode format = body.path("response_format");
            if (format.path("type").asText().equals("json_object")) {
                request.put("format", "json");
            } else if (format.path("type").asText().equals("json_schema")) {
                request.set("format", format.at("/json_schema/schema"));
            }
            JsonNode effort =
                    body.has("reasoning_effort") ? body.get("reasoning_effort") : body.at("/reasoning/effort");
            if (effort.isTextual()) {
                request.set("think", effort.asText().equals("none") ? JSON.valueToTree(false) : effort);
            }
        } else {
            JsonNode prompt = body.path("prompt");
            request.put("prompt", prompt.isArray() ? prompt.path(0).asText() : prompt.asText());
            request.set("suffix", body.path("suffix").isTextual() ? body.get("suffix") : JSON.valueToTree(""));
        }
        ObjectNode options = request.putObject("options");
        // What OpenAI's interface takes for granted, where Ollama's would be less bold.
        options.put("temperature", 1.0).put("top_p", 1.0);
        OPTIONS.forEach((theirs, ours) -> {
            if (body.hasNonNull(theirs)) {
                options.set(ours, body.get(theirs));
            }
        });
        JsonNode stop = body.path("stop");
        if (stop.isTextual()) {
            options.putArray("stop").add(stop);
        } else if (stop.isArray()) {
            options.set("stop", stop);
        }
        RequestCheck.check(request, chat);
        boolean usage = body.at("/stream_options/include_usage").asBoolean(false);
        completions.answer(
                request, chat, new OpenAiAnswer(exchange, request.get("model").asText(), chat, stream, usage));
    }

    /** A text, or a list of parts of which those with text count. */
    private static String content(JsonNode content) {
        if (!content.isArray()) {
            return content.asText("");
        }
        StringBuilder out = new StringBuilder();
        for (JsonNode part : content) {
            if (!part.path("type").asText().equals("text")) {
                throw new LocalHttp.Refusal(400, "this server takes text alone, not " + part.path("type"));
            }
            out.append(out.isEmpty() ? "" : "\n").append(part.path("text").asText());
        }
        return out.toString();
    }

    /** {@code /v1/embeddings}; as base64 of float32 where that is asked for. */
    ObjectNode embeddings(JsonNode body) throws InterruptedException {
        JsonNode input = body.path("input");
        if (input.isMissingNode()
                || input.isNull()
                || input.isTextual() && input.asText().isEmpty()
                || input.isArray() && input.isEmpty()) {
            throw new LocalHttp.Refusal(400, "invalid input");
        }
        JsonNode made = embeddings.embed(body);
        ObjectNode out = JSON.createObjectNode().put("object", "list");
        ArrayNode data = out.putArray("data");
        for (JsonNode vector : made.get("embeddings")) {
            ObjectNode one = data.addObject().put("object", "embedding");
            if (body.path("encoding_format").asText().equals("base64")) {
                ByteBuffer bytes = ByteBuffer.allocate(4 * vector.size()).order(ByteOrder.LITTLE_ENDIAN);
                vector.forEach(v -> bytes.putFloat((float) v.asDouble()));
                one.put("embedding", Base64.getEncoder().encodeToString(bytes.array()));
            } else {
                one.set("embedding", vector);
            }
            one.put("index", data.size() - 1);
        }
        int tokens = made.path("prompt_eval_count").asInt();
        out.put("model", body.path("model").asText())
                .putObject("usage")
                .put("prompt_tokens", tokens)
                .put("total_tokens", tokens);
        return out;
    }

    /** {@code /v1/models}. */
    ObjectNode models() {
        ObjectNode out = JSON.createObjectNode().put("object", "list");
        ArrayNode data = out.putArray("data");
        list.tags()
                .get("models")
                .forEach(m -> data.add(list.openAi(m.get("name").asText())));
        return out;
    }
}
