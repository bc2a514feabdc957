package io.tunebook.export;

import static io.tunebook.export.ChatRendering.ProbeChat.TOOLS;

import io.tunebook.data.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Derives a template in Go's syntax from what a chat template makes of a few conversations: what stands before and
 * after the words of each role, where a system prompt goes and what stands there without one, how thoughts are kept out
 * or in, and how tools are told in the form {@code <tools>…</tools>} of Hermes and Qwen.
 */
final class TemplateDerivation {
    private static final String S1 = "systemwordsone";
    private static final String S2 = "systemwordstwo";
    private static final String U1 = "userwordsone";
    private static final String U2 = "userwordstwo";
    private static final String A1 = "assistantwordsone";
    private static final Message SYSTEM = Message.system(S1);
    private static final Message USER = Message.user(U1);
    private static final Message ASSISTANT = Message.assistant(A1);
    private static final Message AGAIN = Message.user(U2);

    /** Where the words of a system prompt go. */
    private enum Place {
        /** In a turn of its own, before the others; later ones stay where they are. */
        TURN,
        /** The same, with later ones put into the first. */
        GATHERED,
        /** At the beginning of the first of the user's turns. */
        FIRST_USER,
        /** At the beginning of the last of the user's turns. */
        LAST_USER
    }

    private final ChatRendering jinja;
    private String start;
    private String userPrefix;
    private String userSuffix;
    private String assistantPrefix;
    private String assistantSuffix;
    private String prompt;
    private String promptWithThoughts;
    private String promptWithoutThoughts;
    private Place place;
    private String systemPrefix;
    private String systemSuffix;
    private String laterPrefix;
    private String laterSuffix;

    private TemplateDerivation(ChatRendering jinja) {
        this.jinja = jinja;
    }

    /** The template; nothing where the conversations do not come out as turns. */
    static Optional<String> of(ChatRendering jinja) {
        TemplateDerivation derivation = new TemplateDerivation(jinja);
        return derivation.turns() && derivation.system() ? Optional.of(derivation.write()) : Optional.empty();
    }

    /**
     * What stands after an answer's words, such as {@code <|im_end|>}, and before a user's; nothing where it cannot be
     * told.
     */
    static List<String> marks(ChatRendering jinja) {
        TemplateDerivation derivation = new TemplateDerivation(jinja);
        return derivation.turns()
                ? List.of(derivation.assistantSuffix.strip(), derivation.userPrefix.strip())
                : List.of();
    }

    /**
     * What a conversation without a system prompt has in its place; empty for nothing. Turns need not come out for it:
     * a template that numbers them may have one too.
     */
    static String defaultSystem(ChatRendering jinja) {
        List<String> given = pieces(jinja.render(List.of(SYSTEM, USER), true), S1, U1);
        String without = jinja.render(List.of(USER), true).orElse("");
        if (given.isEmpty()) {
            return "";
        }
        String before = given.get(0);
        String after = given.get(1) + U1 + given.get(2);
        return without.length() > before.length() + after.length()
                        && without.startsWith(before)
                        && without.endsWith(after)
                ? without.substring(before.length(), without.length() - after.length())
                : "";
    }

    private boolean turns() {
        List<String> one = pieces(jinja.render(List.of(USER), true), U1);
        List<String> open = pieces(jinja.render(List.of(USER), false), U1);
        List<String> two = pieces(jinja.render(List.of(USER, ASSISTANT, AGAIN), true), U1, A1, U2);
        List<String> ended = pieces(jinja.render(List.of(USER, ASSISTANT), false), U1, A1);
        if (one.isEmpty() || open.isEmpty() || two.isEmpty() || ended.isEmpty()) {
            return false;
        }
        start = one.get(0);
        userSuffix = one.get(1).startsWith(open.get(1)) ? open.get(1) : "";
        prompt = one.get(1).substring(userSuffix.length());
        // Some templates end a text that is whole with a token of its own, which is then no part of a turn.
        assistantSuffix = two.get(2).startsWith(ended.get(2)) ? ended.get(2) : "";
        if (!two.get(0).equals(start)
                || !two.get(1).startsWith(userSuffix)
                || !two.get(3).equals(one.get(1))) {
            return false;
        }
        assistantPrefix = two.get(1).substring(userSuffix.length());
        userPrefix = two.get(2).substring(assistantSuffix.length());
        promptWithThoughts = promptWhen(true);
        promptWithoutThoughts = promptWhen(false);
        return true;
    }

    private String promptWhen(boolean thinking) {
        List<String> said = pieces(jinja.render(List.of(USER), true, List.of(), thinking), U1);
        return said.isEmpty() || !said.get(1).startsWith(userSuffix)
                ? prompt
                : said.get(1).substring(userSuffix.length());
    }

