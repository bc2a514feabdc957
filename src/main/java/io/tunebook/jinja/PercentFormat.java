package io.tunebook.jinja;

import io.tunebook.jinja.BraceFormat.FormatSpec;
import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code format % values}, as Python's strings have it. */
final class PercentFormat {
    private static final Pattern FIELD = Pattern.compile(
            "%(?:\\((?<key>[^)]*)\\))?(?<flags>[-#0 +]*)(?<width>\\*|\\d+)?(?:\\.(?<precision>\\*|\\d*))?[hlL]?(?<type>.)",
            Pattern.DOTALL);
    private static final int LONGEST_PRECISION = 1000;

    private final Run run;
    private final boolean markup;
    private final Value given;
    private final List<Value> values;
    private int next;

    private PercentFormat(Run run, boolean markup, Value given) {
        this.run = run;
        this.markup = markup;
        this.given = given;
        this.values = given instanceof Items tuple && tuple.tuple ? tuple.values : List.of(given);
    }

    static String format(Run run, Text format, Value values) {
        return new PercentFormat(run, format.markup(), values).write(format.value());
    }

    private String write(String format) {
        StringBuilder out = new StringBuilder();
        Matcher field = FIELD.matcher(format);
        int at = 0;
        for (int percent; (percent = format.indexOf('%', at)) >= 0; at = field.end()) {
            run.characters(percent - at);
            out.append(format, at, percent);
            if (!field.region(percent, format.length()).lookingAt()) {
                throw new TemplateException("%: expected a format, found " + format.substring(percent));
            }
            String written = field(field);
            run.characters(written.length());
            out.append(written);
        }
        if (next < values.size() && !mapping(given)) {
            throw new TemplateException("%: expected " + next + " values, found " + values.size());
        }
        return out + run.made(format.substring(at));
    }

    /** Lists, mappings and what else has elements by key may be left over, as in Python; texts and tuples may not. */
    private static boolean mapping(Value value) {
        return value instanceof Dict
                || value instanceof Items items && !items.tuple
                || value instanceof Value.Range
                || value instanceof Value.Undefined;
    }

    private Value next() {
        if (next >= values.size()) {
            throw new TemplateException("%: expected more values than the " + values.size() + " given");
        }
        return values.get(next++);
    }

    private String field(Matcher field) {
        String flags = field.group("flags");
        long width = 0;
        if (field.group("width") != null) {
            width = field.group("width").equals("*") ? Arguments.integer(next()) : number(field.group("width"));
        }
        boolean left = flags.contains("-") || width < 0;
        long precision = -1;
        if (field.group("precision") != null) {
            String digits = field.group("precision");
            precision = Math.max(0, digits.equals("*") ? Arguments.integer(next()) : number("0" + digits));
        }
        String type = field.group("type");
        if (type.equals("%")) {
            return "%";
        }
        Value value = value(field.group("key"));
        if ("sra".contains(type)) {
            String text = type.equals("s") ? Repr.text(run, value) : Repr.repr(run, value);
            text = type.equals("a") ? Repr.ascii(text) : text;
            text = markup && !(value instanceof Text t && t.markup()) ? Texts.escape(text) : text;
            text = precision < 0
                    ? text
                    : text.substring(0, FormatSpec.offset(text, (int) Math.min(precision, 1 << 30)));
            return Texts.pad(run, text, Math.abs(width), " ", left ? '<' : '>');
        }
        if (type.equals("c")) {
            return Texts.pad(run, character(value), Math.abs(width), " ", left ? '<' : '>');
        }
        if (precision > LONGEST_PRECISION) {
            throw new TemplateException("%: expected a precision of at most " + LONGEST_PRECISION);
        }
        String digits = "diuoxX".contains(type)
                ? whole(value, type, flags.contains("#"), (int) precision)
                : "eEfFgG".contains(type) ? real(value, type, flags.contains("#"), (int) precision) : null;
        if (digits == null) {
            throw new TemplateException("%: expected a known format, found %" + type);
        }
        boolean negative = digits.startsWith("-");
        String body = negative ? digits.substring(1) : digits;
        String sign = negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
        if (flags.contains("0") && !left) {
            int prefix = "xXo".contains(type) && flags.contains("#") ? 2 : 0;
            return sign
                    + body.substring(0, prefix)
                    + Texts.pad(run, body.substring(prefix), Math.abs(width) - sign.length() - prefix, "0", '>');
        }
        return Texts.pad(run, sign + body, Math.abs(width), " ", left ? '<' : '>');
    }

    private static long number(String digits) {
        if (digits.length() > 10) {
            throw new TemplateException("%: expected a smaller width, found " + digits);
        }
        return Long.parseLong(digits);
    }

    private Value value(String key) {
        if (key == null) {
            return next();
        }
        if (!(given instanceof Dict dict)) {
            throw new TemplateException("%: expected a mapping for %(" + key + "), found " + Repr.typeName(given));
        }
        Value value = dict.get(Text.of(key));
        if (value == null) {
            throw new TemplateException("%: expected a value for " + key);
        }
        return value;
    }

    private static String character(Value value) {
        if (value instanceof Text text && Texts.length(text.value()) == 1) {
            return text.value();
        }
        if (Numbers.plain(value) instanceof Int code
                && code.value().bitLength() <= 20
                && Character.isValidCodePoint(code.value().intValue())) {
            return Character.toString(code.value().intValue());
        }
        throw new TemplateException("%c: expected one character, found " + Repr.typeName(value));
    }

    private static String whole(Value value, String type, boolean alternative, int precision) {
        Value plain = Numbers.plain(value);
        BigInteger number;
        if (plain instanceof Int whole) {
            number = whole.value();
        } else if (plain instanceof Real real && "diu".contains(type)) {
            number = Numbers.truncate(real.value());
        } else {
            throw new TemplateException("%" + type + ": expected an integer, found " + Repr.typeName(value));
        }
        int radix = type.equals("o") ? 8 : type.equalsIgnoreCase("x") ? 16 : 10;
        String digits =
                radix == 10 ? Repr.digits(new Int(number.abs())) : number.abs().toString(radix);
        digits = "0".repeat(Math.max(0, precision - digits.length())) + digits;
        digits = (alternative && radix != 10 ? "0" + type.toLowerCase(Locale.ROOT) : "") + digits;
        return (number.signum() < 0 ? "-" : "") + (type.equals("X") ? digits.toUpperCase(Locale.ROOT) : digits);
    }

    private static String real(Value value, String type, boolean alternative, int precision) {
        if (!Numbers.is(value)) {
            throw new TemplateException("%" + type + ": expected a number, found " + Repr.typeName(value));
        }
        return FormatSpec.real(Numbers.real(value), type, alternative, precision);
    }
}
