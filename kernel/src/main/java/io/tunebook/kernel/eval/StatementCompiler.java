package io.tunebook.kernel.eval;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;
import io.tunebook.kernel.eval.Pieces.Piece;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.type.ArrayType;
import javax.lang.model.type.DeclaredType;
import javax.lang.model.type.TypeKind;
import javax.lang.model.type.TypeMirror;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import jdk.jshell.spi.ExecutionControl.ClassBytecodes;

/**
 * Compiles one expression or statement in one run of the compiler, where JShell takes four to seven: it looks at what
 * it is, what type it has, what it lacks, and compiles at last. Only what declares nothing and leaves no code behind is
 * compiled here, and only if it has no error; JShell sees everything else, and says what is wrong with it.
 */
final class StatementCompiler {
    /** JShell counts its own classes from 1. */
    private static final int FIRST = 1_000_000_000;

    private static final Pattern STATEMENT =
            Pattern.compile("(?:for|while|do|if|try|throw|synchronized|assert)\\b|\\{");
    private static final Set<Tree.Kind> STATEMENTS = EnumSet.of(
            Tree.Kind.EXPRESSION_STATEMENT,
            Tree.Kind.FOR_LOOP,
            Tree.Kind.ENHANCED_FOR_LOOP,
            Tree.Kind.WHILE_LOOP,
            Tree.Kind.DO_WHILE_LOOP,
            Tree.Kind.IF,
            Tree.Kind.TRY,
            Tree.Kind.THROW,
            Tree.Kind.SYNCHRONIZED,
            Tree.Kind.ASSERT,
            Tree.Kind.BLOCK);

    private final JShellInternals internals;
    private int made;

    StatementCompiler(JShellInternals internals) {
        this.internals = internals;
    }

    /**
     * A class whose method {@code do_it$} does what was typed.
     *
     * @param above how many lines of its source stand above the first that was typed
     * @param isExpression whether the method gives a value
     * @param type of the value as Java writes it, or null where it cannot be written
     */
    record Compiled(ClassBytecodes code, int above, boolean isExpression, String type) {}

    /** Compiles a piece, or leaves it to JShell. */
    Optional<Compiled> compile(Piece piece) {
        CompilerTask task = internals.task();
        if (task == null || piece.isErroneous()) {
            return Optional.empty();
        }
        String source = piece.source();
        boolean statement =
                piece.endsWithSemicolon() || STATEMENT.matcher(source).lookingAt();
        try {
            Attempt first = attempt(task, source, !statement);
            return first.isVoid ? attempt(task, source + "\n;", false).compiled() : first.compiled();
        } catch (ReflectiveOperationException | RuntimeException | StackOverflowError e) {
            internals.renewCompiler(); // JShell meets the same, and tells it
            return Optional.empty();
        }
    }

    private Attempt attempt(CompilerTask task, String source, boolean expression) throws ReflectiveOperationException {
        String name = "$JShell$" + (FIRST + made++);
        String head = task.imports() + "class " + name + " {\npublic static "
                + (expression
                        ? "java.lang.Object do_it$() throws java.lang.Throwable { return (\n"
                        : "void do_it$() throws java.lang.Throwable {\n");
        Attempt attempt = new Attempt(
                "REPL." + name, (int) head.chars().filter(c -> c == '\n').count(), expression);
        try {
            task.run(head + source + (expression ? "\n); } }\n" : "\n} }\n"), attempt::make);
        } finally {
            internals.forgetClass(attempt.name); // the next snippet needs nothing of it
        }
        return attempt;
    }

    private static final class Attempt {
        private final String name;
        private final int above;
        private final boolean expression;
        private boolean isVoid;
        private String type;
        private byte[] code;

        Attempt(String name, int above, boolean expression) {
            this.name = name;
            this.above = above;
            this.expression = expression;
        }

        Optional<Compiled> compiled() {
            return code == null
                    ? Optional.empty()
                    : Optional.of(new Compiled(new ClassBytecodes(name, code), above, expression, type));
        }

