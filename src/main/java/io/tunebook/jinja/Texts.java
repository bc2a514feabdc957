package io.tunebook.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What Python's strings do, counted in characters (code points). */
final class Texts {
    private Texts() {}

    static int length(String s) {
        return s.codePointCount(0, s.length());
    }

    /** White space as {@code str.isspace} has it. */
    static boolean isSpace(int c) {
        return c == ' '
                || c >= 9 && c <= 13
                || c >= 0x1c && c <= 0x1f
                || c == 0x85
                || c == 0xa0
                || c > 0xff && Character.isSpaceChar(c);
    }

    /** Without the characters of {@code set}, or white space if it is null, at the sides asked for. */
    static String strip(String s, String set, boolean left, boolean right) {
        int from = 0;
        int to = s.length();
        while (left && from < to && goes(s.codePointAt(from), set)) {
            from += Character.charCount(s.codePointAt(from));
        }
        while (right && from < to && goes(s.codePointBefore(to), set)) {
            to -= Character.charCount(s.codePointBefore(to));
        }
        return s.substring(from, to);
    }

    private static boolean goes(int c, String set) {
        return set == null ? isSpace(c) : set.indexOf(c) >= 0;
    }

    /** Cut at white space or at a separator, at most {@code limit} times if that is not negative. */
    static List<String> split(String s, String separator, long limit) {
        List<String> parts = new ArrayList<>();
        int at = 0;
        if (separator != null) {
            for (int found; (limit < 0 || parts.size() < limit) && (found = s.indexOf(separator, at)) >= 0; ) {
                parts.add(s.substring(at, found));
                at = found + separator.length();
            }
            parts.add(s.substring(at));
            return parts;
        }
        at = skip(s, 0, true);
        while (at < s.length()) {
            if (limit >= 0 && parts.size() >= limit) {
                parts.add(s.substring(at));
                break;
            }
            int end = skip(s, at, false);
            parts.add(s.substring(at, end));
            at = skip(s, end, true);
        }
        return parts;
    }

    private static int skip(String s, int from, boolean spaces) {
        int at = from;
        while (at < s.length() && isSpace(s.codePointAt(at)) == spaces) {
            at += Character.charCount(s.codePointAt(at));
        }
        return at;
    }

    /** As {@link #split}, cutting from the end. */
    static List<String> rsplit(String s, String separator, long limit) {
        List<String> parts = new ArrayList<>();
        String rest = separator == null ? strip(s, null, false, true) : s;
        while (limit < 0 || parts.size() < limit) {
            int at = separator == null ? lastSpace(rest) : rest.lastIndexOf(separator);
            if (at < 0) {
                break;
            }
            parts.add(rest.substring(
                    at + (separator == null ? Character.charCount(rest.codePointAt(at)) : separator.length())));
            rest = rest.substring(0, at);
            rest = separator == null ? strip(rest, null, false, true) : rest;
        }
        if (separator != null || !rest.isEmpty()) {
            parts.add(rest);
        }
        java.util.Collections.reverse(parts);
        return parts;
    }

    private static int lastSpace(String s) {
        int at = s.length();
        while (at > 0 && !isSpace(s.codePointBefore(at))) {
            at -= Character.charCount(s.codePointBefore(at));
        }
        return at == 0 ? -1 : s.offsetByCodePoints(at, -1);
    }

    /** As {@code str.splitlines}, which knows ten kinds of line ends. */
    static List<String> lines(String s, boolean keepEnds) {
        List<String> lines = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c >= 10 && c <= 13 || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029) {
                int end = i;
                i += c == '\r' && i + 1 < s.length() && s.charAt(i + 1) == '\n' ? 1 : 0;
                lines.add(s.substring(start, keepEnds ? i + 1 : end));
                start = i + 1;
            }
        }
        if (start < s.length()) {
            lines.add(s.substring(start));
        }
        return lines;
    }

    /** {@code str.replace}: all, or the first {@code limit} if that is not negative; an empty one is at every place. */
    static String replace(Run run, String s, String from, String to, long limit) {
        long most = limit < 0 ? Long.MAX_VALUE : limit;
        StringBuilder out = new StringBuilder();
        int at = 0;
        long done = 0;
        if (from.isEmpty()) {
            for (; done < most; done++) {
                run.characters(to.length());
                out.append(to);
                if (at == s.length()) {
                    return out.toString();
                }
                int next = s.offsetByCodePoints(at, 1);
                out.append(s, at, next);
                at = next;
            }
            return out.append(s, at, s.length()).toString();
        }
        for (int found; done < most && (found = s.indexOf(from, at)) >= 0; done++, at = found + from.length()) {
            run.characters(to.length() + found - at);
            out.append(s, at, found).append(to);
        }
        return done == 0 ? s : out.append(run.made(s.substring(at))).toString();
    }

    static String repeat(Run run, String s, long times) {
        if (times <= 0 || s.isEmpty()) {
            return "";
        }
        run.characters(Math.multiplyHigh(times, s.length()) != 0 ? -1 : times * s.length());
        return s.repeat((int) times);
    }

    /** Filled up to a width: {@code <} fills at the right, {@code >} at the left, {@code ^} at both sides. */
    static String pad(Run run, String s, long width, String fill, char align) {
        long missing = width - length(s);
        if (missing <= 0) {
            return s;
        }
        long left = align == '<' ? 0 : align == '>' ? missing : missing / 2;
        return repeat(run, fill, left) + s + repeat(run, fill, missing - left);
    }

    static String upper(String s) {
        return s.toUpperCase(Locale.ROOT);
    }

    static String lower(String s) {
        return s.toLowerCase(Locale.ROOT);
    }

    static String capitalize(String s) {
        if (s.isEmpty()) {
            return s;
        }
        int first = s.offsetByCodePoints(0, 1);
        return titleCase(s.codePointAt(0))
                + lower(s).substring(lower(s.substring(0, first)).length());
    }

    private static String titleCase(int c) {
        int title = Character.toTitleCase(c);
        return title != c
                ? Character.toString(title)
                : upper(Character.toString(c)).length() > Character.charCount(c)
                        ? capitalizedExpansion(upper(Character.toString(c)))
                        : Character.toString(title);
    }

    /** Such as "Ss" for "ß". */
    private static String capitalizedExpansion(String upper) {
        int first = upper.offsetByCodePoints(0, 1);
        return upper.substring(0, first) + lower(upper.substring(first));
    }

    /** {@code str.title}: a capital after whatever is no letter with a case. */
    static String title(String s) {
        StringBuilder out = new StringBuilder();
        boolean start = true;
        for (int at = 0; at < s.length(); ) {
            int c = s.codePointAt(at);
            out.append(start ? titleCase(c) : lower(Character.toString(c)));
            start = !cased(c);
            at += Character.charCount(c);
        }
        return out.toString();
    }

    static boolean cased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }

    /** Whether there are letters with a case, all of one: {@code str.isupper} and {@code str.islower}. */
    static boolean isCase(String s, boolean upper) {
        boolean any = false;
        for (int c : s.codePoints().toArray()) {
            if (Character.isTitleCase(c) || (upper ? Character.isLowerCase(c) : Character.isUpperCase(c))) {
                return false;
            }
            any |= cased(c);
        }
        return any;
    }

    static String escape(String s) {
        return s.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }
}
