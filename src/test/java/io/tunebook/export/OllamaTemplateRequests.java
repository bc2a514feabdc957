package io.tunebook.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.export.ChatRendering.ProbeChat;
import io.tunebook.jinja.Jinja;
import io.tunebook.ollama.template.OllamaPrompt;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes what bench/reference/ollama_templates.py asks Ollama's own code: for each family of models, read from the
 * standard input, the template that is derived for it and the conversations that it is compared on.
 */
final class OllamaTemplateRequests {
    private static final ObjectMapper JSON = new ObjectMapper();

    private OllamaTemplateRequests() {}

    public static void main(String[] args) throws IOException {
        ArrayNode out = JSON.createArrayNode();
        for (JsonNode family : JSON.readTree(System.in)) {
            ChatRendering jinja = rendering(family);
            OllamaTemplate made = OllamaTemplate.of(jinja, List.of());
            for (ProbeChat chat : ProbeChat.all()) {
                if (jinja.prompt(chat).isPresent()) {
                    OllamaPrompt prompt = chat.forOllama(made.system().orElse(""));
                    ObjectNode one = out.addObject();
                    one.put("family", family.get("name").asText());
                    one.put("chat", chat.name());
                    one.put("template", made.template().orElseThrow());
                    one.set("messages", JSON.valueToTree(prompt.messages()));
                    one.set("tools", JSON.valueToTree(prompt.tools()));
                    one.set("think", JSON.valueToTree(prompt.think()));
                }
            }
        }
        System.out.println(JSON.writeValueAsString(out));
    }

    /** A family's chat template with its special tokens, on a day that stays the same. */
    static ChatRendering rendering(JsonNode family) {
        Jinja jinja = Jinja.parse(family.get("jinja").asText());
        String bos = family.get("bos").asText();
        return new ChatRendering(
                family.get("jinja").asText(),
                variables -> {
                    Map<String, Object> all = new HashMap<>();
                    all.put("bos_token", bos);
                    all.put("eos_token", family.get("eos").asText());
                    all.put("date_string", "26 Jul 2024");
                    all.putAll(variables);
                    return jinja.render(all).text();
                },
                bos);
    }
}
