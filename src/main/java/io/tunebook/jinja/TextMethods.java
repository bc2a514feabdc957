package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Text;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;

/** The methods of Python's strings. */
final class TextMethods {
    static final Map<String, Builtin> ALL = Builtin.table(List.of(
            changed("upper", Texts::upper),
            changed("lower", Texts::lower),
            changed("casefold", s -> Texts.lower(s).replace("ß", "ss")),
            changed("title", Texts::title),
            changed("capitalize", Texts::capitalize),
            changed("swapcase", TextMethods::swapcase),
            stripping("strip", true, true),
            stripping("lstrip", true, false),
            stripping("rstrip", false, true),
            Builtin.of("split", "self, sep?, maxsplit?", (run, a) -> split(run, a, false)),
            Builtin.of("rsplit", "self, sep?, maxsplit?", (run, a) -> split(run, a, true)),
            Builtin.of(
                    "splitlines", "self, keepends?", (run, a) -> texts(run, a, Texts.lines(a.string(0), a.truth(1)))),
            Builtin.of("partition", "self, sep, /", (run, a) -> partition(run, a, false)),
            Builtin.of("rpartition", "self, sep, /", (run, a) -> partition(run, a, true)),
            Builtin.of("startswith", "self, prefix, start?, end?, /", (run, a) -> affix(run, a, String::startsWith)),
            Builtin.of("endswith", "self, suffix, start?, end?, /", (run, a) -> affix(run, a, String::endsWith)),
            Builtin.of("removeprefix", "self, prefix, /", (run, a) -> {
                String s = a.string(0);
                return text(
                        run,
                        a,
                        s.startsWith(a.string(1)) ? s.substring(a.string(1).length()) : s);
            }),
            Builtin.of("removesuffix", "self, suffix, /", (run, a) -> {
                String s = a.string(0);
                String suffix = a.string(1);
                return text(run, a, s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s);
            }),
            Builtin.of("replace", "self, old, new, count?, /", (run, a) -> {
                String to = markup(a) && a.get(2) instanceof Text t ? Operators.escaped(t, true) : a.string(2);
                return new Text(Texts.replace(run, a.string(0), a.string(1), to, a.integer(3, -1)), markup(a));
            }),
            Builtin.of("join", "self, iterable, /", TextMethods::join),
            Builtin.of("count", "self, sub, start?, end?, /", TextMethods::count),
            found("find", false, false),
            found("rfind", true, false),
            found("index", false, true),
            found("rindex", true, true),
            padded("ljust", '<'),
            padded("rjust", '>'),
            padded("center", '^'),
            Builtin.of("zfill", "self, width, /", (run, a) -> {
                String s = a.string(0);
                int sign = s.startsWith("-") || s.startsWith("+") ? 1 : 0;
                String padded = Texts.pad(run, s.substring(sign), a.integer(1, 0) - sign, "0", '>');
                return text(run, a, s.substring(0, sign) + padded);
            }),
            Builtin.of("expandtabs", "self, tabsize?", TextMethods::expandtabs),
            Builtin.of(
                    "format",
                    "self, /, *, **",
                    (run, a) -> BraceFormat.format(run, (Text) a.get(0), a.rest(), a.named()::get)),
            Builtin.of("format_map", "self, map, /", (run, a) -> {
                if (!(a.get(1) instanceof Dict map)) {
                    throw new TemplateException("format_map: expected a mapping, found " + Repr.typeName(a.get(1)));
                }
                return BraceFormat.format(run, (Text) a.get(0), List.of(), name -> map.get(Text.of(name)));
            }),
            all("isdigit", TextMethods::isDigit),
            all("isdecimal", c -> Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER),
            all(
                    "isnumeric",
                    c -> isDigit(c)
                            || Character.getType(c) == Character.LETTER_NUMBER
                            || Character.getType(c) == Character.OTHER_NUMBER),
            all("isalpha", Character::isLetter),
            all(
                    "isalnum",
                    c -> Character.isLetter(c)
                            || isDigit(c)
                            || Character.getType(c) == Character.LETTER_NUMBER
                            || Character.getType(c) == Character.OTHER_NUMBER),
            all("isspace", Texts::isSpace),
            tested("isascii", s -> s.chars().allMatch(c -> c < 0x80)),
            tested("isprintable", s -> s.codePoints().allMatch(Repr::printable)),
            tested("isupper", s -> Texts.isCase(s, true)),
            tested("islower", s -> Texts.isCase(s, false)),
            tested("istitle", s -> Texts.title(s).equals(s) && s.codePoints().anyMatch(Texts::cased)),
            tested("isidentifier", s -> s.matches("[\\p{L}\\p{Nl}_][\\p{L}\\p{N}\\p{M}\\p{Pc}]*+"))));

