package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Run.Scope;
import io.tunebook.jinja.Value.Cycler;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Joiner;
import io.tunebook.jinja.Value.Namespace;
import io.tunebook.jinja.Value.Range;
import io.tunebook.jinja.Value.Text;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The functions that every template can call: Jinja's, and the two that Transformers adds. */
final class Globals {
    /** The longest range a template may ask for, as in Jinja's sandbox. */
    private static final int LONGEST_RANGE = 100_000;

    private static final Map<String, Builtin> ALL = Builtin.table(List.of(
            Builtin.of("range", "start, stop?, step?, /", Globals::range),
            Builtin.of("dict", "mapping?, /, **", (run, a) -> Dict.of(entries(run, a))),
            Builtin.of("namespace", "mapping?, /, **", (run, a) -> {
                Namespace namespace = new Namespace();
                namespace.fields.putAll(entries(run, a));
                return namespace;
            }),
            Builtin.of("cycler", "*", (run, a) -> {
                if (a.rest().isEmpty()) {
                    throw new TemplateException("cycler: expected values");
                }
                return new Cycler(a.rest());
            }),
            Builtin.of("joiner", "sep?", (run, a) -> new Joiner(a.or(0, Text.of(", ")))),
            Builtin.of("raise_exception", "message", (run, a) -> {
                throw new TemplateException("the template refuses this conversation: " + Repr.text(run, a.get(0)));
            }),
            Builtin.of(
                    "strftime_now",
                    "format",
                    (run, a) -> Text.of(run.made(Strftime.format(LocalDateTime.now(), a.string(0)))))));

    private Globals() {}

    static void into(Scope scope) {
        ALL.forEach((name, builtin) -> scope.put(name, builtin.function(null)));
    }

    private static Value range(Run run, Arguments a) {
        long first = a.integer(0, 0);
        long start = a.has(1) ? first : 0;
        long stop = a.has(1) ? a.integer(1, 0) : first;
        long step = a.integer(2, 1);
        if (step == 0) {
            throw new TemplateException("range: expected a step other than 0");
        }
        long span = step > 0 ? stop - start : start - stop;
        if (span > 0 && (span - 1) / Math.abs(step) + 1 > LONGEST_RANGE) {
            throw new TemplateException("range: expected at most " + LONGEST_RANGE + " elements");
        }
        return new Range(start, stop, step);
    }

    private static Map<Value, Value> entries(Run run, Arguments a) {
        Map<Value, Value> entries = new LinkedHashMap<>();
        if (a.has(0) && a.get(0) instanceof Dict dict) {
            entries.putAll(dict.entries());
        } else if (a.has(0)) {
            for (Iterator<Value> pairs = Operators.iterate(run, a.get(0)); pairs.hasNext(); ) {
                List<Value> pair = Operators.list(run, pairs.next());
                if (pair.size() != 2) {
                    throw new TemplateException("dict: expected pairs, found " + pair.size() + " values");
                }
                entries.put(Dict.key(pair.get(0)), pair.get(1));
            }
        }
        a.named().forEach((name, value) -> entries.put(Text.of(name), value));
        return entries;
    }

    /** {@code datetime.strftime} in the C locale, with the GNU C library's flags for padding. */
    static final class Strftime {
        private Strftime() {}

        static String format(LocalDateTime now, String format) {
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < format.length(); i++) {
                char c = format.charAt(i);
                if (c != '%' || i + 1 == format.length()) {
                    out.append(c);
                    continue;
                }
                int start = i;
                char flag = format.charAt(i + 1);
                if ("-_0^#".indexOf(flag) >= 0 && i + 2 < format.length()) {
                    i++;
                } else {
                    flag = ' ';
                }
                String written = directive(now, format.charAt(++i), flag);
                out.append(written == null ? format.substring(start, i + 1) : written);
            }
            return out.toString();
        }

        private static String directive(LocalDateTime t, char directive, char flag) {
            String text =
                    switch (directive) {
                        case 'a' -> t.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
                        case 'A' -> t.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                        case 'b', 'h' ->
                            t.getMonth()
                                    .getDisplayName(TextStyle.FULL, Locale.ENGLISH)
                                    .substring(0, 3);
                        case 'B' -> t.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                        case 'c' -> format(t, "%a %b %e %H:%M:%S %Y");
                        case 'D', 'x' -> format(t, "%m/%d/%y");
                        case 'F' -> format(t, "%Y-%m-%d");
                        case 'r' -> format(t, "%I:%M:%S %p");
                        case 'R' -> format(t, "%H:%M");
                        case 'T', 'X' -> format(t, "%H:%M:%S");
                        case 'n' -> "\n";
                        case 't' -> "\t";
                        case '%' -> "%";
                        case 'z', 'Z' -> "";
                        case 'p' -> t.getHour() < 12 ? "AM" : "PM";
                        case 'P' -> t.getHour() < 12 ? "am" : "pm";
                        case 's' ->
                            Long.toString(t.atZone(ZoneId.systemDefault()).toEpochSecond());
                        case 'f' -> String.format(Locale.ROOT, "%06d", t.getNano() / 1000);
                        default -> null;
                    };
            if (text != null) {
                return flag == '^' ? text.toUpperCase(Locale.ROOT) : flag == '#' ? changed(text, directive) : text;
            }
            return number(t, directive, flag);
        }

        private static String changed(String text, char directive) {
            return directive == 'p' ? text.toLowerCase(Locale.ROOT) : text.toUpperCase(Locale.ROOT);
        }

        private static String number(LocalDateTime t, char directive, char flag) {
            int hour12 = (t.getHour() + 11) % 12 + 1;
            int weekday = t.getDayOfWeek().getValue() % 7;
            int day = t.getDayOfYear();
            long value;
            int width = 2;
            char pad = '0';
            switch (directive) {
                case 'C' -> value = t.getYear() / 100;
                case 'd' -> value = t.getDayOfMonth();
                case 'e' -> {
                    value = t.getDayOfMonth();
                    pad = ' ';
                }
                case 'g' -> value = t.get(IsoFields.WEEK_BASED_YEAR) % 100;
                case 'G' -> {
                    value = t.get(IsoFields.WEEK_BASED_YEAR);
                    width = 4;
                }
                case 'H' -> value = t.getHour();
                case 'I' -> value = hour12;
                case 'j' -> {
                    value = day;
                    width = 3;
                }
                case 'k' -> {
                    value = t.getHour();
                    pad = ' ';
                }
                case 'l' -> {
                    value = hour12;
                    pad = ' ';
                }
                case 'm' -> value = t.getMonthValue();
                case 'M' -> value = t.getMinute();
                case 'S' -> value = t.getSecond();
                case 'u' -> {
                    value = t.get(ChronoField.DAY_OF_WEEK);
                    width = 1;
                }
                case 'U' -> value = (day + 6 - weekday) / 7;
                case 'V' -> value = t.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR);
                case 'w' -> {
                    value = weekday;
                    width = 1;
                }
                case 'W' -> value = (day + 6 - (weekday + 6) % 7) / 7;
                case 'y' -> value = t.getYear() % 100;
                case 'Y' -> {
                    value = t.getYear();
                    width = 4;
                }
                default -> {
                    return null;
                }
            }
            char filler = flag == '_' ? ' ' : flag == '0' ? '0' : pad;
            String digits = Long.toString(value);
            return flag == '-'
                    ? digits
                    : Character.toString(filler).repeat(Math.max(0, width - digits.length())) + digits;
        }
    }
}
