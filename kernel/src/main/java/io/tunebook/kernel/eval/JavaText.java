package io.tunebook.kernel.eval;

/** Java as text: where strings and comments end. */
public final class JavaText {
    private JavaText() {}

    /** The end of the comment, string, character or text block that begins here, or {@code at} if none does. */
    public static int skip(String code, int at) {
        int comment = skipComment(code, at);
        if (comment > at) {
            return comment;
        }
        char c = at < code.length() ? code.charAt(at) : 0;
        if (code.startsWith("\"\"\"", at)) {
            for (int i = at + 3; i < code.length(); i++) {
                if (code.charAt(i) == '\\') {
                    i++;
                } else if (code.startsWith("\"\"\"", i)) {
                    return i + 3;
                }
            }
            return code.length();
        } else if (c == '"' || c == '\'') {
            for (int i = at + 1; i < code.length(); i++) {
                if (code.charAt(i) == '\\') {
                    i++;
                } else if (code.charAt(i) == c || code.charAt(i) == '\n') {
                    return i + 1;
                }
            }
            return code.length();
        }
        return at;
    }

    private static int skipComment(String code, int at) {
        if (code.startsWith("//", at)) {
            int end = code.indexOf('\n', at);
            return end < 0 ? code.length() : end + 1;
        } else if (code.startsWith("/*", at)) {
            int end = code.indexOf("*/", at + 2);
            return end < 0 ? code.length() : end + 2;
        }
        return at;
    }

    /** The length of the blanks and comments that a text begins with; a comment that is not closed is none. */
    static int leadingBlank(String code) {
        int i = 0;
        while (i < code.length()) {
            int end = skipComment(code, i);
            if (Character.isWhitespace(code.charAt(i))) {
                i++;
            } else if (end > i && (end < code.length() || code.endsWith("*/"))) {
                i = end;
            } else {
                break;
            }
        }
        return i;
    }

    /** The last character that is neither blank nor part of a comment, or a blank. */
    static char lastCharacter(String code) {
        char last = ' ';
        for (int i = 0; i < code.length(); ) {
            char c = code.charAt(i);
            int end = skip(code, i);
            if (!Character.isWhitespace(c) && (end == i || c != '/')) {
                last = c;
            }
            i = Math.max(end, i + 1);
        }
        return last;
    }
}
