package io.tunebook.ollama.template;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.files.Json;
import java.math.BigDecimal;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Values as Go sees them: truth values, whole numbers ({@link Long}), numbers ({@link Double}), texts, lists, maps,
 * {@link Struct}s and null.
 */
final class GoValues {
    private static final ObjectMapper JSON = Json.wire();

    private GoValues() {}

    /**
     * A Go struct: it has its fields and no others.
     *
     * @param type its name, for errors
     * @param json whether it writes itself as JSON rather than as its fields' values in braces
     * @param jsonForm what stands in its JSON
     */
    record Struct(String type, Map<String, Object> fields, boolean json, Object jsonForm) {}

    /** A list or map that writes itself as JSON. */
    record AsJson(Object value, Object jsonForm) {}

    static Object plain(Object value) {
        return value instanceof AsJson json ? json.value() : value;
    }

    /** What {@code if} takes for true: what is not empty and not zero. */
    static boolean truth(Object value) {
        Object v = plain(value);
        if (v instanceof Boolean b) {
            return b;
        }
        if (v instanceof Number n) {
            return n.doubleValue() != 0;
        }
        if (v instanceof String s) {
            return !s.isEmpty();
        }
        if (v instanceof List<?> list) {
            return !list.isEmpty();
        }
        if (v instanceof Map<?, ?> map) {
            return !map.isEmpty();
        }
        return v != null;
    }

    /** As {@code fmt.Print} writes it. */
    static String text(Object value) {
        if (value == null) {
            return "<no value>";
        }
        if (value instanceof AsJson json) {
            return json(json.jsonForm());
        }
        if (value instanceof Struct s) {
            if (s.json()) {
                return json(s.jsonForm());
            }
            StringBuilder out = new StringBuilder("{");
            for (Iterator<Object> i = s.fields().values().iterator(); i.hasNext(); ) {
                out.append(inner(i.next())).append(i.hasNext() ? " " : "");
            }
            return out.append('}').toString();
        }
        if (value instanceof List<?> list) {
            StringBuilder out = new StringBuilder("[");
            for (Iterator<?> i = list.iterator(); i.hasNext(); ) {
                out.append(inner(i.next())).append(i.hasNext() ? " " : "");
            }
            return out.append(']').toString();
        }
        if (value instanceof Map<?, ?> map) {
            StringBuilder out = new StringBuilder("map[");
            String between = "";
            for (var entry : sorted(map).entrySet()) {
                out.append(between).append(entry.getKey()).append(':').append(inner(entry.getValue()));
                between = " ";
            }
            return out.append(']').toString();
        }
        return value instanceof Double d ? number(d, 21) : value.toString();
    }

    private static String inner(Object value) {
        return value == null ? "<nil>" : text(value);
    }

    /** A number as Go writes it: the shortest digits, with an exponent below 1e-4 and from 1e21 on. */
    static String number(double d, int largest) {
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return Double.isNaN(d) ? "NaN" : d > 0 ? "+Inf" : "-Inf";
        }
        if (d == 0) {
            return 1 / d < 0 ? "-0" : "0";
        }
        BigDecimal exact = new BigDecimal(Double.toString(d)).stripTrailingZeros();
        int exponent = exact.precision() - exact.scale() - 1;
        if (exponent < -4 || exponent >= largest) {
            String digits = exact.unscaledValue().abs().toString();
            return (d < 0 ? "-" : "") + digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "") + "e"
                    + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
        }
        return exact.toPlainString();
    }

    /**
     * As {@code encoding/json} writes it: without white space, maps by their keys, and &lt;, &gt; and &amp; escaped.
     */
    static String json(Object value) {
        StringBuilder out = new StringBuilder();
        json(value, out);
        return out.toString();
    }

    private static void json(Object value, StringBuilder out) {
        if (value instanceof AsJson wrapped) {
            json(wrapped.jsonForm(), out);
        } else if (value instanceof Struct s) {
            Object form = s.jsonForm();
            if (form instanceof Map<?, ?> fields) {
                object(fields, out); // a struct's fields stay in their order
            } else {
                json(form, out);
            }
        } else if (value instanceof Map<?, ?> map) {
            object(sorted(map), out);
        } else if (value instanceof List<?> list) {
            out.append('[');
            for (int i = 0; i < list.size(); i++) {
                out.append(i > 0 ? "," : "");
                json(list.get(i), out);
            }
            out.append(']');
        } else if (value instanceof String s) {
            out.append(quoted(s));
        } else if (value instanceof Double d) {
            out.append(
                    d != 0 && (Math.abs(d) < 1e-6 || Math.abs(d) >= 1e21)
                            ? number(d, 21).replaceFirst("e-0(\\d)$", "e-$1")
                            : new BigDecimal(Double.toString(d))
                                    .stripTrailingZeros()
                                    .toPlainString());
        } else {
            out.append(value);
        }
    }

    private static void object(Map<?, ?> map, StringBuilder out) {
        out.append('{');
        String between = "";
        for (var entry : map.entrySet()) {
            out.append(between).append(quoted(String.valueOf(entry.getKey()))).append(':');
            json(entry.getValue(), out);
            between = ",";
        }
        out.append('}');
    }

    private static String quoted(String text) {
        try {
            return JSON.writeValueAsString(text)
                    .replace("<", "\\u003c")
                    .replace(">", "\\u003e")
                    .replace("&", "\\u0026")
                    .replace("\u2028", "\\u2028")
                    .replace("\u2029", "\\u2029");
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static Map<String, Object> sorted(Map<?, ?> map) {
        Map<String, Object> out = new TreeMap<>();
        map.forEach((k, v) -> out.put(String.valueOf(k), v));
        return out;
    }
}
