package io.tunebook.export;

import io.tunebook.data.Message;
import io.tunebook.ollama.ChatMessage;
import io.tunebook.ollama.template.OllamaPrompt;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A short conversation that shows how a template behaves.
 *
 * @param name what it tries
 * @param plain whether it is one that every server must render as the training did: words of system, user and assistant in turn
 * @param think whether thinking is asked for; null where nothing is said
 */
record ProbeChat(String name, boolean plain, List<Message> messages, List<Map<String, Object>> tools, Boolean think) {
    static final Message SYSTEM = Message.system("Answer as a pirate.");
    static final Message USER = Message.user("Who are you?");
    static final Message ASSISTANT = Message.assistant("I am a test.\n\nA short one.");
    static final Message AGAIN = Message.user("And {{ now }}, in \"two\" lines?\nYes.");
    static final Message SAID = Message.assistant("As <b>you</b> wish.");
    static final Message LATER = Message.system("Be brief.");
    static final Map<String, Object> ARGUMENTS = Map.of("city", "Paris");
    static final Message CALL = new Message(
            "assistant",
            "",
            Map.of(
                    "tool_calls",
                    List.of(Map.of(
                            "id",
                            "abcdefghi",
                            "type",
                            "function",
                            "function",
                            Map.of("name", "weather", "arguments", ARGUMENTS)))));
    static final Message RESULT =
            new Message("tool", "21 degrees", Map.of("tool_call_id", "abcdefghi", "name", "weather"));
    static final List<Map<String, Object>> TOOLS = List.of(tool("weather", "city"), tool("clock", "zone"));

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
                        "a second system prompt", false, List.of(SYSTEM, USER, SAID, LATER, AGAIN), List.of(), null),
                new ProbeChat("white space around words", false, List.of(Message.user("\n one \n")), List.of(), null),
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
