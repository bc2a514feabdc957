package io.tunebook.jinja;

import io.tunebook.jinja.Node.Expression;
import io.tunebook.jinja.Node.Expression.Given;
import io.tunebook.jinja.Node.Place;
import io.tunebook.jinja.Tokens.Token;
import io.tunebook.jinja.Tokens.Token.Kind;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.None;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads expressions, with the precedence of Jinja's operators. */
final class ExpressionParser {
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

    /** Operators of arithmetic by precedence; {@code ~} is between sums and products. */
    private static final List<Set<String>> ARITHMETIC =
            List.of(Set.of("+", "-"), Set.of("~"), Set.of("*", "/", "//", "%"), Set.of("**"));

    private final Tokens tokens;
    private Set<String> read = new HashSet<>();

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
    }

    /** Collects the names that are read from now on in a set, and gives the one that was used before. */
    Set<String> read(Set<String> names) {
        Set<String> before = read;
        read = names;
        return before;
    }

    /** An expression, or a tuple of several without parentheses. */
    Expression tuple(boolean conditional) {
        return tuple(conditional, false);
    }

    private Expression tuple(boolean conditional, boolean mayBeEmpty) {
        Place place = tokens.peek().place();
        List<Expression> items = new ArrayList<>();
        boolean comma = false;
        while (!tupleEnds()) {
            items.add(conditional ? expression() : disjunction());
            if (!tokens.accept(",")) {
                break;
            }
            comma = true;
        }
        if (!comma && items.size() == 1) {
            return items.get(0);
        }
        if (items.isEmpty() && !mayBeEmpty) {
            throw tokens.error("expected an expression, found " + tokens.peek().describe());
        }
        return new Expression.Sequence(place, items, true);
    }

    private boolean tupleEnds() {
        Kind kind = tokens.peek().kind();
        return kind == Kind.CLOSE_OUTPUT
                || kind == Kind.CLOSE_BLOCK
                || tokens.peek().is(")");
    }

    Expression expression() {
        tokens.enter();
        int levels = 1;
        Place place = tokens.peek().place();
        Expression value = disjunction();
        while (tokens.accept("if")) {
            tokens.enter();
            levels++;
            Expression test = disjunction();
            Expression otherwise = tokens.accept("else") ? expression() : null;
            value = new Expression.Conditional(place, test, value, otherwise);
        }
        tokens.leave(levels);
        return value;
    }

    Expression disjunction() {
        return logic(false);
    }

    private Expression logic(boolean and) {
        Place place = tokens.peek().place();
        int levels = 0;
        Expression left = and ? negation() : logic(true);
        while (tokens.accept(and ? "and" : "or")) {
            tokens.enter();
            levels++;
            left = new Expression.Logic(place, and, left, and ? negation() : logic(true));
        }
        tokens.leave(levels);
        return left;
    }

    private Expression negation() {
        if (!tokens.peek().is("not")) {
            return comparison();
        }
        tokens.enter();
        Place place = tokens.next().place();
        Expression operand = negation();
        tokens.leave(1);
        return new Expression.Unary(place, "not", operand);
    }

    private Expression comparison() {
        Place place = tokens.peek().place();
        List<String> operators = new ArrayList<>();
        List<Expression> operands = new ArrayList<>(List.of(arithmetic(0)));
        while (true) {
            Token token = tokens.peek();
            if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text()) || token.is("in")) {
                operators.add(tokens.next().text());
            } else if (token.is("not") && tokens.peekSecond().is("in")) {
                tokens.next();
                tokens.next();
                operators.add("not in");
            } else {
                break;
            }
            operands.add(arithmetic(0));
        }
        return operators.isEmpty() ? operands.get(0) : new Expression.Comparison(place, operators, operands);
    }

    private Expression arithmetic(int level) {
        if (level == ARITHMETIC.size()) {
            return unary(true);
        }
        int levels = 0;
        Expression left = arithmetic(level + 1);
        List<Expression> joined = new ArrayList<>(List.of(left));
        Place place = tokens.peek().place();
        while (tokens.peek().kind() == Kind.OPERATOR
                && ARITHMETIC.get(level).contains(tokens.peek().text())) {
            Token operator = tokens.next();
            if (operator.is("~")) {
                joined.add(arithmetic(level + 1));
                continue;
            }
            tokens.enter();
            levels++;
            left = new Expression.Binary(operator.place(), operator.text(), left, arithmetic(level + 1));
        }
        tokens.leave(levels);
        return joined.size() > 1 ? new Expression.Concat(place, joined) : left;
    }

    private Expression unary(boolean withFilters) {
        Token token = tokens.peek();
        Expression value;
        if (token.is("-") || token.is("+")) {
            tokens.enter();
            tokens.next();
            value = new Expression.Unary(token.place(), token.text(), unary(false));
            tokens.leave(1);
        } else {
            value = primary();
        }
        return postfix(value, withFilters);
    }

    /** Attributes, elements, calls and, if asked for, filters and tests after a value. */
    private Expression postfix(Expression start, boolean withFilters) {
        Expression value = start;
        boolean filters = false;
        int levels = 0;
        while (true) {
            Token token = tokens.peek();
            if (token.is("(")) {
                value = new Expression.Call(token.place(), value, arguments());
            } else if (!filters && token.is(".")) {
                value = attribute(value);
            } else if (!filters && token.is("[")) {
                value = element(value);
            } else if (withFilters && token.is("|")) {
                filters = true;
                tokens.next();
                value = filter(value);
            } else if (withFilters && token.is("is")) {
                filters = true;
                value = test(value);
            } else {
                tokens.leave(levels);
                return value;
            }
            tokens.enter();
            levels++;
        }
    }

    private Expression primary() {
        Token token = tokens.peek();
        switch (token.kind()) {
            case NAME:
                tokens.next();
                read.add(token.text());
                return switch (token.text()) {
                    case "true", "True" -> new Expression.Literal(token.place(), Bool.TRUE);
                    case "false", "False" -> new Expression.Literal(token.place(), Bool.FALSE);
                    case "none", "None" -> new Expression.Literal(token.place(), None.NONE);
                    default -> new Expression.Name(token.place(), token.text());
                };
            case STRING:
                StringBuilder text = new StringBuilder();
                while (tokens.peek().kind() == Kind.STRING) {
                    text.append(((Value.Text) tokens.next().value()).value());
                }
                return new Expression.Literal(token.place(), Value.Text.of(text.toString()));
            case NUMBER:
                return new Expression.Literal(token.place(), tokens.next().value());
            default:
        }
        if (tokens.accept("(")) {
            tokens.enter();
            Expression inner = tuple(true, true);
            tokens.leave(1);
            tokens.expect(")");
            return inner;
        }
        if (tokens.accept("[")) {
            List<Expression> items = new ArrayList<>();
            while (!tokens.accept("]")) {
                items.add(expression());
                if (!tokens.peek().is("]")) {
                    tokens.expect(",");
                }
            }
            return new Expression.Sequence(token.place(), items, false);
        }
        if (tokens.accept("{")) {
            return mapping(token);
        }
        throw tokens.error("expected an expression, found " + token.describe());
    }

    private Expression mapping(Token open) {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.accept("}")) {
            keys.add(expression());
            tokens.expect(":");
            values.add(expression());
            if (!tokens.peek().is("}")) {
                tokens.expect(",");
            }
        }
        return new Expression.Mapping(open.place(), keys, values);
    }

    private Expression attribute(Expression target) {
        Token dot = tokens.next();
        Token name = tokens.next();
        if (name.kind() == Kind.NUMBER && name.value() instanceof Value.Int) {
            return new Expression.Item(dot.place(), target, new Expression.Literal(name.place(), name.value()));
        }
        if (name.kind() != Kind.NAME) {
            throw tokens.error(name, "expected a name or a number after ., found " + name.describe());
        }
        return new Expression.Attribute(dot.place(), target, name.text());
    }

    private Expression element(Expression target) {
        Place place = tokens.next().place();
        Expression[] parts = new Expression[3];
        int colons = 0;
        List<Expression> several = new ArrayList<>();
        while (!tokens.peek().is("]")) {
            if (tokens.accept(":")) {
                if (++colons > 2) {
                    throw tokens.error("expected ], found :");
                }
            } else if (tokens.peek().is(",") && colons == 0 && parts[0] != null) {
                tokens.next();
                several.add(parts[0]);
                parts[0] = null;
            } else if (parts[colons] == null) {
                parts[colons] = expression();
            } else {
                throw tokens.error("expected ], found " + tokens.peek().describe());
            }
        }
        tokens.next();
        if (colons > 0) {
            return new Expression.Slice(place, target, parts[0], parts[1], parts[2]);
        }
        if (!several.isEmpty()) {
            if (parts[0] != null) {
                several.add(parts[0]);
            }
            return new Expression.Item(place, target, new Expression.Sequence(place, several, true));
        }
        if (parts[0] == null) {
            return new Expression.Item(place, target, new Expression.Sequence(place, List.of(), true));
        }
        return new Expression.Item(place, target, parts[0]);
    }

    private Given arguments() {
        Token open = tokens.expect("(");
        tokens.enter();
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        Expression rest = null;
        Expression more = null;
        while (!tokens.accept(")")) {
            Token token = tokens.peek();
            if (more != null
                    || rest != null && !token.is("**") && !tokens.peekSecond().is("=")) {
                throw tokens.error(open, "expected no argument after *list or **mapping");
            }
            if (tokens.accept("*")) {
                rest = expression();
            } else if (tokens.accept("**")) {
                more = expression();
            } else if (token.kind() == Kind.NAME && tokens.peekSecond().is("=")) {
                tokens.next();
                tokens.next();
                if (named.put(token.text(), expression()) != null) {
                    throw tokens.error(token, "expected each argument once, found " + token.text() + " again");
                }
            } else if (named.isEmpty()) {
                positional.add(expression());
            } else {
                throw tokens.error("expected no argument without a name after one with a name");
            }
            if (!tokens.peek().is(")")) {
                tokens.expect(",");
            }
        }
        tokens.leave(1);
        return new Given(positional, named, rest, more);
    }

    /** What follows a {@code |}. */
    Expression.Filter filter(Expression target) {
        Token name = tokens.name();
        return new Expression.Filter(
                name.place(), target, dotted(name), tokens.peek().is("(") ? arguments() : Given.NOTHING);
    }

    private String dotted(Token first) {
        StringBuilder name = new StringBuilder(first.text());
        while (tokens.accept(".")) {
            name.append('.').append(tokens.name().text());
        }
        return name.toString();
    }

    private Expression test(Expression target) {
        tokens.next();
        Place not = tokens.peek().place();
        boolean negated = tokens.accept("not");
        Token name = tokens.name();
        String called = dotted(name);
        Token token = tokens.peek();
        Given arguments = Given.NOTHING;
        if (token.is("(")) {
            arguments = arguments();
        } else if (token.kind() == Kind.STRING
                || token.kind() == Kind.NUMBER
                || token.is("[")
                || token.is("{")
                || token.kind() == Kind.NAME && !Set.of("else", "or", "and").contains(token.text())) {
            if (token.is("is")) {
                throw tokens.error("expected one test, found another is");
            }
            arguments = new Given(List.of(postfix(primary(), false)), Map.of(), null, null);
        }
        Expression test = new Expression.Test(name.place(), target, called, arguments);
        return negated ? new Expression.Unary(not, "not", test) : test;
    }
}
