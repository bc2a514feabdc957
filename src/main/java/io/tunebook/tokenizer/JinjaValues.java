package io.tunebook.tokenizer;

import java.math.BigDecimal;
import java.math.MathContext;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Values as templates see them, which is as Python does: how they print, compare, slice and convert to JSON, their
 * methods, and Jinja's filters and tests. Values are {@link String}, {@link Long}, {@link Double}, {@link Boolean},
 * null, {@link List}, {@link Map}, {@link Callable}, {@link Namespace} and {@link Undefined}. Nothing here changes a
 * list or a map that a template was given, as in Transformers' sandbox.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters">Jinja: filters, tests</a>
 */
final class JinjaValues {
    /** The longest range a template may ask for, as in Jinja's sandbox. */
    private static final int LONGEST_RANGE = 100_000;

    /** What can be called: macros, functions and methods. */
    interface Callable {
        Object call(List<Object> arguments, Map<String, Object> named);
    }

    /** A list that prints as Python's tuples do. */
    static final class Tuple extends AbstractList<Object> {
        private final List<Object> items;

        Tuple(List<Object> items) {
            this.items = items;
        }

        @Override
        public Object get(int index) {
            return items.get(index);
        }

        @Override
        public int size() {
            return items.size();
        }
    }

    /** What {@code namespace(...)} makes: fields that inner scopes may set. */
    record Namespace(Map<String, Object> fields) {}

    /** A variable, field or element that is not there. */
    record Undefined(String name) {
        String complaint() {
            return "'" + name + "' is undefined";
        }
    }

    private interface Filter {
        Object apply(Object value, List<Object> arguments, Map<String, Object> named);
    }

    private interface Test {
        boolean apply(Object value, List<Object> arguments);
    }

    private static final Map<String, Filter> FILTERS = filters();
    private static final Map<String, Test> TESTS = tests();

    private JinjaValues() {}

    static Map<String, Object> globals() {
        Map<String, Object> globals = new LinkedHashMap<>();
        globals.put("namespace", (Callable) (arguments, named) -> new Namespace(new LinkedHashMap<>(named)));
        globals.put("dict", (Callable) (arguments, named) -> new LinkedHashMap<>(named));
        globals.put("range", (Callable) (arguments, named) -> range(arguments));
        globals.put("raise_exception", (Callable) (arguments, named) -> {
            throw new TemplateException(0, "the template refuses this conversation: " + text(arguments.get(0)));
        });
        globals.put("strftime_now", (Callable) (arguments, named) -> time(LocalDateTime.now(), text(arguments.get(0))));
        return globals;
    }

    // ---- what values are ----

    static boolean truth(Object value) {
        if (value == null || value instanceof Undefined) {
            return false;
        }
        if (value instanceof Boolean b) {
            return b;
        }
        if (value instanceof Number n) {
            return n.doubleValue() != 0;
        }
        if (value instanceof String s) {
            return !s.isEmpty();
        }
        if (value instanceof List<?> list) {
            return !list.isEmpty();
        }
        return !(value instanceof Map<?, ?> map) || !map.isEmpty();
    }

    static String typeName(Object value) {
        if (value instanceof Undefined undefined) {
            return "'" + undefined.name + "', which is undefined";
        }
        Map<Class<?>, String> names = Map.of(
                String.class,
                "a string",
                Boolean.class,
                "a boolean",
                Long.class,
                "an integer",
                Double.class,
                "a float");
        return value == null
                ? "None"
                : value instanceof List
                        ? "a list"
                        : value instanceof Map ? "a mapping" : names.getOrDefault(value.getClass(), "a function");
    }

    private static Object defined(Object value) {
        if (value instanceof Undefined undefined) {
            throw new TemplateException(0, undefined.complaint());
        }
        return value;
    }

    static List<Object> iterate(Object value) {
        if (value instanceof Undefined) {
            return List.of();
        }
        if (value instanceof List<?> list) {
            return Collections.unmodifiableList(list);
        }
        if (value instanceof Map<?, ?> map) {
            return new ArrayList<>(map.keySet());
        }
        if (value instanceof String s) {
            List<Object> characters = new ArrayList<>();
            s.codePoints().forEach(c -> characters.add(Character.toString(c)));
            return characters;
        }
        throw new TemplateException(0, "expected something to loop over, found " + typeName(value));
    }

    /** As {@code str()} prints. */
    static String text(Object value) {
        return value instanceof String s ? s : value instanceof Undefined ? "" : repr(value);
    }

