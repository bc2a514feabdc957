package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The filter {@code tojson}, which Transformers makes Python's {@code json.dumps}. */
final class JsonText {
    static final Builtin TOJSON =
            Builtin.of("tojson", "x, ensure_ascii?, indent?, separators?, sort_keys?", JsonText::dumps);

    private final Run run;
    private final StringBuilder out = new StringBuilder();
    private final String indent;
    private final String comma;
    private final String colon;
    private final boolean sort;
    private final boolean ascii;
    private int counted;

    private JsonText(Run run, String indent, String comma, String colon, boolean sort, boolean ascii) {
        this.run = run;
        this.indent = indent;
        this.comma = comma;
        this.colon = colon;
        this.sort = sort;
        this.ascii = ascii;
    }

    private static Value dumps(Run run, Arguments a) {
        String indent = null;
        if (a.given(2)) {
            indent =
                    a.get(2) instanceof Text text ? text.value() : Texts.repeat(run, " ", Math.max(0, a.integer(2, 0)));
        }
        String comma = indent == null ? ", " : ",";
        String colon = ": ";
        if (a.given(3)) {
            List<Value> separators = Operators.list(run, a.get(3));
            if (separators.size() != 2
                    || !(separators.get(0) instanceof Text c)
                    || !(separators.get(1) instanceof Text d)) {
                throw new TemplateException("tojson: expected two strings as separators");
            }
            comma = c.value();
            colon = d.value();
        }
        JsonText json = new JsonText(run, indent, comma, colon, a.truth(4), a.truth(1));
        json.write(a.get(0), 0);
        json.count();
        return Text.of(json.out.toString());
    }

    private void count() {
        run.characters(out.length() - counted);
        counted = out.length();
    }

    private void write(Value value, int depth) {
        run.step();
        count();
        if (value instanceof Text text) {
            string(text.value());
        } else if (value instanceof Dict dict) {
            out.append('{');
            String before = "";
            for (var entry : entries(dict)) {
                out.append(before);
                newline(depth + 1);
                string(key(entry.getKey()));
                out.append(colon);
                write(entry.getValue(), depth + 1);
                before = comma;
            }
            if (!dict.entries().isEmpty()) {
                newline(depth);
            }
            out.append('}');
        } else if (value instanceof Items items) {
            out.append('[');
            String before = "";
            for (Value item : items.values) {
                out.append(before);
                newline(depth + 1);
                write(item, depth + 1);
                before = comma;
            }
            if (!items.values.isEmpty()) {
                newline(depth);
            }
            out.append(']');
        } else {
            out.append(key(value));
        }
    }

    private void newline(int depth) {
        if (indent != null) {
            out.append('\n').append(Texts.repeat(run, indent, depth));
        }
    }

    private List<Map.Entry<Value, Value>> entries(Dict dict) {
        List<Map.Entry<Value, Value>> entries = new ArrayList<>(dict.entries().entrySet());
        if (sort) {
            run.steps(8L * entries.size());
            entries.sort((x, y) -> Operators.order(x.getKey(), y.getKey()));
        }
        return entries;
    }

    private String key(Value value) {
        if (value instanceof Text text) {
            return text.value();
        }
        if (value instanceof Real real) {
            double d = real.value();
            return Double.isNaN(d) ? "NaN" : Double.isInfinite(d) ? d > 0 ? "Infinity" : "-Infinity" : Repr.decimal(d);
        }
        if (value instanceof Int number) {
            return Repr.digits(number);
        }
        if (value instanceof Bool bool) {
            return bool.value() ? "true" : "false";
        }
        if (value instanceof None) {
            return "null";
        }
        throw new TemplateException("tojson: expected a value that JSON has, found " + Repr.typeName(value));
    }

    private void string(String s) {
        run.characters(s.length());
        out.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            int escape = "\"\\\n\r\t\b\f".indexOf(c);
            if (escape >= 0) {
                out.append('\\').append("\"\\nrtbf".charAt(escape));
            } else if (c < 0x20 || ascii && c > 0x7e) {
                out.append(c == 0x7f ? "\u007f" : String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
