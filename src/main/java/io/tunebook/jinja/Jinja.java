package io.tunebook.jinja;

import io.tunebook.jinja.JinjaLexer.Kind;
import io.tunebook.jinja.JinjaLexer.Token;
import io.tunebook.jinja.JinjaValues.Callable;
import io.tunebook.jinja.JinjaValues.Namespace;
import io.tunebook.jinja.JinjaValues.Undefined;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The part of Jinja that chat templates are written in, as Transformers sets it up: {@code trim_blocks} and
 * {@code lstrip_blocks} on, loop controls, {@code generation} blocks, values that templates cannot change. A template
 * is parsed once into nested functions; what it writes can be traced back to the list elements it looped over.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/">Jinja: the language</a>
 */
public final class Jinja {
    /** An expression. */
    private interface Expression {
        Object value(Scope scope);
    }

    /** A piece of template: text, output or a statement. */
    private interface Node {
        void write(Scope scope, StringBuilder out);
    }

    /** What was written, and by which loop elements and generation blocks. */
    public record Rendered(String text, List<Span> loops, List<Span> generations) {}

    /** Characters {@code start} to {@code end}, exclusive, of the text; {@code element} wrote them in a loop. */
    public record Span(Object element, int start, int end) {}

    /** Variables: those of this block, then those around it. */
    private static final class Scope {
        final Map<String, Object> variables = new HashMap<>();
        final Scope around;
        final Rendered trace;
        final StringBuilder root;

        Scope(Scope around, Rendered trace, StringBuilder root) {
            this.around = around;
            this.trace = trace;
            this.root = root;
        }

        Scope inner() {
            return new Scope(this, trace, root);
        }

        Object get(String name) {
            for (Scope scope = this; scope != null; scope = scope.around) {
                if (scope.variables.containsKey(name)) {
                    return scope.variables.get(name);
                }
            }
            return new Undefined(name);
        }
    }

    /** Leaves a loop or its turn. */
    private static final class LoopControl extends RuntimeException {
        private static final long serialVersionUID = 1;
        private static final LoopControl BREAK = new LoopControl();
        private static final LoopControl CONTINUE = new LoopControl();

        private LoopControl() {
            super(null, null, false, false);
        }
    }

    private final List<Token> tokens;
    private final Node body;
    private int at;

    private Jinja(String source) {
        this.tokens = new JinjaLexer(source).tokens();
        this.body = block(Set.of());
    }

    /**
     * Parses a template.
     *
     * @throws TemplateException if it is not one, with the line
     */
    public static Jinja parse(String source) {
        return new Jinja(source);
    }

    /**
     * Renders with variables of Java's types: {@link Map}, {@link List}, {@link String}, {@link Long},
     * {@link Double}, {@link Boolean} and null.
     *
     * @throws TemplateException if the template refuses them, with the line
     */
    public Rendered render(Map<String, Object> variables) {
        StringBuilder out = new StringBuilder();
        Rendered trace = new Rendered("", new ArrayList<>(), new ArrayList<>());
        Scope globals = new Scope(null, trace, out);
        globals.variables.putAll(JinjaFunctions.globals());
        globals.variables.putAll(variables);
        body.write(globals.inner(), out);
        return new Rendered(out.toString(), trace.loops, trace.generations);
    }

    // ---- statements ----

    private Node block(Set<String> ends) {
        List<Node> nodes = new ArrayList<>();
        while (peek().kind() != Kind.END) {
            Token token = next();
            switch (token.kind()) {
                case TEXT -> nodes.add((scope, out) -> out.append(token.text()));
                case OPEN_OUTPUT -> {
                    Expression value = tuple();
                    expect(Kind.CLOSE_OUTPUT, "}}");
                    nodes.add(located(token.line(), (scope, out) -> out.append(JinjaValues.text(value.value(scope)))));
                }
                default -> {
                    if (ends.contains(peek().text())) {
                        return sequence(nodes);
                    }
                    Node statement = located(token.line(), statement(next()));
                    nodes.add(statement);
                }
            }
        }
        if (!ends.isEmpty()) {
            throw error("expected {% " + String.join(" %} or {% ", ends) + " %}, found the template's end");
        }
        return sequence(nodes);
    }

    private static Node sequence(List<Node> nodes) {
        Node[] all = nodes.toArray(Node[]::new);
        return (scope, out) -> {
            for (Node node : all) {
                node.write(scope, out);
            }
        };
    }

