package io.tunebook.kernel.display;

import java.lang.reflect.Array;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;

/** The text of collections, maps and arrays, nested ones too, without their end where they are large. */
final class Shortened {
    private static final int ARRAY = 50;
    private static final int ELEMENTS = 1_000;
    private static final int CHARACTERS = 100_000;
    private static final int DEPTH = 20;

    private Shortened() {}

    static String text(Object value) {
        StringBuilder out = new StringBuilder();
        append(out, value, 0);
        return out.toString();
    }

    private static void append(StringBuilder out, Object value, int depth) {
        if (value != null && value.getClass().isArray()) {
            int length = Array.getLength(value);
            out.append('[');
            for (int i = 0; i < length; i++) {
                if (i == ARRAY || out.length() > CHARACTERS) {
                    out.append(", … ").append(length).append(" in all");
                    break;
                }
                out.append(i == 0 ? "" : ", ");
                append(out, Array.get(value, i), depth + 1);
            }
            out.append(']');
        } else if (value instanceof Collection<?> c && isPlain(c) && depth < DEPTH) {
            elements(out, c.iterator(), c.size(), '[', ']', depth);
        } else if (value instanceof Map<?, ?> m && isPlain(m) && depth < DEPTH) {
            elements(out, m.entrySet().iterator(), m.size(), '{', '}', depth);
        } else if (value instanceof Map.Entry<?, ?> e && isPlain(e) && depth < DEPTH) {
            append(out, e.getKey(), depth + 1);
            out.append('=');
            append(out, e.getValue(), depth + 1);
        } else {
            String text = RendererRegistry.text(value);
            boolean whole = depth == 0 || text.length() <= CHARACTERS;
            out.append(whole ? text : text.substring(0, CHARACTERS) + "…");
        }
    }

    private static void elements(StringBuilder out, Iterator<?> all, int size, char open, char close, int depth) {
        out.append(open);
        for (int i = 0; all.hasNext(); i++) {
            if (i == ELEMENTS || out.length() > CHARACTERS) {
                out.append(", … ").append(size).append(" in all");
                break;
            }
            out.append(i == 0 ? "" : ", ");
            append(out, all.next(), depth + 1);
        }
        out.append(close);
    }

    /** The JDK's own say what they hold in this form; others may say something else. */
    private static boolean isPlain(Object value) {
        return value.getClass().getName().startsWith("java.util.");
    }
}
