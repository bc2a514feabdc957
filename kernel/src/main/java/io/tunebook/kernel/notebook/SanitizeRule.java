package io.tunebook.kernel.notebook;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What is replaced in outputs before they are compared, in nbval's notation: lines {@code regex: …}, each followed by a line {@code replace: …}, in Python's syntax.
 *
 * @param regex in Java's syntax
 * @param replacement in Java's syntax
 * @see <a href="https://nbval.readthedocs.io/en/latest/#Regex-Output-sanitizing">nbval, output sanitizing</a>
 */
record SanitizeRule(String regex, String replacement) {
    private static final Pattern RULE = Pattern.compile("^regex: (.*)\\R^replace: (.*)$", Pattern.MULTILINE);
    private static final Pattern REFERENCE = Pattern.compile("\\\\(?:(\\d+)|g<(\\w+)>)");

    /**
     * Reads a file of rules.
     *
     * @throws IOException if it cannot be read
     * @throws IllegalArgumentException if a rule is no regular expression, or there is none
     */
    static List<SanitizeRule> read(Path file) throws IOException {
        String text = Files.readString(file, StandardCharsets.UTF_8);
        List<SanitizeRule> rules = new ArrayList<>();
        Matcher m = RULE.matcher(text);
        while (m.find()) {
            try {
                rules.add(ofPython(m.group(1), m.group(2)));
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
            }
        }
        if (rules.isEmpty()) {
            throw new IllegalArgumentException(
                    file
                            + ": expected rules such as \"regex: [0-9]+ ms\" with \"replace: TIME\" in the next line, found none");
        }
        return rules;
    }

    /** A rule in the syntax of Python's module {@code re}. */
    static SanitizeRule ofPython(String regex, String replacement) {
        String pattern = regex.replace("(?P<", "(?<")
                .replaceAll("\\(\\?P=(\\w+)\\)", "\\\\k<$1>")
                .replace("\\Z", "\\z");
        Pattern.compile(pattern);
        StringBuilder out = new StringBuilder();
        Matcher m = REFERENCE.matcher(replacement);
        int from = 0;
        while (m.find()) {
            out.append(Matcher.quoteReplacement(replacement.substring(from, m.start())));
            String group = m.group(1) != null ? m.group(1) : m.group(2);
            out.append(group.matches("\\d+") ? "$" + group : "${" + group + "}");
            from = m.end();
        }
        String rest = replacement.substring(from).replace("\\n", "\n").replace("\\t", "\t");
        return new SanitizeRule(
                pattern, out.append(Matcher.quoteReplacement(rest)).toString());
    }

    String apply(String text) {
        return Pattern.compile(regex).matcher(text).replaceAll(replacement);
    }
}
