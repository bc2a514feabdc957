package io.tunebook.ollama.template;

import io.tunebook.ollama.template.GoParser.GoNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A template in Go's syntax: the part of {@code text/template} that templates for language models use, with Ollama's
 * functions. Safe for several threads.
 */
public final class GoTemplate {
    private static final int LARGEST = 64 << 20;
    private static final int MOST_STEPS = 10_000_000;
    private static final int DEEPEST = 100;

    private final String source;
    private final Map<String, List<GoNode>> templates;

    private GoTemplate(String source, Map<String, List<GoNode>> templates) {
        this.source = source;
        this.templates = templates;
    }

    /**
     * Reads a template.
     *
     * @throws GoTemplateException if the text is no template, with the line
     */
    public static GoTemplate parse(String source) {
        return new GoTemplate(source, new GoParser(source).parse());
    }

    /** The template's text. */
    public String source() {
        return source;
    }

    /**
     * Renders with values by name, which the template writes with a dot before them.
     *
     * @throws GoTemplateException if the template asks for what is not there, or for too much of it
     */
    String execute(Map<String, Object> values) {
        return new Run(values).whole(templates.get(""));
    }

    /** The same template with {@code {{ .Response }}} at its end. */
    GoTemplate withResponse() {
        Map<String, List<GoNode>> all = new HashMap<>(templates);
        List<GoNode> nodes = new ArrayList<>(all.get(""));
        nodes.add(new GoNode.Action(
                new GoNode.Pipe(List.of(), false, List.of(List.of(new GoNode.Field(List.of("Response")))), 0)));
        all.put("", nodes);
        return new GoTemplate(source, all);
    }

    /** What stands before {@code {{ .Response }}} and the place itself: what a model goes on from. */
    GoTemplate untilResponse() {
        Map<String, List<GoNode>> all = new HashMap<>(templates);
        all.put("", cut(templates.get(""), new boolean[1]));
        return new GoTemplate(source, all);
    }

    private static List<GoNode> cut(List<GoNode> nodes, boolean[] found) {
        List<GoNode> out = new ArrayList<>();
        for (GoNode node : nodes) {
            if (found[0]) {
                break;
            }
            if (node instanceof GoNode.Branch b) {
                List<GoNode> then = cut(b.then(), found);
                out.add(new GoNode.Branch(b.keyword(), b.pipe(), then, cut(b.otherwise(), found)));
            } else {
                out.add(node);
                found[0] = node instanceof GoNode.Action a && operands(a.pipe()).contains("Response");
            }
        }
        return out;
    }

    private static Set<String> operands(GoNode.Pipe pipe) {
        Set<String> out = new HashSet<>();
        for (List<GoNode.Operand> command : pipe.commands()) {
            for (GoNode.Operand each : command) {
                if (each instanceof GoNode.Field f) {
                    out.addAll(f.names());
                }
            }
        }
        return out;
    }

    /** The main template's parts. */
    List<GoNode> root() {
        return templates.getOrDefault("", List.of());
    }

    /** The names of the values that the template asks for, in lower case. */
    public Set<String> variables() {
        Set<String> out = new HashSet<>();
        templates.values().forEach(nodes -> variables(nodes, out));
        return out;
    }

    private static void variables(List<GoNode> nodes, Set<String> out) {
        for (GoNode node : nodes) {
            if (node instanceof GoNode.Action a) {
                variables(a.pipe(), out);
            } else if (node instanceof GoNode.Branch b) {
                variables(b.pipe(), out);
                variables(b.then(), out);
                variables(b.otherwise(), out);
            } else if (node instanceof GoNode.Call c && c.pipe() != null) {
                variables(c.pipe(), out);
            }
        }
    }

    private static void variables(GoNode.Pipe pipe, Set<String> out) {
        for (List<GoNode.Operand> command : pipe.commands()) {
            for (GoNode.Operand each : command) {
                if (each instanceof GoNode.Field f) {
                    f.names().forEach(n -> out.add(n.toLowerCase(Locale.ROOT)));
                } else if (each instanceof GoNode.Variable v) {
                    out.add(v.name().toLowerCase(Locale.ROOT));
                    v.fields().forEach(n -> out.add(n.toLowerCase(Locale.ROOT)));
                } else if (each instanceof GoNode.Parens p) {
                    variables(p.pipe(), out);
                }
            }
        }
    }

