package io.tunebook.export;

import io.tunebook.data.Message;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.OllamaPrompt;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a model's own chat template makes of a conversation, less the token that the server itself puts before every
 * text.
 */
final class ChatRendering {
    /** A template, given its variables. */
    interface Template {
        /**
         * Renders.
         *
         * @throws TemplateException if the template refuses the conversation
         */
        String render(Map<String, Object> variables);
    }

    private final String source;
    private final Template template;
    private final String bos;

    /**
     * A rendering.
     *
     * @param source the template's text
     * @param bos the token that the server itself puts before every text; empty where it puts none
     */
    ChatRendering(String source, Template template, String bos) {
        this.source = source;
        this.template = template;
        this.bos = bos;
    }

    static ChatRendering of(Tokenizer tokenizer, ChatTemplate template) {
        int[] ids = tokenizer.ids("a", true);
        boolean adds = tokenizer.bosId().isPresent()
                && ids.length > 0
                && ids[0] == tokenizer.bosId().getAsInt();
        return new ChatRendering(template.source(), template::render, adds ? tokenizer.token(ids[0]) : "");
    }

    String source() {
        return source;
    }

    /** The text for the assistant to go on from; nothing where the template refuses such a conversation. */
    Optional<String> prompt(ProbeChat chat) {
        return render(chat.messages(), true, chat.tools(), chat.think());
    }

    Optional<String> render(List<Message> messages, boolean generation) {
        return render(messages, generation, List.of(), null);
    }

