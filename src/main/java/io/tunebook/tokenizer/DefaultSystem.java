package io.tunebook.tokenizer;

import io.tunebook.data.Message;
import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a chat template writes for a conversation without a system message in place of one, as SmolLM2's and Qwen2.5's
 * do: found by rendering probes, so that the template may be any.
 *
 * @param lead what comes before it, such as the beginning of a sequence
 * @param block the whole turn, its marks with it
 */
record DefaultSystem(String lead, String block) {
    private static final String SYSTEM = "\uE0F2system\uE0F3";
    private static final String USER = "\uE0F2user\uE0F3";
    private static final String ANSWER = "\uE0F2answer\uE0F3";
    private static final String AGAIN = "\uE0F2again\uE0F3";

    /**
     * Nothing where the template writes no system prompt of its own, or what it writes is there beside another one too.
     */
    static Optional<DefaultSystem> of(ChatTemplate template) {
        try {
            Message system = Message.system(SYSTEM);
            Message user = Message.user(USER);
            Message answer = Message.assistant(ANSWER);
            String alone = before(USER, template.render(List.of(user), false));
            String led = before(USER, template.render(List.of(system, user), false));
            String ended = template.render(List.of(user, answer), false);
            String two = template.render(List.of(user, answer, Message.user(AGAIN)), false);
            String end = ended.substring(ended.indexOf(ANSWER) + ANSWER.length());
            String between = before(AGAIN, two.substring(two.indexOf(ANSWER) + ANSWER.length()));
            if (!between.startsWith(end)) {
                return Optional.empty();
            }
            String header = between.substring(end.length());
            int at = led.indexOf(SYSTEM);
            if (header.isEmpty() || at < 0 || !alone.endsWith(header) || !led.endsWith(header)) {
                return Optional.empty();
            }
            String opening = led.substring(0, at);
            String closing = led.substring(at + SYSTEM.length(), led.length() - header.length());
            String written = alone.substring(0, alone.length() - header.length());
            boolean replaced = written.startsWith(opening)
                    && written.endsWith(closing)
                    && written.length() > opening.length() + closing.length();
            if (!replaced) {
                return Optional.empty();
            }
            // In ChatML the token may begin each turn too, and belongs to the turn then.
            String lead = template.tokenizer().bosId().stream()
                    .mapToObj(template.tokenizer()::token)
                    .filter(bos -> opening.startsWith(bos) && !opening.equals(bos))
                    .findFirst()
                    .filter(bos -> two.indexOf(bos, 1) < 0)
                    .orElse("");
            return Optional.of(new DefaultSystem(lead, written.substring(lead.length())));
        } catch (TemplateException | StringIndexOutOfBoundsException otherwise) {
            return Optional.empty();
        }
    }

    private static String before(String words, String text) {
        return text.substring(0, text.indexOf(words));
    }

    /** Whether a conversation has no system message of its own. */
    static boolean missingIn(Map<String, Object> variables) {
        return variables.get("messages") instanceof List<?> messages
                && messages.stream().noneMatch(m -> m instanceof Map<?, ?> map && "system".equals(map.get("role")));
    }

    /** Every second conversation, the same ones each time: told by the text. */
    static boolean chosen(String text) {
        int hash = text.hashCode() * 0x9E3779B9;
        return hash < 0;
    }

    /** The text without it. */
    Jinja.Rendered without(Jinja.Rendered rendered) {
        if (!rendered.text().startsWith(lead + block)) {
            return rendered;
        }
        return new Jinja.Rendered(
                lead + rendered.text().substring(lead.length() + block.length()),
                rendered.loops().stream().map(this::moved).toList(),
                rendered.generations().stream().map(this::moved).toList());
    }

    private Jinja.Span moved(Jinja.Span span) {
        return new Jinja.Span(span.element(), moved(span.start()), moved(span.end()));
    }

    private int moved(int at) {
        return at <= lead.length() ? at : Math.max(lead.length(), at - block.length());
    }
}
