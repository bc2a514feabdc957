package io.tunebook.tokenizer;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.jinja.TemplateException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a template does to thoughts and to earlier answers, found by rendering small conversations. */
final class TrainingProbe {
    private static final String THOUGHT = "Qzthought";
    private static final String ANSWER = "Qzanswer";
    private static final Message QUESTION = Message.user("Qzquestion");
    private static final Message THOUGHTFUL =
            new Message("assistant", ANSWER, Map.of(ThoughtForm.FIELDS.get(0), THOUGHT));
    private static final Message PLAIN = Message.assistant(ANSWER);
    /** What templates call the variable that leaves a generation prompt's thought open. */
    private static final List<String> SWITCHES = List.of("enable_thinking", "thinking");

    private TrainingProbe() {}

    /** Whether a conversation with a thought begins with its generation prompt and has the thought behind that. */
    static boolean keepsThoughts(ChatTemplate template) {
        ChatTemplate.Encoded found = encoded(template, THOUGHTFUL);
        return found != null && found.asGenerated() && found.thoughtsLost() == 0;
    }

    /** Whether one without a thought does too, with an empty thought where {@link Thoughts#EMPTY} wants it. */
    static boolean answersAtOnce(ChatTemplate template, String mark) {
        ChatTemplate.Encoded found = encoded(template, PLAIN);
        boolean empty = template.thoughts().orElseThrow() == Thoughts.EMPTY;
        return found != null && found.asGenerated() && (!empty || found.text().contains(TrainingTemplate.end(mark)));
    }

    /** Whether an answer stands in the middle of a conversation as at its end. */
    static boolean writesHistoryAlike(ChatTemplate template) {
        try {
            String last =
                    template.encode(ChatExample.of(QUESTION, THOUGHTFUL)).text().stripTrailing();
            String both = template.encode(ChatExample.of(QUESTION, THOUGHTFUL, QUESTION, THOUGHTFUL))
                    .text();
            return both.startsWith(last);
        } catch (TemplateException e) {
            return false;
        }
    }

    /** The training template's text for a template that does not write as generation does. */
    static String trainingText(ChatTemplate template, String source, String mark) {
        String text = template.render(List.of(QUESTION, PLAIN), false);
        int at = text.indexOf(ANSWER);
        String end = at < 0 ? "" : text.substring(at + ANSWER.length());
        return TrainingTemplate.text(source, mark, template.thoughts().orElseThrow(), end, template.thinking());
    }

    /** The variable that must be true for the generation prompt to leave a thought open; null if it need not be. */
    static String thinkingSwitch(ChatTemplate template, String mark) {
        String close = TrainingTemplate.end(mark);
        if (!prompt(template, null).endsWith(close)) {
            return null;
        }
        return SWITCHES.stream()
                .filter(name -> !prompt(template, name).endsWith(close))
                .findFirst()
                .orElse(null);
    }

    private static String prompt(ChatTemplate template, String on) {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("messages", List.of(ThoughtForm.message("user", QUESTION.content())));
        variables.put("add_generation_prompt", true);
        if (on != null) {
            variables.put(on, true);
        }
        return template.render(variables).stripTrailing();
    }

    private static ChatTemplate.Encoded encoded(ChatTemplate template, Message answer) {
        try {
            return template.encode(ChatExample.of(QUESTION, answer));
        } catch (TemplateException e) {
            return null;
        }
    }
}
