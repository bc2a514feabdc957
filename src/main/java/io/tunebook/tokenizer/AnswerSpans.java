package io.tunebook.tokenizer;

import io.tunebook.jinja.Jinja;
import io.tunebook.jinja.TemplateException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * Where in a rendered conversation each answer stands: from where the generation prompt of that answer ends to the end
 * of its turn. Three things tell, the first that can: {@code generation} blocks; the loop that writes the message and
 * the generation prompt before it; and renderings with other words in place of the answer, which differ where it
 * stands. What they tell is held against the answer's own text.
 */
final class AnswerSpans {
    private static final int SHOWN = 60;

    private final Function<Map<String, Object>, Jinja.Rendered> template;
    private final Map<String, Object> variables;
    private final UnaryOperator<String> withoutTail;
    private final List<ChatTurn> turns;
    private final List<?> messages;
    private final Jinja.Rendered rendered;
    private final String text;
    private final String words;
    private String prompt;
    private String header = "";

    /**
     * @param withoutTail cuts the white space behind a turn's last special token
     * @param turns the turns of {@code variables}' messages
     */
    AnswerSpans(
            Function<Map<String, Object>, Jinja.Rendered> template,
            Map<String, Object> variables,
            UnaryOperator<String> withoutTail,
            List<ChatTurn> turns) {
        this.template = template;
        this.variables = variables;
        this.withoutTail = withoutTail;
        this.turns = turns;
        this.messages = (List<?>) variables.get("messages");
        this.rendered = template.apply(variables);
        this.text = rendered.text();
        String free = "\uE0F0words\uE0F1";
        while (text.contains(free)) {
            free = "\uE0F0" + free + "\uE0F1";
        }
        this.words = free;
        findPrompt();
    }

    String text() {
        return text;
    }

    /** What the template writes before the last answer for the model to go on; null if it cannot be told. */
    String prompt() {
        return prompt;
    }

    private void findPrompt() {
        int last = turns.size() - 1;
        while (last > 0 && !turns.get(last).assistant()) {
            last--;
        }
        if (last <= 0 || !turns.get(last).assistant()) {
            return;
        }
        try {
            String prompted = render(messages.subList(0, last), true);
            String plain = render(messages.subList(0, last), false);
            if (last == turns.size() - 1) {
                prompt = prompted;
            }
            header = prompted.startsWith(plain) ? prompted.substring(plain.length()) : "";
        } catch (TemplateException e) {
            // some templates refuse a conversation that is cut short
        }
    }

    /**
     * The spans of the answers that are learned, by the numbers of their messages. One answer has several where the
     * template marks its parts.
     *
     * @throws TemplateException if one cannot be found
     */
    Map<Integer, List<Jinja.Span>> find() {
        Map<Integer, List<Jinja.Span>> found = new LinkedHashMap<>();
        List<Jinja.Span> blocks = rendered.generations();
        Map<Integer, List<Jinja.Span>> marked = blocks.isEmpty() ? Map.of() : marked(blocks);
        for (int i = turns.size() - 1; i >= 0; i--) {
            if (turns.get(i).assistant() && turns.get(i).learned()) {
                Jinja.Span one = blocks.isEmpty() ? answer(i) : null;
                List<Jinja.Span> spans = one != null ? List.of(one) : marked.getOrDefault(i, List.of());
                if (spans.isEmpty()) {
                    throw notFound(i);
                }
                found.put(i, spans);
            }
        }
        return found;
    }

    /**
     * Which blocks are whose: by the loop that writes them where that tells, else backwards, since a template may mark
     * the last answer alone.
     */
    private Map<Integer, List<Jinja.Span>> marked(List<Jinja.Span> blocks) {
        Map<Integer, List<Jinja.Span>> within = new LinkedHashMap<>();
        int last = -1;
        for (Jinja.Span block : blocks) {
            last = writer(block, last);
            within.computeIfAbsent(last, turn -> new ArrayList<>()).add(block);
        }
        Map<Integer, List<Jinja.Span>> marked = new LinkedHashMap<>();
        for (int i = turns.size() - 1, block = blocks.size() - 1; i >= 0; i--) {
            ChatTurn turn = turns.get(i);
            if (!turn.assistant()) {
                continue;
            }
            List<Jinja.Span> own = within.getOrDefault(i, List.of());
            boolean next = block >= 0 && holds(blocks.subList(block, block + 1), turn);
            if (holds(own, turn)) {
                marked.put(i, own);
            } else if (next) {
                marked.put(i, List.of(blocks.get(block)));
            }
            block -= next ? 1 : 0;
        }
        return marked;
    }