    Optional<String> render(
            List<Message> messages, boolean generation, List<Map<String, Object>> tools, Boolean think) {
        Map<String, Object> variables = new LinkedHashMap<>();
        List<Map<String, Object>> maps = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("role", message.role());
            map.put("content", message.content());
            map.putAll(message.more());
            maps.add(map);
        }
        variables.put("messages", maps);
        variables.put("tools", tools.isEmpty() ? null : tools);
        variables.put("add_generation_prompt", generation);
        if (think != null) {
            variables.put("enable_thinking", think);
        }
        try {
            String text = template.render(variables);
            return Optional.of(!bos.isEmpty() && text.startsWith(bos) ? text.substring(bos.length()) : text);
        } catch (TemplateException refused) {
            return Optional.empty();
        }
    }

    /** A value as the template's {@code tojson} writes it. */
    static String json(Object value) {
        return Jinja.parse("{{ v | tojson }}").render(Map.of("v", value)).text();
    }

    /**
     * A short conversation that shows how a template behaves.
     *
     * @param name what it tries
     * @param plain whether it is one that every server must render as the training did: words of system, user and
     * assistant in turn
     * @param think whether thinking is asked for; null where nothing is said
     */
    record ProbeChat(
            String name, boolean plain, List<Message> messages, List<Map<String, Object>> tools, Boolean think) {
        static final Message SYSTEM = Message.system("Answer as a pirate.");
        static final Message USER = Message.user("Who are you?");
        static final Message ASSISTANT = Message.assistant("I am a test.\n\nA short one.");
        static final Message AGAIN = Message.user("And {{ now }}, in \"two\" lines?\nYes.");
        static final Message SAID = Message.assistant("As <b>you</b> wish.");
        static final Message LATER = Message.system("Be brief.");
        static final Map<String, Object> ARGUMENTS = Map.of("city", "Paris");
        static final Message CALL = new Message("assistant", "", Map.of("tool_calls", List.of(call())));
        static final Message RESULT =
                new Message("tool", "21 degrees", Map.of("tool_call_id", "abcdefghi", "name", "weather"));
        static final List<Map<String, Object>> TOOLS = List.of(tool("weather", "city"), tool("clock", "zone"));

        /** In the order of the fields that clients send, since a template may write them all. */
        private static Map<String, Object> call() {
            Map<String, Object> function = new LinkedHashMap<>();
            function.put("name", "weather");
            function.put("arguments", ARGUMENTS);
            Map<String, Object> call = new LinkedHashMap<>();
            call.put("id", "abcdefghi");
            call.put("type", "function");
            call.put("function", function);
            return call;
        }

        private static Map<String, Object> tool(String name, String argument) {
            Map<String, Object> property = new LinkedHashMap<>();
            property.put("type", "string");
            property.put("description", "which one");
            Map<String, Object> parameters = new LinkedHashMap<>();
            parameters.put("type", "object");
            parameters.put("required", List.of(argument));
            parameters.put("properties", Map.of(argument, property));
            Map<String, Object> function = new LinkedHashMap<>();
            function.put("name", name);
            function.put("description", "Tells the " + name + ".");
            function.put("parameters", parameters);
            Map<String, Object> tool = new LinkedHashMap<>();
            tool.put("type", "function");
            tool.put("function", function);
            return tool;
        }

        /** All that are tried. */
        static List<ProbeChat> all() {
            Message thought = new Message("assistant", "Yes.", Map.of("reasoning_content", "Is it so?"));
            Message thoughtCall = new Message(
                    "assistant",
                    "",
                    Map.of(
                            "reasoning_content",
                            "I must ask.",
                            "tool_calls",
                            CALL.more().get("tool_calls")));
            return List.of(
                    plain("a question", USER),
                    plain("a question under a system prompt", SYSTEM, USER),
                    plain("several turns", USER, ASSISTANT, AGAIN, SAID, USER),
                    plain("several turns under a system prompt", SYSTEM, USER, ASSISTANT, AGAIN, SAID, USER),
                    new ProbeChat(
                            "a second system prompt",
                            false,
                            List.of(SYSTEM, USER, SAID, LATER, AGAIN),
                            List.of(),
                            null),
                    new ProbeChat(
                            "white space around words", false, List.of(Message.user("\n one \n")), List.of(), null),
                    new ProbeChat("thoughts of an earlier turn", false, List.of(USER, thought, AGAIN), List.of(), null),
                    new ProbeChat("no thinking wanted", false, List.of(USER), List.of(), false),
                    new ProbeChat("thinking wanted", false, List.of(USER), List.of(), true),
                    new ProbeChat("tools", false, List.of(USER), TOOLS, null),
                    new ProbeChat("tools under a system prompt", false, List.of(SYSTEM, USER), TOOLS, null),
                    new ProbeChat("a tool's answer", false, List.of(USER, CALL, RESULT), TOOLS, null),
                    new ProbeChat(
                            "two tools' answers", false, List.of(USER, CALL, RESULT, RESULT, SAID, AGAIN), TOOLS, null),
                    new ProbeChat("thoughts before a call", false, List.of(USER, thoughtCall, RESULT), TOOLS, null));
        }

        /** Whether a rendering says what the tools of these conversations are for. */
        static boolean tellsTools(String rendered) {
            return rendered.contains("Tells the weather.");
        }

        private static ProbeChat plain(String name, Message... messages) {
            return new ProbeChat(name, true, List.of(messages), List.of(), null);
        }

        /** The same chat as a client sends it to Ollama, with what the server puts before it. */
        OllamaPrompt forOllama(String system) {
            List<ChatMessage> out = new ArrayList<>();
            if (!system.isEmpty() && !messages.get(0).role().equals("system")) {
                out.add(ChatMessage.system(system));
            }
            for (Message m : messages) {
                List<ChatMessage.ToolCall> calls = m.more().containsKey("tool_calls")
                        ? List.of(new ChatMessage.ToolCall(
                                "abcdefghi", new ChatMessage.ToolCall.Function("weather", ARGUMENTS)))
                        : null;
                boolean tool = m.role().equals("tool");
                out.add(new ChatMessage(
                        m.role(),
                        m.content(),
                        (String) m.more().get("reasoning_content"),
                        null,
                        calls,
                        tool ? "weather" : null,
                        tool ? "abcdefghi" : null));
            }
            return new OllamaPrompt(out, tools, think, "");
        }
    }
}
