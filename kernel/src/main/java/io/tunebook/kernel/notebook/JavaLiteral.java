package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.notebook.ParameterCell.ParameterValues;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Values as Java source, in the type that a variable was declared with. */
final class JavaLiteral {
    private static final Pattern GENERIC = Pattern.compile("(?:[\\w.]*\\.)?(\\w+)\\s*(?:<(.*)>)?", Pattern.DOTALL);
    private static final Set<String> PRIMITIVES =
            Set.of("byte", "short", "int", "long", "float", "double", "boolean", "char");
    private static final Set<String> LISTS = Set.of("List", "Collection", "Iterable");

    private JavaLiteral() {}

    /**
     * Java source for a value.
     *
     * @param type as declared, such as {@code double}, {@code String}, {@code List<Integer>} or {@code int[]}
     * @param value a scalar, list or map; a text is read as the type wants it, for lists and maps as YAML
     * @throws IllegalArgumentException if the value does not fit; the message says what was expected
     */
    static String of(String type, JsonNode value) {
        String declared = type.strip();
        if (declared.endsWith("[]")) {
            String element = declared.substring(0, declared.length() - 2).strip();
            return isNull(declared, value)
                    ? "null"
                    : "new " + element.replaceAll("<.*>", "") + "[] "
                            + elements(element, container(declared, value), "{", "}");
        }
        Matcher m = GENERIC.matcher(declared);
        if (!m.matches()) {
            throw new IllegalArgumentException("expected a type of which values can be written, found " + declared);
        }
        String name = m.group(1);
        if (isNull(name, value)) {
            return "null";
        }
        List<String> arguments = arguments(m.group(2));
        if (LISTS.contains(name)) {
            return elements(arguments.get(0), container(declared, value), "java.util.List.of(", ")");
        } else if (name.equals("Set")) {
            return elements(arguments.get(0), container(declared, value), "java.util.Set.of(", ")");
        } else if (name.equals("Map")) {
            return entries(arguments, container(declared, value));
        } else if (value.isContainerNode()) {
            if (name.equals("Object")) {
                return of(value.isArray() ? "List<Object>" : "Map<String, Object>", value);
            }
            throw new IllegalArgumentException("expected " + a(declared) + ", found " + value);
        }
        return scalar(name, value);
    }

    private static String scalar(String type, JsonNode value) {
        String text = value.asText();
        return switch (type) {
            case "byte", "Byte" -> "(byte) " + read(type, text, Byte::parseByte);
            case "short", "Short" -> "(short) " + read(type, text, Short::parseShort);
            case "int", "Integer" -> read(type, text, Integer::parseInt).toString();
            case "long", "Long" -> read(type, text, Long::parseLong) + "L";
            case "float", "Float" -> real(read(type, text, s -> Float.parseFloat(number(s))), "Float", "f");
            case "double", "Double" -> real(read(type, text, s -> Double.parseDouble(number(s))), "Double", "");
            case "boolean", "Boolean" -> read(type, text, JavaLiteral::truth).toString();
            case "char", "Character" -> "'" + escape(read(type, text, JavaLiteral::character), '\'') + "'";
            case "String", "CharSequence" -> quote(text);
            case "Object", "Number", "Comparable" -> literal(value);
            case "Path" -> "java.nio.file.Path.of(" + quote(text) + ")";
            case "File" -> "new java.io.File(" + quote(text) + ")";
            case "URI" ->
                "java.net.URI.create(" + quote(read(type, text, URI::create).toString()) + ")";
            case "Duration" ->
                "java.time.Duration.parse("
                        + quote(read(type, text, Duration::parse).toString()) + ")";
            case "LocalDate" ->
                "java.time.LocalDate.parse("
                        + quote(read(type, text, LocalDate::parse).toString()) + ")";
            case "BigInteger" ->
                "new java.math.BigInteger("
                        + quote(read(type, text, BigInteger::new).toString()) + ")";
            case "BigDecimal" ->
                "new java.math.BigDecimal("
                        + quote(read(type, text, BigDecimal::new).toString()) + ")";
            default ->
                throw new IllegalArgumentException(
                        "its type, " + type
                                + ", is none that a value can be given for; primitives, String, Path, lists, maps and arrays are");
        };
    }

