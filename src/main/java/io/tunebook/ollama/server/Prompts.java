package io.tunebook.ollama.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.server.Models.LoadedModels;
import io.tunebook.ollama.template.GoTemplate;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.ollama.template.OllamaPrompt;
import io.tunebook.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;

/**
 * Makes a request's prompt: with the template in Go's syntax that the request or the model was given, else with the
 * chat template inside the GGUF file.
 */
final class Prompts implements AutoCloseable {
    private static final ObjectMapper JSON = Json.wire();

    private final Map<Path, Optional<Tokenizer>> tokenizers = new ConcurrentHashMap<>();

    /** What a request adds to the model's own messages, with a system prompt before them where there is one. */
    static List<ChatMessage> messages(ServedModel model, JsonNode body, boolean chat) {
        List<ChatMessage> messages = new ArrayList<>();
        String system = model.system();
        if (chat || body.path("context").isMissingNode()) {
            messages.addAll(model.messages());
        }
        if (chat) {
            for (JsonNode m : body.path("messages")) {
                ChatMessage given = JSON.convertValue(m, ChatMessage.class);
                messages.add(new ChatMessage(
                        given.role() == null ? "" : given.role(),
                        given.content() == null ? "" : given.content(),
                        given.thinking(),
                        given.images(),
                        given.toolCalls(),
                        given.toolName(),
                        given.toolCallId()));
            }
            if (body.at("/messages/0/role").asText().equals("system")) {
                system = "";
            }
        } else {
            messages.add(ChatMessage.user(body.path("prompt").asText()));
            system = body.path("system").asText().isEmpty()
                    ? system
                    : body.path("system").asText();
        }
        if (!system.isEmpty()) {
            messages.add(0, ChatMessage.system(system));
        }
        return messages;
    }

    /** The template in Go's syntax that a request is rendered with; nothing where the GGUF file's own is. */
    static Optional<GoTemplate> template(ServedModel model, JsonNode body, boolean chat) {
        String given = chat ? "" : body.path("template").asText("");
        String text = given.isEmpty() ? model.goTemplate() : given;
        try {
            return text.isEmpty() ? Optional.empty() : Optional.of(GoTemplate.parse(text));
        } catch (GoTemplateException broken) {
            throw new LocalHttp.Refusal(500, broken.getMessage());
        }
    }

    /**
     * The prompt for messages with the beginning of the answer. Where all messages do not fit into the context the
     * oldest are left out, the system's kept.
     *
     * @param tools functions as JSON schema; empty for none
     * @param think whether to think; null where the model does not
     * @param whole whether nothing may be left out
     */
    String prompt(
            LoadedModels.Loaded there,
            Optional<GoTemplate> template,
            List<ChatMessage> messages,
            List<Map<String, Object>> tools,
            Boolean think,
            boolean whole)
            throws InterruptedException {
        for (int from = 0; ; from++) {
            int first = from;
            List<ChatMessage> kept = new ArrayList<>();
            for (int i = 0; i < messages.size(); i++) {
                if (i >= first || messages.get(i).role().equals("system")) {
                    kept.add(messages.get(i));
                }
            }
            String prompt = render(there, template, kept, tools, think);
            int context = there.runner.context();
            if (whole
                    || from >= messages.size() - 1
                    || !Completions.tooLong(prompt, context) && there.runner.tokens(prompt).length < context) {
                return prompt;
            }
        }
    }

    private String render(
            LoadedModels.Loaded there,
            Optional<GoTemplate> template,
            List<ChatMessage> messages,
            List<Map<String, Object>> tools,
            Boolean think) {
        if (template.isPresent()) {
            try {
                return new OllamaPrompt(messages, tools, think, "").render(template.get());
            } catch (GoTemplateException refused) {
                throw new LocalHttp.Refusal(500, refused.getMessage());
            }
        }
        Optional<Tokenizer> known = tokenizers.computeIfAbsent(there.model.gguf(), Prompts::uninterrupted);
        if (known.isEmpty()) {
            // As Ollama's template for such models, {{ .Prompt }}, does.
            return messages.stream().map(ChatMessage::content).collect(Collectors.joining("\n"));
        }
        Tokenizer tokenizer = known.get();
        List<Map<String, Object>> turns = new ArrayList<>();
        for (ChatMessage m : messages) {
            turns.add(turn(m));
        }
        Map<String, Object> values = new HashMap<>();
        values.put("messages", turns);
        values.put("add_generation_prompt", true);
        values.put("enable_thinking", Boolean.TRUE.equals(think));
        if (!tools.isEmpty()) {
            values.put("tools", tools);
        }
        String prompt = tokenizer.chatTemplate().render(values);
        // llama.cpp puts the beginning of a sequence before every prompt of a model that wants it: one is enough.
        int[] ids = tokenizer.ids(prompt, true);
        boolean twice = ids.length > 1
                && tokenizer.bosId().isPresent()
                && ids[0] == tokenizer.bosId().getAsInt()
                && ids[1] == ids[0]
                && tokenizer.ids(prompt, false).length < ids.length;
        return twice ? prompt.substring(tokenizer.token(ids[0]).length()) : prompt;
    }

    /** A message by the names that chat templates in Jinja know. */
    private static Map<String, Object> turn(ChatMessage m) {
        Map<String, Object> turn = new HashMap<>();
        turn.put("role", m.role());
        turn.put("content", m.content());
        if (m.toolCalls() != null && !m.toolCalls().isEmpty()) {
            List<Map<String, Object>> calls = new ArrayList<>();
            for (ChatMessage.ToolCall call : m.toolCalls()) {
                Map<String, Object> arguments = call.function().arguments();
                calls.add(Map.of(
                        "id",
                        call.id() == null ? "" : call.id(),
                        "type",
                        "function",
                        "function",
                        Map.of("name", call.function().name(), "arguments", arguments == null ? Map.of() : arguments)));
            }
            turn.put("tool_calls", calls);
        }
        if (m.toolName() != null) {
            turn.put("name", m.toolName());
        }
        if (m.toolCallId() != null) {
            turn.put("tool_call_id", m.toolCallId());
        }
        return turn;
    }

    /** In a thread of its own: an interrupt, since the client went, must not leave the model without its template. */
    private static Optional<Tokenizer> uninterrupted(Path gguf) {
        FutureTask<Optional<Tokenizer>> loading = new FutureTask<>(() -> tokenizer(gguf));
        EmbeddedOllama.daemon(loading).start();
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return loading.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof RuntimeException e ? e : new IllegalStateException(failed.getCause());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * The tokenizer whose chat template makes prompts; empty where the file has no template, or none that is known
     * here.
     */
    private static Optional<Tokenizer> tokenizer(Path gguf) {
        try {
            Tokenizer tokenizer = Tokenizer.load(gguf);
            if (tokenizer.hasChatTemplate()) {
                return Optional.of(tokenizer);
            }
            tokenizer.close();
        } catch (IOException unknown) {
            // llama.cpp may know it all the same: the text then goes as it is.
        }
        return Optional.empty();
    }

    /** The files whose tokenizers are in memory. */
    Set<Path> known() {
        return Set.copyOf(tokenizers.keySet());
    }

    /** Gives back the memory of a file's tokenizer. */
    void forget(Path gguf) {
        Optional<Tokenizer> known = tokenizers.remove(gguf);
        if (known != null) {
            known.ifPresent(Tokenizer::close);
        }
    }

    @Override
    public void close() {
        known().forEach(this::forget);
    }
}
