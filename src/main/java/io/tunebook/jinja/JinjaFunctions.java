package io.tunebook.jinja;

import static io.tunebook.jinja.JinjaValues.arithmetic;
import static io.tunebook.jinja.JinjaValues.compare;
import static io.tunebook.jinja.JinjaValues.contains;
import static io.tunebook.jinja.JinjaValues.defined;
import static io.tunebook.jinja.JinjaValues.equal;
import static io.tunebook.jinja.JinjaValues.integer;
import static io.tunebook.jinja.JinjaValues.isSpace;
import static io.tunebook.jinja.JinjaValues.item;
import static io.tunebook.jinja.JinjaValues.iterate;
import static io.tunebook.jinja.JinjaValues.join;
import static io.tunebook.jinja.JinjaValues.json;
import static io.tunebook.jinja.JinjaValues.number;
import static io.tunebook.jinja.JinjaValues.repr;
import static io.tunebook.jinja.JinjaValues.slice;
import static io.tunebook.jinja.JinjaValues.text;
import static io.tunebook.jinja.JinjaValues.truth;

import io.tunebook.jinja.JinjaValues.Callable;
import io.tunebook.jinja.JinjaValues.Namespace;
import io.tunebook.jinja.JinjaValues.Tuple;
import io.tunebook.jinja.JinjaValues.Undefined;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What templates can call, as Jinja and Python have it: functions, the methods of strings, maps and lists, filters and
 * tests. Nothing here changes a list or a map that a template was given, as in Transformers' sandbox.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters">Jinja: filters, tests</a>
 */
final class JinjaFunctions {
    /** The longest range a template may ask for, as in Jinja's sandbox. */
    private static final int LONGEST_RANGE = 100_000;

    interface Filter {
        Object apply(Object value, List<Object> arguments, Map<String, Object> named);
    }

    interface Test {
        boolean apply(Object value, List<Object> arguments);
    }

    private static final Map<String, Filter> FILTERS = filters();
    private static final Map<String, Test> TESTS = tests();

    private JinjaFunctions() {}

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

    /** {@code value.name}: a method first, then an element, as Python objects have them. */
    static Object attribute(Object value, Object key) {
        if (key instanceof String name) {
            if (value instanceof Namespace namespace) {
                return namespace.fields().getOrDefault(name, new Undefined(name));
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

    /** A filter by its name; null if there is none. */
    static Filter filter(String name) {
        return FILTERS.get(name);
    }

    /** A test by its name; null if there is none. */
    static Test test(String name) {
        return TESTS.get(name);
    }

    private static Object argument(
            List<Object> arguments, int i, Map<String, Object> named, String name, Object absent) {
        return i < arguments.size() ? arguments.get(i) : named.getOrDefault(name, absent);
    }

    private static Map<String, Filter> filters() {
        Map<String, Filter> filters = new LinkedHashMap<>();
        filters.put("tojson", JinjaFunctions::tojson);
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
            Object attribute = argument(a, 0, n, "attribute", null);
            Object sum = argument(a, 1, n, "start", 0L);
            for (Object item : iterate(v)) {
                sum = arithmetic("+", sum, attribute == null ? item : path(item, attribute));
            }
            return sum;
        });
        filters.put("min", (v, a, n) -> {
            List<Object> sorted = sorted(iterate(v), item -> item, false);
            return sorted.isEmpty() ? new Undefined("min") : sorted.get(0);
        });
        filters.put("max", (v, a, n) -> {
            List<Object> sorted = sorted(iterate(v), item -> item, true);
            return sorted.isEmpty() ? new Undefined("max") : sorted.get(0);
        });
        filters.put("unique", (v, a, n) -> {
            Object attribute = argument(a, 1, n, "attribute", null);
            Map<Object, Object> first = new LinkedHashMap<>();
            iterate(v)
                    .forEach(item -> first.putIfAbsent(folded(attribute == null ? item : path(item, attribute)), item));
            return new ArrayList<>(first.values());
        });
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
            Filter filter = known(FILTERS, a.get(0), "filter");
            List<Object> rest = a.subList(1, a.size());
            List<Object> mapped = new ArrayList<>();
            iterate(v).forEach(item -> mapped.add(filter.apply(item, rest, n)));
            return mapped;
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
        out.chars()
                .forEach(
                        c -> ascii.append(c < 0x80 ? Character.toString(c) : String.format(Locale.ROOT, "\\u%04x", c)));
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
        Test chosen = test.isEmpty() ? (v, a) -> truth(v) : known(TESTS, test.get(0), "test");
        List<Object> rest = test.isEmpty() ? List.of() : test.subList(1, test.size());
        List<Object> kept = new ArrayList<>();
        for (Object item : iterate(value)) {
            if (keep == chosen.apply(attribute == null ? item : path(item, attribute), rest)) {
                kept.add(item);
            }
        }
        return kept;
    }

    private static <T> T known(Map<String, T> all, Object name, String kind) {
        T found = all.get(text(name));
        if (found == null) {
            throw new TemplateException(0, "expected a " + kind + " that is known, found " + text(name));
        }
        return found;
    }

    /** Jinja's filters do not tell upper from lower case unless asked to. */
    private static Object folded(Object value) {
        return value instanceof String s ? s.toLowerCase(Locale.ROOT) : value;
    }

    private static List<Object> sorted(List<Object> items, Function<Object, Object> key, boolean reverse) {
        Comparator<Object> order = Comparator.comparing(item -> folded(key.apply(item)), JinjaValues::order);
        List<Object> sorted = new ArrayList<>(items);
        sorted.sort(reverse ? order.reversed() : order);
        return sorted;
    }

    private static Object toInteger(Object value, Object otherwise) {
        if (number(value) instanceof Long whole) {
            return whole;
        }
        if (value instanceof String s && s.strip().matches("[-+]?\\d{1,18}")) {
            return Long.valueOf(s.strip());
        }
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
}
