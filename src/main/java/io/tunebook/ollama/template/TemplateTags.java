package io.tunebook.ollama.template;

import io.tunebook.ollama.template.GoParser.GoNode;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a template in Go's syntax tells of the model's answers: between which marks it thinks, and how a call of a tool
 * begins. Ollama reads both off the text around {@code .Thinking} and {@code .ToolCalls} ({@code thinking.InferTags}
 * and {@code tools.parseTag} of 0.34.1).
 *
 * @param opening what begins a thought, empty where the template has no thoughts
 * @param closing what ends it
 * @param tool what begins a call of a tool; <code>{</code> where any JSON object may be one
 */
public record TemplateTags(String opening, String closing, String tool) {
    /** How chat templates tell what a tool answered. */
    private static final List<String> TOOL_ANSWERS = List.of(
            "tool_response",
            "tool_results",
            "role'] == 'tool'",
            "role'] == \"tool\"",
            "role\"] == 'tool'",
            "role\"] == \"tool\"",
            "message.role == 'tool'",
            "message.role == \"tool\"",
            "ipython");

    /** Reads a template. */
    public static TemplateTags of(GoTemplate template) {
        Thoughts thoughts = new Thoughts();
        thoughts.visit(template.root(), false);
        return new TemplateTags(thoughts.opening, thoughts.closing, tool(template.root()));
    }

    /**
     * Whether a GGUF file's own chat template can do more than a template in Go's syntax, so that Ollama takes that one
     * ({@code shouldPreferChatTemplate} in {@code server/images.go} of 0.34.1, which looks for the same words).
     */
    public static boolean ownDoesMore(String chatTemplate, String goTemplate) {
        GoTemplate go = GoTemplate.parse(goTemplate);
        Set<String> names = go.variables();
        boolean goTools = names.contains("tools");
        boolean goThinks = of(go).thinks();
        boolean goAnswers = goTools
                && names.contains("toolcalls")
                && Stream.of("eq .Role \"tool\"", "tool_response", "TOOL_RESULTS")
                        .anyMatch(goTemplate::contains);
        boolean tools = chatTemplate.contains("tools") || chatTemplate.contains("tool_call");
        boolean thinks = thinks(chatTemplate);
        boolean answers = Stream.of("tool_calls", "assistant_tool_call").anyMatch(chatTemplate::contains)
                && TOOL_ANSWERS.stream().anyMatch(chatTemplate::contains);
        int goCan = (goTools ? 1 : 0) + (goThinks ? 1 : 0) + (names.contains("suffix") ? 1 : 0);
        int can = (tools ? 1 : 0) + (thinks ? 1 : 0);
        if (can > goCan) {
            return !goAnswers || answers;
        }
        return can == goCan && tools && goTools && thinks == goThinks && answers && !goAnswers;
    }

    /** Whether Ollama takes a model for able to think by its chat template in Jinja. */
    public static boolean thinks(String chatTemplate) {
        return chatTemplate.contains("<think>") && chatTemplate.contains("</think>");
    }

    /** Whether answers have thoughts. */
    public boolean thinks() {
        return !opening.isEmpty() && !closing.isEmpty();
    }

    /**
     * Looks for {@code .Thinking} in a range over {@code .Messages}; the list around it begins and ends with the marks.
     */
    private static final class Thoughts {
        private String opening = "";
        private String closing = "";

        void visit(List<GoNode> nodes, boolean inMessages) {
            for (GoNode node : nodes) {
                if (node instanceof GoNode.Action action) {
                    pipe(action.pipe(), nodes, inMessages);
                } else if (node instanceof GoNode.Branch branch) {
                    boolean inside = branch.keyword().equals("range") ? names(branch.pipe(), "Messages") : inMessages;
                    pipe(branch.pipe(), nodes, inside);
                    visit(branch.then(), inside);
                    visit(branch.otherwise(), inside);
                }
            }
        }

        private void pipe(GoNode.Pipe pipe, List<GoNode> around, boolean inMessages) {
            if (!inMessages || !names(pipe, "Thinking")) {
                return;
            }
            if (around.get(0) instanceof GoNode.Text first) {
                opening = first.text().strip();
            }
            if (around.get(around.size() - 1) instanceof GoNode.Text last) {
                closing = last.text().strip();
            }
        }
    }

    /** Whether a pipe has a field whose first name is this. */
    private static boolean names(GoNode.Pipe pipe, String name) {
        for (List<GoNode.Operand> command : pipe.commands()) {
            for (GoNode.Operand operand : command) {
                if (operand instanceof GoNode.Field field
                                && !field.names().isEmpty()
                                && field.names().get(0).equals(name)
                        || operand instanceof GoNode.Parens parens && names(parens.pipe(), name)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static String tool(List<GoNode> root) {
        GoNode.Branch calls = calls(root);
        String text = calls == null ? null : firstText(calls.then());
        String tag = text == null ? "" : text.split("\\{", 2)[0].strip();
        return tag.isEmpty() ? "{" : tag;
    }

    /** The first {@code if} that asks for {@code .ToolCalls}; null where there is none. */
    private static GoNode.Branch calls(List<GoNode> nodes) {
        for (GoNode node : nodes) {
            if (!(node instanceof GoNode.Branch branch)) {
                continue;
            }
            boolean asks = branch.keyword().equals("if")
                    && branch.pipe().commands().stream()
                            .flatMap(List::stream)
                            .anyMatch(o ->
                                    o instanceof GoNode.Field f && f.names().contains("ToolCalls"));
            if (asks) {
                return branch;
            }
            GoNode.Branch inner = calls(branch.then());
            inner = inner == null ? calls(branch.otherwise()) : inner;
            if (inner != null) {
                return inner;
            }
        }
        return null;
    }

    /** The first text that is not blank, unless a value is written before it. */
    private static String firstText(List<GoNode> nodes) {
        for (GoNode node : nodes) {
            if (node instanceof GoNode.Text text) {
                if (!text.text().isBlank()) {
                    return text.text();
                }
            } else if (node instanceof GoNode.Branch branch) {
                String then = firstText(branch.then());
                return then == null ? firstText(branch.otherwise()) : then;
            } else if (node instanceof GoNode.Action) {
                return null;
            }
        }
        return null;
    }
}
