package io.tunebook.ollama.template;

import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The functions that a template may call: Go's own, and those that Ollama adds ({@code template/template.go}). */
final class GoFunctions {
    static final Set<String> NAMES = Set.of(
            "and",
            "or",
            "not",
            "len",
            "index",
            "slice",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "print",
            "println",
            "printf",
            "json",
            "currentDate",
            "yesterdayDate",
            "toTypeScriptType");

    private GoFunctions() {}

    /** Calls a function; {@code and} and {@code or} are not among these, since they leave arguments unread. */
    static Object call(String name, List<Object> arguments, int line) {
        return switch (name) {
            case "not" -> !GoValues.truth(one(name, arguments, line));
            case "len" -> (long) length(one(name, arguments, line), line);
            case "index" -> index(arguments, line);
            case "slice" -> slice(arguments, line);
            case "eq" -> equal(arguments, line);
            case "ne" -> !(boolean) equal(exactly(2, name, arguments, line), line);
            case "lt" -> order(exactly(2, name, arguments, line), line) < 0;
            case "le" -> order(exactly(2, name, arguments, line), line) <= 0;
            case "gt" -> order(exactly(2, name, arguments, line), line) > 0;
            case "ge" -> order(exactly(2, name, arguments, line), line) >= 0;
            case "print" -> print(arguments);
            case "println" ->
                String.join(" ", arguments.stream().map(GoValues::text).toList()) + "\n";
            case "printf" -> printf(arguments, line);
            case "json" -> GoValues.json(one(name, arguments, line));
            case "currentDate" -> LocalDate.now().toString();
            case "yesterdayDate" -> LocalDate.now().minusDays(1).toString();
            default -> throw new GoTemplateException(line, "the function " + name + " is not known here");
        };
    }

    private static Object one(String name, List<Object> arguments, int line) {
        return exactly(1, name, arguments, line).get(0);
    }

    private static List<Object> exactly(int n, String name, List<Object> arguments, int line) {
        if (arguments.size() != n) {
            throw new GoTemplateException(
                    line, "wrong number of args for " + name + ": want " + n + " got " + arguments.size());
        }
        return arguments;
    }

    private static int length(Object value, int line) {
        Object v = GoValues.plain(value);
        if (v instanceof String s) {
            return s.getBytes(StandardCharsets.UTF_8).length;
        }
        if (v instanceof List<?> list) {
            return list.size();
        }
        if (v instanceof Map<?, ?> map) {
            return map.size();
        }
        throw new GoTemplateException(
                line, "error calling len: expected a text, list or map, found " + GoValues.text(v));
    }

    private static Object index(List<Object> arguments, int line) {
        Object value = arguments.isEmpty() ? null : arguments.get(0);
        for (Object key : arguments.subList(Math.min(1, arguments.size()), arguments.size())) {
            Object v = GoValues.plain(value);
            if (v instanceof List<?> list) {
                value = list.get(place(key, list.size() - 1, "index", line));
            } else if (v instanceof Map<?, ?> map) {
                value = map.get(key);
            } else if (v instanceof String s) {
                byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
                value = (long) (bytes[place(key, bytes.length - 1, "index", line)] & 0xff);
            } else {
                throw new GoTemplateException(
                        line, "error calling index: expected a list or map, found " + GoValues.text(v));
            }
        }
        return value;
    }

    private static int place(Object key, int last, String name, int line) {
        if (!(key instanceof Long n) || n < 0 || n > last) {
            throw new GoTemplateException(
                    line, "error calling " + name + ": index out of range: " + GoValues.text(key));
        }
        return n.intValue();
    }

    private static Object slice(List<Object> arguments, int line) {
        Object v = arguments.isEmpty() ? null : GoValues.plain(arguments.get(0));
        int size = length(v, line);
        int from = arguments.size() > 1 ? place(arguments.get(1), size, "slice", line) : 0;
        int to = arguments.size() > 2 ? place(arguments.get(2), size, "slice", line) : size;
        if (from > to) {
            throw new GoTemplateException(line, "error calling slice: invalid slice index: " + from + " > " + to);
        }
        if (v instanceof String s) {
            return new String(Arrays.copyOfRange(s.getBytes(StandardCharsets.UTF_8), from, to), StandardCharsets.UTF_8);
        }
        if (v instanceof List<?> list) {
            return List.copyOf(list.subList(from, to));
        }
        throw new GoTemplateException(line, "error calling slice: expected a text or list");
    }

    /** Whether the first is equal to any of the others. */
    private static Object equal(List<Object> arguments, int line) {
        if (arguments.size() < 2) {
            throw new GoTemplateException(line, "error calling eq: missing argument for comparison");
        }
        Object first = GoValues.plain(arguments.get(0));
        for (Object each : arguments.subList(1, arguments.size())) {
            Object other = GoValues.plain(each);
            if (first == null || other == null) {
                if (first == other) {
                    return true;
                }
                continue;
            }
            if (!first.getClass().equals(other.getClass())) {
                throw new GoTemplateException(line, "error calling eq: incompatible types for comparison");
            }
            if (first.equals(other)) {
                return true;
            }
        }
        return false;
    }

    private static int order(List<Object> two, int line) {
        Object a = two.get(0);
        Object b = two.get(1);
        if (a instanceof Long x && b instanceof Long y) {
            return Long.compare(x, y);
        }
        if (a instanceof Double x && b instanceof Double y) {
            return Double.compare(x, y);
        }
        if (a instanceof String x && b instanceof String y) {
            return Arrays.compareUnsigned(x.getBytes(StandardCharsets.UTF_8), y.getBytes(StandardCharsets.UTF_8));
        }
        throw new GoTemplateException(line, "error calling lt: incompatible types for comparison");
    }

    /** Spaces stand between two values that are both no texts. */
    private static String print(List<Object> arguments) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < arguments.size(); i++) {
            if (i > 0 && !(arguments.get(i) instanceof String) && !(arguments.get(i - 1) instanceof String)) {
                out.append(' ');
            }
            out.append(GoValues.text(arguments.get(i)));
        }
        return out.toString();
    }

    private static String printf(List<Object> arguments, int line) {
        if (arguments.isEmpty() || !(arguments.get(0) instanceof String format)) {
            throw new GoTemplateException(line, "printf: expected a text as its first argument");
        }
        StringBuilder out = new StringBuilder();
        int next = 1;
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            char verb = format.charAt(++i);
            if (verb == '%') {
                out.append('%');
            } else if ("vsdq".indexOf(verb) < 0 || next >= arguments.size()) {
                throw new GoTemplateException(line, "printf: %" + verb + " is not known here, or lacks its argument");
            } else {
                Object value = arguments.get(next++);
                out.append(verb == 'q' ? GoValues.json(GoValues.text(value)) : GoValues.text(value));
            }
        }
        return out.toString();
    }
}
