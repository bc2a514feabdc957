package io.tunebook.tokenizer;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's chat template: the Jinja text that turns a conversation into the one string the model was trained on.
 * Renders what Transformers' {@code apply_chat_template} renders. Safe for several threads.
 *
 * @see <a href="https://huggingface.co/docs/transformers/chat_templating">Transformers: chat templates</a>
 */
public final class ChatTemplate {
    private final Tokenizer tokenizer;
    private final String source;
    private final Jinja plain;
    private final Jinja withTools;

    /**
     * A conversation ready for training.
     *
     * @param text the conversation as the template writes it
     * @param ids the text's ids; the template writes special tokens itself, so none are added
     * @param assistant for each id whether the assistant said it, its end of turn included
     */
    public record Encoded(String text, int[] ids, boolean[] assistant) {}

    /**
     * A template for a tokenizer that has none, or instead of its own.
     *
     * @throws TemplateException if the text is no template, with the line
     */
    public ChatTemplate(Tokenizer tokenizer, String jinja) {
        this(tokenizer, jinja, null);
    }

    ChatTemplate(Tokenizer tokenizer, String jinja, String jinjaWithTools) {
        this.tokenizer = tokenizer;
        this.source = jinja;
        this.plain = parse(jinja);
        this.withTools = jinjaWithTools == null ? plain : parse(jinjaWithTools);
    }

    /** The template's text. */
    public String source() {
        return source;
    }

