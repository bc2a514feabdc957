package io.tunebook.tokenizer;

import io.tunebook.data.ChatExample;
import io.tunebook.data.Message;
import io.tunebook.jinja.TemplateException;
import io.tunebook.tokenizer.ChatTurn.ThoughtForm;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The text of a template that writes the last answer of a conversation as generation does: the template's own
 * generation prompt, the thought, the answer, the end of turn. The template's own text stands within, unchanged, and
 * renders all that comes before; conversations that end otherwise it renders whole.
 */
final class TrainingTemplate {
    /** The marks of a thought, as models at large have them. */
    private static final List<String> MARKS = List.of("<think>", "<seed:think>", "[THINK]", "<thinking>");

    private TrainingTemplate() {}

    /** The mark that begins a thought in a template's text; null if it knows none. */
    static String mark(String source) {
        return MARKS.stream()
                .filter(mark -> source.contains(mark) || source.contains(end(mark)))
                .findFirst()
                .orElse(null);
    }

    static String end(String mark) {
        return mark.charAt(0) + "/" + mark.substring(1);
    }

    /**
     * @param source the model's own template
     * @param mark what begins a thought
     * @param end what the template writes behind an answer
     * @param thinking the variable that must be true for the generation prompt to leave a thought open; null if none
     */
    static String text(String source, String mark, Thoughts thoughts, String end, String thinking) {
        String own = source.endsWith("\n") ? source.substring(0, source.length() - 1) : source;
        String close = end(mark);
        String token = end.stripTrailing();
        String withoutThought = thoughts == Thoughts.EMPTY
                ? "{{ ('' if training_prompt.endswith('\\n') else '\\n') + '\\n" + close + "\\n\\n' }}"
                : "{{ raise_exception('the answer has no thought, but the generation prompt opens one."
                        + " To train it to answer at once: forTraining(Thoughts.EMPTY)') }}";
        String closed = thoughts == Thoughts.EMPTY
                ? "{%- elif not training_prompt.rstrip().endswith('" + close + "') %}{{ '" + mark + "\\n\\n" + close
                        + "\\n\\n' }}"
                : "";
        return "{%- if messages and messages[-1]['role'] == 'assistant' and not messages[-1]['tool_calls']"
                + " and not add_generation_prompt %}"
                + "{%- set training_answer = messages[-1] %}{%- set messages = messages[:-1] %}"
                + "{%- set add_generation_prompt = true %}"
                + "{%- set training_said = training_answer['content'] or '' %}"
                + "{%- set training_thought = training_answer['reasoning_content'] or '' %}"
                + "{%- if training_said.lstrip().startswith('" + mark + "') and '" + close + "' in training_said %}"
                + "{%- set training_thought = training_thought or training_said.split('" + close + "')[0].split('"
                + mark
                + "')[-1] %}"
                + "{%- set training_said = training_said.split('" + close + "', 1)[1].lstrip('\\n') %}{%- endif %}"
                + "{%- set training_thought = training_thought.strip('\\n') %}"
                + (thinking == null ? "" : "{%- if training_thought %}{%- set " + thinking + " = true %}{%- endif %}")
                + "{%- endif %}{%- set training_prompt %}{{ '' }}"
                + own
                + "{% endset %}{{ training_prompt }}{% if training_answer is defined %}{% generation %}"
                + "{% if training_thought.strip() %}"
                + "{% if training_prompt.rstrip().endswith('" + mark + "') %}"
                + "{{ '' if training_prompt.endswith('\\n') else '\\n' }}{% else %}{{ '" + mark + "\\n' }}{% endif %}"
                + "{{ training_thought + '\\n" + close + "\\n\\n' }}"
                + "{%- elif training_prompt.rstrip().endswith('" + mark + "') %}" + withoutThought
                + closed
                + "{%- endif %}{{ training_said + " + literal(token) + " }}{% endgeneration %}"
                + "{{ " + literal(end.substring(token.length())) + " }}{% endif %}";
    }

    private static String literal(String text) {
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'";
    }

    /** What a template does to thoughts and to earlier answers, found by rendering small conversations. */
    static final class TrainingProbe {
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
            return found != null
                    && found.asGenerated()
                    && (!empty || found.text().contains(TrainingTemplate.end(mark)));
        }

        /** Whether an answer stands in the middle of a conversation as at its end. */
        static boolean writesHistoryAlike(ChatTemplate template) {
            try {
                String last = template.encode(ChatExample.of(QUESTION, THOUGHTFUL))
                        .text()
                        .stripTrailing();
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
}
