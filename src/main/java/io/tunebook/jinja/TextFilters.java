package io.tunebook.jinja;

import io.tunebook.jinja.BraceFormat.FormatSpec;
import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Generator;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Text;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Jinja's filters for text. */
final class TextFilters {
    private static final Pattern WORD_BEGINS = Pattern.compile("[-\\s({\\[<]+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern TAGS = Pattern.compile("<!--.*?-->|<[^>]*+>", Pattern.DOTALL);

    static final List<Builtin> ALL = List.of(
            changed("upper", Texts::upper),
            changed("lower", Texts::lower),
            changed("capitalize", Texts::capitalize),
            changed("title", TextFilters::title),
            Builtin.of(
                    "trim",
                    "value, chars?",
                    (run, a) ->
                            like(a, run.made(Texts.strip(Repr.text(run, a.get(0)), a.stringOrNull(1), true, true)))),
            Builtin.of(
                    "replace",
                    "s, old, new, count?",
                    (run, a) -> Text.of(Texts.replace(
                            run,
                            Repr.text(run, a.get(0)),
                            Repr.text(run, a.get(1)),
                            Repr.text(run, a.get(2)),
                            a.given(3) ? a.integer(3, -1) : -1))),
            Builtin.of(
                    "string",
                    "value",
                    (run, a) -> a.get(0) instanceof Text ? a.get(0) : Text.of(Repr.text(run, a.get(0)))),
            Builtin.of("safe", "value", (run, a) -> new Text(Repr.text(run, a.get(0)), true)),
            Builtin.of("escape", "value", TextFilters::escape),
            Builtin.of("e", "value", TextFilters::escape),
            Builtin.of(
                    "forceescape",
                    "value",
                    (run, a) -> new Text(run.made(Texts.escape(Repr.text(run, a.get(0)))), true)),
            Builtin.of("striptags", "value", (run, a) -> Text.of(striptags(Repr.text(run, a.get(0))))),
            Builtin.of("center", "value, width?", (run, a) -> TextMethods.ALL
                    .get("center")
                    .call(run, Arguments.of(List.of(soft(run, a), a.or(1, Int.of(80))), java.util.Map.of()))),
            Builtin.of("indent", "s, width?, first?, blank?", TextFilters::indent),
            Builtin.of("truncate", "s, length?, killwords?, end?, leeway?", TextFilters::truncate),
            Builtin.of("wordcount", "s", (run, a) -> {
                run.characters(Repr.text(run, a.get(0)).length());
                return Int.of(WORD.matcher(Repr.text(run, a.get(0))).results().count());
            }),
            Builtin.of(
                    "wordwrap", "s, width?, break_long_words?, wrapstring?, break_on_hyphens?", TextFilters::wordwrap),
            Builtin.of("format", "value, *, **", (run, a) -> {
                if (!a.rest().isEmpty() && !a.named().isEmpty()) {
                    throw new TemplateException("format: expected arguments with names or without, found both");
                }
                Text format = soft(run, a);
                Value values = a.named().isEmpty() ? Items.tuple(a.rest()) : Dict.ofNamed(a.named());
                return new Text(PercentFormat.format(run, format, values), format.markup());
            }),
            Builtin.of("urlencode", "value", TextFilters::urlencode),
            Builtin.of("xmlattr", "d, autospace?", TextFilters::xmlattr),
            Builtin.of("filesizeformat", "value, binary?", TextFilters::filesize),
            JsonText.TOJSON);

    private TextFilters() {}

    private static Text soft(Run run, Arguments a) {
        return a.get(0) instanceof Text text ? text : Text.of(Repr.text(run, a.get(0)));
    }

    private static Text like(Arguments a, String s) {
        return new Text(s, a.get(0) instanceof Text text && text.markup());
    }

    private static Builtin changed(String name, UnaryOperator<String> change) {
        return Builtin.of(name, "s", (run, a) -> like(a, run.made(change.apply(Repr.text(run, a.get(0))))));
    }

    /** Words begin after white space, a hyphen and opening brackets here, not after any non-letter as in str.title. */
    private static String title(String s) {
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (Matcher m = WORD_BEGINS.matcher(s); m.find(); at = m.end()) {
            out.append(word(s.substring(at, m.start()))).append(word(m.group()));
        }
        return out.append(word(s.substring(at))).toString();
    }

    private static String word(String s) {
        int first = s.isEmpty() ? 0 : s.offsetByCodePoints(0, 1);
        return Texts.upper(s.substring(0, first)) + Texts.lower(s.substring(first));
    }

    private static Value escape(Run run, Arguments a) {
        return a.get(0) instanceof Text text && text.markup()
                ? text
                : new Text(run.made(Texts.escape(Repr.text(run, a.get(0)))), true);
    }

    private static String striptags(String s) {
        String text = String.join(" ", Texts.split(TAGS.matcher(s).replaceAll(""), null, -1));
        return text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&#39;", "'")
                .replace("&#34;", "\"")
                .replace("&quot;", "\"")
                .replace("&amp;", "&");
    }

    private static Value indent(Run run, Arguments a) {
        String by = a.has(1) && a.get(1) instanceof Text text ? text.value() : Texts.repeat(run, " ", a.integer(1, 4));
        List<String> lines = Texts.lines(a.string(0) + "\n", false);
        StringBuilder out = new StringBuilder(a.truth(2) ? by : "");
        for (int i = 0; i < lines.size(); i++) {
            String before = i > 0 && (a.truth(3) || !lines.get(i).isEmpty()) ? by : "";
            run.characters(1 + before.length() + lines.get(i).length());
            out.append(i == 0 ? "" : "\n").append(before).append(lines.get(i));
        }
        return like(a, out.toString());
    }

    private static Value truncate(Run run, Arguments a) {
        long length = a.integer(1, 255);
        String end = a.has(3) ? a.string(3) : "...";
        long leeway = a.given(4) ? a.integer(4, 0) : 5;
        if (length < Texts.length(end) || leeway < 0) {
            throw new TemplateException("truncate: expected a length of at least " + Texts.length(end));
        }
        int given = Operators.length(a.get(0));
        if (given >= 0 && given <= length + leeway) {
            return a.get(0);
        }
        String s = a.string(0);
        String cut = s.substring(0, s.offsetByCodePoints(0, (int) length - Texts.length(end)));
        return like(a, run.made((a.truth(2) ? cut : Texts.rsplit(cut, " ", 1).get(0)) + end));
    }

    private static Value wordwrap(Run run, Arguments a) {
        int width = (int) Math.min(a.integer(1, 79), 1 << 20);
        boolean breaks = !a.has(2) || a.truth(2);
        String newline = a.given(3) ? a.string(3) : "\n";
        if (width <= 0) {
            throw new TemplateException("wordwrap: expected a width above 0");
        }
        List<String> wrapped = new ArrayList<>();
        for (String line : Texts.lines(a.string(0), false)) {
            run.characters(line.length());
            wrapped.add(String.join(newline, WordWrap.wrap(line, width, breaks, !a.has(4) || a.truth(4))));
        }
        return like(a, run.made(String.join(newline, wrapped)));
    }

    private static Value urlencode(Run run, Arguments a) {
        Value value = a.get(0);
        if (value instanceof Text || Operators.length(value) < 0 && !(value instanceof Generator)) {
            return Text.of(quoted(run, Repr.text(run, value), false));
        }
        StringBuilder out = new StringBuilder();
        List<Value> pairs =
                value instanceof Dict dict ? new Value.View(dict, "items").values() : Operators.list(run, value);
        for (Value pair : pairs) {
            List<Value> both = Operators.list(run, pair);
            if (both.size() != 2) {
                throw new TemplateException("urlencode: expected pairs, found " + both.size() + " values");
            }
            out.append(out.isEmpty() ? "" : "&").append(quoted(run, Repr.text(run, both.get(0)), true));
            out.append('=').append(quoted(run, Repr.text(run, both.get(1)), true));
        }
        return Text.of(out.toString());
    }

    private static String quoted(Run run, String s, boolean query) {
        StringBuilder out = new StringBuilder();
        for (byte b : s.getBytes(StandardCharsets.UTF_8)) {
            int c = b & 0xff;
            if (c < 0x80 && (Character.isLetterOrDigit(c) || "_.-~".indexOf(c) >= 0 || c == '/' && !query)) {
                out.append((char) c);
            } else {
                out.append(query && c == ' ' ? "+" : String.format(Locale.ROOT, "%%%02X", c));
            }
        }
        return run.made(out.toString());
    }

    private static Value xmlattr(Run run, Arguments a) {
        if (!(a.get(0) instanceof Dict dict)) {
            throw new TemplateException("xmlattr: expected a mapping, found " + Repr.typeName(a.get(0)));
        }
        StringBuilder out = new StringBuilder();
        dict.entries().forEach((key, value) -> {
            if (value == Value.None.NONE || value instanceof Value.Undefined) {
                return;
            }
            if (!(key instanceof Text name) || name.value().matches("(?s).*[ \\t\\n\\r\\f\\x0b/>=].*")) {
                throw new TemplateException("xmlattr: expected the name of an attribute, found " + Repr.repr(run, key));
            }
            out.append(out.isEmpty() ? "" : " ")
                    .append(Texts.escape(name.value()))
                    .append("=\"");
            out.append(((Text) escape(run, Arguments.of(List.of(value), java.util.Map.of()))).value())
                    .append('"');
        });
        boolean space = (!a.has(1) || a.truth(1)) && !out.isEmpty();
        return Text.of(run.made((space ? " " : "") + out));
    }

    private static Value filesize(Run run, Arguments a) {
        double bytes = ((Value.Real) Filters.toFloat(run, a.get(0), null)).value();
        double base = a.truth(1) ? 1024 : 1000;
        if (bytes == 1) {
            return Text.of("1 Byte");
        }
        if (bytes < base) {
            return Text.of(Numbers.truncate(bytes) + " Bytes");
        }
        String unit = "";
        double size = bytes;
        for (char prefix : (a.truth(1) ? "KMGTPEZY" : "kMGTPEZY").toCharArray()) {
            if (size < base) {
                break;
            }
            size /= base;
            unit = " " + prefix + (a.truth(1) ? "iB" : "B");
        }
        return Text.of(FormatSpec.real(size, "f", false, 1) + unit);
    }

    /** Python's {@code textwrap.wrap} without expansion of tabs or replacement of white space. */
    private static final class WordWrap {
        private static final Pattern SPACES_OR_WORDS = Pattern.compile("[\\t\\n\\x0b\\f\\r ]+|[^\\t\\n\\x0b\\f\\r ]+");
        private static final Pattern HYPHENATED = Pattern.compile(
                "(?<=[\\w!\"'&.,?])[^\\W\\d]*+-(?=[^\\W\\d])|(?<=[^\\W\\d])-(?=[^\\W\\d])",
                Pattern.UNICODE_CHARACTER_CLASS);

        private WordWrap() {}

        static List<String> wrap(String text, int width, boolean breakWords, boolean breakHyphens) {
            List<String> chunks = new ArrayList<>();
            for (Matcher m = SPACES_OR_WORDS.matcher(text); m.find(); ) {
                chunks.addAll(breakHyphens ? parts(m.group()) : List.of(m.group()));
            }
            List<String> lines = new ArrayList<>();
            int at = 0;
            String rest = chunks.isEmpty() ? null : chunks.get(0);
            while (rest != null) {
                StringBuilder line = new StringBuilder();
                int length = 0;
                if (rest.isBlank() && !lines.isEmpty()) {
                    rest = ++at < chunks.size() ? chunks.get(at) : null;
                }
                while (rest != null && length + Texts.length(rest) <= width) {
                    line.append(rest);
                    length += Texts.length(rest);
                    rest = ++at < chunks.size() ? chunks.get(at) : null;
                }
                if (rest != null && Texts.length(rest) > width && (breakWords || line.isEmpty())) {
                    int room = breakWords ? Math.max(1, width - length) : Texts.length(rest);
                    if (!breakWords || room > 0 && length < width) {
                        int cut = rest.offsetByCodePoints(0, room);
                        line.append(rest, 0, cut);
                        rest = cut < rest.length() ? rest.substring(cut) : ++at < chunks.size() ? chunks.get(at) : null;
                    }
                }
                String written = Texts.strip(line.toString(), "\t\n\u000b\f\r ", false, true);
                if (!written.isEmpty()) {
                    lines.add(written);
                }
            }
            return lines;
        }

        private static List<String> parts(String word) {
            List<String> parts = new ArrayList<>();
            int from = 0;
            for (Matcher m = HYPHENATED.matcher(word); m.find(); from = m.end()) {
                parts.add(word.substring(from, m.end()));
            }
            if (from < word.length()) {
                parts.add(word.substring(from));
            }
            return parts;
        }
    }
}
