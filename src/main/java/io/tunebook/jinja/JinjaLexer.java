package io.tunebook.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens, with Jinja's rules for the white space around tags ({@code trim_blocks} and
 * {@code lstrip_blocks} on).
 */
final class JinjaLexer {
    enum Kind {
        TEXT,
        NAME,
        STRING,
        NUMBER,
        OPERATOR,
        OPEN_OUTPUT,
        CLOSE_OUTPUT,
        OPEN_BLOCK,
        CLOSE_BLOCK,
        END
    }

    record Token(Kind kind, String text, Object value, int line) {
        boolean is(String operatorOrName) {
            return (kind == Kind.OPERATOR || kind == Kind.NAME) && text.equals(operatorOrName);
        }
    }

    private static final Pattern TAG = Pattern.compile("\\{\\{|\\{%|\\{#");
    private static final Pattern RAW =
            Pattern.compile("\\{%[-+]?\\s*raw\\s*(-?)%\\}(.*?)\\{%(-?)\\+?\\s*endraw\\s*(-?)%\\}", Pattern.DOTALL);
    private static final Pattern INNER = Pattern.compile(
            "(?<space>\\s+)"
                    + "|(?<name>[\\p{L}_][\\p{L}\\p{N}_]*)"
                    + "|(?<number>\\d[\\d_]*(?:\\.\\d+)?(?:[eE][-+]?\\d+)?)"
                    + "|(?<string>'(?:[^'\\\\]|\\\\.)*+'|\"(?:[^\"\\\\]|\\\\.)*+\")"
                    + "|(?<operator>\\*\\*|//|==|!=|<=|>=|[-+*/%~<>=.,:|()\\[\\]{}])",
            Pattern.DOTALL);

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;

    JinjaLexer(String source) {
        String unix = source.replace("\r\n", "\n").replace('\r', '\n');
        this.source = unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix;
    }

    List<Token> tokens() {
        Matcher tag = TAG.matcher(source);
        boolean lineStart = true;
        while (at < source.length()) {
            if (!tag.find(at)) {
                text(source.substring(at), source.length());
                break;
            }
            String before = source.substring(at, tag.start());
            int inside = tag.end();
            char sign = inside < source.length() ? source.charAt(inside) : ' ';
            boolean output = tag.group().equals("{{");
            if (sign == '-') {
                before = stripped(before, false, true);
            } else if (!output && sign != '+') {
                int newline = before.lastIndexOf('\n') + 1;
                if ((newline > 0 || lineStart) && before.substring(newline).isBlank()) {
                    before = before.substring(0, newline);
                }
            }
            Matcher raw = RAW.matcher(source).region(tag.start(), source.length());
            if (!output && raw.lookingAt()) {
                text(before, tag.start());
                String inner = raw.group(2);
                text(stripped(inner, !raw.group(1).isEmpty(), !raw.group(3).isEmpty()), raw.end());
                after(!raw.group(4).isEmpty(), true);
            } else {
                text(before, tag.start());
                move(inside + (sign == '-' || sign == '+' ? 1 : 0));
                if (tag.group().equals("{#")) {
                    comment();
                } else {
                    inner(output);
                }
            }
            lineStart = at > 0 && source.charAt(at - 1) == '\n';
        }
        tokens.add(new Token(Kind.END, "", null, line));
        return tokens;
    }

    private static String stripped(String text, boolean left, boolean right) {
        return JinjaFunctions.strip(text, List.of(), left, right);
    }

    private void text(String text, int end) {
        if (!text.isEmpty()) {
            tokens.add(new Token(Kind.TEXT, text, null, line));
        }
        move(end);
    }

    private void move(int to) {
        for (; at < to; at++) {
            line += source.charAt(at) == '\n' ? 1 : 0;
        }
    }

    /** White space after a tag: all of it after a minus, else one newline after a block or a comment. */
    private void after(boolean minus, boolean block) {
        int end = at;
        if (minus) {
            while (end < source.length() && JinjaValues.isSpace(source.charAt(end))) {
                end++;
            }
        } else if (block && end < source.length() && source.charAt(end) == '\n') {
            end++;
        }
        move(end);
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw new TemplateException(line, "expected #}, found the template's end");
        }
        boolean minus = end > at && source.charAt(end - 1) == '-';
        boolean plus = end > at && source.charAt(end - 1) == '+';
        move(end + 2);
        after(minus, !plus);
    }

    private void inner(boolean output) {
        String close = output ? "}}" : "%}";
        tokens.add(new Token(output ? Kind.OPEN_OUTPUT : Kind.OPEN_BLOCK, output ? "{{" : "{%", null, line));
        Matcher matcher = INNER.matcher(source);
        for (int depth = 0; ; ) {
            char c = at < source.length() ? source.charAt(at) : ' ';
            boolean signed = (c == '-' || c == '+') && source.startsWith(close, at + 1);
            if (depth == 0 && (signed || source.startsWith(close, at))) {
                tokens.add(new Token(output ? Kind.CLOSE_OUTPUT : Kind.CLOSE_BLOCK, close, null, line));
                move(at + (signed ? 3 : 2));
                after(signed && c == '-', !output && !signed);
                return;
            }
            if (!matcher.region(at, source.length()).lookingAt()) {
                throw new TemplateException(
                        line,
                        at >= source.length()
                                ? "expected " + close + ", found the template's end"
                                : "unexpected character '" + c + "'");
            }
            String text = matcher.group();
            if (matcher.group("name") != null) {
                tokens.add(new Token(Kind.NAME, text, null, line));
            } else if (matcher.group("number") != null) {
                String digits = text.replace("_", "");
                Object value = digits.matches("\\d+") ? (Object) Long.valueOf(digits) : Double.valueOf(digits);
                tokens.add(new Token(Kind.NUMBER, text, value, line));
            } else if (matcher.group("string") != null) {
                tokens.add(new Token(Kind.STRING, text, unescape(text.substring(1, text.length() - 1)), line));
            } else if (matcher.group("operator") != null) {
                depth += "([{".contains(text) ? 1 : ")]}".contains(text) ? -1 : 0;
                tokens.add(new Token(Kind.OPERATOR, text, null, line));
            }
            move(matcher.end());
        }
    }

    private static String unescape(String text) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\' || i + 1 == text.length()) {
                out.append(c);
                continue;
            }
            char escaped = text.charAt(++i);
            int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
            switch (escaped) {
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case 'r' -> out.append('\r');
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case '\\', '\'', '"' -> out.append(escaped);
                case '\n' -> {}
                case 'x', 'u', 'U' -> {
                    out.appendCodePoint(Integer.parseInt(text, i + 1, i + 1 + digits, 16));
                    i += digits;
                }
                default -> out.append('\\').append(escaped);
            }
        }
        return out.toString();
    }
}