    private boolean system() {
        Optional<String> text = jinja.render(List.of(SYSTEM, USER, ASSISTANT, AGAIN), true);
        List<String> first = pieces(text, S1, U1, A1, U2);
        List<String> last = pieces(text, U1, A1, S1, U2);
        if (!first.isEmpty()) {
            systemPrefix = first.get(0);
            boolean turn = first.get(1).endsWith(userPrefix) && !userPrefix.isEmpty();
            place = turn ? Place.TURN : Place.FIRST_USER;
            systemSuffix = turn ? without(first.get(1), userPrefix) : first.get(1);
            laterPrefix = systemPrefix;
            laterSuffix = systemSuffix;
            Optional<String> later = jinja.render(List.of(SYSTEM, USER, ASSISTANT, Message.system(S2), AGAIN), true);
            List<String> there = pieces(later, S1, U1, A1, S2, U2);
            if (turn
                    && !there.isEmpty()
                    && there.get(3).startsWith(assistantSuffix)
                    && there.get(4).endsWith(userPrefix)) {
                laterPrefix = there.get(3).substring(assistantSuffix.length());
                laterSuffix = without(there.get(4), userPrefix);
            } else if (turn && !pieces(later, S1, S2, U1, A1, U2).isEmpty()) {
                place = Place.GATHERED;
            }
            return true;
        }
        if (!last.isEmpty() && last.get(2).startsWith(assistantSuffix)) {
            place = Place.LAST_USER;
            systemPrefix = last.get(2).substring(assistantSuffix.length());
            systemSuffix = last.get(3);
            return true;
        }
        // A template that refuses system prompts: where the user's words begin is the usual place.
        place = Place.FIRST_USER;
        systemPrefix = start;
        systemSuffix = "\n\n";
        return text.isEmpty();
    }

    private static String without(String text, String end) {
        return text.substring(0, text.length() - end.length());
    }

    /** The text cut at the words, which must be there once each and in this order; else nothing. */
    private static List<String> pieces(Optional<String> text, String... words) {
        List<String> out = new ArrayList<>();
        int at = 0;
        for (String word : words) {
            int found = text.isEmpty() ? -1 : text.get().indexOf(word, at);
            if (found < 0 || text.get().indexOf(word) != text.get().lastIndexOf(word)) {
                return List.of();
            }
            out.add(text.get().substring(at, found));
            at = found + word.length();
        }
        text.ifPresent(
                t -> out.add(t.substring(out.stream().mapToInt(String::length).sum()
                        + List.of(words).stream().mapToInt(String::length).sum())));
        return out;
    }

    // ---- writing

    private String write() {
        boolean thinks = jinja.source().contains("<think>") && jinja.source().contains("</think>");
        Optional<Tools> tools = tools();
        StringBuilder out = new StringBuilder();
        if (thinks) {
            out.append("{{ $asked := -1 }}{{ range $i, $m := .Messages }}{{ if eq $m.Role \"user\" }}{{ $asked = $i }}")
                    .append("{{ end }}{{ end }}");
        }
        String first =
                switch (place) {
                    case TURN ->
                        "{{ if and .Messages (eq (index .Messages 0).Role \"system\") }}" + text(systemPrefix)
                                + "{{ (index .Messages 0).Content }}";
                    case GATHERED -> "{{ if .System }}" + text(systemPrefix) + "{{ .System }}";
                    case FIRST_USER, LAST_USER -> "";
                };
        boolean ownTurn = place == Place.TURN || place == Place.GATHERED;
        String before = start.endsWith(userPrefix) ? without(start, userPrefix) : "";
        if (tools.isPresent()) {
            Tools t = tools.get();
            out.append("{{ if .Tools }}")
                    .append(first)
                    .append(text(t.before()))
                    .append("{{ else }}")
                    .append(text(t.alone()))
                    .append("{{ end }}{{ range $i, $tool := .Tools }}{{ if $i }}")
                    .append(text(t.between()))
                    .append("{{ end }}{{ $tool }}{{ end }}")
                    .append(text(t.after()))
                    .append("{{ else }}");
        }
        if (ownTurn) {
            out.append(first)
                    .append(text(systemSuffix))
                    .append(before.isEmpty() ? "" : "{{ else }}" + text(before))
                    .append("{{ end }}");
        }
        out.append(tools.isPresent() ? "{{ end }}" : "");
        messages(out, thinks, tools.isPresent());
        return out.append(prompts()).toString();
    }

    /** What the assistant goes on from, by whether thinking is asked for. */
    private String prompts() {
        String usual = promptWithoutThoughts.equals(prompt)
                ? text(prompt)
                : "{{ if and .IsThinkSet (not .Think) }}" + text(promptWithoutThoughts) + "{{ else }}" + text(prompt)
                        + "{{ end }}";
        return promptWithThoughts.equals(prompt)
                ? usual
                : "{{ if .Think }}" + text(promptWithThoughts) + "{{ else }}" + usual + "{{ end }}";
    }