    private static Node located(int line, Node node) {
        return (scope, out) -> {
            try {
                node.write(scope, out);
            } catch (TemplateException e) {
                throw e.line() > 0 ? e : new TemplateException(line, e.getMessage());
            } catch (IndexOutOfBoundsException | ClassCastException e) {
                throw new TemplateException(
                        line, "something is called with too few or with other arguments than it takes");
            } catch (StackOverflowError e) {
                throw new TemplateException(line, "macros call one another without end");
            }
        };
    }

    /** The body up to an end tag, which is consumed. */
    private Node bodyUntil(String end) {
        Node inner = block(Set.of(end));
        next();
        closeBlock();
        return inner;
    }

    private Node statement(Token tag) {
        switch (tag.text()) {
            case "if":
                return conditional();
            case "for":
                return loop();
            case "set":
                return assignment();
            case "macro":
                return macro();
            case "break", "continue":
                closeBlock();
                LoopControl control = tag.text().equals("break") ? LoopControl.BREAK : LoopControl.CONTINUE;
                return (scope, out) -> {
                    throw control;
                };
            case "generation": {
                closeBlock();
                Node inner = bodyUntil("endgeneration");
                return (scope, out) -> {
                    int start = out.length();
                    inner.write(scope, out);
                    if (out == scope.root) {
                        scope.trace.generations.add(new Span(null, start, out.length()));
                    }
                };
            }
            case "filter": {
                Token name = name();
                Expression[] captured = new Expression[1];
                Expression filter = filter((scope) -> captured[0].value(scope), name);
                closeBlock();
                Node inner = bodyUntil("endfilter");
                captured[0] = scope -> captured(inner, scope);
                return (scope, out) -> out.append(JinjaValues.text(filter.value(scope)));
            }
            case "with": {
                Map<String, Expression> values = new LinkedHashMap<>();
                while (peek().kind() != Kind.CLOSE_BLOCK) {
                    String name = name().text();
                    expect("=");
                    values.put(name, expression());
                    accept(",");
                }
                closeBlock();
                Node inner = bodyUntil("endwith");
                return (scope, out) -> {
                    Scope own = scope.inner();
                    values.forEach((name, value) -> own.variables.put(name, value.value(scope)));
                    inner.write(own, out);
                };
            }
            default:
                throw new TemplateException(
                        tag.line(), "expected a statement that chat templates use, found {% " + tag.text() + " %}");
        }
    }

    private static String captured(Node node, Scope scope) {
        StringBuilder out = new StringBuilder();
        node.write(scope.inner(), out);
        return out.toString();
    }

    private Node conditional() {
        Expression test = tuple();
        closeBlock();
        Node then = block(Set.of("elif", "else", "endif"));
        Node otherwise = (scope, out) -> {};
        switch (next().text()) {
            case "elif" -> otherwise = conditional();
            case "else" -> {
                closeBlock();
                otherwise = bodyUntil("endif");
            }
            default -> closeBlock();
        }
        Node last = otherwise;
        return (scope, out) -> (JinjaValues.truth(test.value(scope)) ? then : last).write(scope, out);
    }

    private List<String> targets() {
        List<String> names = new ArrayList<>();
        boolean parenthesis = accept("(");
        do {
            names.add(name().text());
        } while (accept(",") && peek().kind() == Kind.NAME && !peek().is("in"));
        if (parenthesis) {
            expect(")");
        }
        return names;
    }

    private Node loop() {
        List<String> names = targets();
        expect("in");
        Expression over = disjunction();
        Expression test = accept("if") ? expression() : null;
        closeBlock();
        Node inner = block(Set.of("else", "endfor"));
        Node empty = (scope, out) -> {};
        if (next().text().equals("else")) {
            closeBlock();
            empty = bodyUntil("endfor");
        } else {
            closeBlock();
        }
        Node otherwise = empty;
        return (scope, out) -> {
            List<Object> items = new ArrayList<>();
            for (Object item : JinjaValues.iterate(over.value(scope))) {
                Scope own = scope.inner();
                assign(own, names, item);
                if (test == null || JinjaValues.truth(test.value(own))) {
                    items.add(item);
                }
            }
            if (items.isEmpty()) {
                otherwise.write(scope, out);
            }
            for (int i = 0; i < items.size(); i++) {
                Scope own = scope.inner();
                assign(own, names, items.get(i));
                own.variables.put("loop", loopVariable(items, i));
                int start = out.length();
                try {
                    inner.write(own, out);
                } catch (LoopControl control) {
                    if (control == LoopControl.BREAK) {
                        break;
                    }
                } finally {
                    if (out == scope.root) {
                        scope.trace.loops.add(new Span(items.get(i), start, out.length()));
                    }
                }
            }
        };
    }

