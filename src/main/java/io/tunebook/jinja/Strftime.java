package io.tunebook.jinja;

import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** {@code datetime.strftime} in the C locale, with the GNU C library's flags for padding. */
final class Strftime {
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
                    case 's' -> Long.toString(t.atZone(ZoneId.systemDefault()).toEpochSecond());
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
        return flag == '-' ? digits : Character.toString(filler).repeat(Math.max(0, width - digits.length())) + digits;
    }
}
