package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.files.Json;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Refuses requests whose values are of the wrong kind, with the status and words that Ollama has for them. */
final class RequestCheck {
    private static final Set<String> WHOLE = Set.of(
            "num_keep",
            "seed",
            "num_predict",
            "top_k",
            "repeat_last_n",
            "num_ctx",
            "num_batch",
            "num_gpu",
            "main_gpu",
            "num_thread");
    private static final Set<String> NUMBERS =
            Set.of("top_p", "min_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty");
    private static final String TEXT = "string";
    private static final String MAP = "map[string]interface {}";
    private static final Map<String, Map<String, String>> KINDS = Map.of(
            "ChatRequest",
            kinds(TEXT, "model", "[]api.Message", "messages", "api.Tools", "tools", MAP, "options")
                    .and("bool", "stream", "truncate", "logprobs")
                    .all,
            "GenerateRequest",
            kinds(TEXT, "model", TEXT, "prompt", TEXT, "suffix", TEXT, "system", TEXT, "template", MAP, "options")
                    .and("bool", "stream", "raw", "truncate", "logprobs")
                    .and("[]int", "context")
                    .all,
            "ShowRequest",
            kinds(MAP, "options", "bool", "verbose").and(TEXT, "model", "name", "system", "template").all,
            "EmbedRequest",
            kinds(TEXT, "model", "bool", "truncate", "int", "dimensions", MAP, "options").all,
            "EmbeddingRequest",
            kinds(TEXT, "model", TEXT, "prompt", MAP, "options").all,
            "CreateRequest",
            kinds("bool", "stream", MAP, "parameters", "map[string]string", "files", "map[string]string", "adapters")
                    .and(TEXT, "model", "name", "from", "system", "template", "quantize")
                    .all,
            "PullRequest",
            kinds(TEXT, "model", TEXT, "name", "bool", "stream").all,
            "DeleteRequest",
            kinds(TEXT, "model", TEXT, "name").all,
            "ChatCompletionRequest",
            kinds(TEXT, "model", "[]openai.Message", "messages", "bool", "stream", "int", "seed", "int", "max_tokens")
                    .and("float64", "temperature", "top_p", "frequency_penalty", "presence_penalty")
                    .all,
            "CompletionRequest",
            kinds(TEXT, "model", TEXT, "prompt", "bool", "stream", TEXT, "suffix", "int", "max_tokens", "int", "seed")
                    .and("float32", "temperature", "top_p", "frequency_penalty", "presence_penalty")
                    .all);

    private RequestCheck() {}

    /** What Go calls the type of each field. */
    private record Kinds(Map<String, String> all) {
        Kinds and(String type, String... names) {
            for (String name : names) {
                all.put(name, type);
            }
            return this;
        }
    }

    private static Kinds kinds(String... typesAndNames) {
        Kinds out = new Kinds(new LinkedHashMap<>());
        for (int i = 0; i < typesAndNames.length; i += 2) {
            out.and(typesAndNames[i], typesAndNames[i + 1]);
        }
        return out;
    }

    /** Checks a request, by Go's name for it; returns it. */
    static JsonNode check(JsonNode body, String request) {
        if (!body.isObject() && !body.isNull()) {
            throw new LocalHttp.Refusal(
                    400,
                    "json: cannot unmarshal " + kind(body) + " into Go value of type "
                            + (request.contains("Completion") ? "openai." : "api.") + request);
        }
        KINDS.get(request).forEach((name, type) -> {
            if (body.hasNonNull(name)) {
                require(body.get(name), type, request + "." + name);
            }
        });
        if (request.equals("ChatRequest")) {
            for (JsonNode message : body.path("messages")) {
                require(message, "api.Alias", request + ".messages");
                for (String field : new String[] {"role", "content", "thinking"}) {
                    if (message.hasNonNull(field)) {
                        require(message.get(field), TEXT, request + ".messages." + field);
                    }
                }
                images(message);
            }
        }
        images(body);
        if (body.path("keep_alive").isBoolean()) {
            throw new LocalHttp.Refusal(400, "Unsupported type: 'bool'");
        }
        JsonNode think = body.path("think");
        if (!think.isMissingNode() && !think.isNull() && !think.isBoolean() && !think.isTextual()) {
            throw new LocalHttp.Refusal(
                    400, "think must be a boolean or string (\"high\", \"medium\", \"low\", \"max\", true, or false)");
        }
        return body;
    }