    private static Map<String, Object> loopVariable(List<Object> items, int i) {
        int n = items.size();
        Map<String, Object> loop = new HashMap<>();
        loop.put("index", i + 1L);
        loop.put("index0", (long) i);
        loop.put("revindex", (long) n - i);
        loop.put("revindex0", n - i - 1L);
        loop.put("first", i == 0);
        loop.put("last", i == n - 1);
        loop.put("length", (long) n);
        loop.put("previtem", i > 0 ? items.get(i - 1) : new Undefined("previtem"));
        loop.put("nextitem", i < n - 1 ? items.get(i + 1) : new Undefined("nextitem"));
        loop.put("cycle", (Callable) (arguments, named) -> arguments.get(i % arguments.size()));
        return loop;
    }

    private static void assign(Scope scope, List<String> names, Object value) {
        if (names.size() == 1) {
            scope.variables.put(names.get(0), value);
            return;
        }
        List<Object> values = JinjaValues.iterate(value);
        if (values.size() != names.size()) {
            throw new TemplateException(
                    0, "expected " + names.size() + " values for " + names + ", found " + values.size());
        }
        for (int i = 0; i < names.size(); i++) {
            scope.variables.put(names.get(i), values.get(i));
        }
    }

    private Node assignment() {
        String first = peek().text();
        if (tokens.get(at + 1).is(".")) {
            next();
            next();
            String field = name().text();
            expect("=");
            Expression value = tuple();
            closeBlock();
            return (scope, out) -> {
                if (!(scope.get(first) instanceof Namespace namespace)) {
                    throw new TemplateException(0, "expected a namespace to set ." + field + " of, found " + first);
                }
                namespace.fields().put(field, value.value(scope));
            };
        }
        List<String> names = targets();
        if (accept("=")) {
            Expression value = tuple();
            closeBlock();
            return (scope, out) -> assign(scope, names, value.value(scope));
        }
        Expression[] captured = new Expression[1];
        Expression filtered = scope -> captured[0].value(scope);
        while (accept("|")) {
            filtered = filter(filtered, name());
        }
        closeBlock();
        Node inner = bodyUntil("endset");
        captured[0] = scope -> captured(inner, scope);
        Expression value = filtered;
        return (scope, out) -> assign(scope, names, value.value(scope));
    }

    private Node macro() {
        String name = name().text();
        Map<String, Expression> parameters = new LinkedHashMap<>();
        expect("(");
        while (!accept(")")) {
            String parameter = name().text();
            parameters.put(parameter, accept("=") ? expression() : scope -> new Undefined(parameter));
            accept(",");
        }
        closeBlock();
        Node inner = bodyUntil("endmacro");
        return (scope, out) -> scope.variables.put(name, (Callable) (arguments, named) -> {
            if (arguments.size() > parameters.size()) {
                throw new TemplateException(
                        0,
                        "macro " + name + ": expected " + parameters.size() + " arguments, found " + arguments.size());
            }
            Scope own = scope.inner();
            int i = 0;
            for (var parameter : parameters.entrySet()) {
                String key = parameter.getKey();
                own.variables.put(
                        key,
                        i < arguments.size()
                                ? arguments.get(i)
                                : named.containsKey(key)
                                        ? named.get(key)
                                        : parameter.getValue().value(own));
                i++;
            }
            StringBuilder text = new StringBuilder();
            inner.write(own, text);
            return text.toString();
        });
    }

    // ---- expressions, by falling precedence ----