    private TextMethods() {}

    private static boolean markup(Arguments a) {
        return ((Text) a.get(0)).markup();
    }

    private static Text text(Run run, Arguments a, String s) {
        return new Text(run.made(s), markup(a));
    }

    private static Items texts(Run run, Arguments a, List<String> parts) {
        run.steps(parts.size());
        run.characters(a.string(0).length());
        return Items.list(
                parts.stream().map(s -> (Value) new Text(s, markup(a))).toList());
    }

    private static Builtin changed(String name, UnaryOperator<String> change) {
        return Builtin.of(name, "self, /", (run, a) -> text(run, a, change.apply(a.string(0))));
    }

    private static Builtin stripping(String name, boolean left, boolean right) {
        return Builtin.of(
                name,
                "self, chars?, /",
                (run, a) -> text(run, a, Texts.strip(a.string(0), a.stringOrNull(1), left, right)));
    }

    private static Builtin tested(String name, java.util.function.Predicate<String> test) {
        return Builtin.of(name, "self, /", (run, a) -> Bool.of(test.test(a.string(0))));
    }

    private static Builtin all(String name, IntPredicate test) {
        return tested(name, s -> !s.isEmpty() && s.codePoints().allMatch(test));
    }

    /** Decimal digits, and superscripts and the like that stand for one digit. */
    private static boolean isDigit(int c) {
        return Character.isDigit(c)
                || c >= 0x2070 && c <= 0x2089 && c != 0x2071
                || c == 0xb2
                || c == 0xb3
                || c == 0xb9
                || c >= 0x2460 && c <= 0x2468;
    }

    private static String swapcase(String s) {
        StringBuilder out = new StringBuilder();
        s.codePoints().forEach(c -> {
            String one = Character.toString(c);
            out.append(Character.isUpperCase(c) ? Texts.lower(one) : Texts.upper(one));
        });
        return out.toString();
    }

    private static Value split(Run run, Arguments a, boolean right) {
        String separator = a.stringOrNull(1);
        if (separator != null && separator.isEmpty()) {
            throw new TemplateException((right ? "rsplit" : "split") + ": expected a separator, found an empty string");
        }
        long most = a.integer(2, -1);
        return texts(
                run, a, right ? Texts.rsplit(a.string(0), separator, most) : Texts.split(a.string(0), separator, most));
    }

    private static Value partition(Run run, Arguments a, boolean right) {
        String s = a.string(0);
        String separator = a.string(1);
        if (separator.isEmpty()) {
            throw new TemplateException("partition: expected a separator, found an empty string");
        }
        int at = right ? s.lastIndexOf(separator) : s.indexOf(separator);
        Text whole = text(run, a, s);
        Text none = new Text("", markup(a));
        return at < 0
                ? right ? Items.tuple(none, none, whole) : Items.tuple(whole, none, none)
                : Items.tuple(
                        text(run, a, s.substring(0, at)),
                        text(run, a, separator),
                        text(run, a, s.substring(at + separator.length())));
    }

    /**
     * The part that {@code start} and {@code end} choose, as a string's search methods take them; null if it is none.
     */
    private static String part(Arguments a, int start) {
        String s = a.string(0);
        if (!a.given(start) && !a.given(start + 1)) {
            return s;
        }
        int n = Texts.length(s);
        long from = a.given(start) ? a.integer(start, 0) : 0;
        long to = a.given(start + 1) ? a.integer(start + 1, n) : n;
        from = Math.max(0, from < 0 ? from + n : from);
        to = Math.min(n, Math.max(0, to < 0 ? to + n : to));
        return from > n || from > to
                ? null
                : s.substring(s.offsetByCodePoints(0, (int) from), s.offsetByCodePoints(0, (int) to));
    }

