package io.tunebook.jinja;

import io.tunebook.jinja.Builtin.Arguments;
import io.tunebook.jinja.Jinja.Values;
import io.tunebook.jinja.Node.Statement;
import io.tunebook.jinja.Node.Statement.Flow;
import io.tunebook.jinja.Node.Statement.Signature;
import io.tunebook.jinja.Node.Statement.Target;
import io.tunebook.jinja.Run.Scope;
import io.tunebook.jinja.Value.Bool;
import io.tunebook.jinja.Value.Dict;
import io.tunebook.jinja.Value.Function;
import io.tunebook.jinja.Value.Items;
import io.tunebook.jinja.Value.Namespace;
import io.tunebook.jinja.Value.Text;
import io.tunebook.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Carries out statements and notes which loop elements and generation blocks wrote which part of the text. */
final class Interpreter implements Statement.Visitor {
    private final Run run;
    private final Evaluator evaluator;
    private final Scope outermost;
    private final StringBuilder text = new StringBuilder();
    private final List<Jinja.Span> loops = new ArrayList<>();
    private final List<Jinja.Span> generations = new ArrayList<>();
    private StringBuilder out = text;

    Interpreter(Run run, Scope globals) {
        this.run = run;
        this.evaluator = new Evaluator(run, this);
        this.outermost = new Scope(globals);
    }

    Jinja.Rendered render(List<Statement> template) {
        execute(template, outermost);
        return new Jinja.Rendered(text.toString(), List.copyOf(loops), List.copyOf(generations));
    }

    Flow execute(List<Statement> body, Scope scope) {
        for (Statement statement : body) {
            run.enter(statement);
            Flow flow = statement.accept(this, scope);
            run.leave();
            if (flow != Flow.NEXT) {
                return flow;
            }
        }
        return Flow.NEXT;
    }

    /** What is written meanwhile. */
    String captured(Runnable writer) {
        StringBuilder around = out;
        out = new StringBuilder();
        try {
            writer.run();
            return out.toString();
        } finally {
            out = around;
        }
    }

    private void write(String s) {
        run.characters(s.length());
        out.append(s);
    }

    @Override
    public Flow visit(Statement.Text node, Scope scope) {
        write(node.text());
        return Flow.NEXT;
    }

    @Override
    public Flow visit(Statement.Output node, Scope scope) {
        Value value = evaluator.value(node.value(), scope);
        run.at(node);
        if (node.block() && !(value instanceof Text)) {
            throw new TemplateException("expected a string from the filter of a block, found " + Repr.typeName(value));
        }
        write(Repr.text(run, value));
        return Flow.NEXT;
    }

    @Override
    public Flow visit(Statement.If node, Scope scope) {
        for (int i = 0; i < node.tests().size(); i++) {
            if (Operators.truth(evaluator.value(node.tests().get(i), scope))) {
                return execute(node.bodies().get(i), scope);
            }
        }
        return execute(node.otherwise(), scope);
    }

    @Override
    public Flow visit(Statement.For node, Scope scope) {
        return loop(node, scope, evaluator.value(node.over(), scope), 0);
    }

    private Flow loop(Statement.For node, Scope scope, Value over, int depth) {
        run.at(node);
        Iterator<Value> values = Operators.iterate(run, over);
        int length = node.test() == null ? Operators.length(over) : -1;
        Value.Body recursion = !node.recursive()
                ? null
                : (r, a) -> {
                    if (a.size() != 1) {
                        throw new TemplateException("loop: expected one sequence, found " + a.size());
                    }
                    run.enter(node);
                    Text inner = Text.of(captured(() -> loop(node, scope, a.get(0), depth + 1)));
                    run.leave();
                    return inner;
                };
        LoopContext loop =
                new LoopContext(node.test() == null ? values : tested(node, scope, values), length, depth, recursion);
        boolean any = false;
        for (Value item; (item = loop.next()) != null; ) {
            any = true;
            Scope own = new Scope(scope);
            own.put("loop", loop);
            assign(node, node.target(), item, own);
            int start = out.length();
            Flow flow = execute(node.body(), own);
            if (out == text) {
                loops.add(new Jinja.Span(Values.origin(item), start, out.length()));
            }
            if (flow == Flow.BREAK) {
                break;
            }
        }
        return any ? Flow.NEXT : execute(node.otherwise(), new Scope(scope));
    }

    private Iterator<Value> tested(Statement.For node, Scope scope, Iterator<Value> values) {
        return new Iterator<>() {
            private Value next;

            @Override
            public boolean hasNext() {
                while (next == null && values.hasNext()) {
                    Value item = values.next();
                    Scope own = new Scope(scope);
                    assign(node, node.target(), item, own);
                    next = Operators.truth(evaluator.value(node.test(), own)) ? item : null;
                }
                return next != null;
            }

            @Override
            public Value next() {
                Value item = next;
                next = null;
                return item;
            }
        };
    }

