package io.tunebook.ollama.template;

import io.tunebook.ollama.ChatMessage;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The prompt that Ollama's server makes of a chat with a template in Go's syntax ({@code template.Execute} of 0.34.1): messages of one role in a
 * row become one, and a template without {@code .Messages} is rendered once for each turn.
 *
 * @param messages the chat; a system prompt is its first message
 * @param tools functions as JSON schema, {@code {"type": "function", "function": {"name": …}}}
 * @param think whether the model thinks; null where nobody said
 * @param level how much it thinks, such as {@code low}; empty where nobody said
 */
public record OllamaPrompt(List<ChatMessage> messages, List<Map<String, Object>> tools, Boolean think, String level) {
    /** A chat without tools, in which nobody said whether to think. */
    public static OllamaPrompt of(List<ChatMessage> messages) {
        return new OllamaPrompt(messages, List.of(), null, "");
    }

    /**
     * The prompt's text, without the token that begins every text of some models: the server adds that one.
     *
     * @throws GoTemplateException if the template cannot be rendered with this chat
     */
    public String render(GoTemplate template) {
        Set<String> variables = template.variables();
        List<ChatMessage> collated = collated();
        if (variables.contains("messages")) {
            Map<String, Object> values = values();
            values.put("System", system());
            values.put("Messages", collated.stream().map(OllamaPrompt::struct).toList());
            values.put("Tools", OllamaTools.of(tools));
            values.put("Response", "");
            return template.execute(values);
        }
        return byTurns(variables.contains("response") ? template : template.withResponse(), collated);
    }

    /** A template for text with a gap, which has a place for what comes after the gap. */
    public String render(GoTemplate template, String prompt, String suffix) {
        Map<String, Object> values = values();
        values.put("Prompt", prompt);
        values.put("Suffix", suffix);
        values.put("Response", "");
        return template.execute(values);
    }

    private String byTurns(GoTemplate template, List<ChatMessage> collated) {
        StringBuilder out = new StringBuilder();
        String system = "";
        String prompt = "";
        String response = "";
        for (ChatMessage message : collated) {
            boolean full = message.role().equals("system") && !(prompt.isEmpty() && response.isEmpty())
                    || message.role().equals("user") && !response.isEmpty();
            if (full) {
                out.append(template.execute(turn(system, prompt, response)));
                system = "";
                prompt = "";
                response = "";
            }
            switch (message.role()) {
                case "system" -> system = message.content();
                case "user" -> prompt = message.content();
                case "assistant" -> response = message.content();
                default -> {
                    // Templates of this kind have no place for what tools answer.
                }
            }
        }
        return out.append(template.untilResponse().execute(turn(system, prompt, response)))
                .toString();
    }

    private Map<String, Object> turn(String system, String prompt, String response) {
        Map<String, Object> values = values();
        values.put("System", system);
        values.put("Prompt", prompt);
        values.put("Response", response);
        return values;
    }

    private Map<String, Object> values() {
        Map<String, Object> values = new HashMap<>();
        values.put("Think", Boolean.TRUE.equals(think));
        values.put("ThinkLevel", level);
        values.put("IsThinkSet", think != null);
        return values;
    }

    private String system() {
        return String.join(
                "\n\n",
                messages.stream()
                        .filter(m -> m.role().equals("system"))
                        .map(ChatMessage::content)
                        .toList());
    }

    private List<ChatMessage> collated() {
        List<ChatMessage> out = new ArrayList<>();
        for (ChatMessage message : messages) {
            ChatMessage last = out.isEmpty() ? null : out.get(out.size() - 1);
            if (last != null
                    && last.role().equals(message.role())
                    && !message.role().equals("tool")) {
                out.set(
                        out.size() - 1,
                        new ChatMessage(
                                last.role(),
                                text(last.content()) + "\n\n" + text(message.content()),
                                last.thinking(),
                                last.images(),
                                last.toolCalls(),
                                last.toolName(),
                                last.toolCallId()));
            } else {
                out.add(message);
            }
        }
        return out;
    }

    private static GoValues.Struct struct(ChatMessage message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("Role", message.role());
        fields.put("Content", text(message.content()));
        fields.put("Thinking", text(message.thinking()));
        fields.put("Images", message.images() == null ? List.of() : message.images());
        fields.put("ToolCalls", OllamaTools.calls(message.toolCalls()));
        fields.put("ToolName", text(message.toolName()));
        fields.put("ToolCallID", text(message.toolCallId()));
        Map<String, Object> json = new LinkedHashMap<>(fields);
        json.replaceAll((name, value) -> List.of().equals(value) ? null : value); // an empty list is Go's nil
        return new GoValues.Struct("*template.templateMessage", fields, false, json);
    }

    private static String text(String value) {
        return value == null ? "" : value;
    }
}
