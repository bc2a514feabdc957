package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Compares what a cell shows with what its notebook holds, by nbval's rules: the outputs of one kind, a stream or a
 * MIME type, in their order, the order between kinds left aside; text of a stream joined; no pictures, tracebacks,
 * counts and metadata.
 *
 * @param kinds whether only the kinds count and how many there are of each
 * @param rules applied to both sides, one after the other
 * @param tolerance numbers are equal if they differ by at most this part of the stored one, or by one in its last
 *     decimal, since they were rounded when they were printed; 0 for equal texts, infinity for any numbers. With a
 *     tolerance blanks may differ in their number, since a column is filled up to its width
 * @see <a href="https://nbval.readthedocs.io">nbval</a>
 */
record OutputCheck(boolean kinds, List<SanitizeRule> rules, double tolerance) {
    private static final Set<String> SKIPPED =
            Set.of("application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg");
    private static final Pattern COVERED = Pattern.compile("^.*\\r(?=[^\\n])", Pattern.MULTILINE);
    private static final Pattern NUMBER =
            Pattern.compile("[-+]?(?:\\d{1,3}(?:,\\d{3})+(?:\\.\\d+)?|\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?");
    /** The digits after the point, and the exponent. */
    private static final Pattern DECIMALS = Pattern.compile("\\.(\\d+)([eE][-+]?\\d+)?$");
    /**
     * Two numbers that are rounded to neighbours differ by one in the last decimal, and by what a double adds to that.
     */
    private static final double ROUNDING = 1.001;
    /** Around zero there is no part of anything. */
    private static final double ABSOLUTE = 1e-12;

    private static final Pattern BLANKS = Pattern.compile("[ \\t]+");

    OutputCheck withTolerance(double other) {
        return new OutputCheck(kinds, rules, other);
    }

    /**
     * Compares.
     *
     * @return the difference as text, or empty if there is none
     */
    Optional<String> difference(JsonNode stored, JsonNode shown) {
        Map<String, List<String>> before = byKind(stored);
        Map<String, List<String>> now = byKind(shown);
        Set<String> missing = new TreeSet<>(before.keySet());
        missing.removeAll(now.keySet());
        Set<String> unexpected = new TreeSet<>(now.keySet());
        unexpected.removeAll(before.keySet());
        StringBuilder text = new StringBuilder();
        missing.forEach(
                kind -> text.append(kind + ": stored, but not shown now\n" + diff(before.get(kind), List.of())));
        unexpected.forEach(
                kind -> text.append(kind + ": not stored, but shown now\n" + diff(List.of(), now.get(kind))));
        before.forEach((kind, values) -> {
            List<String> others = now.getOrDefault(kind, values);
            if (values.size() != others.size()) {
                text.append(kind + ": expected " + values.size() + " of them, found " + others.size() + "\n"
                        + diff(values, others));
            } else {
                for (int i = 0; i < values.size(); i++) {
                    if (!kinds && !equal(values.get(i), others.get(i))) {
                        text.append(kind + " differs\n" + diff(List.of(values.get(i)), List.of(others.get(i))));
                    }
                }
            }
        });
        return text.isEmpty() ? Optional.empty() : Optional.of(text.toString());
    }

    private Map<String, List<String>> byKind(JsonNode outputs) {
        Map<String, List<String>> all = new LinkedHashMap<>();
        Map<String, StringBuilder> streams = new LinkedHashMap<>();
        for (JsonNode output : outputs) {
            switch (output.path("output_type").asText()) {
                case "stream" ->
                    streams.computeIfAbsent(output.path("name").asText(), n -> new StringBuilder())
                            .append(Notebook.joined(output.path("text")));
                case "error" -> {
                    add(all, "ename", output.path("ename"));
                    add(all, "evalue", output.path("evalue"));
                }
                default ->
                    output.path("data").fields().forEachRemaining(e -> {
                        if (!SKIPPED.contains(e.getKey())) {
                            add(all, e.getKey(), e.getValue());
                        }
                    });
            }
        }
        streams.forEach((name, text) ->
                all.put(name, List.of(sanitized(COVERED.matcher(text).replaceAll("")))));
        return all;
    }

    private void add(Map<String, List<String>> all, String kind, JsonNode content) {
        String text = content.isTextual() || isLines(content) ? Notebook.joined(content) : content.toPrettyString();
        all.computeIfAbsent(kind, k -> new ArrayList<>()).add(sanitized(text));
    }

    private static boolean isLines(JsonNode content) {
        if (!content.isArray()) {
            return false;
        }
        for (JsonNode line : content) {
            if (!line.isTextual()) {
                return false;
            }
        }
        return true;
    }

    private String sanitized(String text) {
        String clean = text;
        for (SanitizeRule rule : rules) {
            clean = rule.apply(clean);
        }
        return clean;
    }

    /** Whether the texts between the numbers are the same, and the numbers near each other. */
    private boolean equal(String stored, String shown) {
        if (stored.equals(shown) || tolerance == 0) {
            return stored.equals(shown);
        }
        return near(
                BLANKS.matcher(stored).replaceAll(" "), BLANKS.matcher(shown).replaceAll(" "));
    }

    private boolean near(String stored, String shown) {
        Matcher a = NUMBER.matcher(stored);
        Matcher b = NUMBER.matcher(shown);
        int fromA = 0;
        int fromB = 0;
        while (true) {
            boolean more = a.find();
            if (more != b.find()) {
                return false;
            } else if (!more) {
                return stored.substring(fromA).equals(shown.substring(fromB));
            } else if (!stored.substring(fromA, a.start()).equals(shown.substring(fromB, b.start()))
                    || !nearNumbers(a.group(), b.group())) {
                return false;
            }
            fromA = a.end();
            fromB = b.end();
        }
    }

    private boolean nearNumbers(String stored, String shown) {
        if (Double.isInfinite(tolerance) || stored.equals(shown)) { // a checksum may read as more than a double holds
            return true;
        }
        double expected = number(stored);
        double unit = lastDecimal(stored);
        double rounded = unit == lastDecimal(shown) ? ROUNDING * unit : 0; // printed alike
        double allowed = Math.max(ABSOLUTE, Math.max(rounded, tolerance * Math.abs(expected)));
        return Math.abs(expected - number(shown)) <= allowed;
    }

    private static double number(String text) {
        return Double.parseDouble(text.replace(",", ""));
    }

    /** What one in the last decimal of a number is worth: 0.01 in 2.50, 1e-6 in 1.5e-5; 0 where there is no decimal. */
    private static double lastDecimal(String text) {
        Matcher decimals = DECIMALS.matcher(text);
        return decimals.find()
                ? Double.parseDouble("1e" + -decimals.group(1).length())
                        * Double.parseDouble("1" + (decimals.group(2) == null ? "" : decimals.group(2)))
                : 0;
    }

    private static String diff(List<String> stored, List<String> shown) {
        List<String> before = stored.stream().flatMap(String::lines).toList();
        List<String> now = shown.stream().flatMap(String::lines).toList();
        List<String> lines =
                UnifiedDiffUtils.generateUnifiedDiff("stored", "now", before, DiffUtils.diff(before, now), 3);
        return lines.isEmpty() ? "(they differ in their ends of lines)\n" : String.join("\n", lines) + "\n";
    }

    /**
     * What is replaced in outputs before they are compared, in nbval's notation: lines {@code regex: …}, each followed
     * by a line {@code replace: …}, in Python's syntax.
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
}