    private void assign(Node node, Target target, Value value, Scope scope) {
        if (target instanceof Target.Variable variable) {
            scope.put(variable.name(), value);
            return;
        }
        run.at(node);
        if (target instanceof Target.Field field) {
            if (!(scope.get(field.variable()) instanceof Namespace namespace)) {
                throw new TemplateException(
                        "expected a namespace to set ." + field.name() + " of, found " + field.variable());
            }
            namespace.fields.put(Text.of(field.name()), value);
            return;
        }
        List<Target> targets = ((Target.Several) target).targets();
        List<Value> values = Operators.list(run, value);
        if (values.size() != targets.size()) {
            throw new TemplateException("expected " + targets.size() + " values, found " + values.size());
        }
        for (int i = 0; i < targets.size(); i++) {
            assign(node, targets.get(i), values.get(i), scope);
        }
    }

    @Override
    public Flow visit(Statement.Assign node, Scope scope) {
        assign(node, node.target(), evaluator.value(node.value(), scope), scope);
        return Flow.NEXT;
    }

    @Override
    public Flow visit(Statement.Macro node, Scope scope) {
        scope.put(node.signature().name(), function(node, node.signature(), node.body(), scope));
        return Flow.NEXT;
    }

    private Function function(Node node, Signature signature, List<Statement> body, Scope scope) {
        Map<String, Value> fields = new LinkedHashMap<>();
        fields.put("name", Text.of(signature.name()));
        fields.put(
                "arguments",
                Items.tuple(signature.parameters().stream()
                        .map(p -> (Value) Text.of(p))
                        .toList()));
        fields.put("catch_kwargs", Bool.of(signature.readsMore()));
        fields.put("catch_varargs", Bool.of(signature.readsRest()));
        fields.put("caller", Bool.of(signature.readsCaller()));
        return new Function(
                "'" + signature.name() + "'",
                (r, given) -> {
                    run.enter(node);
                    Scope own = new Scope(scope);
                    parameters(signature, given, own);
                    Text written = Text.of(captured(() -> execute(body, own)));
                    run.leave();
                    return written;
                },
                fields);
    }

    private void parameters(Signature signature, Arguments given, Scope own) {
        List<String> names = signature.parameters();
        Map<String, Value> named = new LinkedHashMap<>(given.named());
        String macro = "macro " + signature.name() + ": ";
        int withoutDefault = names.size() - signature.defaults().size();
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            Value value = i < given.size() ? given.get(i) : named.remove(name);
            if (value == null) {
                value = i >= withoutDefault
                        ? evaluator.value(signature.defaults().get(i - withoutDefault), own)
                        : new Undefined("parameter '" + name + "' was not provided");
            }
            own.put(name, value);
        }
        if (signature.readsCaller()) {
            Value caller = named.remove("caller");
            own.put("caller", caller == null ? new Undefined("No caller defined") : caller);
        }
        if (signature.readsMore()) {
            own.put("kwargs", Dict.ofNamed(named));
        } else if (!named.isEmpty()) {
            throw new TemplateException(macro + "expected no argument of the name "
                    + named.keySet().iterator().next());
        }
        if (signature.readsRest()) {
            own.put(
                    "varargs",
                    Items.tuple(
                            given.size() > names.size()
                                    ? given.positional().subList(names.size(), given.size())
                                    : List.of()));
        } else if (given.size() > names.size()) {
            throw new TemplateException(
                    macro + "expected at most " + names.size() + " arguments, found " + given.size());
        }
    }

    @Override
    public Flow visit(Statement.CallBlock node, Scope scope) {
        Function caller = function(node, node.signature(), node.body(), scope);
        Value value = evaluator.call(node.call(), scope, caller);
        write(Repr.text(run, value));
        return Flow.NEXT;
    }

    @Override
    public Flow visit(Statement.With node, Scope scope) {
        Scope own = new Scope(scope);
        for (int i = 0; i < node.targets().size(); i++) {
            assign(node, node.targets().get(i), evaluator.value(node.values().get(i), scope), own);
        }
        return execute(node.body(), own);
    }

    @Override
    public Flow visit(Statement.Generation node, Scope scope) {
        int start = out.length();
        execute(node.body(), new Scope(scope));
        if (out == text) {
            generations.add(new Jinja.Span(null, start, out.length()));
        }
        return Flow.NEXT;
    }

    @Override
    public Flow visit(Statement.Jump node, Scope scope) {
        return node.flow();
    }

    @Override
    public Flow visit(Statement.Block node, Scope scope) {
        return execute(node.body(), new Scope(node.scoped() ? scope : outermost));
    }

    @Override
    public Flow visit(Statement.Refused node, Scope scope) {
        throw new TemplateException("{% " + node.name() + " %} is not for chat templates, which stand alone");
    }
}
