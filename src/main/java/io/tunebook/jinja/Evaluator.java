package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Node.Expression;
import io.tunebook.jinja.Run.Scope;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Function;
import io.tunebook.jinja.Value.Int;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Real;
import io.tunebook.jinja.Value.Text;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gives expressions their values. */
final class Evaluator implements Expression.Visitor {
    private final Run run;
    private final Interpreter interpreter;

    Evaluator(Run run, Interpreter interpreter) {
        this.run = run;
        this.interpreter = interpreter;
    }

    Value value(Expression expression, Scope scope) {
        run.enter(expression);
        Value value = expression.accept(this, scope);
        run.leave();
        return value;
    }

    private List<Value> values(List<Expression> expressions, Scope scope) {
        List<Value> values = new ArrayList<>(expressions.size());
        for (Expression expression : expressions) {
            values.add(value(expression, scope));
        }
        return values;
    }

    @Override
    public Value visit(Expression.Literal node, Scope scope) {
        return node.value();
    }

    @Override
    public Value visit(Expression.Name node, Scope scope) {
        return scope.get(node.name());
    }

    @Override
    public Value visit(Expression.Sequence node, Scope scope) {
        List<Value> values = values(node.items(), scope);
        return node.tuple() ? Items.tuple(values) : Items.list(values);
    }

    @Override
    public Value visit(Expression.Mapping node, Scope scope) {
        Map<Value, Value> entries = new LinkedHashMap<>();
        for (int i = 0; i < node.keys().size(); i++) {
            Value key = value(node.keys().get(i), scope);
            entries.put(Dict.key(key), value(node.values().get(i), scope));
        }
        return Dict.of(entries);
    }

    @Override
    public Value visit(Expression.Unary node, Scope scope) {
        Value value = value(node.operand(), scope);
        run.at(node);
        if (node.operator().equals("not")) {
            return Bool.of(!truth(value));
        }
        Value plain = Numbers.plain(Operators.defined(value));
        boolean minus = node.operator().equals("-");
        if (plain instanceof Int whole) {
            return minus ? new Int(whole.value().negate()) : whole;
        }
        if (plain instanceof Real real) {
            return minus ? new Real(-real.value()) : real;
        }
        throw new TemplateException("expected a number after " + node.operator() + ", found " + Repr.typeName(value));
    }

    @Override
    public Value visit(Expression.Binary node, Scope scope) {
        Value left = value(node.left(), scope);
        Value right = value(node.right(), scope);
        run.at(node);
        return Operators.compute(run, node.operator(), left, right);
    }

    @Override
    public Value visit(Expression.Concat node, Scope scope) {
        StringBuilder out = new StringBuilder();
        for (Expression part : node.parts()) {
            String text = Repr.text(run, value(part, scope));
            run.characters(text.length());
            out.append(text);
        }
        return Text.of(out.toString());
    }

    @Override
    public Value visit(Expression.Comparison node, Scope scope) {
        Value left = value(node.operands().get(0), scope);
        for (int i = 0; i < node.operators().size(); i++) {
            Value right = value(node.operands().get(i + 1), scope);
            run.at(node);
            if (!Operators.compare(run, node.operators().get(i), left, right)) {
                return Bool.FALSE;
            }
            left = right;
        }
        return Bool.TRUE;
    }

    @Override
    public Value visit(Expression.Logic node, Scope scope) {
        Value left = value(node.left(), scope);
        return truth(left) == node.and() ? value(node.right(), scope) : left;
    }

    @Override
    public Value visit(Expression.Conditional node, Scope scope) {
        if (truth(value(node.test(), scope))) {
            return value(node.then(), scope);
        }
        return node.otherwise() != null
                ? value(node.otherwise(), scope)
                : new Value.Undefined(
                        "the if without else on line " + node.line() + " is not true, so there is no value");
    }

    @Override
    public Value visit(Expression.Attribute node, Scope scope) {
        Value target = value(node.target(), scope);
        run.at(node);
        return Attributes.attribute(run, target, node.name());
    }

    @Override
    public Value visit(Expression.Item node, Scope scope) {
        Value target = value(node.target(), scope);
        Value index = value(node.index(), scope);
        run.at(node);
        return Attributes.item(run, target, index);
    }

    @Override
    public Value visit(Expression.Slice node, Scope scope) {
        Value target = value(node.target(), scope);
        Value from = node.from() == null ? null : value(node.from(), scope);
        Value to = node.to() == null ? null : value(node.to(), scope);
        Value step = node.step() == null ? null : value(node.step(), scope);
        run.at(node);
        return Operators.slice(run, target, from, to, step);
    }

    @Override
    public Value visit(Expression.Call node, Scope scope) {
        return call(node, scope, null);
    }

    /** Calls, with a {@code caller} if it is not null. */
    Value call(Expression.Call node, Scope scope, Value caller) {
        Value target = value(node.target(), scope);
        Arguments arguments = arguments(node.arguments(), scope);
        run.at(node);
        arguments = caller == null ? arguments : arguments.with("caller", caller);
        if (target instanceof Function function) {
            return function.body().call(run, arguments);
        }
        if (target instanceof LoopContext loop) {
            return loop.call(run, arguments);
        }
        if (target instanceof Value.Joiner joiner) {
            Value separator = joiner.used ? joiner.separator : Text.EMPTY;
            joiner.used = true;
            return separator;
        }
        Operators.defined(target);
        throw new TemplateException("expected something to call, found " + Repr.typeName(target));
    }

    private Arguments arguments(Expression.Given given, Scope scope) {
        List<Value> positional = values(given.positional(), scope);
        Map<String, Value> named = new LinkedHashMap<>();
        given.named().forEach((name, expression) -> named.put(name, value(expression, scope)));
        if (given.rest() != null) {
            Operators.iterate(run, value(given.rest(), scope)).forEachRemaining(positional::add);
        }
        if (given.more() != null) {
            Value more = value(given.more(), scope);
            if (!(more instanceof Dict dict)) {
                throw new TemplateException("expected a mapping after **, found " + Repr.typeName(more));
            }
            dict.entries().forEach((key, value) -> {
                if (!(key instanceof Text name) || named.put(name.value(), value) != null) {
                    throw new TemplateException(
                            "expected names that are not given yet after **, found " + Repr.repr(run, key));
                }
            });
        }
        return Arguments.of(positional, named);
    }

    @Override
    public Value visit(Expression.Filter node, Scope scope) {
        Value target = value(node.target(), scope);
        Arguments arguments = arguments(node.arguments(), scope);
        run.at(node);
        return Filters.get(node.name()).call(run, arguments.after(target));
    }

    @Override
    public Value visit(Expression.Test node, Scope scope) {
        Value target = value(node.target(), scope);
        Arguments arguments = arguments(node.arguments(), scope);
        run.at(node);
        return Bool.of(Tests.holds(run, node.name(), arguments.after(target)));
    }

    @Override
    public Value visit(Expression.Captured node, Scope scope) {
        return Text.of(interpreter.captured(() -> interpreter.execute(node.body(), new Scope(scope))));
    }

    private boolean truth(Value value) {
        return value instanceof LoopContext loop ? loop.length(run) > 0 : Operators.truth(value);
    }
}
