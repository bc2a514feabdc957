package io.tunebook.ollama.template;

import io.tunebook.ollama.template.GoTemplate.GoTemplateException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The words of one action, from behind its opening braces to behind its closing ones. */
final class GoWords {
    enum Kind {
        NAME,
        FIELD,
        DOT,
        VARIABLE,
        TEXT,
        NUMBER,
        MARK
    }

    /**
     * One word.
     *
     * @param text a name without its dot, a variable with its dollar sign, a text without its quotation marks
     * @param joined whether no white space stands before it
     */
    record Word(Kind kind, String text, boolean joined) {
        /** The text of a mark; empty for other kinds. */
        String mark() {
            return kind == Kind.MARK ? text : "";
        }
    }

    private static final Pattern WORD = Pattern.compile("(?<name>[\\p{L}_][\\p{L}\\p{Nd}_]*)"
            + "|\\.(?<field>[\\p{L}_][\\p{L}\\p{Nd}_]*)"
            + "|(?<variable>\\$[\\p{L}\\p{Nd}_]*)"
            + "|(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?))"
            + "|(?<dot>\\.)"
            + "|\"(?<quoted>(?:[^\"\\\\\n]|\\\\.)*+)\""
            + "|`(?<raw>[^`]*+)`"
            + "|'(?<letter>(?:[^'\\\\\n]|\\\\.)++)'"
            + "|(?<mark>:=|[=|(),])");

    private final List<Word> words = new ArrayList<>();
    private final int line;
    private final int end;
    private int at;

    GoWords(String source, int start) {
        line = 1
                + (int) source.substring(0, start)
                        .chars()
                        .filter(c -> c == '\n')
                        .count();
        Matcher matcher = WORD.matcher(source);
        int place = start;
        boolean joined = false;
        while (true) {
            if (place < source.length() && " \t\r\n".indexOf(source.charAt(place)) >= 0) {
                if (source.startsWith("-}}", place + 1)) {
                    place += 4;
                    while (place < source.length() && " \t\r\n".indexOf(source.charAt(place)) >= 0) {
                        place++;
                    }
                    break;
                }
                joined = false;
                place++;
                continue;
            }
            if (source.startsWith("}}", place)) {
                place += 2;
                break;
            }
            if (place >= source.length()) {
                throw new GoTemplateException(line, "unclosed action");
            }
            if (!matcher.region(place, source.length()).lookingAt()) {
                throw new GoTemplateException(
                        line, "unexpected character " + source.substring(place, source.offsetByCodePoints(place, 1)));
            }
            words.add(word(matcher, joined));
            place = matcher.end();
            joined = true;
        }
        end = place;
    }

    private Word word(Matcher m, boolean joined) {
        if (m.group("name") != null) {
            return new Word(Kind.NAME, m.group("name"), joined);
        }
        if (m.group("field") != null) {
            return new Word(Kind.FIELD, m.group("field"), joined);
        }
        if (m.group("variable") != null) {
            return new Word(Kind.VARIABLE, m.group("variable"), joined);
        }
        if (m.group("number") != null) {
            return new Word(Kind.NUMBER, m.group("number"), joined);
        }
        if (m.group("dot") != null) {
            return new Word(Kind.DOT, ".", joined);
        }
        if (m.group("quoted") != null) {
            return new Word(Kind.TEXT, unescaped(m.group("quoted")), joined);
        }
        if (m.group("raw") != null) {
            return new Word(Kind.TEXT, m.group("raw"), joined);
        }
        if (m.group("letter") != null) {
            return new Word(Kind.NUMBER, "" + unescaped(m.group("letter")).codePointAt(0), joined);
        }
        return new Word(Kind.MARK, m.group("mark"), joined);
    }

    /** Go's escapes in a text. */
    private String unescaped(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escape = text.charAt(++i);
            int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
            int simple = "abfnrtv\\'\"".indexOf(escape);
            if (digits > 0) {
                try {
                    out.appendCodePoint(Integer.parseInt(text.substring(i + 1, i + 1 + digits), 16));
                } catch (IllegalArgumentException | IndexOutOfBoundsException broken) {
                    throw new GoTemplateException(line, "bad escape \\" + escape + " in \"" + text + "\"");
                }
                i += digits;
            } else if (simple >= 0) {
                out.append("\u0007\b\f\n\r\t\u000b\\'\"".charAt(simple));
            } else {
                throw new GoTemplateException(line, "unknown escape \\" + escape + " in \"" + text + "\"");
            }
        }
        return out.toString();
    }

    /** Where the text goes on after the action, white space left out where a trim marker says so. */
    int end() {
        return end;
    }

    int line() {
        return line;
    }

    boolean done() {
        return at == words.size();
    }

    Word peek() {
        return words.get(at);
    }

    Word next() {
        if (done()) {
            throw new GoTemplateException(line, "unexpected end of the action");
        }
        return words.get(at++);
    }

    int mark() {
        return at;
    }

    void reset(int mark) {
        at = mark;
    }
}