    /**
     * The assistant's turn that a block is written for; what is written behind the loop belongs to the turn before it.
     */
    private int writer(Jinja.Span block, int before) {
        for (int i = 0; i < turns.size(); i++) {
            Jinja.Span loop = turns.get(i).assistant() ? loop(turns.get(i).element()) : null;
            if (loop != null && block.start() >= loop.start() && block.end() <= loop.end()) {
                return i;
            }
        }
        return before;
    }

    private Jinja.Span answer(int i) {
        Jinja.Span loop = loop(turns.get(i).element());
        if (loop != null) {
            int start = start(i, loop);
            int end = loop.start()
                    + withoutTail
                            .apply(text.substring(loop.start(), loop.end()))
                            .length();
            if (start >= loop.start() && start < end) {
                Jinja.Span span = new Jinja.Span(turns.get(i).element(), start, end);
                if (holds(span, turns.get(i)) && !holdsAnother(span, i)) {
                    return span;
                }
            }
        }
        Jinja.Span span = difference(i);
        return span != null && holds(span, turns.get(i)) ? span : null;
    }

    /** Whether the template writes what tools answered within the turn that called them. */
    private boolean holdsAnother(Jinja.Span span, int i) {
        String said = dense(text.substring(span.start(), span.end()));
        for (int next = i + 1; next < turns.size() && !turns.get(next).assistant(); next++) {
            String other = dense(turns.get(next).answer());
            if (!other.isEmpty()
                    && said.contains(other)
                    && !dense(turns.get(i).answer()).contains(other)) {
                return true;
            }
        }
        return false;
    }

    /** The largest part of the text that a loop over the messages writes for this one. */
    private Jinja.Span loop(Object element) {
        Jinja.Span turn = null;
        for (Jinja.Span span : rendered.loops()) {
            if (span.element() == element && (turn == null || span.end() - span.start() > turn.end() - turn.start())) {
                turn = span;
            }
        }
        return turn;
    }

    private int start(int i, Jinja.Span loop) {
        boolean last = i == turns.size() - 1;
        if (last && prompt != null && !header.isEmpty() && text.startsWith(prompt)) {
            return prompt.length();
        }
        if (!header.isEmpty() && text.startsWith(header, loop.start())) {
            return loop.start() + header.length();
        }
        return firstDifference(i);
    }

    /** Where the text begins to depend on what the assistant says in this turn; −1 if it cannot be told. */
    private int firstDifference(int i) {
        int first = differs(i, turns.get(i).saying(words));
        if (!turns.get(i).calls().isEmpty()) {
            first = Math.min(first, differs(i, turns.get(i).calling(words)));
        }
        return first >= text.length() ? -1 : first;
    }

    private int differs(int i, Map<String, Object> other) {
        String changed = with(messages, i, other);
        if (changed != null) {
            return commonPrefix(text, changed);
        }
        // What follows may need the turn as it was: it is looked for in the conversation cut off behind it.
        List<?> upToHere = messages.subList(0, i + 1);
        String cut = with(upToHere, i, turns.get(i).element());
        String cutChanged = with(upToHere, i, other);
        if (cut == null || cutChanged == null) {
            return text.length();
        }
        String turn = cut.substring(commonPrefix(cut, cutChanged)).stripTrailing();
        int at = turn.isEmpty() ? -1 : text.indexOf(turn);
        return at < 0 || text.indexOf(turn, at + 1) >= 0 ? text.length() : at;
    }

