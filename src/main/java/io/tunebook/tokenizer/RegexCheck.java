package io.tunebook.tokenizer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Whether a regular expression of a {@code tokenizer.json} can be given to the native library, which ends the process
 * when an expression lies too deep for its stack, or goes back and forth more than ten million times on some text.
 */
final class RegexCheck {
    private static final int LONGEST = 20_000;
    private static final int DEEPEST = 100;

    /**
     * A group while it is read: whether some repetition in this alternative is without end, and some part must be
     * there.
     */
    private static final class Group {
        boolean endless;
        boolean must;
        /** Of any alternative so far: one that has an endless part and nothing that must be there. */
        boolean ambiguous;

        boolean atomic;

        void alternative() {
            ambiguous |= endless && !must;
            endless = false;
            must = false;
        }
    }

    private RegexCheck() {}

    /** What is wrong with an expression; null if nothing is known to be. */
    static String fault(String regex, boolean mustMatchSomething) {
        if (regex.length() > LONGEST) {
            return "expected a pattern of at most " + LONGEST + " characters";
        }
        Deque<Group> groups = new ArrayDeque<>();
        groups.push(new Group());
        for (int i = 0; i < regex.length(); i++) {
            char c = regex.charAt(i);
            Group closed = null;
            switch (c) {
                case '\\' -> i++;
                case '[' -> i = set(regex, i);
                case '(' -> {
                    Group group = new Group();
                    group.atomic = regex.startsWith("?>", i + 1);
                    groups.push(group);
                    if (groups.size() > DEEPEST) {
                        return "expected at most " + DEEPEST + " parentheses in one another";
                    }
                    i = prefix(regex, i);
                    continue;
                }
                case ')' -> {
                    if (groups.size() > 1) {
                        closed = groups.pop();
                        closed.alternative();
                    }
                }
                case '|' -> {
                    groups.peek().alternative();
                    continue;
                }
                default -> {}
            }
            int end = quantifier(regex, i + 1);
            String quantifier = regex.substring(Math.min(i + 1, regex.length()), end);
            boolean endless = quantifier.startsWith("*") || quantifier.startsWith("+") || quantifier.endsWith(",}");
            boolean possessive = quantifier.length() > 1 && quantifier.endsWith("+");
            if (closed != null && endless && !possessive && closed.ambiguous && !closed.atomic) {
                return "expected no repetition without end of a repetition without end, which takes for ever on some text";
            }
            Group around = groups.peek();
            boolean ambiguous = closed != null && closed.ambiguous && !closed.atomic;
            around.endless |= endless && !possessive || ambiguous;
            boolean optional = quantifier.startsWith("*") || quantifier.startsWith("?") || quantifier.startsWith("{0");
            // The endless part itself is no bound between its repetitions.
            around.must |= !optional && !endless && !ambiguous;
            i = end - 1;
        }
        try {
            if (mustMatchSomething && Pattern.compile(regex).matcher("").find()) {
                return "expected a pattern that matches something, found one that matches an empty text";
            }
        } catch (PatternSyntaxException e) {
            // Another dialect: the library says whether it knows it.
        }
        return null;
    }

    /**
     * The last character of what says the kind of a group, such as {@code (?:}, {@code (?<=}, {@code (?i:} or
     * {@code (}.
     */
    private static int prefix(String regex, int open) {
        if (open + 1 >= regex.length() || regex.charAt(open + 1) != '?') {
            return open;
        }
        int i = open + 2;
        while (i < regex.length()
                && (Character.isLetterOrDigit(regex.charAt(i)) || "-_<'".indexOf(regex.charAt(i)) >= 0)) {
            i++;
        }
        return i < regex.length() && ":=!>'".indexOf(regex.charAt(i)) >= 0 ? i : i - 1;
    }

    /** The end of a set in brackets, which may hold others. */
    private static int set(String regex, int from) {
        int depth = 0;
        for (int i = from; i < regex.length(); i++) {
            char c = regex.charAt(i);
            if (c == '\\') {
                i++;
            } else if (c == '[') {
                depth++;
            } else if (c == ']' && --depth == 0) {
                return i;
            }
        }
        return regex.length() - 1;
    }

    private static int quantifier(String regex, int from) {
        int i = from;
        if (i < regex.length() && "*+?".indexOf(regex.charAt(i)) >= 0) {
            i++;
        } else if (i < regex.length() && regex.charAt(i) == '{') {
            int close = regex.indexOf('}', i);
            if (close < 0 || !regex.substring(i + 1, close).matches("\\d*,?\\d*")) {
                return from;
            }
            i = close + 1;
        } else {
            return from;
        }
        return i < regex.length() && "+?".indexOf(regex.charAt(i)) >= 0 ? i + 1 : i;
    }
}
