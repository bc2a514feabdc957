package io.tunebook.tokenizer;

import java.util.List;

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
}
