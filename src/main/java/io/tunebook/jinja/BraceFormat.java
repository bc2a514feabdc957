package io.tunebook.jinja;

import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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

    /** Numbers and texts in a width, as Python's format specifications write them. */
    static final class FormatSpec {
        private static final Pattern SPEC = Pattern.compile(
                "(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?z?(?<alt>#)?(?<zero>0)?(?<width>\\d+)?(?<group>[,_])?"
                        + "(?:\\.(?<precision>\\d+))?(?<type>[bcdeEfFgGnosxX%])?",
                Pattern.DOTALL);
        private static final int LONGEST_PRECISION = 1000;

        private FormatSpec() {}

        /** {@code format(value, spec)}. */
        static String format(Run run, Value value, String spec) {
            if (spec.isEmpty()) {
                return Repr.text(run, value);
            }
            Matcher m = SPEC.matcher(spec);
            if (!m.matches() || m.group("width") != null && m.group("width").length() > 9) {
                throw new TemplateException("format: expected a format, found " + spec);
            }
            Value plain = Numbers.plain(value);
            String type = m.group("type");
            int precision = m.group("precision") == null ? -1 : small(m.group("precision"));
            String body;
            String sign = "";
            boolean number = plain instanceof Int || plain instanceof Real;
            if (value instanceof Text text) {
                if (type != null && !type.equals("s") || "=".equals(m.group("align")) || m.group("sign") != null) {
                    throw new TemplateException("format: expected a format for a string, found " + spec);
                }
                int end = precision < 0 ? text.value().length() : offset(text.value(), precision);
                body = text.value().substring(0, end);
            } else if (!number
                    || "s".equals(type)
                    || plain instanceof Real && type != null && "bcdoxX".contains(type)) {
                throw new TemplateException("format: " + Repr.typeName(value) + " takes no format " + spec);
            } else {
                String digits = plain instanceof Int whole && (type == null || "bcdnoxX".contains(type))
                        ? whole(whole.value(), type == null ? "d" : type, m.group("alt") != null, precision)
                        : real(Numbers.real(plain), type, m.group("alt") != null, precision);
                boolean negative = digits.startsWith("-");
                sign = negative
                        ? "-"
                        : m.group("sign") == null || m.group("sign").equals("-") ? "" : m.group("sign");
                body = grouped(negative ? digits.substring(1) : digits, m.group("group"), type);
            }
            String fill = m.group("fill") != null ? m.group("fill") : m.group("zero") != null ? "0" : " ";
            String align =
                    m.group("align") != null ? m.group("align") : number ? m.group("zero") != null ? "=" : ">" : "<";
            long width = m.group("width") == null ? 0 : Long.parseLong(m.group("width"));
            if (align.equals("=")) {
                return sign + Texts.pad(run, body, width - sign.length(), fill, '>');
            }
            return Texts.pad(run, sign + body, width, fill, align.charAt(0));
        }

        static int offset(String s, int characters) {
            return Texts.length(s) <= characters ? s.length() : s.offsetByCodePoints(0, characters);
        }

        private static int small(String digits) {
            if (digits.length() > 4 || Integer.parseInt(digits) > LONGEST_PRECISION) {
                throw new TemplateException("format: expected a precision of at most " + LONGEST_PRECISION);
            }
            return Integer.parseInt(digits);
        }

        private static String grouped(String digits, String separator, String type) {
            if (separator == null) {
                return digits;
            }
            int size = type != null && "boxX".contains(type) ? 4 : 3;
            Matcher m = Pattern.compile("^[0-9a-fA-F]+").matcher(digits);
            if (!m.find()) {
                return digits;
            }
            StringBuilder out = new StringBuilder(m.group());
            for (int at = out.length() - size; at > 0; at -= size) {
                out.insert(at, separator);
            }
            return out + digits.substring(m.end());
        }

        private static String whole(BigInteger value, String type, boolean alternative, int precision) {
            if (precision >= 0) {
                throw new TemplateException("format: an integer takes no precision");
            }
            int radix = type.equals("b") ? 2 : type.equals("o") ? 8 : type.equalsIgnoreCase("x") ? 16 : 10;
            if (type.equals("c")) {
                if (value.bitLength() > 20 || value.signum() < 0 || !Character.isValidCodePoint(value.intValue())) {
                    throw new TemplateException("format: expected the code of a character, found " + value);
                }
                return Character.toString(value.intValue());
            }
            String digits = radix == 10
                    ? Repr.digits(new Int(value.abs()))
                    : value.abs().toString(radix);
            String prefix = alternative && radix != 10 ? "0" + type : "";
            digits = type.equals("X") ? digits.toUpperCase(Locale.ROOT) : digits;
            return (value.signum() < 0 ? "-" : "") + prefix + digits;
        }

        /** A float; {@code type} is null for what {@code str()} would write, in at most {@code precision} digits. */
        static String real(double d, String type, boolean alternative, int precision) {
            if (Double.isNaN(d) || Double.isInfinite(d)) {
                String name = Repr.decimal(d) + ("%".equals(type) ? "%" : "");
                return type != null && "EFG".contains(type) ? name.toUpperCase(Locale.ROOT) : name;
            }
            if (type == null && precision < 0) {
                return Repr.decimal(d);
            }
            String minus = d < 0 || 1 / d < 0 ? "-" : "";
            BigDecimal exact = new BigDecimal(Math.abs(d));
            int digits = precision < 0 ? 6 : precision;
            String kind = type == null ? "g" : type;
            String text =
                    switch (kind) {
                        case "f", "F" -> fixed(exact, digits, alternative);
                        case "%" -> fixed(exact.movePointRight(2), digits, alternative) + "%";
                        case "e", "E" -> scientific(exact, digits, alternative);
                        default -> general(exact, Math.max(1, digits), alternative, type == null);
                    };
            return minus + (kind.equals("E") || kind.equals("G") ? text.toUpperCase(Locale.ROOT) : text);
        }

        private static String fixed(BigDecimal value, int digits, boolean alternative) {
            String text = value.setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
            return digits == 0 && alternative ? text + "." : text;
        }

        private static String scientific(BigDecimal value, int digits, boolean alternative) {
            BigDecimal rounded = value.round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
            int exponent = value.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
            String all = value.signum() == 0 ? "0" : rounded.unscaledValue().toString();
            all = all.length() > digits + 1
                    ? all.substring(0, digits + 1)
                    : all + "0".repeat(digits + 1 - all.length());
            return all.charAt(0)
                    + (digits > 0 ? "." + all.substring(1) : alternative ? "." : "")
                    + String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
        }

        private static String general(BigDecimal value, int digits, boolean alternative, boolean likeStr) {
            BigDecimal rounded = value.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            int exponent = value.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
            boolean plain = exponent >= -4
                    && (likeStr ? exponent < digits - 1 || exponent == 0 && digits == 1 : exponent < digits);
            String text = plain
                    ? fixed(value, digits - 1 - exponent, alternative)
                    : scientific(value, digits - 1, alternative);
            if (alternative) {
                return text;
            }
            int e = text.indexOf('e');
            String mantissa = e < 0 ? text : text.substring(0, e);
            if (mantissa.contains(".")) {
                mantissa = mantissa.replaceAll("0+$", "").replaceAll("\\.$", "");
            }
            if (likeStr && e < 0 && !mantissa.contains(".")) {
                mantissa += ".0";
            }
            return mantissa + (e < 0 ? "" : text.substring(e));
        }
    }
}
