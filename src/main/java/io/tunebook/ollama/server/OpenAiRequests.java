package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import io.tunebook.files.Json;
import io.tunebook.ollama.server.Answer.OpenAiAnswer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;

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

    private static final Set<String> EFFORTS =
            Set.of("minimal", "low", "medium", "high", "xhigh", "ultra", "max", "none");

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
        RequestCheck.check(body, chat ? "ChatCompletionRequest" : "CompletionRequest");
        ObjectNode request =
                JSON.createObjectNode().put("model", body.path("model").asText());
        boolean stream = body.path("stream").asBoolean(false);
        if (chat) {
            if (body.path("messages").isEmpty()) {
                throw new LocalHttp.Refusal(400, "[] is too short - 'messages'");
            }
            ArrayNode messages = request.putArray("messages");
            for (JsonNode message : body.get("messages")) {
                messages.add(message(message));
            }
            if (body.path("logprobs").asBoolean(false)) {
                request.put("logprobs", true)
                        .put("top_logprobs", body.path("top_logprobs").asInt(0));
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
                if (!EFFORTS.contains(effort.asText())) {
                    throw new LocalHttp.Refusal(
                            400,
                            "invalid reasoning value: " + effort
                                    + " (must be \"minimal\", \"low\", \"medium\", \"high\", \"xhigh\", \"ultra\", \"max\", or \"none\")");
                }
                request.set("think", JSON.valueToTree(!effort.asText().equals("none")));
            }
        } else {
            JsonNode prompt = body.path("prompt");
            request.put("prompt", prompt.asText());
            int likely = body.path("logprobs").asInt(0);
            if (likely > 0) {
                request.put("logprobs", true).put("top_logprobs", likely);
            }
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
        RequestCheck.check(request, chat ? "ChatRequest" : "GenerateRequest");
        boolean usage = body.at("/stream_options/include_usage").asBoolean(false);
        completions.answer(
                request, chat, new OpenAiAnswer(exchange, request.get("model").asText(), chat, stream, usage));
    }

    private static ObjectNode message(JsonNode given) throws IOException {
        ObjectNode out = JSON.createObjectNode()
                .put("role", given.path("role").asText())
                .put("content", content(given.path("content")));
        for (JsonNode call : given.path("tool_calls")) {
            ObjectNode own = out.withArray("tool_calls")
                    .addObject()
                    .put("id", call.path("id").asText());
            // Arguments are a text there and an object here.
            own.putObject("function")
                    .put("name", call.at("/function/name").asText())
                    .set(
                            "arguments",
                            JSON.readTree(call.at("/function/arguments").asText("{}")));
        }
        for (String field : new String[] {"tool_call_id", "reasoning"}) {
            if (given.hasNonNull(field)) {
                out.set(field.equals("reasoning") ? "thinking" : field, given.get(field));
            }
        }
        return out;
    }

    /** A text, or a list of parts of which those with text count. */
    private static String content(JsonNode content) {
        if (content.isNumber() || content.isBoolean()) {
            throw new LocalHttp.Refusal(
                    400, "invalid message content type: " + (content.isNumber() ? "float64" : "bool"));
        }
        if (!content.isArray()) {
            return content.asText("");
        }
        StringBuilder out = new StringBuilder();
        for (JsonNode part : content) {
            if (!part.path("type").asText().equals("text")) {
                String url =
                        part.at("/image_url/url").asText(part.path("image_url").asText());
                throw new LocalHttp.Refusal(
                        400,
                        url.startsWith("http")
                                ? "image URLs are not currently supported, please use base64 encoded data instead"
                                : url.isEmpty()
                                        ? "invalid message format"
                                        : "Multimodal data provided, but model does not support multimodal requests.");
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
        String encoding = body.path("encoding_format").asText("float");
        if (!List.of("float", "base64").contains(encoding)) {
            throw new LocalHttp.Refusal(
                    400,
                    "Invalid value for 'encoding_format' = " + encoding + ". Supported values: ['float', 'base64'].");
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
