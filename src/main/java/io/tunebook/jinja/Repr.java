package io.tunebook.jinja;

import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Function;
import io.tunebook.jinja.Value.Generator;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Namespace;
import io.tunebook.jinja.Value.None;
import io.tunebook.jinja.Value.Range;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import io.tunebook.jinja.Value.View;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;
import java.util.Map;

/** How values print: Python's {@code str()} and {@code repr()}. */
final class Repr {
    /** Python refuses to print longer integers. */
    private static final int MOST_DIGITS = 4300;

    private final Run run;
    private final StringBuilder out = new StringBuilder();
    private int counted;

    private Repr(Run run) {
        this.run = run;
    }

    /** {@code str(value)}. */
    static String text(Run run, Value value) {
        if (value instanceof Text text) {
            return text.value();
        }
        return value instanceof Undefined ? "" : repr(run, value);
    }

    /** {@code repr(value)}. */
    static String repr(Run run, Value value) {
        Repr repr = new Repr(run);
        repr.write(value, 0);
        repr.count();
        return repr.out.toString();
    }

    private void count() {
        run.characters(out.length() - counted);
        counted = out.length();
    }

    private void write(Value value, int depth) {
        count();
        if (depth > Value.DEEPEST) {
            throw new TemplateException("a namespace that holds itself cannot be printed");
        }
        if (value instanceof Text text) {
            quote(text);
        } else if (value instanceof Int number) {
            out.append(digits(number));
        } else if (value instanceof Real number) {
            out.append(decimal(number.value()));
        } else if (value instanceof Bool bool) {
            out.append(bool.value() ? "True" : "False");
        } else if (value instanceof None) {
            out.append("None");
        } else if (value instanceof Items items) {
            out.append(items.tuple ? '(' : '[');
            list(items.values, depth);
            out.append(items.tuple && items.values.size() == 1 ? "," : "").append(items.tuple ? ')' : ']');
        } else if (value instanceof Dict dict) {
            dict(dict.entries(), depth);
        } else if (value instanceof Undefined) {
            out.append("Undefined");
        } else if (value instanceof Range range) {
            out.append("range(").append(range.start()).append(", ").append(range.stop());
            out.append(range.step() == 1 ? "" : ", " + range.step()).append(')');
        } else if (value instanceof View view) {
            out.append("dict_").append(view.kind()).append("([");
            list(view.values(), depth);
            out.append("])");
        } else if (value instanceof Namespace namespace) {
            out.append("<Namespace ");
            dict(namespace.fields, depth);
            out.append('>');
        } else if (value instanceof LoopContext loop) {
            out.append("<LoopContext ")
                    .append(loop.index())
                    .append('/')
                    .append(loop.length(run))
                    .append('>');
        } else if (value instanceof Function function) {
            out.append(function.fields().isEmpty() ? "<function " : "<Macro ")
                    .append(function.name())
                    .append('>');
        } else {
            out.append('<').append(typeName(value)).append('>');
        }
    }

    private void list(Iterable<Value> values, int depth) {
        String comma = "";
        for (Value value : values) {
            out.append(comma);
            write(value, depth + 1);
            comma = ", ";
        }
    }

    private void dict(Map<Value, Value> entries, int depth) {
        out.append('{');
        String comma = "";
        for (var entry : entries.entrySet()) {
            out.append(comma);
            write(entry.getKey(), depth + 1);
            out.append(": ");
            write(entry.getValue(), depth + 1);
            comma = ", ";
        }
        out.append('}');
    }

    static String digits(Int number) {
        if (number.value().bitLength() > MOST_DIGITS / 3 * 10) {
            throw new TemplateException("an integer has more than " + MOST_DIGITS + " digits");
        }
        String digits = number.value().toString();
        if (digits.length() > MOST_DIGITS + (digits.startsWith("-") ? 1 : 0)) {
            throw new TemplateException("an integer has more than " + MOST_DIGITS + " digits");
        }
        return digits;
    }

    private void quote(Text text) {
        String s = text.value();
        char quote = s.contains("'") && !s.contains("\"") ? '"' : '\'';
        out.append(text.markup() ? "Markup(" : "").append(quote);
        s.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (c == quote) {
                        out.append('\\').append(quote);
                    } else if (printable(c)) {
                        out.appendCodePoint(c);
                    } else {
                        out.append(String.format(
                                Locale.ROOT, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
                    }
                }
            }
        });
        out.append(quote).append(text.markup() ? ")" : "");
    }

    /**
     * As {@code str.isprintable}: neither a separator but the blank, nor a control, format, surrogate or unassigned
     * one.
     */
    static boolean printable(int c) {
        return c == ' '
                || switch (Character.getType(c)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR,
                            Character.SPACE_SEPARATOR -> false;
                    default -> true;
                };
    }

    /** With Python's escapes in place of what is not ASCII. */
    static String ascii(String s) {
        StringBuilder out = new StringBuilder();
        s.codePoints().forEach(c -> {
            if (c < 0x80) {
                out.appendCodePoint(c);
            } else {
                out.append(String.format(Locale.ROOT, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
            }
        });
        return out.toString();
    }

    /** The shortest digits that give the same double, as Python prints them. */
    static String decimal(double d) {
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
        }
        if (d == 0) {
            return 1 / d < 0 ? "-0.0" : "0.0";
        }
        BigDecimal exact = new BigDecimal(d);
        BigDecimal shortest = exact;
        for (int digits = 1; digits <= 17; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits));
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

    /** What a value is, for messages. */
    static String typeName(Value value) {
        if (value instanceof Undefined undefined) {
            return "an undefined value (" + undefined.complaint() + ")";
        }
        return value instanceof Text
                ? "a string"
                : value instanceof Int
                        ? "an integer"
                        : value instanceof Real
                                ? "a float"
                                : value instanceof Bool
                                        ? "a boolean"
                                        : value instanceof None
                                                ? "none"
                                                : value instanceof Items items
                                                        ? items.tuple ? "a tuple" : "a list"
                                                        : value instanceof Dict ? "a mapping" : otherName(value);
    }

    private static String otherName(Value value) {
        return value instanceof Generator
                ? "a generator"
                : value instanceof Range
                        ? "a range"
                        : value instanceof View
                                ? "a view of a mapping"
                                : value instanceof Namespace
                                        ? "a namespace"
                                        : value instanceof LoopContext ? "a loop" : "a function";
    }
}