    /**
     * Renders a conversation.
     *
     * @param addGenerationPrompt whether to end with what comes before the assistant's next words
     * @throws TemplateException if the template refuses the conversation, with the line
     */
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, List.of());
    }

    /**
     * Renders a conversation with tools that the model may call.
     *
     * @param tools functions as JSON schema, {@code {"type": "function", "function": {"name": …, "parameters": …}}}
     * @throws TemplateException if the template refuses the conversation, with the line
     */
    public String render(List<Message> messages, boolean addGenerationPrompt, List<Map<String, Object>> tools) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", maps(messages));
        variables.put("tools", tools.isEmpty() ? null : tools);
        variables.put("add_generation_prompt", addGenerationPrompt);
        return render(variables);
    }

    /**
     * Renders with the template's own variables: {@code messages} as maps with {@code role}, {@code content},
     * {@code tool_calls} and others, {@code tools}, {@code add_generation_prompt}, and what else the template knows,
     * such as {@code enable_thinking}. Special tokens are there by their names.
     *
     * @throws TemplateException if the template refuses them, with the line
     */
    public String render(Map<String, ?> variables) {
        return rendered(prepared(variables)).text();
    }

    /**
     * Renders a whole conversation and tells the assistant's tokens from the others. What the assistant said is what
     * {@code generation} blocks mark; in a template without them it is what the template's loop writes for the
     * assistant's messages, less the generation prompt before and white space after the last special token.
     *
     * @throws TemplateException if the template refuses the conversation, or does not show what the assistant said
     */
    public Encoded encode(ChatExample example) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", maps(example.messages()));
        variables.put("tools", example.tools().isEmpty() ? null : example.tools());
        return encode(variables);
    }

    /** As {@link #encode(ChatExample)}, with the template's own variables. */
    public Encoded encode(Map<String, ?> variables) {
        Map<String, Object> normal = prepared(variables);
        normal.putIfAbsent("add_generation_prompt", false);
        Jinja.Rendered rendered = rendered(normal);
        String text = rendered.text();
        List<Jinja.Span> spans =
                rendered.generations().isEmpty() ? assistantTurns(normal, rendered) : rendered.generations();
        Encoding encoding = tokenizer.encode(text, false);
        boolean[] assistant = new boolean[encoding.length()];
        for (Jinja.Span span : spans) {
            for (int i = 0; i < assistant.length; i++) {
                // A token counts that holds any character of the span, as Transformers' char_to_token has it.
                assistant[i] |= encoding.starts()[i] < span.end()
                        && encoding.ends()[i] > span.start()
                        && encoding.starts()[i] < encoding.ends()[i];
            }
        }
        return new Encoded(text, encoding.ids(), assistant);
    }

    private List<Jinja.Span> assistantTurns(Map<String, Object> variables, Jinja.Rendered rendered) {
        String header = generationPrompt(variables, rendered.text());
        List<Jinja.Span> turns = new ArrayList<>();
        for (Object message : (List<?>) variables.get("messages")) {
            if (!(message instanceof Map<?, ?> map) || !"assistant".equals(map.get("role"))) {
                continue;
            }
            Jinja.Span turn = null;
            for (Jinja.Span span : rendered.loops()) {
                if (span.element() == message
                        && (turn == null || span.end() - span.start() > turn.end() - turn.start())) {
                    turn = span;
                }
            }
            if (turn == null) {
                throw failure(new TemplateException(
                        0,
                        "expected a loop over the messages or {% generation %} around what the assistant says, found"
                                + " neither, so its tokens cannot be told from the others"));
            }
            String said = rendered.text().substring(turn.start(), turn.end());
            int start = turn.start() + commonPrefix(said, header);
            turns.add(new Jinja.Span(message, start, turn.start() + endOfTurn(said)));
        }
        return turns;
    }

    /** What the template adds to a conversation for the assistant to go on; empty if it cannot be told. */
    private String generationPrompt(Map<String, Object> variables, String without) {
        List<?> messages = (List<?>) variables.get("messages");
        int asked = messages.size();
        while (asked > 0 && messages.get(asked - 1) instanceof Map<?, ?> last && "assistant".equals(last.get("role"))) {
            asked--;
        }
        Map<String, Object> prompt = new LinkedHashMap<>(variables);
        prompt.put("messages", asked == 0 ? messages : messages.subList(0, asked));
        try {
            String plainText =
                    asked == messages.size() ? without : rendered(prompt).text();
            prompt.put("add_generation_prompt", true);
            String prompted = rendered(prompt).text();
            return prompted.startsWith(plainText) ? prompted.substring(plainText.length()) : "";
        } catch (TemplateException e) {
            return ""; // some templates refuse a conversation that is cut short
        }
    }

    private static int commonPrefix(String text, String header) {
        int n = 0;
        while (n < Math.min(text.length(), header.length()) && text.charAt(n) == header.charAt(n)) {
            n++;
        }
        return n;
    }

    /** Where a turn's text ends without the white space that follows its last special token. */
    private int endOfTurn(String said) {
        String stripped = said.stripTrailing();
        for (int id : tokenizer.endOfTurnIds()) {
            if (stripped.endsWith(tokenizer.token(id))) {
                return stripped.length();
            }
        }
        return said.length();
    }

    private Jinja.Rendered rendered(Map<String, Object> variables) {
        try {
            return (variables.get("tools") == null ? plain : withTools).render(variables);
        } catch (TemplateException e) {
            throw failure(e);
        }
    }

    /** The variables as templates know them, with those that Transformers always gives. */
    private Map<String, Object> prepared(Map<String, ?> given) {
        Map<String, Object> all = new LinkedHashMap<>();
        tokenizer.roles().forEach((role, id) -> all.put(role, tokenizer.token(id)));
        all.put("tools", null);
        all.put("documents", null);
        given.forEach((name, value) -> all.put(name, value));
        return all;
    }

    private Jinja parse(String jinja) {
        try {
            return Jinja.parse(jinja);
        } catch (TemplateException e) {
            throw failure(e);
        }
    }

    private TemplateException failure(TemplateException e) {
        return new TemplateException(tokenizer.source().toString(), e);
    }

    private static List<Map<String, Object>> maps(List<Message> messages) {
        List<Map<String, Object>> maps = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("role", message.role());
            map.put("content", message.content());
            map.putAll(message.more());
            maps.add(map);
        }
        return maps;
    }
}
