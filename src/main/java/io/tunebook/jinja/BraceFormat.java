package io.tunebook.jinja;

import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Text;
import java.util.List;
import java.util.function.Function;

/** {@code str.format}: fields in braces with attributes, conversions and format specifications. */
final class BraceFormat {
    private final Run run;
    private final boolean markup;
    private final List<Value> positional;
    private final Function<String, Value> named;
    private int nextField;

    private BraceFormat(Run run, boolean markup, List<Value> positional, Function<String, Value> named) {
        this.run = run;
        this.markup = markup;
        this.positional = positional;
        this.named = named;
    }

    static Value format(Run run, Text format, List<Value> positional, Function<String, Value> named) {
        String text = new BraceFormat(run, format.markup(), positional, named).write(format.value(), 2);
        return new Text(run.made(text), format.markup());
    }

    private String write(String s, int depth) {
        if (depth < 0) {
            throw new TemplateException("format: expected at most one field within another");
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c != '{' && c != '}') {
                out.append(c);
            } else if (i + 1 < s.length() && s.charAt(i + 1) == c) {
                out.append(c);
                i++;
            } else if (c == '}') {
                throw new TemplateException("format: a } stands alone");
            } else {
                int end = end(s, i + 1);
                String written = field(s.substring(i + 1, end), depth);
                run.characters(written.length());
                out.append(written);
                i = end;
            }
        }
        return out.toString();
    }

    private static int end(String s, int from) {
        int depth = 1;
        for (int i = from; i < s.length(); i++) {
            depth += s.charAt(i) == '{' ? 1 : s.charAt(i) == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw new TemplateException("format: expected a } after " + s.substring(from));
    }

    private String field(String field, int depth) {
        int bracket = field.indexOf('[');
        int after = bracket < 0 ? 0 : Math.max(0, field.indexOf(']', bracket));
        int colon = field.indexOf(':');
        colon = colon > bracket && bracket >= 0 && colon < after ? field.indexOf(':', after) : colon;
        String head = colon < 0 ? field : field.substring(0, colon);
        String spec = colon < 0 ? "" : write(field.substring(colon + 1), depth - 1);
        int bang = head.lastIndexOf('!');
        String conversion = bang < 0 ? "" : head.substring(bang + 1);
        Value value = value(bang < 0 ? head : head.substring(0, bang));
        switch (conversion) {
            case "" -> {
                if (bang >= 0) {
                    throw new TemplateException("format: expected r, s or a after !");
                }
            }
            case "s" -> value = Text.of(Repr.text(run, value));
            case "r" -> value = Text.of(Repr.repr(run, value));
            case "a" -> value = Text.of(Repr.ascii(Repr.repr(run, value)));
            default -> throw new TemplateException("format: expected r, s or a after !, found " + conversion);
        }
        String written = FormatSpec.format(run, value, spec);
        return markup && !(value instanceof Text t && t.markup()) ? Texts.escape(written) : written;
    }

    private Value value(String path) {
        int end = 0;
        while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
            end++;
        }
        Value value = first(path.substring(0, end));
        while (end < path.length()) {
            int from = end + 1;
            if (path.charAt(end) == '.') {
                end = from;
                while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
                    end++;
                }
                value = Attributes.attribute(run, value, path.substring(from, end));
            } else {
                int close = path.indexOf(']', from);
                if (path.charAt(end) != '[' || close < 0) {
                    throw new TemplateException("format: expected ] in " + path);
                }
                String key = path.substring(from, close);
                value = Attributes.item(
                        run, value, key.matches("\\d{1,9}") ? Int.of(Long.parseLong(key)) : Text.of(key));
                end = close + 1;
            }
        }
        return value;
    }

    private Value first(String name) {
        if (name.isEmpty() && nextField < 0 || name.matches("\\d+") && nextField > 0) {
            throw new TemplateException("format: expected either {} or {0}, found both");
        }
        Value value;
        if (name.isEmpty()) {
            value = nextField < positional.size() ? positional.get(nextField) : null;
            nextField++;
        } else if (name.matches("\\d{1,9}")) {
            int index = Integer.parseInt(name);
            nextField = -1;
            value = index < positional.size() ? positional.get(index) : null;
        } else {
            value = named.apply(name);
        }
        if (value == null) {
            throw new TemplateException("format: expected an argument for {" + name + "}");
        }
        return value;
    }
}
