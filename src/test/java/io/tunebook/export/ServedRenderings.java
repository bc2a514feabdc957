package io.tunebook.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.ChatRendering.ProbeChat;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.ChatRequest;
import io.tunebook.ollama.Ollama;
import io.tunebook.ollama.Tool;
import io.tunebook.ollama.template.OllamaPrompt;
import io.tunebook.tensors.GgufFile;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Asks a server what it makes of the conversations that exports are tried on, for a small model of each family that was exported to it. {@code
 * ServedRenderings TOKENIZER.gguf FOLDER} asks the server at {@code OLLAMA_HOST} for the families that it reads, and
 * writes what bench/reference/ollama_served.py keeps.
 */
final class ServedRenderings {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private ServedRenderings() {}

    public static void main(String[] args) throws Exception {
        Ollama ollama = Ollama.connect();
        ObjectNode all = JSON.createObjectNode();
        ArrayNode out = all.putArray("families");
        for (JsonNode family : JSON.readTree(System.in)) {
            String name = family.get("name").asText();
            Path gguf = Path.of(args[1]).resolve(name + ".gguf");
            write(family, Path.of(args[0]), gguf);
            OllamaExport.create(ollama, name, gguf);
            ObjectNode one = out.addObject().put("family", name);
            one.put("template", OllamaTemplate.of(gguf).template().orElseThrow());
            ArrayNode chats = one.putArray("chats");
            for (ProbeChat chat : ProbeChat.all()) {
                ObjectNode request = request(name, chat);
                HttpResponse<String> answer = ask(ollama.url(), request);
                JsonNode said = JSON.readTree(answer.body());
                ObjectNode kept = chats.addObject().put("chat", chat.name()).put("status", answer.statusCode());
                kept.set("request", request);
                if (said.has("error")) {
                    kept.put("error", said.get("error").asText());
                } else {
                    kept.put("text", said.at("/_debug_info/rendered_template").asText());
                }
            }
            // what the server finds for the same file without a template
            String digest = OllamaExport.upload(ollama, gguf, "model");
            ollama.create(name + "-bare", Map.of("files", Map.of("model.gguf", digest)), status -> {});
            one.put("found", ollama.show(name + "-bare").template());
            ollama.delete(name + "-bare");
            ollama.delete(name);
            Files.delete(gguf);
        }
        String model = OllamaExport.upload(ollama, Path.of(args[0]), "model");
        ollama.create("caller", caller(Map.of("files", Map.of("model.gguf", model))), status -> {});
        all.set("calls", calls(ollama));
        System.out.println(JSON.writeValueAsString(all));
    }

    /**
     * A template with tools for a model that does not know them: it calls one since the conversation before shows how.
     */
    static Map<String, Object> caller(Map<String, Object> from) {
        Map<String, Object> settings = new HashMap<>(from);
        settings.put(
                "template",
                "{{ if .Tools }}<|im_start|>system\nYou may call:\n{{ range .Tools }}{{ .Function.Name }}: {{ .Function.Description }}\n{{ end }}"
                        + "<|im_end|>\n{{ end }}{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}<tool_call>\n"
                        + "{\"name\": \"{{ .Function.Name }}\", \"arguments\": {{ .Function.Arguments }}}\n</tool_call>{{ end }}{{ end }}<|im_end|>\n{{ end }}"
                        + "<|im_start|>assistant\n");
        settings.put("parameters", Map.of("temperature", 0, "num_predict", 60, "stop", List.of("<|im_end|>")));
        return settings;
    }

