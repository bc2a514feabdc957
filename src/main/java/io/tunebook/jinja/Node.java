package io.tunebook.jinja;

import io.tunebook.jinja.Run.Scope;
import java.util.List;
import java.util.Map;

/** A piece of a template, with the place where it begins. */
sealed interface Node {
    /** A line from 1 and a column in characters from 1. */
    record Place(int line, int column) {}

    Place place();

    default int line() {
        return place().line();
    }

    default int column() {
        return place().column();
    }

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

    /** What writes or sets something. */
    sealed interface Statement extends Node {
        Flow accept(Visitor visitor, Scope scope);

        /** Whether the statements after this one are next, or the loop around ends or goes on. */
        enum Flow {
            NEXT,
            BREAK,
            CONTINUE
        }

        /** One method for each kind of statement. */
        interface Visitor {
            Flow visit(Text node, Scope scope);

            Flow visit(Output node, Scope scope);

            Flow visit(If node, Scope scope);

            Flow visit(For node, Scope scope);

            Flow visit(Assign node, Scope scope);

            Flow visit(Macro node, Scope scope);

            Flow visit(CallBlock node, Scope scope);

            Flow visit(With node, Scope scope);

            Flow visit(Generation node, Scope scope);

            Flow visit(Jump node, Scope scope);

            Flow visit(Block node, Scope scope);

            Flow visit(Refused node, Scope scope);
        }

        /** Where a value is put. */
        sealed interface Target {
            record Variable(String name) implements Target {}

            /** A field of a namespace. */
            record Field(String variable, String name) implements Target {}

            record Several(List<Target> targets) implements Target {}
        }

        record Text(Place place, String text) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** {@code {{ value }}}, or a filter block, whose value must be text. */
        record Output(Place place, Expression value, boolean block) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** Tests in turn, each with what it leads to, and what is left if none holds. */
        record If(Place place, List<Expression> tests, List<List<Statement>> bodies, List<Statement> otherwise)
                implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** {@code test} is null where there is none. */
        record For(
                Place place,
                Target target,
                Expression over,
                Expression test,
                boolean recursive,
                List<Statement> body,
                List<Statement> otherwise)
                implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        record Assign(Place place, Target target, Expression value) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** Names and, for the last of them, defaults; and what else the body reads. */
        record Signature(
                String name,
                List<String> parameters,
                List<Expression> defaults,
                boolean readsRest,
                boolean readsMore,
                boolean readsCaller) {}

        record Macro(Place place, Signature signature, List<Statement> body) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** {@code {% call(…) macro(…) %}}: the macro is given the body as its {@code caller}. */
        record CallBlock(Place place, Signature signature, Expression.Call call, List<Statement> body)
                implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        record With(Place place, List<Target> targets, List<Expression> values, List<Statement> body)
                implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** {@code {% generation %}}: what the assistant says, as Transformers marks it. */
        record Generation(Place place, List<Statement> body) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** {@code break} or {@code continue}. */
        record Jump(Place place, Flow flow) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /**
         * {@code {% block %}}, which a template without inheritance writes where it stands, with the outer variables.
         */
        record Block(Place place, boolean scoped, List<Statement> body) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }

        /** A statement that reads other templates, which a chat template has none of. */
        record Refused(Place place, String name) implements Statement {
            @Override
            public Flow accept(Visitor visitor, Scope scope) {
                return visitor.visit(this, scope);
            }
        }
    }
}
