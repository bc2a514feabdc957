package io.tunebook.jinja;

import io.tunebook.jinja.Jinja.Limits;
import io.tunebook.jinja.Tokens.Token.Kind;
import java.util.List;

/** The tokens of a template, read from left to right, and how deeply what is being read lies. */
final class Tokens {
    private final List<Token> tokens;
    private int at;
    private int depth;

    Tokens(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    Token peekSecond() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    boolean accept(String operatorOrName) {
        if (peek().is(operatorOrName)) {
            next();
            return true;
        }
        return false;
    }

    Token expect(String operatorOrName) {
        if (!peek().is(operatorOrName)) {
            throw error("expected " + operatorOrName + ", found " + peek().describe());
        }
        return next();
    }

    Token expect(Kind kind, String what) {
        if (peek().kind() != kind) {
            throw error("expected " + what + ", found " + peek().describe());
        }
        return next();
    }

    Token name() {
        return expect(Kind.NAME, "a name");
    }

    void closeBlock() {
        expect(Kind.CLOSE_BLOCK, "%}");
    }

    void enter() {
        enter(1);
    }

    void enter(int levels) {
        depth += levels;
        if (depth > Limits.PARSED_DEPTH) {
            throw error("expected at most " + Limits.PARSED_DEPTH + " expressions and blocks within one another");
        }
    }

    void leave(int levels) {
        depth -= levels;
    }

    TemplateException error(String message) {
        return error(peek(), message);
    }

    TemplateException error(Token token, String message) {
        return new TemplateException(token.place().line(), token.place().column(), message);
    }

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
}