    private enum Flow {
        ON,
        BREAK,
        CONTINUE
    }

    private record Named(String name, Object[] value) {}

    /** One rendering. */
    private final class Run {
        private final StringBuilder out = new StringBuilder();
        private List<Named> scope = new ArrayList<>();
        private int steps;
        private int depth;

        Run(Object root) {
            declare("$", root);
        }

        String whole(List<GoNode> nodes) {
            nodes(nodes, scope.get(0).value()[0]);
            return out.toString();
        }

        private void declare(String name, Object value) {
            scope.add(new Named(name, new Object[] {value}));
        }

        private Named find(String name, int line) {
            for (int i = scope.size() - 1; i >= 0; i--) {
                if (scope.get(i).name().equals(name)) {
                    return scope.get(i);
                }
            }
            throw new GoTemplateException(line, "undefined variable \"" + name + "\"");
        }

        private Flow nodes(List<GoNode> nodes, Object dot) {
            for (GoNode node : nodes) {
                if (++steps > MOST_STEPS || out.length() > LARGEST) {
                    throw new GoTemplateException(0, "more than " + MOST_STEPS + " steps or 64 MB of text");
                }
                Flow flow = node(node, dot);
                if (flow != Flow.ON) {
                    return flow;
                }
            }
            return Flow.ON;
        }

        private Flow node(GoNode node, Object dot) {
            if (node instanceof GoNode.Text text) {
                out.append(text.text());
            } else if (node instanceof GoNode.Action action) {
                Object value = pipe(action.pipe(), dot, true);
                if (action.pipe().names().isEmpty()) {
                    out.append(GoValues.text(value));
                }
            } else if (node instanceof GoNode.Jump jump) {
                return jump.leaves() ? Flow.BREAK : Flow.CONTINUE;
            } else if (node instanceof GoNode.Call call) {
                call(call, dot);
            } else if (node instanceof GoNode.Branch branch) {
                int mark = scope.size();
                Flow flow = branch.keyword().equals("range") ? range(branch, dot) : choose(branch, dot);
                scope.subList(mark, scope.size()).clear();
                return flow;
            }
            return Flow.ON;
        }

        private Flow choose(GoNode.Branch branch, Object dot) {
            Object value = pipe(branch.pipe(), dot, true);
            boolean with = branch.keyword().equals("with");
            return GoValues.truth(value) ? nodes(branch.then(), with ? value : dot) : nodes(branch.otherwise(), dot);
        }

        private void call(GoNode.Call call, Object dot) {
            List<GoNode> body = templates.get(call.name());
            if (body == null) {
                throw new GoTemplateException(call.line(), "template \"" + call.name() + "\" not defined");
            }
            if (++depth > DEEPEST) {
                throw new GoTemplateException(call.line(), "templates call each other more than " + DEEPEST + " deep");
            }
            Object given = call.pipe() == null ? null : pipe(call.pipe(), dot, true);
            List<Named> outer = scope;
            scope = new ArrayList<>();
            declare("$", given);
            nodes(body, given);
            scope = outer;
            depth--;
        }

        private Flow range(GoNode.Branch branch, Object dot) {
            GoNode.Pipe pipe = branch.pipe();
            Object over = GoValues.plain(pipe(pipe, dot, false));
            int mark = scope.size();
            boolean any = false;
            if (over instanceof Map<?, ?> map) {
                for (var entry : GoValues.sorted(map).entrySet()) {
                    any = true;
                    if (once(branch, entry.getKey(), entry.getValue(), mark) == Flow.BREAK) {
                        break;
                    }
                }
            } else if (over instanceof List<?> list) {
                for (int i = 0; i < list.size(); i++) {
                    any = true;
                    if (once(branch, (long) i, list.get(i), mark) == Flow.BREAK) {
                        break;
                    }
                }
            } else if (over instanceof Long n) {
                for (long i = 0; i < n; i++) {
                    any = true;
                    if (once(branch, i, i, mark) == Flow.BREAK) {
                        break;
                    }
                }
            } else if (over != null) {
                throw new GoTemplateException(pipe.line(), "range can't iterate over " + GoValues.text(over));
            }
            return any ? Flow.ON : nodes(branch.otherwise(), dot);
        }