    private static void images(JsonNode holder) {
        for (JsonNode image : holder.path("images")) {
            try {
                Base64.getDecoder().decode(image.asText());
            } catch (IllegalArgumentException broken) {
                throw new LocalHttp.Refusal(400, "illegal base64 data at input byte " + wrongByte(image.asText()));
            }
        }
    }

    private static int wrongByte(String text) {
        int i = 0;
        while (i < text.length() && (Character.isLetterOrDigit(text.charAt(i)) || "+/".indexOf(text.charAt(i)) >= 0)) {
            i++;
        }
        return i;
    }

    private static void require(JsonNode value, String type, String field) {
        boolean fits =
                switch (type) {
                    case "string" -> value.isTextual();
                    case "bool" -> value.isBoolean();
                    case "[]api.Message", "[]openai.Message", "api.Tools", "[]int" -> value.isArray();
                    case "int" -> value.isIntegralNumber();
                    case "float32", "float64" -> value.isNumber();
                    default -> value.isObject();
                };
        if (!fits) {
            throw new LocalHttp.Refusal(
                    400,
                    "json: cannot unmarshal " + kind(value) + " into Go struct field " + field + " of type " + type);
        }
    }

    private static String kind(JsonNode value) {
        return value.isTextual()
                ? "string"
                : value.isNumber() ? "number" : value.isArray() ? "array" : value.isBoolean() ? "bool" : "object";
    }

    /** An error in the form of llama.cpp's server, which Ollama hands on as a text. */
    private static LocalHttp.Refusal ofTheRunner(String message) {
        ObjectNode words = Json.wire().createObjectNode();
        words.putObject("error").put("code", 400).put("message", message).put("type", "invalid_request_error");
        return new LocalHttp.Refusal(400, words.toString());
    }

    /** Checks options that go to a model. */
    static void options(JsonNode options) {
        for (var option : options.properties()) {
            String name = option.getKey();
            JsonNode value = option.getValue();
            if (name.equals("typical_p")) {
                throw new LocalHttp.Refusal(400, "typical_p is no longer supported");
            }
            if (value.isNull()) {
                continue;
            }
            if (WHOLE.contains(name) && !value.isNumber()) {
                throw new LocalHttp.Refusal(500, "option \"" + name + "\" must be of type integer");
            }
            if (name.equals("repeat_last_n") && value.asLong() < 0) {
                throw ofTheRunner("Field 'repeat_last_n': Value must be between 0 <= value <= 2147483647, but got "
                        + value.asLong());
            }
            if (name.equals("use_mmap") && !value.isBoolean()) {
                throw new LocalHttp.Refusal(500, "option \"use_mmap\" must be of type boolean");
            }
            if (NUMBERS.contains(name)) {
                if (!value.isNumber()) {
                    throw new LocalHttp.Refusal(500, "option \"" + name + "\" must be of type float32");
                }
                float number = (float) value.asDouble();
                if (Float.isInfinite(number) || Float.isNaN(number)) {
                    throw new LocalHttp.Refusal(
                            500,
                            "failed to marshal completion request: json: unsupported value: "
                                    + (number > 0 ? "+Inf" : "-Inf"));
                }
                if (name.equals("repeat_penalty") && !(number > 0 && Float.isFinite(1 / number))) {
                    throw ofTheRunner(
                            "Failed to initialize samplers: penalty_repeat must be finite and greater than 0");
                }
            }
            if (name.equals("stop")) {
                if (!value.isArray()) {
                    throw new LocalHttp.Refusal(500, "option \"stop\" must be of type array");
                }
                for (JsonNode each : value) {
                    if (!each.isTextual()) {
                        throw new LocalHttp.Refusal(500, "option \"stop\" must be of an array of strings");
                    }
                }
            }
        }
    }
}