    /** The turn found by what differs when its words do, and its end by the conversation cut off behind it. */
    private Jinja.Span difference(int i) {
        int start = firstDifference(i);
        if (start < 0) {
            return null;
        }
        int end = text.length();
        String alone = with(messages.subList(0, i + 1), i, turns.get(i).element());
        if (alone != null && alone.startsWith(text.substring(0, start))) {
            int upTo = start + commonPrefix(text.substring(start), alone.substring(start));
            Jinja.Span turn = new Jinja.Span(
                    null,
                    start,
                    start + withoutTail.apply(text.substring(start, upTo)).length());
            if (holds(turn, turns.get(i))) {
                return turn;
            }
        }
        if (i < turns.size() - 1) {
            Map<String, Object> other = turns.get(i).calls().isEmpty()
                    ? turns.get(i).saying(words)
                    : turns.get(i).calling(words);
            String changed = with(messages, i, other);
            if (changed == null) {
                return null;
            }
            end = text.length() - commonSuffix(text, changed);
            List<?> upToHere = messages.subList(0, i + 1);
            String cut = with(upToHere, i, turns.get(i).element());
            String cutChanged = with(upToHere, i, other);
            if ((cut == null || cutChanged == null) && !turns.get(i).calls().isEmpty()) {
                return null; // the call goes on behind its name, and nothing tells how far
            }
            if (cut != null && cutChanged != null) {
                int cutEnd = cut.length() - commonSuffix(cut, cutChanged);
                end += commonPrefix(text.substring(end), cut.substring(cutEnd));
            }
        }
        if (start >= end) {
            return null;
        }
        return new Jinja.Span(
                turns.get(i).element(),
                start,
                start + withoutTail.apply(text.substring(start, end)).length());
    }

    /** The text with another turn; null if the template refuses it. */
    private String with(List<?> some, int i, Map<?, ?> other) {
        List<Object> changed = new ArrayList<>(some);
        changed.set(i, other);
        try {
            return render(changed, false);
        } catch (TemplateException e) {
            return null;
        }
    }

    private String render(List<?> some, boolean prompted) {
        Map<String, Object> other = new LinkedHashMap<>(variables);
        other.put("messages", some);
        other.put("add_generation_prompt", prompted);
        return template.apply(other).text();
    }

    /** Whether a span has the answer's text and its calls, whatever the template did to white space. */
    private boolean holds(Jinja.Span span, ChatTurn turn) {
        return holds(List.of(span), turn);
    }

    private boolean holds(List<Jinja.Span> spans, ChatTurn turn) {
        StringBuilder all = new StringBuilder();
        spans.forEach(span -> all.append(dense(text.substring(span.start(), span.end()))));
        String said = all.toString();
        String answer = dense(turn.answer());
        if (!said.contains(answer) && !said.contains(dense(escaped(turn.answer())))) {
            return false;
        }
        int at = 0;
        for (String call : turn.calls()) {
            int found = said.indexOf(dense(call), at);
            if (found < 0) {
                return false;
            }
            at = found + dense(call).length();
        }
        return true;
    }

    /** As a template writes it that writes JSON. */
    private static String escaped(String text) {
        return text.replace("\\", "\\\\")
                .replace("\"", "\\\"")
                .replace("\n", "\\n")
                .replace("\t", "\\t");
    }

    static String dense(String text) {
        return text.replaceAll("\\s+", "");
    }

    private TemplateException notFound(int i) {
        ChatTurn turn = turns.get(i);
        String what = turn.answer().isBlank() ? String.join(", ", turn.calls()) : turn.answer();
        return new TemplateException(
                0,
                "the template does not write the answer of message " + i + ", \"" + shown(what)
                        + "\", so there would be nothing to learn from it. Leave the row out, or take another template:"
                        + " new ChatTemplate(tokenizer, jinja)");
    }

    private static String shown(String text) {
        return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
    }

    private static int commonPrefix(String a, String b) {
        int n = 0;
        int most = Math.min(a.length(), b.length());
        while (n < most && a.charAt(n) == b.charAt(n)) {
            n++;
        }
        return n;
    }

    private static int commonSuffix(String a, String b) {
        int n = 0;
        int most = Math.min(a.length(), b.length());
        while (n < most && a.charAt(a.length() - 1 - n) == b.charAt(b.length() - 1 - n)) {
            n++;
        }
        return n;
    }
}