    private static String repr(Object value) {
        if (value == null) {
            return "None";
        }
        if (value instanceof Boolean b) {
            return b ? "True" : "False";
        }
        if (value instanceof Double d) {
            return decimal(d);
        }
        if (value instanceof String s) {
            return quoted(s);
        }
        StringBuilder out = new StringBuilder();
        if (value instanceof List<?> list) {
            list.forEach(item -> out.append(out.isEmpty() ? "" : ", ").append(repr(item)));
            return value instanceof Tuple ? "(" + out + (list.size() == 1 ? ",)" : ")") : "[" + out + "]";
        }
        if (value instanceof Map<?, ?> map) {
            map.forEach((key, item) -> out.append(out.isEmpty() ? "" : ", ")
                    .append(repr(key))
                    .append(": ")
                    .append(repr(item)));
            return "{" + out + "}";
        }
        return value instanceof Undefined ? "Undefined" : value.toString();
    }

    private static String quoted(String s) {
        char quote = s.contains("'") && !s.contains("\"") ? '"' : '\'';
        StringBuilder out = new StringBuilder().append(quote);
        s.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (c == quote) {
                        out.append('\\').appendCodePoint(c);
                    } else if (c < 0x20 || c >= 0x7f && c < 0xa1 || c == 0xad) {
                        out.append(String.format("\\x%02x", c));
                    } else {
                        out.appendCodePoint(c);
                    }
                }
            }
        });
        return out.append(quote).toString();
    }

    /** The shortest digits that give the same double, as Python prints them. */
    private static String decimal(double d) {
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
        }
        if (d == 0) {
            return 1 / d < 0 ? "-0.0" : "0.0";
        }
        BigDecimal shortest = new BigDecimal(d);
        for (int digits = 1; digits <= 17; digits++) {
            BigDecimal rounded = new BigDecimal(d).round(new MathContext(digits));
            if (rounded.doubleValue() == d) {
                shortest = rounded.stripTrailingZeros();
                break;
            }
        }
        int exponent = shortest.precision() - shortest.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = shortest.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = shortest.unscaledValue().abs().toString();
        return (d < 0 ? "-" : "")
                + digits.charAt(0)
                + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + String.format("e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    /** As {@code json.dumps(value, ensure_ascii=False)} writes, which is what Transformers' {@code tojson} is. */
    private static void json(
            Object value, StringBuilder out, String indent, String[] separators, boolean sort, int depth) {
        String newline = indent == null ? "" : "\n" + indent.repeat(depth + 1);
        String end = indent == null ? "" : "\n" + indent.repeat(depth);
        String comma = "";
        if (value instanceof String s) {
            jsonString(s, out);
        } else if (value instanceof Map<?, ?> map) {
            Map<Object, Object> entries = new LinkedHashMap<>();
            map.forEach((key, item) -> entries.put(key instanceof String ? key : jsonKey(key), item));
            out.append('{');
            for (var entry : (sort ? new TreeMap<>(entries) : entries).entrySet()) {
                out.append(comma).append(newline);
                jsonString((String) entry.getKey(), out);
                json(entry.getValue(), out.append(separators[1]), indent, separators, sort, depth + 1);
                comma = separators[0];
            }
            out.append(map.isEmpty() ? "" : end).append('}');
        } else if (value instanceof List<?> list) {
            out.append('[');
            for (Object item : list) {
                json(item, out.append(comma).append(newline), indent, separators, sort, depth + 1);
                comma = separators[0];
            }
            out.append(list.isEmpty() ? "" : end).append(']');
        } else if (value == null || value instanceof Boolean || value instanceof Number) {
            out.append(jsonKey(value));
        } else {
            throw new TemplateException(0, "tojson: expected a value of JSON, found " + typeName(value));
        }
    }

    private static String jsonKey(Object value) {
        if (value instanceof Double d && (d.isNaN() || d.isInfinite())) {
            return d.isNaN() ? "NaN" : d > 0 ? "Infinity" : "-Infinity";
        }
        return value == null ? "null" : value instanceof Boolean ? value.toString() : text(value);
    }

    private static void jsonString(String s, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                default -> {
                    if (c < 0x20) {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    // ---- operators ----

    private static Object number(Object value) {
        return value instanceof Boolean b ? (Object) (b ? 1L : 0L) : value;
    }

    static boolean equal(Object left, Object right) {
        Object a = number(left);
        Object b = number(right);
        if (a instanceof Number x && b instanceof Number y) {
            return x instanceof Long && y instanceof Long
                    ? x.longValue() == y.longValue()
                    : x.doubleValue() == y.doubleValue();
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            if (x.size() != y.size()) {
                return false;
            }
            for (int i = 0; i < x.size(); i++) {
                if (!equal(x.get(i), y.get(i))) {
                    return false;
                }
            }
            return true;
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return x.keySet().equals(y.keySet()) && x.keySet().stream().allMatch(k -> equal(x.get(k), y.get(k)));
        }
        return a instanceof Undefined ? b instanceof Undefined : Objects.equals(a, b);
    }

    private static int order(Object left, Object right) {
        Object a = number(defined(left));
        Object b = number(defined(right));
        if (a instanceof Number x && b instanceof Number y) {
            return Double.compare(x.doubleValue(), y.doubleValue());
        }
        if (a instanceof String x && b instanceof String y) {
            return x.compareTo(y);
        }
        throw new TemplateException(0, "cannot order " + typeName(left) + " and " + typeName(right));
    }

    static boolean compare(String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(left, right);
            case "!=" -> !equal(left, right);
            case "<" -> order(left, right) < 0;
            case "<=" -> order(left, right) <= 0;
            case ">" -> order(left, right) > 0;
            case ">=" -> order(left, right) >= 0;
            case "in" -> contains(right, left);
            default -> !contains(right, left);
        };
    }

    private static boolean contains(Object container, Object item) {
        if (container instanceof String s) {
            if (defined(item) instanceof String part) {
                return s.contains(part);
            }
            throw new TemplateException(0, "'in' a string: expected a string, found " + typeName(item));
        }
        return iterate(container).stream().anyMatch(other -> equal(other, item));
    }

    static Object arithmetic(String operator, Object left, Object right) {
        if (operator.equals("~")) {
            return text(left) + text(right);
        }
        Object a = number(defined(left));
        Object b = number(defined(right));
        if (operator.equals("+") && a instanceof String x && b instanceof String y) {
            return x + y;
        }
        if (operator.equals("+") && a instanceof List<?> x && b instanceof List<?> y) {
            List<Object> joined = new ArrayList<>(x);
            joined.addAll(y);
            return joined;
        }
        if (operator.equals("*") && a instanceof String x && b instanceof Long n) {
            return x.repeat((int) Math.max(0, n));
        }
        if (a instanceof Long x && b instanceof Long y && !operator.equals("/") && (!operator.equals("**") || y >= 0)) {
            if ((operator.equals("//") || operator.equals("%")) && y == 0) {
                throw new TemplateException(0, "division by zero");
            }
            return switch (operator) {
                case "+" -> x + y;
                case "-" -> x - y;
                case "*" -> x * y;
                case "//" -> Math.floorDiv(x, y);
                case "%" -> Math.floorMod(x, y);
                default -> (long) Math.pow(x, y);
            };
        }
        if (a instanceof Number n && b instanceof Number m) {
            double x = n.doubleValue();
            double y = m.doubleValue();
            return switch (operator) {
                case "+" -> x + y;
                case "-" -> x - y;
                case "*" -> x * y;
                case "/" -> x / y;
                case "//" -> Math.floor(x / y);
                case "%" -> x - y * Math.floor(x / y);
                default -> Math.pow(x, y);
            };
        }
        throw new TemplateException(0, "cannot compute " + typeName(left) + " " + operator + " " + typeName(right));
    }

    // ---- parts of values ----

    /** {@code value.name}: a method first, then an element, as Python objects have them. */
    static Object attribute(Object value, Object key) {
        if (key instanceof String name) {
            if (value instanceof Namespace namespace) {
                return namespace.fields.getOrDefault(name, new Undefined(name));
            }
            Callable method = value instanceof String s
                    ? stringMethod(s, name)
                    : value instanceof Map<?, ?> map
                            ? mapMethod(map, name)
                            : value instanceof List<?> list ? listMethod(list, name) : null;
            if (method != null) {
                return method;
            }
        }
        return item(value, key);
    }

    /** {@code value[key]}. */
    static Object item(Object value, Object key) {
        defined(value);
        if (value instanceof Map<?, ?> map) {
            return map.containsKey(key) ? map.get(key) : new Undefined(text(key));
        }
        if (value instanceof Namespace namespace) {
            return namespace.fields.getOrDefault(text(key), new Undefined(text(key)));
        }
        if (key instanceof Long index && (value instanceof List || value instanceof String)) {
            List<Object> items = iterate(value);
            long at = index < 0 ? index + items.size() : index;
            return at >= 0 && at < items.size() ? items.get((int) at) : new Undefined("element " + index);
        }
        return new Undefined(text(key));
    }

    /** {@code value[from:to:step]}, any of them absent. */
    static Object slice(Object value, Object from, Object to, Object step) {
        List<Object> items = iterate(defined(value));
        int n = items.size();
        int by = step == null ? 1 : integer(step);
        if (by == 0) {
            throw new TemplateException(0, "a slice's step cannot be 0");
        }
        int low = by > 0 ? 0 : -1;
        int high = by > 0 ? n : n - 1;
        int begin = from == null ? (by > 0 ? low : high) : clamp(integer(from), n, low, high);
        int end = to == null ? (by > 0 ? high : low) : clamp(integer(to), n, low, high);
        List<Object> taken = new ArrayList<>();
        for (int i = begin; by > 0 ? i < end : i > end; i += by) {
            taken.add(items.get(i));
        }
        return value instanceof String ? join(taken, "") : taken;
    }

    private static int clamp(int index, int n, int low, int high) {
        return Math.max(low, Math.min(high, index < 0 ? index + n : index));
    }

    private static int integer(Object value) {
        if (number(value) instanceof Long n) {
            return Math.toIntExact(n);
        }
        throw new TemplateException(0, "expected an integer, found " + typeName(value));
    }

    private static String join(List<?> items, String separator) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            out.append(i == 0 ? "" : separator).append(text(items.get(i)));
        }
        return out.toString();
    }

    private static List<Object> range(List<Object> arguments) {
        int from = arguments.size() > 1 ? integer(arguments.get(0)) : 0;
        int to = integer(arguments.get(arguments.size() > 1 ? 1 : 0));
        int step = arguments.size() > 2 ? integer(arguments.get(2)) : 1;
        if (step == 0 || Math.abs((long) to - from) / Math.abs(step) > LONGEST_RANGE) {
            throw new TemplateException(0, "range: expected at most " + LONGEST_RANGE + " elements");
        }
        List<Object> numbers = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i += step) {
            numbers.add(i);
        }
        return numbers;
    }

    /** The directives of {@code strftime} that templates use. */
    static String time(LocalDateTime now, String format) {
        Map<Character, String> patterns = Map.ofEntries(
                Map.entry('d', "dd"),
                Map.entry('m', "MM"),
                Map.entry('Y', "uuuu"),
                Map.entry('y', "uu"),
                Map.entry('b', "MMM"),
                Map.entry('B', "MMMM"),
                Map.entry('a', "EEE"),
                Map.entry('A', "EEEE"),
                Map.entry('H', "HH"),
                Map.entry('I', "hh"),
                Map.entry('M', "mm"),
                Map.entry('S', "ss"),
                Map.entry('p', "a"),
                Map.entry('j', "DDD"));
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            char directive = format.charAt(++i);
            String pattern = patterns.get(directive);
            if (pattern == null && directive != '%') {
                throw new TemplateException(0, "strftime_now: expected a directive that is known, found %" + directive);
            }
            out.append(
                    pattern == null
                            ? "%"
                            : DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH)
                                    .format(now));
        }
        return out.toString();
    }

    // ---- methods ----

    private static Callable stringMethod(String s, String name) {
        return switch (name) {
            case "strip" -> (a, n) -> strip(s, a, true, true);
            case "lstrip" -> (a, n) -> strip(s, a, true, false);
            case "rstrip" -> (a, n) -> strip(s, a, false, true);
            case "split" -> (a, n) -> split(s, a, n);
            case "rsplit" -> (a, n) -> rsplit(s, text(a.get(0)), a.size() > 1 ? integer(a.get(1)) : -1);
            case "splitlines" -> (a, n) -> new ArrayList<Object>(s.lines().toList());
            case "startswith" -> (a, n) -> any(a.get(0), s::startsWith);
            case "endswith" -> (a, n) -> any(a.get(0), s::endsWith);
            case "removeprefix" ->
                (a, n) -> s.startsWith(text(a.get(0)))
                        ? s.substring(text(a.get(0)).length())
                        : s;
            case "removesuffix" ->
                (a, n) -> s.endsWith(text(a.get(0)))
                        ? s.substring(0, s.length() - text(a.get(0)).length())
                        : s;
            case "replace" -> (a, n) -> replace(s, a);
            case "upper" -> (a, n) -> s.toUpperCase(Locale.ROOT);
            case "lower" -> (a, n) -> s.toLowerCase(Locale.ROOT);
            case "title" -> (a, n) -> title(s);
            case "capitalize" -> (a, n) -> capitalize(s);
            case "join" -> (a, n) -> join(iterate(a.get(0)), s);
            case "count" -> (a, n) -> (long) rsplit(s, text(a.get(0)), -1).size() - 1;
            case "find" -> (a, n) -> (long) s.indexOf(text(a.get(0)));
            case "rfind" -> (a, n) -> (long) s.lastIndexOf(text(a.get(0)));
            case "isdigit" -> (a, n) -> !s.isEmpty() && s.codePoints().allMatch(Character::isDigit);
            case "isalpha" -> (a, n) -> !s.isEmpty() && s.codePoints().allMatch(Character::isLetter);
            case "isspace" -> (a, n) -> !s.isEmpty() && s.codePoints().allMatch(JinjaValues::isSpace);
            case "format" -> (a, n) -> format(s, a, n);
            default -> null;
        };
    }

    private static Callable mapMethod(Map<?, ?> map, String name) {
        return switch (name) {
            case "items" -> (a, n) -> items(map);
            case "keys" -> (a, n) -> new ArrayList<Object>(map.keySet());
            case "values" -> (a, n) -> new ArrayList<Object>(map.values());
            case "get" ->
                (a, n) -> map.containsKey(a.get(0)) ? map.get(a.get(0)) : a.size() > 1 ? a.get(1) : n.get("default");
            case "copy" -> (a, n) -> new LinkedHashMap<Object, Object>(map);
            case "update", "pop", "clear", "setdefault" -> forbidden(name);
            default -> null;
        };
    }

    private static Callable listMethod(List<?> list, String name) {
        return switch (name) {
            case "index" ->
                (a, n) -> {
                    for (int i = 0; i < list.size(); i++) {
                        if (equal(list.get(i), a.get(0))) {
                            return (long) i;
                        }
                    }
                    throw new TemplateException(0, repr(a.get(0)) + " is not in the list");
                };
            case "count" ->
                (a, n) -> list.stream().filter(item -> equal(item, a.get(0))).count();
            case "copy" -> (a, n) -> new ArrayList<Object>(list);
            case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse" -> forbidden(name);
            default -> null;
        };
    }

    private static Callable forbidden(String name) {
        return (a, n) -> {
            throw new TemplateException(0, "." + name + "() changes a value, which chat templates may not");
        };
    }

    private static List<Object> items(Map<?, ?> map) {
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> {
            List<Object> pair = new ArrayList<>();
            pair.add(key);
            pair.add(value);
            items.add(new Tuple(pair));
        });
        return items;
    }

    private static boolean any(Object affixes, Predicate<String> test) {
        return affixes instanceof List<?> list
                ? list.stream().anyMatch(affix -> test.test(text(affix)))
                : test.test(text(defined(affixes)));
    }

    /** White space as Python's {@code str.isspace} has it. */
    private static boolean isSpace(int c) {
        return Character.isWhitespace(c) || c == 0x85 || Character.isSpaceChar(c);
    }

    static String strip(String s, List<Object> arguments, boolean left, boolean right) {
        String characters = arguments.isEmpty() || arguments.get(0) == null ? null : text(arguments.get(0));
        Predicate<Integer> goes = c -> characters == null ? isSpace(c) : characters.indexOf(c) >= 0;
        int from = 0;
        int to = s.length();
        while (left && from < to && goes.test(s.codePointAt(from))) {
            from += Character.charCount(s.codePointAt(from));
        }
        while (right && from < to && goes.test(s.codePointBefore(to))) {
            to -= Character.charCount(s.codePointBefore(to));
        }
        return s.substring(from, to);
    }

    private static List<Object> split(String s, List<Object> arguments, Map<String, Object> named) {
        Object separator = arguments.isEmpty() ? named.get("sep") : arguments.get(0);
        Object most = arguments.size() > 1 ? arguments.get(1) : named.get("maxsplit");
        long limit = most == null ? -1 : integer(most);
        List<Object> parts = new ArrayList<>();
        String rest = separator == null ? strip(s, List.of(), true, false) : s;
        while (limit < 0 || parts.size() < limit) {
            int at = separator == null ? space(rest) : rest.indexOf(text(separator));
            if (at < 0) {
                break;
            }
            parts.add(rest.substring(0, at));
            rest = separator == null
                    ? strip(rest.substring(at), List.of(), true, false)
                    : rest.substring(at + text(separator).length());
        }
        if (separator != null || !rest.isEmpty()) {
            parts.add(rest);
        }
        return parts;
    }

    private static int space(String s) {
        for (int i = 0; i < s.length(); i++) {
            if (isSpace(s.charAt(i))) {
                return i;
            }
        }
        return -1;
    }

    private static List<Object> rsplit(String s, String separator, int limit) {
        List<Object> parts = new ArrayList<>();
        String rest = s;
        for (int at; (limit < 0 || parts.size() < limit) && (at = rest.lastIndexOf(separator)) >= 0; ) {
            parts.add(0, rest.substring(at + separator.length()));
            rest = rest.substring(0, at);
        }
        parts.add(0, rest);
        return parts;
    }

    private static String replace(String s, List<Object> arguments) {
        String from = text(defined(arguments.get(0)));
        String to = text(defined(arguments.get(1)));
        int limit = arguments.size() > 2 && arguments.get(2) != null ? integer(arguments.get(2)) : -1;
        if (limit < 0) {
            return s.replace(from, to);
        }
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (int i = 0, found; i < limit && (found = s.indexOf(from, at)) >= 0; i++, at = found + from.length()) {
            out.append(s, at, found).append(to);
        }
        return out.append(s.substring(at)).toString();
    }

    private static String capitalize(String s) {
        int first = s.isEmpty() ? 0 : s.offsetByCodePoints(0, 1);
        return s.substring(0, first).toUpperCase(Locale.ROOT)
                + s.substring(first).toLowerCase(Locale.ROOT);
    }

    private static String title(String s) {
        StringBuilder out = new StringBuilder();
        boolean start = true;
        for (int c : s.codePoints().toArray()) {
            out.appendCodePoint(start ? Character.toTitleCase(c) : Character.toLowerCase(c));
            start = !Character.isLetter(c);
        }
        return out.toString();
    }

    /** {@code str.format} with plain, numbered and named fields. */
    private static String format(String s, List<Object> arguments, Map<String, Object> named) {
        StringBuilder out = new StringBuilder();
        int nextField = 0;
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if ((c == '{' || c == '}') && i + 1 < s.length() && s.charAt(i + 1) == c) {
                out.append(c);
                i++;
            } else if (c == '{') {
                int end = s.indexOf('}', i);
                String field = end < 0 ? "" : s.substring(i + 1, end);
                if (end < 0 || !field.matches("\\w*")) {
                    throw new TemplateException(0, "format: expected a field {name}, found " + s.substring(i));
                }
                int index = field.isEmpty() ? nextField++ : field.matches("\\d+") ? Integer.parseInt(field) : -1;
                out.append(text(index >= 0 ? arguments.get(index) : named.get(field)));
                i = end;
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    // ---- filters and tests ----

    static boolean hasFilter(String name) {
        return FILTERS.containsKey(name);
    }

    static Object filter(String name, Object value, List<Object> arguments, Map<String, Object> named) {
        Filter filter = FILTERS.get(name);
        if (filter == null) {
            throw new TemplateException(0, "expected a filter that is known, found " + name);
        }
        try {
            return filter.apply(value, arguments, named);
        } catch (IndexOutOfBoundsException e) {
            throw new TemplateException(0, "filter " + name + ": an argument is missing");
        }
    }

    static boolean hasTest(String name) {
        return TESTS.containsKey(name);
    }

    static boolean test(String name, Object value, List<Object> arguments) {
        Test test = TESTS.get(name);
        if (test == null) {
            throw new TemplateException(0, "expected a test that is known, found " + name);
        }
        try {
            return test.apply(value, arguments);
        } catch (IndexOutOfBoundsException e) {
            throw new TemplateException(0, "test " + name + ": an argument is missing");
        }
    }

    private static Object argument(
            List<Object> arguments, int i, Map<String, Object> named, String name, Object absent) {
        return i < arguments.size() ? arguments.get(i) : named.getOrDefault(name, absent);
    }

    private static Map<String, Filter> filters() {
        Map<String, Filter> filters = new LinkedHashMap<>();
        filters.put("tojson", (v, a, n) -> tojson(v, a, n));
        Filter defaults = (v, a, n) -> v instanceof Undefined || truth(argument(a, 1, n, "boolean", false)) && !truth(v)
                ? argument(a, 0, n, "default_value", "")
                : v;
        filters.put("default", defaults);
        filters.put("d", defaults);
        Filter length = (v, a, n) -> (long) iterate(v).size();
        filters.put("length", length);
        filters.put("count", length);
        filters.put("trim", (v, a, n) -> strip(text(v), a, true, true));
        filters.put("string", (v, a, n) -> text(v));
        filters.put("safe", (v, a, n) -> text(v));
        filters.put("upper", (v, a, n) -> text(v).toUpperCase(Locale.ROOT));
        filters.put("lower", (v, a, n) -> text(v).toLowerCase(Locale.ROOT));
        filters.put("title", (v, a, n) -> {
            // Words begin after white space and brackets here, not after any non-letter as in str.title.
            StringBuilder out = new StringBuilder();
            boolean start = true;
            for (int c : text(v).codePoints().toArray()) {
                out.appendCodePoint(start ? Character.toUpperCase(c) : Character.toLowerCase(c));
                start = isSpace(c) || "-({[<".indexOf(c) >= 0;
            }
            return out.toString();
        });
        filters.put("capitalize", (v, a, n) -> capitalize(text(v)));
        filters.put("replace", (v, a, n) -> replace(text(v), a));
        filters.put("join", (v, a, n) -> {
            Object attribute = argument(a, 1, n, "attribute", null);
            return join(attribute == null ? iterate(v) : map(v, attribute), text(argument(a, 0, n, "d", "")));
        });
        filters.put("list", (v, a, n) -> new ArrayList<>(iterate(v)));
        filters.put("items", (v, a, n) -> v instanceof Map<?, ?> map ? items(map) : List.of());
        filters.put(
                "first",
                (v, a, n) -> iterate(v).isEmpty()
                        ? new Undefined("first")
                        : iterate(v).get(0));
        filters.put("last", (v, a, n) -> {
            List<Object> items = iterate(v);
            return items.isEmpty() ? new Undefined("last") : items.get(items.size() - 1);
        });
        filters.put("reverse", (v, a, n) -> slice(v, null, null, -1L));
        filters.put("int", (v, a, n) -> toInteger(v, argument(a, 0, n, "default", 0L)));
        filters.put("float", (v, a, n) -> toFloat(v, argument(a, 0, n, "default", 0.0)));
        filters.put("abs", (v, a, n) -> number(v) instanceof Long x ? (Object) Math.abs(x) : Math.abs((Double) v));
        filters.put("round", (v, a, n) -> {
            double scale = Math.pow(10, integer(argument(a, 0, n, "precision", 0L)));
            return Math.rint(((Number) number(v)).doubleValue() * scale) / scale;
        });
        filters.put("sum", (v, a, n) -> {
            Object sum = 0L;
            for (Object item : iterate(v)) {
                sum = arithmetic("+", sum, item);
            }
            return sum;
        });
        filters.put(
                "min", (v, a, n) -> iterate(v).stream().min(JinjaValues::order).orElse(new Undefined("min")));
        filters.put(
                "max", (v, a, n) -> iterate(v).stream().max(JinjaValues::order).orElse(new Undefined("max")));
        filters.put("unique", (v, a, n) -> new ArrayList<>(new LinkedHashSet<>(iterate(v))));
        filters.put("sort", (v, a, n) -> {
            Object attribute = argument(a, 2, n, "attribute", null);
            return sorted(
                    iterate(v),
                    item -> attribute == null ? item : attribute(item, attribute),
                    truth(argument(a, 0, n, "reverse", false)));
        });
        filters.put("dictsort", (v, a, n) -> sorted(items((Map<?, ?>) v), pair -> ((List<?>) pair).get(0), false));
        filters.put("map", (v, a, n) -> {
            if (n.containsKey("attribute")) {
                return map(v, n.get("attribute"));
            }
            List<Object> rest = a.subList(1, a.size());
            return new ArrayList<>(iterate(v).stream()
                    .map(item -> filter(text(a.get(0)), item, rest, n))
                    .toList());
        });
        filters.put("select", (v, a, n) -> select(v, null, a, true));
        filters.put("reject", (v, a, n) -> select(v, null, a, false));
        filters.put("selectattr", (v, a, n) -> select(v, a.get(0), a.subList(1, a.size()), true));
        filters.put("rejectattr", (v, a, n) -> select(v, a.get(0), a.subList(1, a.size()), false));
        filters.put("attr", (v, a, n) -> attribute(v, a.get(0)));
        filters.put("indent", (v, a, n) -> indent(text(v), a, n));
        Filter escape = (v, a, n) -> text(v).replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
        filters.put("escape", escape);
        filters.put("e", escape);
        return filters;
    }

    private static Map<String, Test> tests() {
        Map<String, Test> tests = new LinkedHashMap<>();
        tests.put("defined", (v, a) -> !(v instanceof Undefined));
        tests.put("undefined", (v, a) -> v instanceof Undefined);
        tests.put("none", (v, a) -> v == null);
        tests.put("string", (v, a) -> v instanceof String);
        tests.put("mapping", (v, a) -> v instanceof Map);
        tests.put("sequence", (v, a) -> v instanceof List || v instanceof String || v instanceof Map);
        tests.put("iterable", (v, a) -> v instanceof List || v instanceof String || v instanceof Map);
        tests.put("number", (v, a) -> v instanceof Number || v instanceof Boolean);
        tests.put("integer", (v, a) -> v instanceof Long);
        tests.put("float", (v, a) -> v instanceof Double);
        tests.put("boolean", (v, a) -> v instanceof Boolean);
        tests.put("true", (v, a) -> Boolean.TRUE.equals(v));
        tests.put("false", (v, a) -> Boolean.FALSE.equals(v));
        tests.put("callable", (v, a) -> v instanceof Callable);
        tests.put("odd", (v, a) -> integer(v) % 2 != 0);
        tests.put("even", (v, a) -> integer(v) % 2 == 0);
        tests.put("divisibleby", (v, a) -> integer(v) % integer(a.get(0)) == 0);
        tests.put("lower", (v, a) -> text(v).equals(text(v).toLowerCase(Locale.ROOT)));
        tests.put("upper", (v, a) -> text(v).equals(text(v).toUpperCase(Locale.ROOT)));
        tests.put("in", (v, a) -> contains(a.get(0), v));
        Map<String, List<String>> comparisons = Map.of(
                "==", List.of("equalto", "eq", "sameas"),
                "!=", List.of("ne"),
                "<", List.of("lt", "lessthan"),
                "<=", List.of("le"),
                ">", List.of("gt", "greaterthan"),
                ">=", List.of("ge"));
        comparisons.forEach(
                (operator, names) -> names.forEach(name -> tests.put(name, (v, a) -> compare(operator, v, a.get(0)))));
        return tests;
    }

    private static String tojson(Object value, List<Object> arguments, Map<String, Object> named) {
        Object indent = argument(arguments, 1, named, "indent", null);
        boolean sort = truth(argument(arguments, 3, named, "sort_keys", false));
        String[] separators = {indent == null ? ", " : ",", ": "};
        if (argument(arguments, 2, named, "separators", null) instanceof List<?> given) {
            separators = new String[] {text(given.get(0)), text(given.get(1))};
        }
        StringBuilder out = new StringBuilder();
        String step = indent == null ? null : indent instanceof String s ? s : " ".repeat(integer(indent));
        json(value, out, step, separators, sort, 0);
        if (!truth(argument(arguments, 0, named, "ensure_ascii", false))) {
            return out.toString();
        }
        StringBuilder ascii = new StringBuilder();
        out.chars().forEach(c -> ascii.append(c < 0x80 ? Character.toString(c) : String.format("\\u%04x", c)));
        return ascii.toString();
    }

    private static List<Object> map(Object value, Object attribute) {
        List<Object> mapped = new ArrayList<>();
        iterate(value).forEach(item -> mapped.add(path(item, attribute)));
        return mapped;
    }

    /** An attribute such as {@code function.name}. */
    private static Object path(Object item, Object attribute) {
        Object found = item;
        if (!(attribute instanceof String dotted)) {
            return item(found, attribute);
        }
        for (String part : dotted.split("\\.")) {
            found = item(found, part.matches("\\d+") ? (Object) Long.valueOf(part) : part);
        }
        return found;
    }

    private static List<Object> select(Object value, Object attribute, List<Object> test, boolean keep) {
        List<Object> rest = test.isEmpty() ? List.of() : test.subList(1, test.size());
        List<Object> chosen = new ArrayList<>();
        for (Object item : iterate(value)) {
            Object tested = attribute == null ? item : path(item, attribute);
            if (keep == (test.isEmpty() ? truth(tested) : test(text(test.get(0)), tested, rest))) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private static List<Object> sorted(List<Object> items, Function<Object, Object> key, boolean reverse) {
        Comparator<Object> order = Comparator.comparing(
                item -> key.apply(item) instanceof String s ? s.toLowerCase(Locale.ROOT) : key.apply(item),
                JinjaValues::order);
        List<Object> sorted = new ArrayList<>(items);
        sorted.sort(reverse ? order.reversed() : order);
        return sorted;
    }

    private static Object toInteger(Object value, Object otherwise) {
        Object number = toFloat(value, null);
        return number == null ? otherwise : (Object) ((Double) number).longValue();
    }

    private static Object toFloat(Object value, Object otherwise) {
        if (number(value) instanceof Number n) {
            return n.doubleValue();
        }
        try {
            return Double.valueOf(text(value).strip());
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }

    private static String indent(String s, List<Object> arguments, Map<String, Object> named) {
        Object width = argument(arguments, 0, named, "width", 4L);
        boolean first = truth(argument(arguments, 1, named, "first", false));
        boolean blank = truth(argument(arguments, 2, named, "blank", false));
        String by = width instanceof String w ? w : " ".repeat(integer(width));
        String[] lines = s.split("\n", -1);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < lines.length; i++) {
            out.append(i == 0 ? "" : "\n");
            out.append(i == 0 ? (first ? by : "") : blank || !lines[i].isEmpty() ? by : "");
            out.append(lines[i]);
        }
        return out.toString();
    }

    /** Values of any Java types as templates know them: integers as {@link Long}, other decimals as {@link Double}. */
    static Object normal(Object value) {
        if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return ((Number) value).longValue();
        }
        if (value instanceof Number n && !(value instanceof Long)) {
            return n.doubleValue();
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, item) -> copy.put(key, normal(item)));
            return copy;
        }
        if (value instanceof Iterable<?> items) {
            List<Object> copy = new ArrayList<>();
            items.forEach(item -> copy.add(normal(item)));
            return copy;
        }
        return value;
    }
}
