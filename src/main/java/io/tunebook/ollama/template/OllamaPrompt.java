package io.tunebook.ollama.template;

import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import io.tunebook.ollama.template.GoValues.AsJson;
import io.tunebook.ollama.template.GoValues.Struct;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The prompt that Ollama's server makes of a chat with a template in Go's syntax ({@code template.Execute} of 0.34.1):
 * messages of one role in a row become one, and a template without {@code .Messages} is rendered once for each turn.
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

    /**
     * Tools and calls of tools as a template sees them: Ollama keeps of a tool's schema what it knows, in its own order
     * ({@code api.Tool}).
     */
    private static final class OllamaTools {
        private static final Map<String, String> OF_A_PROPERTY = properties();

        private OllamaTools() {}

        private static Map<String, String> properties() {
            Map<String, String> names = new LinkedHashMap<>();
            names.put("anyOf", "AnyOf");
            names.put("type", "Type");
            names.put("items", "Items");
            names.put("description", "Description");
            names.put("enum", "Enum");
            names.put("properties", "Properties");
            names.put("required", "Required");
            return names;
        }

        static Object of(List<Map<String, Object>> tools) {
            List<Object> all = new ArrayList<>();
            tools.forEach(tool -> all.add(tool(tool)));
            return new AsJson(all, all.isEmpty() ? null : all);
        }

        private static Struct tool(Map<String, Object> tool) {
            Struct function = function(map(tool.get("function")));
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("Type", text(tool.get("type")));
            fields.put("Items", go(tool.get("items")));
            fields.put("Function", function);
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("type", text(tool.get("type")));
            put(json, "items", go(tool.get("items")));
            json.put("function", function);
            return new Struct("template.templateTool", fields, true, new Struct("", json, true, json));
        }

        private static Struct function(Map<?, ?> function) {
            Map<?, ?> given = map(function.get("parameters"));
            Map<String, Object> json = new LinkedHashMap<>();
            Map<String, Object> properties = new LinkedHashMap<>();
            map(given.get("properties")).forEach((k, v) -> properties.put(String.valueOf(k), property(map(v))));
            AsJson shown = new AsJson(properties, properties);
            List<?> required = given.get("required") instanceof List<?> list ? list : List.of();
            json.put("type", text(given.get("type")));
            put(json, "$defs", go(given.get("$defs")));
            put(json, "items", go(given.get("items")));
            put(json, "required", required.isEmpty() ? null : required);
            json.put("properties", shown);
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("Type", text(given.get("type")));
            fields.put("Defs", go(given.get("$defs")));
            fields.put("Items", go(given.get("items")));
            fields.put("Required", required);
            fields.put("Properties", shown);
            Struct parameters = new Struct("template.templateToolFunctionParameters", fields, false, json);
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("Name", text(function.get("name")));
            all.put("Description", text(function.get("description")));
            all.put("Parameters", parameters);
            Map<String, Object> form = new LinkedHashMap<>();
            form.put("name", text(function.get("name")));
            form.put("description", text(function.get("description")));
            form.put("parameters", parameters);
            return new Struct("template.templateToolFunction", all, false, form);
        }

        private static Struct property(Map<?, ?> given) {
            Map<String, Object> fields = new LinkedHashMap<>();
            Map<String, Object> json = new LinkedHashMap<>();
            OF_A_PROPERTY.forEach((name, field) -> {
                Object value = go(given.get(name));
                if (name.equals("properties") && value != null) {
                    Map<String, Object> inner = new LinkedHashMap<>();
                    map(value).forEach((k, v) -> inner.put(String.valueOf(k), property(map(v))));
                    value = inner;
                }
                put(json, name, value);
                fields.put(field, value == null && name.equals("description") ? "" : value);
            });
            return new Struct("api.ToolProperty", fields, false, json);
        }

        static List<Object> calls(List<ChatMessage.ToolCall> calls) {
            List<Object> out = new ArrayList<>();
            for (ChatMessage.ToolCall call : calls == null ? List.<ChatMessage.ToolCall>of() : calls) {
                Map<String, Object> arguments = new LinkedHashMap<>();
                if (call.function().arguments() != null) {
                    call.function().arguments().forEach((k, v) -> arguments.put(k, go(v)));
                }
                Map<String, Object> function = new LinkedHashMap<>();
                function.put("Index", 0L);
                function.put("Name", call.function().name());
                function.put("Arguments", new AsJson(arguments, arguments));
                Map<String, Object> fields = new LinkedHashMap<>();
                fields.put("ID", text(call.id()));
                fields.put("Function", new Struct("template.templateToolCallFunction", function, false, function));
                out.add(new Struct("template.templateToolCall", fields, false, fields));
            }
            return out;
        }

        /** JSON's values as Go reads them: every number is one with a fraction. */
        private static Object go(Object value) {
            if (value instanceof BigDecimal || value instanceof Number) {
                return ((Number) value).doubleValue();
            }
            if (value instanceof Map<?, ?> map) {
                Map<String, Object> out = new LinkedHashMap<>();
                map.forEach((k, v) -> out.put(String.valueOf(k), go(v)));
                return out;
            }
            if (value instanceof List<?> list) {
                List<Object> out = new ArrayList<>();
                list.forEach(v -> out.add(go(v)));
                return out;
            }
            return value;
        }

        private static void put(Map<String, Object> json, String name, Object value) {
            if (value != null && !"".equals(value)) {
                json.put(name, value);
            }
        }

        private static Map<?, ?> map(Object value) {
            return value instanceof Map<?, ?> map ? map : Map.of();
        }

        private static String text(Object value) {
            return value instanceof String s ? s : "";
        }
    }
}
