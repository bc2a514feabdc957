package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
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
    private static final Map<String, String> FIELDS = fields();

    private RequestCheck() {}

    /** The kind in JSON of each field, and what Go calls its type. */
    private static Map<String, String> fields() {
        Map<String, String> kinds = new LinkedHashMap<>();
        for (String text : new String[] {"model", "prompt", "suffix", "system", "template"}) {
            kinds.put(text, "string");
        }
        kinds.put("messages", "[]api.Message");
        kinds.put("tools", "api.Tools");
        kinds.put("options", "map[string]interface {}");
        for (String yes : new String[] {"stream", "raw", "truncate", "logprobs"}) {
            kinds.put(yes, "bool");
        }
        return kinds;
    }

    /** Checks a request to {@code /api/chat} or {@code /api/generate}. */
    static void check(JsonNode body, boolean chat) {
        String request = chat ? "ChatRequest" : "GenerateRequest";
        if (!body.isObject()) {
            throw new LocalHttp.Refusal(
                    400, "json: cannot unmarshal " + kind(body) + " into Go value of type api." + request);
        }
        FIELDS.forEach((name, type) -> {
            boolean known = chat
                    ? !Set.of("prompt", "suffix", "system", "template", "raw").contains(name)
                    : !Set.of("messages", "tools").contains(name);
            if (known && body.hasNonNull(name)) {
                require(body.get(name), type, request + "." + name);
            }
        });
        if (chat) {
            for (JsonNode message : body.path("messages")) {
                require(message, "api.Message", request + ".messages");
                for (String field : new String[] {"role", "content", "thinking"}) {
                    if (message.hasNonNull(field)) {
                        require(message.get(field), "string", request + ".messages." + field);
                    }
                }
            }
        }
    }

    private static void require(JsonNode value, String type, String field) {
        boolean fits =
                switch (type) {
                    case "string" -> value.isTextual();
                    case "bool" -> value.isBoolean();
                    case "[]api.Message", "api.Tools" -> value.isArray();
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