    private static <T> T read(String type, String text, Function<String, T> parse) {
        try {
            return parse.apply(text.strip());
        } catch (IllegalArgumentException | java.time.DateTimeException e) {
            throw new IllegalArgumentException("expected " + a(type) + ", found " + text, e);
        }
    }

    /** A value whose type says nothing: as YAML and JSON see it. */
    private static String literal(JsonNode value) {
        return value.isTextual() ? quote(value.asText()) : value.isLong() ? value.asText() + "L" : value.asText();
    }

    /** Infinity and NaN under the names that YAML and Python give them. */
    private static String number(String text) {
        return switch (text.toLowerCase(java.util.Locale.ROOT)) {
            case ".inf", "inf", "+inf", "infinity" -> "Infinity";
            case "-.inf", "-inf", "-infinity" -> "-Infinity";
            case ".nan", "nan" -> "NaN";
            default -> {
                if (!text.matches("[-+]?[\\d.]+([eE][-+]?\\d+)?")) {
                    throw new IllegalArgumentException(text); // Java itself takes 1d and 0x1p3 too
                }
                yield text;
            }
        };
    }

    private static String real(Number value, String type, String suffix) {
        double d = value.doubleValue();
        return Double.isNaN(d)
                ? type + ".NaN"
                : Double.isInfinite(d) ? type + (d > 0 ? ".POSITIVE_INFINITY" : ".NEGATIVE_INFINITY") : value + suffix;
    }

    private static Boolean truth(String text) {
        return switch (text) {
            case "true", "True" -> true;
            case "false", "False" -> false;
            default -> throw new IllegalArgumentException(text);
        };
    }

    private static String character(String text) {
        if (text.length() != 1) {
            throw new IllegalArgumentException(text);
        }
        return text;
    }

    private static boolean isNull(String type, JsonNode value) {
        boolean textual = type.equals("String") || type.equals("CharSequence");
        boolean nothing = value.isNull()
                || !textual && (value.asText().equals("None") || value.asText().equals("null"));
        if (nothing && PRIMITIVES.contains(type)) {
            throw new IllegalArgumentException("expected " + a(type) + ", found null");
        }
        return nothing;
    }

    private static JsonNode container(String type, JsonNode value) {
        JsonNode node = value.isTextual() ? ParameterValues.yaml(value.asText()) : value;
        boolean map = type.matches("(?:[\\w.]*\\.)?Map\\b.*");
        if (map ? !node.isObject() : !node.isArray()) {
            throw new IllegalArgumentException("expected " + (map ? "a map" : "a list") + ", found " + value);
        }
        return node;
    }

    private static String elements(String type, JsonNode list, String open, String close) {
        StringJoiner all = new StringJoiner(", ", open, close);
        list.forEach(element -> all.add(of(type, element)));
        return all.toString();
    }

    private static String entries(List<String> types, JsonNode map) {
        StringJoiner all = new StringJoiner(", ", "java.util.Map.ofEntries(", ")");
        map.fields()
                .forEachRemaining(e -> all.add("java.util.Map.entry("
                        + of(types.get(0), Notebook.JSON.getNodeFactory().textNode(e.getKey())) + ", "
                        + of(types.get(types.size() - 1), e.getValue()) + ")"));
        return all.toString();
    }

    /** The type arguments; Object for a raw type. */
    private static List<String> arguments(String text) {
        if (text == null) {
            return List.of("Object");
        }
        List<String> all = new ArrayList<>();
        int depth = 0;
        int from = 0;
        for (int i = 0; i <= text.length(); i++) {
            char c = i == text.length() ? ',' : text.charAt(i);
            depth += c == '<' ? 1 : c == '>' ? -1 : 0;
            if (c == ',' && depth == 0) {
                all.add(text.substring(from, i)
                        .replaceFirst("^\\s*\\?\\s*(extends\\s+)?", "")
                        .strip());
                from = i + 1;
            }
        }
        return all;
    }

    private static String a(String type) {
        return ("aeiouAEIO".indexOf(type.charAt(0)) >= 0 ? "an " : "a ") + type;
    }

    static String quote(String text) {
        return '"' + escape(text, '"') + '"';
    }

    private static String escape(String text, char quote) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> out.append(c == quote ? "\\" : "").append(c);
            }
        }
        return out.toString();
    }
}
