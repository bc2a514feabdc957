package io.tunebook.lora;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Regular expressions for modules' names. They come with adapters from anywhere, so they are limited in time and depth.
 */
final class ModulePattern {
    /**
     * How many characters a match may look at. A name has a hundred; an expression that goes back and forth for ever
     * looks at millions.
     */
    private static final int MOST_STEPS = 1_000_000;

    private static final int LONGEST_NAME = 1000;

    private ModulePattern() {}

    /** Ends a match that looks at too many characters. */
    private static final class Steps extends RuntimeException {
        private static final long serialVersionUID = 1;

        Steps() {
            super(null, null, false, false);
        }
    }

    private static final class Counted implements CharSequence {
        private final String text;
        private int steps;

        Counted(String text) {
            this.text = text;
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            if (++steps > MOST_STEPS) {
                throw new Steps();
            }
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.substring(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Whether an expression matches a whole name.
     *
     * @throws IllegalArgumentException if it is none, or goes on for too long
     */
    static boolean matches(String pattern, String module) {
        return matched(pattern, module, Matcher::matches).isPresent();
    }

    /** The number behind what an expression matches at a name's beginning, as in {@code model.layers.12.}. */
    static Optional<String> number(String pattern, String module) {
        return matched(pattern + "\\.(?<tunebookLayer>\\d{1,9})\\.", module, Matcher::lookingAt)
                .map(m -> m.group("tunebookLayer"));
    }

    /**
     * As PEFT's {@code get_pattern_key}: the value of the first expression that a name matches from one of its parts
     * on.
     */
    static <T> T first(Map<String, T> patterns, String module, T otherwise) {
        for (var entry : patterns.entrySet()) {
            if (matches("(.*\\.)?(" + entry.getKey() + ")", module)) {
                return entry.getValue();
            }
        }
        return otherwise;
    }

    private static Optional<Matcher> matched(String pattern, String module, java.util.function.Predicate<Matcher> how) {
        if (module.length() > LONGEST_NAME) {
            throw new IllegalArgumentException("expected a module's name of at most " + LONGEST_NAME
                    + " characters, found " + module.length() + ": " + module.substring(0, 60) + "\u2026");
        }
        try {
            Matcher matcher = Pattern.compile(pattern).matcher(new Counted(module));
            return how.test(matcher) ? Optional.of(matcher) : Optional.empty();
        } catch (PatternSyntaxException broken) {
            throw new IllegalArgumentException(
                    "expected a regular expression for modules, found " + pattern + ": " + broken.getDescription(),
                    broken);
        } catch (Steps | StackOverflowError endless) {
            throw new IllegalArgumentException(
                    "the regular expression " + pattern + " takes too long on the module " + module
                            + ": write it simpler",
                    endless);
        }
    }
}
