package io.tunebook.kernel.options;

import java.util.Arrays;
import java.util.List;

/**
 * An option that a command knows.
 *
 * @param names each with its dashes, such as {@code -p} and {@code --parameter}; the last is the one that messages use
 * @param values what follows it, such as {@code FILE}; none for a switch
 * @param help what it does, as the usage says it
 */
public record Option(List<String> names, List<String> values, String help) {
    /**
     * An option from its synopsis.
     *
     * @param synopsis such as {@code --out DIR}, or {@code -p, --parameter NAME VALUE}
     */
    public static Option of(String synopsis, String help) {
        List<String> words = Arrays.asList(synopsis.split("[, ]+"));
        return new Option(
                words.stream().filter(w -> w.startsWith("-")).toList(),
                words.stream().filter(w -> !w.startsWith("-")).toList(),
                help);
    }

    String name() {
        return names.get(names.size() - 1);
    }

    String synopsis() {
        return String.join(", ", names) + values.stream().map(v -> " " + v).reduce("", String::concat);
    }

    /** The lines of a usage, one option under the other. */
    public static String help(List<Option> options) {
        int width = options.stream().mapToInt(o -> o.synopsis().length()).max().orElse(0);
        StringBuilder text = new StringBuilder();
        for (Option o : options) {
            List<String> lines = o.help().lines().toList();
            for (int i = 0; i < lines.size(); i++) {
                String left = i == 0 ? o.synopsis() : "";
                text.append("  ")
                        .append(left)
                        .append(" ".repeat(width - left.length() + 2))
                        .append(lines.get(i))
                        .append('\n');
            }
        }
        return text.toString();
    }
}