    private static Value affix(Run run, Arguments a, BiFunction<String, String, Boolean> test) {
        String s = part(a, 2);
        if (a.get(1) instanceof Items affixes && affixes.tuple) {
            boolean any = false;
            for (Value affix : affixes.values) {
                if (!(affix instanceof Text text)) {
                    throw new TemplateException("expected strings, found " + Repr.typeName(affix));
                }
                run.step();
                any |= s != null && test.apply(s, text.value());
            }
            return Bool.of(any);
        }
        return Bool.of(test.apply(s == null ? "" : s, a.string(1)) && s != null);
    }

    private static Builtin found(String name, boolean last, boolean must) {
        return Builtin.of(name, "self, sub, start?, end?, /", (run, a) -> {
            String s = part(a, 2);
            String sub = a.string(1);
            int at = s == null ? -1 : last ? s.lastIndexOf(sub) : s.indexOf(sub);
            run.steps(a.string(0).length() >> 4);
            if (at < 0 && must) {
                throw new TemplateException(name + ": " + Repr.repr(run, a.get(1)) + " is not in the string");
            }
            if (at < 0) {
                return Int.of(-1);
            }
            long n = Texts.length(a.string(0));
            long from = a.given(2) ? a.integer(2, 0) : 0;
            return Int.of(s.codePointCount(0, at) + Math.max(0, from < 0 ? from + n : from));
        });
    }

    private static Value count(Run run, Arguments a) {
        String s = part(a, 2);
        String sub = a.string(1);
        run.steps(a.string(0).length() >> 4);
        if (s == null) {
            return Int.of(0);
        }
        if (sub.isEmpty()) {
            return Int.of(Texts.length(s) + 1);
        }
        long n = 0;
        for (int at = s.indexOf(sub); at >= 0; at = s.indexOf(sub, at + sub.length())) {
            n++;
        }
        return Int.of(n);
    }

    private static Builtin padded(String name, char align) {
        return Builtin.of(name, "self, width, fillchar?, /", (run, a) -> {
            String fill = a.has(2) ? a.string(2) : " ";
            if (Texts.length(fill) != 1) {
                throw new TemplateException(name + ": expected one character to fill with");
            }
            long width = a.integer(1, 0);
            String s = a.string(0);
            if (align == '^') {
                // CPython puts the odd blank at the left where the width is odd.
                long missing = Math.max(0, width - Texts.length(s));
                long left = missing / 2 + (missing & width & 1);
                return text(run, a, Texts.repeat(run, fill, left) + s + Texts.repeat(run, fill, missing - left));
            }
            return text(run, a, Texts.pad(run, s, width, fill, align));
        });
    }

    private static Value join(Run run, Arguments a) {
        StringBuilder out = new StringBuilder();
        String separator = "";
        for (var values = Operators.iterate(run, a.get(1)); values.hasNext(); ) {
            Value value = values.next();
            if (!(value instanceof Text text)) {
                throw new TemplateException("join: expected strings, found " + Repr.typeName(value));
            }
            String one = Operators.escaped(text, markup(a));
            run.characters(separator.length() + one.length());
            out.append(separator).append(one);
            separator = a.string(0);
        }
        return new Text(out.toString(), markup(a));
    }

    private static Value expandtabs(Run run, Arguments a) {
        long size = a.integer(1, 8);
        StringBuilder out = new StringBuilder();
        long column = 0;
        for (int c : a.string(0).codePoints().toArray()) {
            if (c == '\t') {
                long blanks = size <= 0 ? 0 : size - column % size;
                out.append(Texts.repeat(run, " ", blanks));
                column += blanks;
            } else {
                out.appendCodePoint(c);
                column = c == '\n' || c == '\r' ? 0 : column + 1;
            }
        }
        return text(run, a, out.toString());
    }
}
