package io.tunebook.jinja;

import java.util.List;

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

    record With(Place place, List<Target> targets, List<Expression> values, List<Statement> body) implements Statement {
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

    /** {@code {% block %}}, which a template without inheritance writes where it stands, with the outer variables. */
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
