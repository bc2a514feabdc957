package io.tunebook.jinja;

import java.util.List;
import java.util.Map;

/** What has a value. */
sealed interface Expression extends Node {
    Value accept(Visitor visitor, Scope scope);

    /** One method for each kind of expression. */
    interface Visitor {
        Value visit(Literal node, Scope scope);

        Value visit(Name node, Scope scope);

        Value visit(Sequence node, Scope scope);

        Value visit(Mapping node, Scope scope);

        Value visit(Unary node, Scope scope);

        Value visit(Binary node, Scope scope);

        Value visit(Concat node, Scope scope);

        Value visit(Comparison node, Scope scope);

        Value visit(Logic node, Scope scope);

        Value visit(Conditional node, Scope scope);

        Value visit(Attribute node, Scope scope);

        Value visit(Item node, Scope scope);

        Value visit(Slice node, Scope scope);

        Value visit(Call node, Scope scope);

        Value visit(Filter node, Scope scope);

        Value visit(Test node, Scope scope);

        Value visit(Captured node, Scope scope);
    }

    record Literal(Place place, Value value) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    record Name(Place place, String name) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    record Sequence(Place place, List<Expression> items, boolean tuple) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    record Mapping(Place place, List<Expression> keys, List<Expression> values) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code -}, {@code +} or {@code not}. */
    record Unary(Place place, String operator, Expression operand) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** Arithmetic. */
    record Binary(Place place, String operator, Expression left, Expression right) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** Parts joined by {@code ~}. */
    record Concat(Place place, List<Expression> parts) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code a < b <= c}: each operator between two neighbours. */
    record Comparison(Place place, List<String> operators, List<Expression> operands) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code and}, {@code or}: the value of the operand that decides. */
    record Logic(Place place, boolean and, Expression left, Expression right) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code then if test else otherwise}; {@code otherwise} is null where there is none. */
    record Conditional(Place place, Expression test, Expression then, Expression otherwise) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code target.name}. */
    record Attribute(Place place, Expression target, String name) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code target[index]}. */
    record Item(Place place, Expression target, Expression index) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code target[from:to:step]}; what is absent is null. */
    record Slice(Place place, Expression target, Expression from, Expression to, Expression step)
            implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code (a, b, name=c, *rest, **more)}; {@code rest} and {@code more} are null where there is none. */
    record Given(List<Expression> positional, Map<String, Expression> named, Expression rest, Expression more) {
        static final Given NOTHING = new Given(List.of(), Map.of(), null, null);
    }

    record Call(Place place, Expression target, Given arguments) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code target | name(…)}. */
    record Filter(Place place, Expression target, String name, Given arguments) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** {@code target is name(…)}. */
    record Test(Place place, Expression target, String name, Given arguments) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }

    /** The text that a block writes, for {@code set} and {@code filter} blocks. */
    record Captured(Place place, List<Statement> body) implements Expression {
        @Override
        public Value accept(Visitor visitor, Scope scope) {
            return visitor.visit(this, scope);
        }
    }
}
