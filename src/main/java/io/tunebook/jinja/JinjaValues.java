package io.tunebook.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Values as templates see them, which is as Python does: how they print, compare, slice and convert to JSON. Values are {@link String}, {@link Long}, {@link Double}, {@link Boolean},
 * null, {@link List}, {@link Map}, {@link Callable}, {@link Namespace} and {@link Undefined}.
 */
public final class JinjaValues {
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

    private JinjaValues() {}

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

    static Object defined(Object value) {
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

    static String repr(Object value) {
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
                        out.append(String.format(Locale.ROOT, "\\x%02x", c));
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
                + String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    /** As {@code json.dumps(value, ensure_ascii=False)} writes, which is what Transformers' {@code tojson} is. */
    static void json(Object value, StringBuilder out, String indent, String[] separators, boolean sort, int depth) {
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
                        out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    /** White space as Python's {@code str.isspace} has it. */
    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || c == 0x85 || Character.isSpaceChar(c);
    }

    // ---- operators ----

    static Object number(Object value) {
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

    static int order(Object left, Object right) {
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

    static boolean contains(Object container, Object item) {
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

    static int integer(Object value) {
        if (number(value) instanceof Long n) {
            return Math.toIntExact(n);
        }
        throw new TemplateException(0, "expected an integer, found " + typeName(value));
    }

    static String join(List<?> items, String separator) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < items.size(); i++) {
            out.append(i == 0 ? "" : separator).append(text(items.get(i)));
        }
        return out.toString();
    }

    /** Values of any Java types as templates know them: integers as {@link Long}, other decimals as {@link Double}. */
    public static Object normal(Object value) {
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
