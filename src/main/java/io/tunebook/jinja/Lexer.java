package io.tunebook.jinja;

import io.tunebook.jinja.Node.Place;
import io.tunebook.jinja.Tokens.Token;
import io.tunebook.jinja.Tokens.Token.Kind;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens, with Jinja's rules for the white space around tags ({@code trim_blocks} and
 * {@code lstrip_blocks} on).
 */
final class Lexer {
    private static final String SPACE = "[\\s\\x1c-\\x1f\\x85\\p{Z}]*+";
    private static final Pattern TAG = Pattern.compile("\\{\\{|\\{%|\\{#");
    private static final Pattern RAW =
            Pattern.compile("\\{%[-+]?" + SPACE + "raw" + SPACE + "(?<minus>-?)%\\}", Pattern.DOTALL);
    private static final Pattern END_RAW =
            Pattern.compile("\\{%(?<before>[-+]?)" + SPACE + "endraw" + SPACE + "(?<after>[-+]?)%\\}", Pattern.DOTALL);
    private static final Pattern FLOAT =
            Pattern.compile("(?<!\\.)\\d[\\d_]*+(?:(?:\\.\\d[\\d_]*+)?[eE][-+]?\\d[\\d_]*+|\\.\\d[\\d_]*+)");
    private static final Pattern INTEGER = Pattern.compile(
            "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[\\da-fA-F])++|[1-9](?:_?\\d)*+|0(?:_?0)*+");
    private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{Nl}_][\\p{L}\\p{N}\\p{M}\\p{Pc}]*+");
    private static final Pattern STRING =
            Pattern.compile("'(?:[^'\\\\]|\\\\.)*+'|\"(?:[^\"\\\\]|\\\\.)*+\"", Pattern.DOTALL);
    private static final Pattern OPERATOR = Pattern.compile("\\*\\*|//|==|!=|<=|>=|[-+*/%~<>=.,:;|()\\[\\]{}]");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private int lineStart;
    private boolean afterNewline = true;

    Lexer(String source) {
        String unix = source.replace("\r\n", "\n").replace('\r', '\n');
        this.source = unix.endsWith("\n") ? unix.substring(0, unix.length() - 1) : unix;
    }

    /** @throws TemplateException if a tag, a comment or a string is not closed, or a character stands for nothing */
    List<Token> tokens() {
        Matcher tag = TAG.matcher(source);
        while (at < source.length()) {
            if (!tag.find(at)) {
                text(source.substring(at), source.length());
                break;
            }
            int open = tag.start();
            boolean output = tag.group().equals("{{");
            char sign = tag.end() < source.length() ? source.charAt(tag.end()) : ' ';
            text(stripped(source.substring(at, open), sign, output), open);
            Matcher raw = RAW.matcher(source).region(open, source.length());
            if (raw.lookingAt()) {
                raw(raw);
            } else if (tag.group().equals("{#")) {
                move(tag.end() + (sign == '-' || sign == '+' ? 1 : 0));
                comment();
            } else {
                Place place = place();
                move(tag.end() + (sign == '-' || sign == '+' ? 1 : 0));
                tokens.add(new Token(output ? Kind.OPEN_OUTPUT : Kind.OPEN_BLOCK, tag.group(), null, place));
                inside(output ? "}}" : "%}");
            }
            afterNewline = at > 0 && source.charAt(at - 1) == '\n';
        }
        tokens.add(new Token(Kind.END, "", null, place()));
        return tokens;
    }

    /** The text before a tag without the white space that the tag takes. */
    private String stripped(String text, char sign, boolean output) {
        if (sign == '-') {
            return Texts.strip(text, null, false, true);
        }
        int newline = text.lastIndexOf('\n') + 1;
        boolean strips = !output && sign != '+' && (newline > 0 || afterNewline);
        return strips && Texts.strip(text.substring(newline), null, true, false).isEmpty()
                ? text.substring(0, newline)
                : text;
    }

    private Place place() {
        return new Place(line, source.codePointCount(lineStart, at) + 1);
    }

    private TemplateException error(String message) {
        return new TemplateException(line, place().column(), message);
    }

    private void text(String text, int end) {
        if (!text.isEmpty()) {
            tokens.add(new Token(Kind.TEXT, text, null, place()));
        }
        move(end);
    }

    private void move(int to) {
        for (; at < to; at++) {
            if (source.charAt(at) == '\n') {
                line++;
                lineStart = at + 1;
            }
        }
    }

    /** White space after a tag: all of it after a minus, else one newline after a block or a comment without a plus. */
    private void after(char sign, boolean block) {
        int end = at;
        if (sign == '-') {
            while (end < source.length() && Texts.isSpace(source.charAt(end))) {
                end++;
            }
        } else if (block && sign != '+' && end < source.length() && source.charAt(end) == '\n') {
            end++;
        }
        move(end);
    }

    private void raw(Matcher open) {
        TemplateException unclosed = error("expected {% endraw %}, found the template's end");
        move(open.end());
        after(open.group("minus").isEmpty() ? '+' : '-', true);
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw unclosed;
        }
        char before = end.group("before").isEmpty() ? ' ' : end.group("before").charAt(0);
        afterNewline = at > 0 && source.charAt(at - 1) == '\n';
        text(stripped(source.substring(at, end.start()), before, false), end.end());
        after(end.group("after").isEmpty() ? ' ' : end.group("after").charAt(0), true);
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw error("expected #}, found the template's end");
        }
        char sign = end > at ? source.charAt(end - 1) : ' ';
        move(end + 2);
        after(sign, true);
    }

    private void inside(String close) {
        Deque<String> brackets = new ArrayDeque<>();
        while (true) {
            while (at < source.length() && Texts.isSpace(source.charAt(at))) {
                move(at + 1);
            }
            char c = at < source.length() ? source.charAt(at) : ' ';
            boolean signed = (c == '-' || c == '+' && close.equals("%}")) && source.startsWith(close, at + 1);
            if (brackets.isEmpty() && (signed || source.startsWith(close, at))) {
                tokens.add(new Token(close.equals("}}") ? Kind.CLOSE_OUTPUT : Kind.CLOSE_BLOCK, close, null, place()));
                move(at + (signed ? 3 : 2));
                after(signed ? c : ' ', close.equals("%}"));
                return;
            }
            if (at >= source.length()) {
                throw error(
                        "expected " + (brackets.isEmpty() ? close : brackets.peek()) + ", found the template's end");
            }
            Token token = token();
            tokens.add(token);
            if (token.kind() == Kind.OPERATOR) {
                balance(token, brackets);
            }
            move(at + token.text().length());
        }
    }

    private void balance(Token token, Deque<String> brackets) {
        int open = "([{".indexOf(token.text());
        if (open >= 0) {
            brackets.push(")]}".substring(open, open + 1));
        } else if (")]}".contains(token.text())
                && (brackets.isEmpty() || !brackets.pop().equals(token.text()))) {
            throw error("unexpected '" + token.text() + "'");
        }
    }

    private Token token() {
        String text;
        if ((text = match(FLOAT)) != null) {
            Double value = Numbers.parseReal(text);
            if (value == null) {
                throw error("expected a number, found " + text);
            }
            return new Token(Kind.NUMBER, text, new Value.Real(value), place());
        }
        if ((text = match(INTEGER)) != null) {
            BigInteger value = Numbers.parse(text, 0);
            if (value == null) {
                throw error("expected an integer of at most 4300 digits");
            }
            return new Token(Kind.NUMBER, text, new Value.Int(value), place());
        }
        if ((text = match(NAME)) != null) {
            return new Token(Kind.NAME, text, null, place());
        }
        if ((text = match(STRING)) != null) {
            String value = unescape(text.substring(1, text.length() - 1));
            return new Token(Kind.STRING, text, Value.Text.of(value), place());
        }
        if ((text = match(OPERATOR)) != null) {
            return new Token(Kind.OPERATOR, text, null, place());
        }
        char c = source.charAt(at);
        throw error(
                c == '\'' || c == '"'
                        ? "a string is not closed"
                        : "unexpected character '" + Character.toString(source.codePointAt(at)) + "'");
    }

    private String match(Pattern pattern) {
        Matcher matcher = pattern.matcher(source).region(at, source.length()).useTransparentBounds(true);
        return matcher.lookingAt() ? matcher.group() : null;
    }

    /** The escapes of Python's string literals. */
    private String unescape(String text) {
        if (text.indexOf('\\') < 0) {
            return text;
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escaped = text.charAt(++i);
            int simple = "abfnrtv\\'\"".indexOf(escaped);
            if (simple >= 0) {
                out.append("\u0007\b\f\n\r\t\u000b\\'\"".charAt(simple));
            } else if (escaped == 'x' || escaped == 'u' || escaped == 'U') {
                int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : 8;
                out.appendCodePoint(hexadecimal(text, i + 1, digits));
                i += digits;
            } else if (escaped >= '0' && escaped <= '7') {
                int end = i;
                while (end < Math.min(text.length(), i + 3) && text.charAt(end) >= '0' && text.charAt(end) <= '7') {
                    end++;
                }
                out.appendCodePoint(Integer.parseInt(text.substring(i, end), 8));
                i = end - 1;
            } else if (escaped == 'N') {
                int end = text.indexOf('}', i);
                if (end < 0 || !text.startsWith("{", i + 1)) {
                    throw error("expected \\N{name of a character}");
                }
                try {
                    out.appendCodePoint(Character.codePointOf(text.substring(i + 2, end)));
                } catch (IllegalArgumentException e) {
                    throw error("expected the name of a character, found \\N" + text.substring(i + 1, end + 1));
                }
                i = end;
            } else if (escaped != '\n') {
                out.append('\\').append(escaped);
            }
        }
        return out.toString();
    }

    private int hexadecimal(String text, int from, int digits) {
        String hex = text.substring(from, Math.min(text.length(), from + digits));
        if (!hex.matches("[0-9a-fA-F]{" + digits + "}")) {
            throw error("expected " + digits + " hexadecimal digits, found " + hex);
        }
        long code = Long.parseLong(hex, 16);
        if (code > Character.MAX_CODE_POINT) {
            throw error("expected the code of a character, found " + hex);
        }
        return (int) code;
    }
}