    private void messages(StringBuilder out, boolean thinks, boolean tools) {
        out.append("{{ $before := \"\" }}{{ range $i, $m := .Messages }}");
        if (tools) {
            out.append("{{ if and (eq $before \"tool\") (ne .Role \"tool\") }}")
                    .append(text(userSuffix))
                    .append("{{ end }}");
        }
        out.append("{{ if eq .Role \"user\" }}")
                .append(userStart())
                .append("{{ .Content }}")
                .append(text(userSuffix));
        out.append("{{ else if eq .Role \"assistant\" }}").append(text(assistantPrefix));
        if (thinks) {
            out.append("{{ if and .Thinking (gt $i $asked) }}")
                    .append(text("<think>\n"))
                    .append("{{ .Thinking }}")
                    .append(text("\n</think>\n\n"))
                    .append("{{ end }}");
        }
        out.append("{{ .Content }}");
        if (tools) {
            // A server learns how a call begins from the first text inside the first "if" that asks for calls.
            out.append("{{ $said := .Content }}{{ range $k, $call := .ToolCalls }}{{ if and $said (not $k) }}")
                    .append(text("\n"))
                    .append("{{ end }}{{ end }}{{ if .ToolCalls }}{{ range $k, $call := .ToolCalls }}")
                    .append(text("<tool_call>\n{\"name\": \""))
                    .append("{{ .Function.Name }}")
                    .append(text("\", \"arguments\": "))
                    .append("{{ .Function.Arguments }}")
                    .append(text("}\n</tool_call>"))
                    .append("{{ if lt $k (len (slice $m.ToolCalls 1)) }}")
                    .append(text("\n"))
                    .append("{{ end }}{{ end }}{{ end }}");
        }
        out.append(text(assistantSuffix));
        if (tools) {
            out.append("{{ else if eq .Role \"tool\" }}{{ if ne $before \"tool\" }}")
                    .append(text(userPrefix.stripTrailing()))
                    .append("{{ end }}")
                    .append(text("\n<tool_response>\n"))
                    .append("{{ .Content }}")
                    .append(text("\n</tool_response>"));
        }
        if (place == Place.TURN) {
            out.append("{{ else if and $i (eq .Role \"system\") }}")
                    .append(text(laterPrefix))
                    .append("{{ .Content }}")
                    .append(text(laterSuffix));
        }
        out.append("{{ end }}{{ $before = .Role }}{{ end }}");
        if (tools) {
            out.append("{{ if eq $before \"tool\" }}").append(text(userSuffix)).append("{{ end }}");
        }
    }

    /** What stands before a user's words, a system prompt with it where it has no turn of its own. */
    private String userStart() {
        String usual = text(userPrefix);
        String first = text(start);
        String without = start.equals(userPrefix) ? usual : "{{ if $i }}" + usual + "{{ else }}" + first + "{{ end }}";
        String system = text(systemPrefix) + "{{ $.System }}" + text(systemSuffix);
        return switch (place) {
            case TURN, GATHERED -> start.endsWith(userPrefix) ? usual : without;
            case FIRST_USER -> "{{ if and $.System (le $i 1) }}" + system + "{{ else }}" + without + "{{ end }}";
            case LAST_USER ->
                "{{ if and $.System (eq (len (slice $.Messages $i)) 1) }}" + system + "{{ else }}" + without
                        + "{{ end }}";
        };
    }

    /**
     * Text as it stands in a template, which has no trim markers; quoted where its braces would be taken for an
     * action's.
     */
    private static String text(String text) {
        if (!text.contains("{{") && !text.endsWith("{")) {
            return text;
        }
        return "{{ \"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\" }}";
    }

    /**
     * How tools are told before the first turn.
     *
     * @param before between a system prompt's words and the first tool
     * @param alone before the first tool where there is no system prompt
     * @param after between the last tool and the first turn
     */
    private record Tools(String before, String alone, String between, String after) {}

    private Optional<Tools> tools() {
        if (place != Place.TURN || !jinja.source().contains("<tool_response>") || !userPrefix.endsWith("\n")) {
            return Optional.empty();
        }
        String one = ChatRendering.json(TOOLS.get(0));
        String two = ChatRendering.json(TOOLS.get(1));
        List<String> with = pieces(jinja.render(List.of(SYSTEM, USER), true, TOOLS, null), S1, one, two, U1);
        List<String> alone = pieces(jinja.render(List.of(USER), true, TOOLS, null), one, two, U1);
        if (with.isEmpty()
                || alone.isEmpty()
                || !with.get(0).equals(systemPrefix)
                || !with.get(3).endsWith(userPrefix)
                || !with.get(3).equals(alone.get(2))) {
            return Optional.empty();
        }
        return Optional.of(new Tools(with.get(1), alone.get(0), with.get(2), without(with.get(3), userPrefix)));
    }
}