        Void make(JavacTask task, DiagnosticCollector<JavaFileObject> diagnostics) {
            try {
                CompilationUnitTree unit = task.parse().iterator().next();
                Optional<StatementTree> found = hasErrors(diagnostics) ? Optional.empty() : statement(unit);
                if (found.isEmpty()) {
                    return null;
                }
                task.analyze();
                Trees trees = Trees.instance(task);
                ExpressionTree value = expression
                        ? ((ParenthesizedTree) ((ReturnTree) found.get()).getExpression()).getExpression()
                        : null;
                if (hasErrors(diagnostics)) {
                    isVoid = value instanceof MethodInvocationTree call && isVoid(trees, unit, call);
                    return null;
                }
                type = value == null ? null : written(trees.getTypeMirror(TreePath.getPath(unit, value)));
                int files = 0;
                byte[] bytes = null;
                for (JavaFileObject file : task.generate()) {
                    files++;
                    try (InputStream in = file.openInputStream()) {
                        bytes = in.readAllBytes();
                    }
                }
                if (hasErrors(diagnostics)) {
                    throw new IllegalStateException("what can be analysed cannot be compiled");
                }
                code = files == 1 && CellTransformer.isStatement(bytes) ? bytes : null;
                return null;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** The one statement that was typed, if it is one and declares nothing. */
        private Optional<StatementTree> statement(CompilationUnitTree unit) {
            List<? extends Tree> types = unit.getTypeDecls();
            List<? extends Tree> members =
                    types.size() == 1 && types.get(0) instanceof ClassTree c ? c.getMembers() : List.of();
            List<? extends StatementTree> all = members.size() == 1 && members.get(0) instanceof MethodTree m
                    ? m.getBody().getStatements()
                    : List.of();
            boolean one = !all.isEmpty()
                    && all.stream().skip(1).allMatch(s -> !expression && s.getKind() == Tree.Kind.EMPTY_STATEMENT);
            if (!one || Boolean.TRUE.equals(new CodeLeft().scan(all.get(0), null))) {
                return Optional.empty();
            }
            StatementTree s = all.get(0);
            return (expression
                            ? s instanceof ReturnTree r
                                    && r.getExpression() instanceof ParenthesizedTree p
                                    && p.getExpression().getKind()
                                            != Tree.Kind.SWITCH_EXPRESSION // to JShell a statement
                            : STATEMENTS.contains(s.getKind()))
                    ? Optional.of(s)
                    : Optional.empty();
        }

        private static boolean hasErrors(DiagnosticCollector<JavaFileObject> diagnostics) {
            return diagnostics.getDiagnostics().stream().anyMatch(d -> d.getKind() == Diagnostic.Kind.ERROR);
        }

        private static boolean isVoid(Trees trees, CompilationUnitTree unit, MethodInvocationTree call) {
            Element method = trees.getElement(TreePath.getPath(unit, call.getMethodSelect()));
            return method instanceof ExecutableElement e && e.getReturnType().getKind() == TypeKind.VOID;
        }

        /** A type by which a later cell may name the value. */
        private static String written(TypeMirror type) {
            TypeMirror named = type;
            while (named instanceof ArrayType array) {
                named = array.getComponentType();
            }
            boolean hidden = named instanceof DeclaredType declared
                    && !declared.asElement().getModifiers().contains(Modifier.PUBLIC);
            return hidden || type == null ? null : CellNames.clean(type.toString());
        }
    }

    /** Finds code that may be called when its statement has run: lambdas and classes. */
    private static final class CodeLeft extends TreeScanner<Boolean, Void> {
        @Override
        public Boolean visitLambdaExpression(LambdaExpressionTree node, Void p) {
            return true;
        }

        @Override
        public Boolean visitClass(ClassTree node, Void p) {
            return true;
        }

        @Override
        public Boolean reduce(Boolean first, Boolean second) {
            return Boolean.TRUE.equals(first) || Boolean.TRUE.equals(second);
        }
    }
}
