package io.tunebook.ollama.template;

import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the language of Go's {@code text/template}: actions, pipes, comments and trim markers. */
final class GoParser {
    private static final int DEEPEST = 200;

    private final String source;
    private final Map<String, List<GoNode>> defined = new HashMap<>();
    private int at;
    private int loops;
    private int depth;

    /** Between the words of an action: its parts, and where the reader is in them. */
    private GoWords words;

    /**
     * The keyword that ended a list of nodes, {@code end} or {@code else}, with the rest of its action unread; null at
     * the text's end.
     */
    private String ended;

    GoParser(String source) {
        this.source = source;
    }

    /** The templates by name; the one without a name is the whole text. */
    Map<String, List<GoNode>> parse() {
        List<GoNode> all = nodes();
        if (ended != null) {
            throw failure("unexpected {{" + ended + "}}");
        }
        defined.put("", all);
        return defined;
    }

    private List<GoNode> nodes() {
        if (++depth > DEEPEST) {
            throw failure("blocks are nested more than " + DEEPEST + " deep");
        }
        List<GoNode> out = new ArrayList<>();
        while (true) {
            int open = source.indexOf("{{", at);
            String text = source.substring(at, open < 0 ? source.length() : open);
            boolean trims = open >= 0 && source.startsWith("-", open + 2) && space(open + 3);
            if (trims) {
                text = text.replaceFirst("[ \\t\\r\\n]+$", "");
            }
            if (!text.isEmpty()) {
                out.add(new GoNode.Text(text));
            }
            if (open < 0) {
                at = source.length();
                ended = null;
                depth--;
                return out;
            }
            at = open + (trims ? 3 : 2);
            if (comment()) {
                continue;
            }
            words = new GoWords(source, at);
            at = words.end();
            GoNode node = action();
            if (ended != null) {
                depth--;
                return out;
            }
            if (node != null) {
                out.add(node);
            }
        }
    }

    private boolean space(int place) {
        return place < source.length() && " \t\r\n".indexOf(source.charAt(place)) >= 0;
    }

    private boolean comment() {
        int start = at;
        while (space(start)) {
            start++;
        }
        if (!source.startsWith("/*", start)) {
            return false;
        }
        int close = source.indexOf("*/", start + 2);
        if (close < 0) {
            throw failure("unclosed comment");
        }
        int end = close + 2;
        boolean trims = space(end) && source.startsWith("-}}", end + 1);
        if (!trims && !source.startsWith("}}", end)) {
            throw failure("comment ends before closing delimiter");
        }
        at = end + (trims ? 4 : 2);
        while (trims && space(at)) {
            at++;
        }
        return true;
    }

    /** The next node; null where the action writes nothing. Sets {@link #ended} at {@code end} and {@code else}. */
    private GoNode action() {
        ended = null;
        if (words.done()) {
            throw failure("missing value for command");
        }
        String first = words.peek().kind() == GoWords.Kind.NAME ? words.peek().text() : "";
        switch (first) {
            case "end", "else" -> {
                words.next();
                ended = first;
                return null;
            }
            case "if", "with", "range" -> {
                words.next();
                return branch(first);
            }
            case "break", "continue" -> {
                words.next();
                requireEnd(first);
                if (loops == 0) {
                    throw failure("{{" + first + "}} outside {{range}}");
                }
                return new GoNode.Jump(first.equals("break"));
            }
            case "define", "block" -> {
                words.next();
                String name = name(first);
                GoNode.Pipe pipe = first.equals("block") ? pipe(false) : null;
                requireEnd(first);
                int line = words.line();
                List<GoNode> body = nodes();
                if (!"end".equals(ended)) {
                    throw failure("expected {{end}} of {{" + first + "}}");
                }
                ended = null;
                defined.put(name, body);
                return pipe == null ? null : new GoNode.Call(name, pipe, line);
            }
            case "template" -> {
                words.next();
                String name = name(first);
                GoNode.Pipe pipe = words.done() ? null : pipe(false);
                requireEnd(first);
                return new GoNode.Call(name, pipe, words.line());
            }
            default -> {
                GoNode.Pipe pipe = pipe(false);
                requireEnd("command");
                return new GoNode.Action(pipe);
            }
        }
    }

    private GoNode branch(String keyword) {
        GoNode.Pipe pipe = pipe(keyword.equals("range"));
        requireEnd(keyword);
        loops += keyword.equals("range") ? 1 : 0;
        List<GoNode> then = nodes();
        loops -= keyword.equals("range") ? 1 : 0;
        List<GoNode> otherwise = List.of();
        if ("else".equals(ended)) {
            if (!words.done()) {
                // {{ else if x }}: one {{ end }} closes both.
                String next = words.next().text();
                if (!next.equals(keyword) || next.equals("range")) {
                    throw failure("unexpected <" + next + "> in else");
                }
                otherwise = List.of(branch(next));
                ended = null;
                return new GoNode.Branch(keyword, pipe, then, otherwise);
            }
            otherwise = nodes();
        }
        if (!"end".equals(ended)) {
            throw failure(ended == null ? "unexpected EOF: an {{end}} is missing" : "expected {{end}}, found " + ended);
        }
        requireEnd("end");
        ended = null;
        return new GoNode.Branch(keyword, pipe, then, otherwise);
    }

    private String name(String keyword) {
        if (words.done() || words.peek().kind() != GoWords.Kind.TEXT) {
            throw failure("expected a name in quotation marks after " + keyword);
        }
        return words.next().text();
    }

