package io.tunebook.jinja;

/**
 * A piece of template text, a bracket of a tag or a word in one.
 *
 * @param text as written; for TEXT what the template writes
 * @param value of a literal, else null
 */
record Token(Kind kind, String text, Value value, Node.Place place) {
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

    boolean is(String operatorOrName) {
        return (kind == Kind.OPERATOR || kind == Kind.NAME) && text.equals(operatorOrName);
    }

    String describe() {
        return switch (kind) {
            case END -> "the template's end";
            case STRING -> "the string " + text;
            case TEXT -> "text";
            default -> text;
        };
    }
}
