package io.tunebook.export;

import io.tunebook.data.Message;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a model's own chat template makes of a conversation, less the token that the server itself puts before every text. */
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
}