    private GoNode.Pipe pipe(boolean range) {
        int line = words.line();
        List<String> names = new ArrayList<>();
        boolean declares = false;
        int start = words.mark();
        while (!words.done() && words.peek().kind() == GoWords.Kind.VARIABLE) {
            names.add(words.next().text());
            if (!words.done() && range && words.peek().text().equals(",")) {
                words.next();
                continue;
            }
            break;
        }
        String sign = words.done() || names.isEmpty() ? "" : words.peek().text();
        if (sign.equals(":=") || sign.equals("=")) {
            words.next();
            declares = sign.equals(":=");
        } else {
            names.clear();
            words.reset(start);
        }
        List<List<GoNode.Operand>> commands = new ArrayList<>();
        do {
            commands.add(command());
        } while (taken("|"));
        return new GoNode.Pipe(names, declares, commands, line);
    }

    private List<GoNode.Operand> command() {
        List<GoNode.Operand> out = new ArrayList<>();
        while (!words.done() && !Set.of("|", ")").contains(words.peek().mark())) {
            out.add(operand());
        }
        if (out.isEmpty()) {
            throw failure("missing value for command");
        }
        return out;
    }

    private GoNode.Operand operand() {
        GoWords.Word word = words.next();
        return switch (word.kind()) {
            case TEXT -> new GoNode.Literal(word.text());
            case NUMBER -> new GoNode.Literal(number(word.text()));
            case VARIABLE -> new GoNode.Variable(word.text(), fields());
            case FIELD -> new GoNode.Field(following(word.text()));
            case DOT -> new GoNode.Field(List.of());
            case NAME ->
                switch (word.text()) {
                    case "true", "false" -> new GoNode.Literal(word.text().equals("true"));
                    case "nil" -> new GoNode.Literal(null);
                    default -> {
                        if (!GoFunctions.NAMES.contains(word.text())) {
                            throw failure("function \"" + word.text() + "\" not defined");
                        }
                        yield new GoNode.Function(word.text());
                    }
                };
            case MARK -> {
                if (!word.text().equals("(")) {
                    throw failure("unexpected \"" + word.text() + "\" in operand");
                }
                if (++depth > DEEPEST) {
                    throw failure("brackets are nested more than " + DEEPEST + " deep");
                }
                GoNode.Pipe inner = pipe(false);
                if (!taken(")")) {
                    throw failure("unclosed left paren");
                }
                depth--;
                yield new GoNode.Parens(inner, fields());
            }
        };
    }

    private static Object number(String text) {
        try {
            return Long.decode(text);
        } catch (NumberFormatException notWhole) {
            return Double.valueOf(text);
        }
    }

    /** Fields that stand right after a variable or bracket, without white space. */
    private List<String> fields() {
        List<String> out = new ArrayList<>();
        while (!words.done()
                && words.peek().kind() == GoWords.Kind.FIELD
                && words.peek().joined()) {
            out.add(words.next().text());
        }
        return List.copyOf(out);
    }

    private List<String> following(String first) {
        List<String> out = new ArrayList<>(List.of(first));
        out.addAll(fields());
        return List.copyOf(out);
    }

    private boolean taken(String mark) {
        if (words.done() || !words.peek().mark().equals(mark)) {
            return false;
        }
        words.next();
        return true;
    }

    private void requireEnd(String what) {
        if (!words.done()) {
            throw failure("unexpected <" + words.peek().text() + "> in " + what);
        }
    }

    private GoTemplateException failure(String what) {
        int line = 1
                + (int) source.substring(0, Math.min(at, source.length()))
                        .chars()
                        .filter(c -> c == '\n')
                        .count();
        return new GoTemplateException(line, what);
    }

    /** The parts of a parsed template. Lines count from 1. */
    sealed interface GoNode {
        /** Text that is written as it is. */
        record Text(String text) implements GoNode {}

        /** {@code {{ pipe }}}: the value is written, unless the pipe sets a variable. */
        record Action(Pipe pipe) implements GoNode {}

        /** {@code if}, {@code with} and {@code range}, each with what comes after {@code else}. */
        record Branch(String keyword, Pipe pipe, List<GoNode> then, List<GoNode> otherwise) implements GoNode {}

        /** {@code {{ template "name" pipe }}}; the pipe is null without one. */
        record Call(String name, Pipe pipe, int line) implements GoNode {}

        /** {@code break} or {@code continue}. */
        record Jump(boolean leaves) implements GoNode {}

        /**
         * Commands whose results go from one to the next.
         *
         * @param names the variables that get the value, with their dollar sign; mostly none
         * @param declares whether the variables are new ({@code :=}) or changed ({@code =})
         */
        record Pipe(List<String> names, boolean declares, List<List<Operand>> commands, int line) {}

        /** One word of a command. */
        sealed interface Operand {}

        /** {@code .Messages}, {@code .Function.Name}; no names for {@code .} itself. */
        record Field(List<String> names) implements Operand {}

        /** {@code $m.Content}; {@code $} alone is what the template was given. */
        record Variable(String name, List<String> fields) implements Operand {}

        /** A text, number or truth value; null for {@code nil}. */
        record Literal(Object value) implements Operand {}

        /** A function's name. */
        record Function(String name) implements Operand {}

        /** {@code (pipe).Field}. */
        record Parens(Pipe pipe, List<String> fields) implements Operand {}
    }
}
