package io.tunebook.kernel.options;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A command line that has been read.
 *
 * @param given an option's name with the values of each time it was given
 * @param operands the words that belong to no option
 */
public record CommandLine(Map<String, List<List<String>>> given, List<String> operands) {
    /**
     * Reads a command line. {@code --name=value} is {@code --name value}, and behind {@code --} everything is an
     * operand.
     *
     * @throws IllegalArgumentException if an option is unknown or lacks its values; the message says which
     */
    public static CommandLine read(List<Option> known, List<String> words) {
        Map<String, Option> byName = new LinkedHashMap<>();
        known.forEach(o -> o.names().forEach(name -> byName.put(name, o)));
        Map<String, List<List<String>>> given = new LinkedHashMap<>();
        List<String> operands = new ArrayList<>();
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i);
            if (word.equals("--")) {
                operands.addAll(words.subList(i + 1, words.size()));
                break;
            } else if (!word.startsWith("-") || word.equals("-")) {
                operands.add(word);
                continue;
            }
            int equals = word.startsWith("--") ? word.indexOf('=') : -1;
            String name = equals < 0 ? word : word.substring(0, equals);
            Option option = byName.get(name);
            if (option == null) {
                throw new IllegalArgumentException("there is no option " + name);
            }
            List<String> values = new ArrayList<>();
            if (equals >= 0) {
                values.add(word.substring(equals + 1));
            }
            while (values.size() < option.values().size() && i + 1 < words.size()) {
                values.add(words.get(++i));
            }
            if (values.size() != option.values().size()) {
                throw new IllegalArgumentException(
                        option.values().isEmpty()
                                ? name + " takes no value, found " + word
                                : "expected " + String.join(" ", option.values()) + " after " + name + ", found "
                                        + (values.isEmpty() ? "nothing" : String.join(" ", values)));
            }
            given.computeIfAbsent(option.name(), n -> new ArrayList<>()).add(values);
        }
        return new CommandLine(given, operands);
    }

    /** Whether an option was given. */
    public boolean has(String name) {
        return given.containsKey(name);
    }

    /** All that was given for an option with one value, in order. */
    public List<String> all(String name) {
        return groups(name).stream().map(values -> values.get(0)).toList();
    }

    /** The same for an option with several values. */
    public List<List<String>> groups(String name) {
        return given.getOrDefault(name, List.of());
    }

    /** An option's value, the last one if it was given more than once. */
    public Optional<String> value(String name) {
        return all(name).stream().reduce((first, second) -> second);
    }

    /**
     * An option that a command knows.
     *
     * @param names each with its dashes, such as {@code -p} and {@code --parameter}; the last is the one that messages
     * use
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
            int width =
                    options.stream().mapToInt(o -> o.synopsis().length()).max().orElse(0);
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
}
