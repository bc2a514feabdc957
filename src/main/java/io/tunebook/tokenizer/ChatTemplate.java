package io.tunebook.tokenizer;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import io.tunebook.tokenizer.ChatTurn.ThoughtForm;
import io.tunebook.tokenizer.TrainingTemplate.TrainingProbe;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A model's chat template: the Jinja text that turns a conversation into the one string the model was trained on.
 * Renders what Transformers' {@code apply_chat_template} renders. Safe for several threads.
 *
 * @see <a href="https://huggingface.co/docs/transformers/chat_templating">Transformers: chat templates</a>
 */
public final class ChatTemplate {
    private final Tokenizer tokenizer;
    private final String source;
    private final String sourceWithTools;
    private final Jinja plain;
    private final Jinja withTools;
    /** What {@link #forTraining} was told; null for the model's own template. */
    private final Thoughts thoughts;
    /** Whether only the last answer of a conversation stands as generation writes it. */
    private final boolean lastOnly;
    /** The variable without which the generation prompt ends a thought as soon as it begins; null if there is none. */
    private final String thinking;
    /**
     * The default system prompt that every second conversation goes without; null where all are as the template writes
     * them.
     */
    private final DefaultSystem mixed;

    private volatile ThoughtForm form;

    /**
     * A conversation ready for training.
     *
     * @param text the conversation as the template writes it
     * @param ids the text's ids; the template writes special tokens itself, so none are added
     * @param assistant for each id whether the assistant said it, its end of turn included, and it is to be learned
     * @param prompt what the template writes before the last answer for the model to go on: the text of training must
     *     begin with it; null if the template tells none
     * @param answers the number of the answers to learn
     * @param thoughts how many of the answers to learn have a thought
     * @param thoughtsLost how many of these thoughts the text does not have
     */
    public record Encoded(
            String text, int[] ids, boolean[] assistant, String prompt, int answers, int thoughts, int thoughtsLost) {
        /** Whether the text begins as generation would, so that training teaches what generation asks for. */
        public boolean asGenerated() {
            return prompt == null || text.startsWith(prompt);
        }
    }

    /**
     * A template for a tokenizer that has none, or instead of its own.
     *
     * @throws TemplateException if the text is no template, with the line
     */
    public ChatTemplate(Tokenizer tokenizer, String jinja) {
        this(tokenizer, jinja, null);
    }

    ChatTemplate(Tokenizer tokenizer, String jinja, String jinjaWithTools) {
        this(tokenizer, jinja, jinjaWithTools, null, false, null, null);
    }

    private ChatTemplate(
            Tokenizer tokenizer,
            String jinja,
            String jinjaWithTools,
            Thoughts thoughts,
            boolean lastOnly,
            String thinking,
            DefaultSystem mixed) {
        this.tokenizer = tokenizer;
        this.source = jinja;
        this.sourceWithTools = jinjaWithTools;
        this.plain = parse(jinja);
        this.withTools = jinjaWithTools == null ? plain : parse(jinjaWithTools);
        this.thoughts = thoughts;
        this.lastOnly = lastOnly;
        this.thinking = thinking;
        this.mixed = mixed;
    }

    /** The template's text. */
    public String source() {
        return source;
    }

    /** The tokenizer it is for. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** What {@link #forTraining} was told; empty for the model's own template. */
    public Optional<Thoughts> thoughts() {
        return Optional.ofNullable(thoughts);
    }

    /**
     * The template to train with. Some models think before they answer, and their templates drop the thoughts from what
     * was said before; where they drop it from the last answer too, or end their generation prompt with the beginning
     * of a thought, the text of an answered conversation is not what generation writes. Then this is a template of its
     * own, whose {@link #source()} has the model's within: it writes the generation prompt, the thought, the answer.
     *
     * <p>Where the template writes earlier answers otherwise than the last one, only the last answer of a conversation
     * is learned; {@link #examples} makes a conversation for each.
     *
     * @param thoughts what becomes of them; a template that knows no thoughts stays as it is
     * @throws IllegalStateException if the template has a form of thoughts that is not known here
     */
    public ChatTemplate forTraining(Thoughts thoughts) {
        String mark = TrainingTemplate.mark(source);
        if (thoughts == Thoughts.AS_TEMPLATE || mark == null) {
            return new ChatTemplate(tokenizer, source, sourceWithTools, thoughts, false, null, mixed);
        }
        String variable = TrainingProbe.thinkingSwitch(this, mark);
        ChatTemplate own = new ChatTemplate(tokenizer, source, sourceWithTools, thoughts, false, variable, mixed);
        ChatTemplate chosen = own;
        if (!TrainingProbe.keepsThoughts(own) || !TrainingProbe.answersAtOnce(own, mark)) {
            chosen = own.with(text -> TrainingProbe.trainingText(own, text, mark), false);
            if (!TrainingProbe.keepsThoughts(chosen)) {
                throw new IllegalStateException(tokenizer.source() + ": thoughts in the form of this model's chat"
                        + " template are not known here. Give a template of your own:"
                        + " new ChatTemplate(tokenizer, jinja)");
            }
        }
        return chosen.with(text -> text, !TrainingProbe.writesHistoryAlike(chosen));
    }

    private ChatTemplate with(UnaryOperator<String> change, boolean last) {
        return new ChatTemplate(
                tokenizer,
                change.apply(source),
                sourceWithTools == null ? null : change.apply(sourceWithTools),
                thoughts,
                last,
                thinking,
                mixed);
    }