    /** Three cities, whose weather the model has asked a tool for, and a fourth. */
    static List<ChatMessage> weather() {
        List<ChatMessage> messages = new ArrayList<>();
        for (String[] each : new String[][] {{"Rome", "20"}, {"Madrid", "25"}, {"Berlin", "15"}}) {
            ChatMessage.ToolCall call = new ChatMessage.ToolCall(
                    "call_" + each[1], new ChatMessage.ToolCall.Function("weather", Map.of("city", each[0])));
            messages.add(ChatMessage.user("What is the weather in " + each[0] + "?"));
            messages.add(new ChatMessage("assistant", "", null, null, List.of(call), null, null));
            messages.add(ChatMessage.tool(call, each[1] + " degrees"));
            messages.add(ChatMessage.assistant("It is " + each[1] + " degrees in " + each[0] + "."));
        }
        messages.add(ChatMessage.user("What is the weather in Paris?"));
        return messages;
    }

    /** What a server answers where a tool is offered: at once, in a stream, and by our client, which calls the tool. */
    static ObjectNode calls(Ollama ollama) throws IOException, InterruptedException {
        record City(String city) {}
        ObjectNode out = JSON.createObjectNode();
        ObjectNode request = JSON.createObjectNode().put("model", "caller");
        request.set("messages", JSON.valueToTree(weather()));
        request.putArray("tools").addPOJO(ProbeChat.TOOLS.get(0));
        out.set(
                "whole",
                JSON.readTree(ask(ollama.url(), request.deepCopy().put("stream", false))
                        .body()));
        ArrayNode lines = out.putArray("stream");
        for (String line : ask(ollama.url(), request).body().split("\n")) {
            lines.add(JSON.readTree(line));
        }
        ArrayNode called = out.putArray("called");
        Tool tool = Tool.of("weather", "Tells the weather.", City.class, city -> {
            called.add(city.city());
            return "18 degrees";
        });
        ChatRequest asked =
                ChatRequest.of("caller", weather().toArray(ChatMessage[]::new)).tools(tool);
        return out.put("said", ollama.chat(asked).text());
    }

    /** A small model with a family's chat template and special tokens. */
    static void write(JsonNode family, Path tokenizerFrom, Path gguf) throws IOException {
        String bos = family.get("bos").asText();
        Map<String, Object> instead = new HashMap<>();
        try (GgufFile source = GgufFile.open(tokenizerFrom)) {
            List<String> tokens = new ArrayList<>(source.strings("tokenizer.ggml.tokens"));
            if (!bos.isEmpty()) {
                set(tokens, 1, bos);
            }
            set(tokens, 2, family.get("eos").asText());
            instead.put("tokenizer.ggml.tokens", tokens);
        }
        instead.put("tokenizer.ggml.bos_token_id", 1);
        instead.put("tokenizer.ggml.eos_token_id", 2);
        instead.put("tokenizer.ggml.add_bos_token", !bos.isEmpty());
        instead.put("tokenizer.chat_template", family.get("jinja").asText());
        RandomModels.write("llama", tokenizerFrom, gguf, instead);
    }

    /** Puts a token in its place; llama.cpp takes none that is there twice. */
    private static void set(List<String> tokens, int id, String token) {
        int other = tokens.indexOf(token);
        if (other >= 0 && other != id) {
            tokens.set(other, "<unused" + id + ">");
        }
        tokens.set(id, token);
    }

    /** What a client sends to have a conversation rendered. */
    static ObjectNode request(String model, ProbeChat chat) {
        OllamaPrompt prompt = chat.forOllama("");
        ObjectNode request = JSON.createObjectNode().put("model", model);
        request.put("_debug_render_only", true).put("stream", false).put("truncate", false);
        request.set("messages", JSON.valueToTree(prompt.messages()));
        if (!prompt.tools().isEmpty()) {
            request.set("tools", JSON.valueToTree(prompt.tools()));
        }
        if (prompt.think() != null) {
            request.put("think", prompt.think());
        }
        return request;
    }

    static HttpResponse<String> ask(String url, ObjectNode request) throws IOException, InterruptedException {
        return HTTP.send(
                HttpRequest.newBuilder(URI.create(url + "/api/chat"))
                        .POST(BodyPublishers.ofString(JSON.writeValueAsString(request)))
                        .build(),
                BodyHandlers.ofString());
    }
}