    private Expression tuple() {
        Expression first = expression();
        if (!peek().is(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (accept(",") && peek().kind() != Kind.CLOSE_BLOCK && !peek().is(")")) {
            items.add(expression());
        }
        return tuple(items);
    }

    private static Expression tuple(List<Expression> items) {
        return scope -> new JinjaValues.Tuple(values(items, scope));
    }

    private static List<Object> values(List<Expression> items, Scope scope) {
        List<Object> values = new ArrayList<>(items.size());
        items.forEach(item -> values.add(item.value(scope)));
        return values;
    }

    private Expression expression() {
        Expression value = disjunction();
        while (accept("if")) {
            Expression then = value;
            Expression test = disjunction();
            Expression otherwise = accept("else") ? expression() : scope -> new Undefined("the else of an if");
            value = scope -> (JinjaValues.truth(test.value(scope)) ? then : otherwise).value(scope);
        }
        return value;
    }

    private Expression disjunction() {
        Expression left = conjunction();
        while (accept("or")) {
            Expression first = left;
            Expression second = conjunction();
            left = scope -> {
                Object value = first.value(scope);
                return JinjaValues.truth(value) ? value : second.value(scope);
            };
        }
        return left;
    }

    private Expression conjunction() {
        Expression left = negation();
        while (accept("and")) {
            Expression first = left;
            Expression second = negation();
            left = scope -> {
                Object value = first.value(scope);
                return JinjaValues.truth(value) ? second.value(scope) : value;
            };
        }
        return left;
    }

    private Expression negation() {
        if (accept("not")) {
            Expression value = negation();
            return scope -> !JinjaValues.truth(value.value(scope));
        }
        return comparison();
    }

    private Expression comparison() {
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> operands = new ArrayList<>();
        while (true) {
            Token token = peek();
            if (token.kind() == Kind.OPERATOR
                    && Set.of("==", "!=", "<", "<=", ">", ">=").contains(token.text())) {
                operators.add(next().text());
            } else if (accept("in")) {
                operators.add("in");
            } else if (token.is("not") && tokens.get(at + 1).is("in")) {
                at += 2;
                operators.add("not in");
            } else {
                break;
            }
            operands.add(sum());
        }
        if (operators.isEmpty()) {
            return first;
        }
        return scope -> {
            Object left = first.value(scope);
            for (int i = 0; i < operators.size(); i++) {
                Object right = operands.get(i).value(scope);
                if (!JinjaValues.compare(operators.get(i), left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        };
    }

    private Expression sum() {
        return binary(
                Set.of("+", "-"),
                () -> binary(
                        Set.of("~"),
                        () -> binary(Set.of("*", "/", "//", "%"), () -> {
                            return binary(Set.of("**"), () -> unary(true));
                        })));
    }

    private Expression binary(Set<String> operators, java.util.function.Supplier<Expression> operand) {
        Expression left = operand.get();
        while (peek().kind() == Kind.OPERATOR && operators.contains(peek().text())) {
            String operator = next().text();
            Expression first = left;
            Expression second = operand.get();
            left = scope -> JinjaValues.arithmetic(operator, first.value(scope), second.value(scope));
        }
        return left;
    }

    private Expression unary(boolean filters) {
        Expression value;
        if (accept("-")) {
            Expression operand = unary(false);
            value = scope -> JinjaValues.arithmetic("-", 0L, operand.value(scope));
        } else if (accept("+")) {
            value = unary(false);
        } else {
            value = primary();
        }
        value = postfix(value);
        return filters ? filtersAndTests(value) : value;
    }

    private Expression primary() {
        Token token = next();
        switch (token.kind()) {
            case NUMBER:
                return scope -> token.value();
            case STRING:
                StringBuilder text = new StringBuilder((String) token.value());
                while (peek().kind() == Kind.STRING) {
                    text.append(next().value());
                }
                String whole = text.toString();
                return scope -> whole;
            case NAME:
                return switch (token.text()) {
                    case "true", "True" -> scope -> true;
                    case "false", "False" -> scope -> false;
                    case "none", "None" -> scope -> null;
                    default -> scope -> scope.get(token.text());
                };
            default:
        }
        if (token.is("(")) {
            if (accept(")")) {
                return tuple(List.of());
            }
            Expression inner = tuple();
            expect(")");
            return inner;
        }
        if (token.is("[")) {
            List<Expression> items = new ArrayList<>();
            while (!accept("]")) {
                items.add(expression());
                if (!peek().is("]")) {
                    expect(",");
                }
            }
            return scope -> values(items, scope);
        }
        if (token.is("{")) {
            Map<Expression, Expression> entries = new LinkedHashMap<>();
            while (!accept("}")) {
                Expression key = expression();
                expect(":");
                entries.put(key, expression());
                if (!peek().is("}")) {
                    expect(",");
                }
            }
            return scope -> {
                Map<Object, Object> map = new LinkedHashMap<>();
                entries.forEach((key, value) -> map.put(key.value(scope), value.value(scope)));
                return map;
            };
        }
        at--;
        throw error("expected a value, found " + describe(token));
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            Expression target = value;
            if (accept(".")) {
                Token name = next();
                Object key = name.kind() == Kind.NUMBER ? name.value() : name.text();
                value = scope -> JinjaFunctions.attribute(target.value(scope), key);
            } else if (accept("[")) {
                value = subscript(target);
            } else if (peek().is("(")) {
                value = call(target, peek().line());
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression target) {
        Expression[] parts = new Expression[3];
        boolean slice = false;
        for (int i = 0; !accept("]"); ) {
            if (accept(":")) {
                slice = true;
                i++;
            } else if (i < 3) {
                parts[i] = tuple();
            } else {
                throw error("expected ], found " + describe(peek()));
            }
        }
        if (slice) {
            return scope -> JinjaValues.slice(
                    target.value(scope), value(parts[0], scope), value(parts[1], scope), value(parts[2], scope));
        }
        if (parts[0] == null) {
            throw error("expected an index, found ]");
        }
        return scope -> JinjaValues.item(target.value(scope), parts[0].value(scope));
    }

    private static Object value(Expression part, Scope scope) {
        return part == null ? null : part.value(scope);
    }

    /** Arguments in parentheses, positional and named. */
    private record Arguments(List<Expression> positional, Map<String, Expression> named) {
        List<Object> values(Scope scope) {
            return Jinja.values(positional, scope);
        }

        Map<String, Object> namedValues(Scope scope) {
            Map<String, Object> values = new LinkedHashMap<>();
            named.forEach((name, argument) -> values.put(name, argument.value(scope)));
            return values;
        }
    }

    private Arguments arguments() {
        Arguments arguments = new Arguments(new ArrayList<>(), new LinkedHashMap<>());
        expect("(");
        while (!accept(")")) {
            if (peek().kind() == Kind.NAME && tokens.get(at + 1).is("=")) {
                String name = next().text();
                next();
                arguments.named.put(name, expression());
            } else {
                arguments.positional.add(expression());
            }
            if (!peek().is(")")) {
                expect(",");
            }
        }
        return arguments;
    }

    private Expression call(Expression target, int line) {
        Arguments arguments = arguments();
        return scope -> {
            Object function = target.value(scope);
            if (function instanceof Callable callable) {
                return callable.call(arguments.values(scope), arguments.namedValues(scope));
            }
            throw new TemplateException(
                    line,
                    function instanceof Undefined undefined
                            ? undefined.complaint()
                            : "expected something to call, found " + JinjaValues.typeName(function));
        };
    }

    private Expression filtersAndTests(Expression start) {
        Expression value = start;
        while (true) {
            if (accept("|")) {
                value = filter(value, name());
            } else if (accept("is")) {
                value = test(value);
            } else if (peek().is("(")) {
                value = call(value, peek().line());
            } else {
                return value;
            }
        }
    }

    private Expression filter(Expression target, Token name) {
        JinjaFunctions.Filter filter = JinjaFunctions.filter(name.text());
        if (filter == null) {
            throw new TemplateException(name.line(), "expected a filter that is known, found |" + name.text());
        }
        Arguments arguments = peek().is("(") ? arguments() : new Arguments(List.of(), Map.of());
        return scope -> filter.apply(target.value(scope), arguments.values(scope), arguments.namedValues(scope));
    }

    private Expression test(Expression target) {
        boolean not = accept("not");
        Token name = next();
        JinjaFunctions.Test test = JinjaFunctions.test(name.text());
        if (test == null) {
            throw new TemplateException(name.line(), "expected a test that is known, found is " + name.text());
        }
        Arguments arguments = new Arguments(new ArrayList<>(), Map.of());
        Token token = peek();
        if (token.is("(")) {
            arguments = arguments();
        } else if (token.kind() == Kind.STRING
                || token.kind() == Kind.NUMBER
                || token.is("[")
                || token.is("{")
                || token.kind() == Kind.NAME
                        && !Set.of("else", "or", "and", "is", "if", "not", "in").contains(token.text())) {
            arguments.positional.add(postfix(primary()));
        }
        Arguments given = arguments;
        return scope -> not != test.apply(target.value(scope), given.values(scope));
    }

    // ---- tokens ----

    private Token peek() {
        return tokens.get(at);
    }

    private Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    private boolean accept(String operatorOrName) {
        if (peek().is(operatorOrName)) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(String operatorOrName) {
        if (!accept(operatorOrName)) {
            throw error("expected " + operatorOrName + ", found " + describe(peek()));
        }
    }

    private void expect(Kind kind, String what) {
        if (peek().kind() != kind) {
            throw error("expected " + what + ", found " + describe(peek()));
        }
        at++;
    }

    private void closeBlock() {
        expect(Kind.CLOSE_BLOCK, "%}");
    }

    private Token name() {
        Token token = peek();
        expect(Kind.NAME, "a name");
        return token;
    }

    private TemplateException error(String message) {
        return new TemplateException(peek().line(), message);
    }

    private static String describe(Token token) {
        return switch (token.kind()) {
            case END -> "the template's end";
            case STRING -> "the string '" + token.value() + "'";
            default -> token.text();
        };
    }
}