    /**
     * The same template, which {@link #encode} applies to every second conversation that has no system message without
     * the system prompt that the template would put there. A model that was trained under its template's default system
     * prompt alone hangs on it, and answers as if it were not trained where a server leaves it out; one that saw both
     * answers the same under either. Which conversations go without follows from their text, so that it is the same in
     * every run. {@link #render} writes what it wrote before.
     *
     * @return this template where it has no default system prompt
     */
    public ChatTemplate mixingDefaultSystem() {
        return DefaultSystem.of(this)
                .map(found -> new ChatTemplate(tokenizer, source, sourceWithTools, thoughts, lastOnly, thinking, found))
                .orElse(this);
    }

    /** The variable that leaves the generation prompt's thought open; null if there is none. */
    String thinking() {
        return thinking;
    }

    /**
     * The conversations to learn from in one conversation: itself, or, where the template writes earlier answers
     * otherwise than generation does, one for each answer to learn, cut off behind it.
     */
    public List<ChatExample> examples(ChatExample example) {
        if (!lastOnly) {
            return List.of(example);
        }
        List<ChatExample> each = new ArrayList<>();
        for (int i = 0; i < example.messages().size(); i++) {
            Message message = example.messages().get(i);
            if (message.role().equals("assistant") && message.learned()) {
                each.add(new ChatExample(example.messages().subList(0, i + 1), example.tools()));
            }
        }
        return each;
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
     * Renders a whole conversation and tells the tokens of the answers to learn from the others. An answer is what
     * {@code generation} blocks mark; in a template without them it is what the template writes for the assistant's
     * message, less the generation prompt before and white space after the last special token.
     *
     * @throws TemplateException if the template refuses the conversation, or does not write an answer
     */
    public Encoded encode(ChatExample example) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", maps(example.messages()));
        variables.put("tools", example.tools().isEmpty() ? null : example.tools());
        return encode(
                variables, example.messages().stream().map(Message::learned).toList());
    }

    /** As {@link #encode(ChatExample)}, with the template's own variables. */
    public Encoded encode(Map<String, ?> variables) {
        return encode(variables, null);
    }

    private Encoded encode(Map<String, ?> variables, List<Boolean> learned) {
        Map<String, Object> normal = prepared(variables);
        List<?> messages = (List<?>) normal.get("messages");
        List<ChatTurn> turns = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            ChatTurn turn = ChatTurn.of((Map<?, ?>) messages.get(i));
            boolean wanted = learned == null ? turn.learned() : learned.get(i);
            turns.add(turn.learnedIf(wanted && (!lastOnly || i == messages.size() - 1)));
            if (thinking != null && turn.thought().isPresent() && i == messages.size() - 1) {
                normal.putIfAbsent(thinking, true);
            }
        }
        boolean without = mixed != null
                && DefaultSystem.missingIn(normal)
                && DefaultSystem.chosen(rendered(normal).text());
        Function<Map<String, Object>, Jinja.Rendered> writes =
                without ? v -> mixed.without(rendered(v)) : this::rendered;
        AnswerSpans answers = new AnswerSpans(writes, normal, this::withoutTail, turns);
        Map<Integer, List<Jinja.Span>> spans;
        try {
            spans = answers.find();
        } catch (TemplateException e) {
            throw failure(e);
        }
        String text = answers.text();
        Encoding encoding = tokenizer.encode(text, false);
        boolean[] assistant = new boolean[encoding.length()];
        int thought = 0;
        int lost = 0;
        for (Map.Entry<Integer, List<Jinja.Span>> answer : spans.entrySet()) {
            StringBuilder said = new StringBuilder();
            for (Jinja.Span span : answer.getValue()) {
                for (int i = 0; i < assistant.length; i++) {
                    // A token counts that holds any character of the span, as Transformers' char_to_token has it.
                    assistant[i] |= encoding.starts()[i] < span.end()
                            && encoding.ends()[i] > span.start()
                            && encoding.starts()[i] < encoding.ends()[i];
                }
                said.append(text, span.start(), span.end());
            }
            Optional<String> its = turns.get(answer.getKey()).thought();
            if (its.isPresent()) {
                thought++;
                lost += AnswerSpans.dense(said.toString()).contains(AnswerSpans.dense(its.get())) ? 0 : 1;
            }
        }
        return new Encoded(text, encoding.ids(), assistant, answers.prompt(), spans.size(), thought, lost);
    }

    /** A turn's text without the white space that follows its last special token. */
    private String withoutTail(String said) {
        String stripped = said.stripTrailing();
        for (int id : tokenizer.endOfTurnIds()) {
            if (stripped.endsWith(tokenizer.token(id))) {
                return stripped;
            }
        }
        return said;
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
        all.putAll(tokenizer.named());
        all.put("tools", null);
        all.put("documents", null);
        all.put("add_generation_prompt", false);
        given.forEach((name, value) -> all.put(name, value));
        if (all.get("messages") instanceof List<?> messages) {
            all.put("messages", messages.stream().map(ThoughtForm::aliased).toList());
        }
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

    private List<Map<String, Object>> maps(List<Message> messages) {
        return messages.stream().map(message -> form(message).map(message)).toList();
    }

    /** How the template takes thoughts, tried out when the first comes. */
    private ThoughtForm form(Message message) {
        boolean marked = !message.answer().equals(message.content());
        if (form == null && (marked || message.thought().isPresent())) {
            form = ThoughtForm.of(messages -> render(Map.of("messages", messages, "add_generation_prompt", false)));
        }
        return form == null ? ThoughtForm.UNKNOWN : form;
    }
}
