package io.tunebook.jinja;

import io.tunebook.jinja.Node.Expression;
import io.tunebook.jinja.Node.Place;
import io.tunebook.jinja.Node.Statement;
import io.tunebook.jinja.Node.Statement.Flow;
import io.tunebook.jinja.Node.Statement.Signature;
import io.tunebook.jinja.Node.Statement.Target;
import io.tunebook.jinja.Tokens.Token;
import io.tunebook.jinja.Tokens.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Reads a template: text, output and statements. */
final class StatementParser {
    private static final Set<String> RESERVED = Set.of("true", "false", "none", "True", "False", "None");

    private final Tokens tokens;
    private final ExpressionParser expressions;
    private final Set<String> blocks = new HashSet<>();
    private int loops;

    StatementParser(List<Token> tokens) {
        this.tokens = new Tokens(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    /** @throws TemplateException if the tokens are no template */
    List<Statement> template() {
        return block(Set.of());
    }

    /** Statements up to one of some end tags, of which the name is next. */
    private List<Statement> block(Set<String> ends) {
        tokens.enter();
        Token start = tokens.peek();
        List<Statement> body = new ArrayList<>();
        while (tokens.peek().kind() != Kind.END) {
            Token token = tokens.next();
            switch (token.kind()) {
                case TEXT -> body.add(new Statement.Text(token.place(), token.text()));
                case OPEN_OUTPUT -> {
                    body.add(new Statement.Output(token.place(), expressions.tuple(true), false));
                    tokens.expect(Kind.CLOSE_OUTPUT, "}}");
                }
                default -> {
                    if (ends.contains(tokens.peek().text())) {
                        tokens.leave(1);
                        return body;
                    }
                    body.addAll(statement(tokens.name()));
                }
            }
        }
        if (!ends.isEmpty()) {
            throw tokens.error(
                    start,
                    "expected {% " + String.join(" %} or {% ", ends) + " %} after this, found the template's end");
        }
        tokens.leave(1);
        return body;
    }

    /** The body up to an end tag, which is read too; tags may end with a colon. */
    private List<Statement> bodyUntil(String end) {
        closeTag();
        List<Statement> body = block(Set.of(end));
        tokens.next();
        return body;
    }

    private void closeTag() {
        tokens.accept(":");
        tokens.closeBlock();
    }

    private List<Statement> statement(Token tag) {
        List<Statement> statements =
                switch (tag.text()) {
                    case "if" -> List.of(conditional(tag.place()));
                    case "for" -> List.of(loop(tag.place()));
                    case "set" -> List.of(assignment(tag.place()));
                    case "macro" -> List.of(macro(tag.place()));
                    case "call" -> List.of(callBlock(tag.place()));
                    case "filter" -> List.of(filterBlock(tag.place()));
                    case "with" -> List.of(with(tag.place()));
                    case "print" -> print();
                    case "break", "continue" -> List.of(jump(tag));
                    case "generation" ->
                        List.of(new Statement.Generation(tag.place(), bodyOutsideLoops("endgeneration")));
                    case "block" -> List.of(namedBlock(tag.place()));
                    case "autoescape" -> List.of(autoescape(tag));
                    case "include", "import", "from", "extends" -> List.of(refused(tag));
                    default -> throw tokens.error(tag, "expected a statement of Jinja, found {% " + tag.text() + " %}");
                };
        tokens.closeBlock();
        return statements;
    }

    private List<Statement> bodyOutsideLoops(String end) {
        int around = loops;
        loops = 0;
        List<Statement> body = bodyUntil(end);
        loops = around;
        return body;
    }

    private Statement jump(Token tag) {
        if (loops == 0) {
            throw tokens.error(tag, "expected {% " + tag.text() + " %} in a loop only");
        }
        return new Statement.Jump(tag.place(), tag.text().equals("break") ? Flow.BREAK : Flow.CONTINUE);
    }

    private Statement refused(Token tag) {
        while (tokens.peek().kind() != Kind.CLOSE_BLOCK && tokens.peek().kind() != Kind.END) {
            tokens.next();
        }
        return new Statement.Refused(tag.place(), tag.text());
    }

    private Statement autoescape(Token tag) {
        Expression value = expressions.expression();
        List<Statement> body = bodyUntil("endautoescape");
        if (value instanceof Expression.Literal literal && !Operators.truth(literal.value())) {
            return new Statement.With(tag.place(), List.of(), List.of(), body);
        }
        return new Statement.Refused(tag.place(), "autoescape");
    }

    private Statement conditional(Place place) {
        List<Expression> tests = new ArrayList<>();
        List<List<Statement>> bodies = new ArrayList<>();
        List<Statement> otherwise = List.of();
        while (true) {
            tests.add(expressions.tuple(false));
            closeTag();
            bodies.add(block(Set.of("elif", "else", "endif")));
            String next = tokens.next().text();
            if (next.equals("else")) {
                otherwise = bodyUntil("endif");
            }
            if (!next.equals("elif")) {
                return new Statement.If(place, tests, bodies, otherwise);
            }
        }
    }

    private Target target(boolean fields) {
        Token first = tokens.peek();
        List<Target> targets = new ArrayList<>();
        boolean comma = false;
        while (!tokens.peek().is("in")
                && tokens.peek().kind() != Kind.CLOSE_BLOCK
                && !tokens.peek().is(")")) {
            if (tokens.accept("(")) {
                tokens.enter();
                targets.add(target(fields));
                tokens.leave(1);
                tokens.expect(")");
            } else {
                targets.add(variable(fields));
            }
            if (!tokens.accept(",")) {
                break;
            }
            comma = true;
        }
        if (targets.isEmpty()) {
            throw tokens.error(first, "expected a name, found " + first.describe());
        }
        return comma || targets.size() > 1 ? new Target.Several(targets) : targets.get(0);
    }

    private Target variable(boolean fields) {
        String name = storable();
        if (fields && tokens.accept(".")) {
            return new Target.Field(name, tokens.name().text());
        }
        return new Target.Variable(name);
    }

    private String storable() {
        Token name = tokens.name();
        if (RESERVED.contains(name.text())) {
            throw tokens.error(name, "expected a name that can be set, found " + name.text());
        }
        return name.text();
    }

    private Statement loop(Place place) {
        Target target = target(false);
        tokens.expect("in");
        Expression over = expressions.tuple(false);
        Expression test = tokens.accept("if") ? expressions.expression() : null;
        boolean recursive = tokens.accept("recursive");
        closeTag();
        loops++;
        List<Statement> body = block(Set.of("else", "endfor"));
        loops--;
        List<Statement> otherwise = tokens.next().text().equals("else") ? bodyUntil("endfor") : List.of();
        return new Statement.For(place, target, over, test, recursive, body, otherwise);
    }

    private Statement assignment(Place place) {
        Target target = target(true);
        if (tokens.accept("=")) {
            return new Statement.Assign(place, target, expressions.tuple(true));
        }
        List<Expression.Filter> filters = new ArrayList<>();
        while (tokens.accept("|")) {
            filters.add(expressions.filter(null));
        }
        return new Statement.Assign(place, target, filtered(place, bodyUntil("endset"), filters));
    }

    private static Expression filtered(Place place, List<Statement> body, List<Expression.Filter> filters) {
        Expression value = new Expression.Captured(place, body);
        for (Expression.Filter filter : filters) {
            value = new Expression.Filter(filter.place(), value, filter.name(), filter.arguments());
        }
        return value;
    }

    private Statement filterBlock(Place place) {
        List<Expression.Filter> filters = new ArrayList<>();
        do {
            filters.add(expressions.filter(null));
        } while (tokens.accept("|"));
        return new Statement.Output(place, filtered(place, bodyUntil("endfilter"), filters), true);
    }

    private Statement with(Place place) {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (tokens.peek().kind() != Kind.CLOSE_BLOCK) {
            if (!targets.isEmpty()) {
                tokens.expect(",");
            }
            targets.add(target(false));
            tokens.expect("=");
            values.add(expressions.expression());
        }
        return new Statement.With(place, targets, values, bodyUntil("endwith"));
    }

    private List<Statement> print() {
        List<Statement> outputs = new ArrayList<>();
        while (tokens.peek().kind() != Kind.CLOSE_BLOCK) {
            if (!outputs.isEmpty()) {
                tokens.expect(",");
            }
            outputs.add(new Statement.Output(tokens.peek().place(), expressions.expression(), false));
        }
        return outputs;
    }

    private Statement namedBlock(Place place) {
        Token named = tokens.name();
        String name = named.text();
        if (!blocks.add(name)) {
            throw tokens.error(named, "expected one block of the name " + name + ", found another");
        }
        boolean scoped = tokens.accept("scoped");
        tokens.accept("required");
        Set<String> around = expressions.read(new HashSet<>());
        List<Statement> body = bodyOutsideLoops("endblock");
        expressions.read(around);
        tokens.accept(name);
        return new Statement.Block(place, scoped, body);
    }

    private Statement macro(Place place) {
        String name = storable();
        return signed(name, "endmacro", (signature, body) -> new Statement.Macro(place, signature, body));
    }

    private Statement callBlock(Place place) {
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        if (tokens.peek().is("(")) {
            parameters(parameters, defaults);
        }
        Token called = tokens.peek();
        if (!(expressions.expression() instanceof Expression.Call call)) {
            throw tokens.error(called, "expected a call of a macro after {% call");
        }
        return body(
                "caller", "endcall", parameters, defaults, (s, body) -> new Statement.CallBlock(place, s, call, body));
    }

    private interface Made {
        Statement of(Signature signature, List<Statement> body);
    }

    private Statement signed(String name, String end, Made made) {
        List<String> parameters = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        parameters(parameters, defaults);
        return body(name, end, parameters, defaults, made);
    }

    private Statement body(String name, String end, List<String> parameters, List<Expression> defaults, Made made) {
        Set<String> around = expressions.read(new HashSet<>());
        List<Statement> body = bodyOutsideLoops(end);
        Set<String> read = expressions.read(around);
        around.addAll(read);
        return made.of(
                new Signature(
                        name,
                        parameters,
                        defaults,
                        read.contains("varargs") && !parameters.contains("varargs"),
                        read.contains("kwargs") && !parameters.contains("kwargs"),
                        read.contains("caller") && !parameters.contains("caller")),
                body);
    }

    private void parameters(List<String> parameters, List<Expression> defaults) {
        tokens.expect("(");
        while (!tokens.accept(")")) {
            Token name = tokens.peek();
            parameters.add(storable());
            if (tokens.accept("=")) {
                defaults.add(expressions.expression());
            } else if (!defaults.isEmpty()) {
                throw tokens.error(name, "expected a default for " + name.text() + ", since one before it has one");
            }
            if (!tokens.peek().is(")")) {
                tokens.expect(",");
            }
        }
    }
}