        private Flow once(GoNode.Branch branch, Object key, Object value, int mark) {
            List<String> names = branch.pipe().names();
            for (int i = 0; i < names.size(); i++) {
                Object given = names.size() == 2 && i == 0 ? key : value;
                if (branch.pipe().declares()) {
                    declare(names.get(i), given);
                } else {
                    find(names.get(i), branch.pipe().line()).value()[0] = given;
                }
            }
            if (++steps > MOST_STEPS) {
                throw new GoTemplateException(branch.pipe().line(), "more than " + MOST_STEPS + " steps");
            }
            Flow flow = nodes(branch.then(), value);
            scope.subList(mark, scope.size()).clear();
            return flow;
        }

        private Object pipe(GoNode.Pipe pipe, Object dot, boolean sets) {
            Object value = null;
            boolean first = true;
            for (List<GoNode.Operand> command : pipe.commands()) {
                value = command(
                        command, dot, first ? List.of() : java.util.Collections.singletonList(value), pipe.line());
                first = false;
            }
            if (sets) {
                for (String name : pipe.names()) {
                    if (pipe.declares()) {
                        declare(name, value);
                    } else {
                        find(name, pipe.line()).value()[0] = value;
                    }
                }
            }
            return value;
        }

        private Object command(List<GoNode.Operand> words, Object dot, List<Object> last, int line) {
            if (words.get(0) instanceof GoNode.Function function) {
                List<GoNode.Operand> rest = words.subList(1, words.size());
                if (function.name().equals("and") || function.name().equals("or")) {
                    return first(function.name().equals("or"), rest, dot, last, line);
                }
                List<Object> arguments = new ArrayList<>();
                rest.forEach(w -> arguments.add(value(w, dot, line)));
                arguments.addAll(last);
                return GoFunctions.call(function.name(), arguments, line);
            }
            if (words.size() > 1 || !last.isEmpty()) {
                throw new GoTemplateException(line, "can't give argument to non-function");
            }
            return value(words.get(0), dot, line);
        }

        /** The first that is true, or the first that is not; else the last. */
        private Object first(boolean truth, List<GoNode.Operand> rest, Object dot, List<Object> last, int line) {
            Object value = null;
            for (GoNode.Operand word : rest) {
                value = value(word, dot, line);
                if (GoValues.truth(value) == truth) {
                    return value;
                }
            }
            return last.isEmpty() ? value : last.get(0);
        }

        private Object value(GoNode.Operand word, Object dot, int line) {
            if (word instanceof GoNode.Literal literal) {
                return literal.value();
            }
            if (word instanceof GoNode.Field field) {
                return follow(dot, field.names(), line);
            }
            if (word instanceof GoNode.Variable variable) {
                return follow(find(variable.name(), line).value()[0], variable.fields(), line);
            }
            if (word instanceof GoNode.Parens parens) {
                return follow(pipe(parens.pipe(), dot, true), parens.fields(), line);
            }
            return command(List.of(word), dot, List.of(), line);
        }

        private Object follow(Object start, List<String> names, int line) {
            Object value = start;
            for (String name : names) {
                Object v = GoValues.plain(value);
                if (v instanceof GoValues.Struct struct) {
                    if (!struct.fields().containsKey(name)) {
                        throw new GoTemplateException(
                                line, "can't evaluate field " + name + " in type " + struct.type());
                    }
                    value = struct.fields().get(name);
                } else if (v instanceof Map<?, ?> map) {
                    value = map.get(name);
                } else if (v == null) {
                    throw new GoTemplateException(line, "nil pointer evaluating ." + name);
                } else {
                    throw new GoTemplateException(line, "can't evaluate field " + name + " in " + GoValues.text(v));
                }
            }
            return value;
        }
    }

    /** A template that is no template, or that cannot be rendered with the values given; the message names the line. */
    public static final class GoTemplateException extends RuntimeException {
        GoTemplateException(int line, String message) {
            super(line > 0 ? "template, line " + line + ": " + message : "template: " + message);
        }
    }
}
