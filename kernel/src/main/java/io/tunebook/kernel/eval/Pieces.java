package io.tunebook.kernel.eval;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.Trees;
import io.tunebook.kernel.eval.Source.Edit;
import io.tunebook.kernel.eval.Source.Origin;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.lang.model.element.Modifier;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import jdk.jshell.Snippet;
import jdk.jshell.Snippet.Kind;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;

/** Cuts Java into the snippets that JShell takes one by one. */
final class Pieces {
    private static final Pattern RECORD = Pattern.compile("\\brecord\\b");
    /** Names that IPython gives to the last results. */
    private static final Pattern RESULT =
            Pattern.compile("(?<![\\p{javaJavaIdentifierPart}.])_{1,3}(?!\\p{javaJavaIdentifierPart})");

    private static final Pattern BEFORE = Pattern.compile("(?s).*(?:^|[=+\\-*/%&|^!<~?:\\[;{}]|\\breturn\\b)\\s*");

    /** A type stands before it. */
    private static final Pattern DECLARED = Pattern.compile(
            "(?s).*(?:[>\\]]|(?<!\\breturn|\\byield|\\bthrow|\\bcase)\\b(?<=\\p{javaJavaIdentifierPart}))\\s+");

    private final SourceCodeAnalysis analysis;

    Pieces(SourceCodeAnalysis analysis) {
        this.analysis = analysis;
    }

    /**
     * One snippet.
     *
     */
    record Piece(String source, Origin origin, boolean endsWithSemicolon, boolean isErroneous) {}

    /**
     * The snippets of a part of a source, the last of which may have errors.
     *
     * @param results what stands for {@code _}, {@code __} and {@code ___}, or null for a name that means itself
     */
    List<Piece> split(Source of, int from, int to, UnaryOperator<String> results) {
        List<Piece> pieces = new ArrayList<>();
        Rewriting all = results(of.text().substring(from, to), results);
        String rest = all.text();
        while (true) {
            String code = rest;
            SourceCodeAnalysis.CompletionInfo info =
                    DeepStack.call(() -> CellContext.quietly(() -> analysis.analyzeCompletion(code)), () -> {});
            Completeness completeness = info.completeness();
            if (completeness == Completeness.EMPTY) {
                return pieces;
            }
            String remaining = info.remaining() == null ? "" : info.remaining();
            boolean whole = info.source() == null
                    || completeness == Completeness.DEFINITELY_INCOMPLETE
                    || completeness == Completeness.UNKNOWN;
            String source = whole ? rest : info.source();
            String raw = whole ? rest : rest.substring(0, rest.length() - remaining.length());
            int blank = JavaText.leadingBlank(source); // JShell counts a snippet's lines from its first character
            int at = all.text().length() - rest.length() + blank;
            Rewriting one = constructors(source.substring(blank));
            boolean erroneous = whole && kinds(source).contains(Kind.ERRONEOUS);
            pieces.add(new Piece(
                    one.text(),
                    new Origin(of, from + all.typed(at), merge(all.from(at), one.edits())),
                    JavaText.lastCharacter(raw) == ';',
                    erroneous));
            if (whole || remaining.isBlank()) {
                return pieces;
            }
            rest = remaining;
        }
    }

    Set<Kind> kinds(String source) {
        return DeepStack.call(
                () -> CellContext.quietly(() -> analysis.sourceToSnippets(source).stream()
                        .map(Snippet::kind)
                        .collect(java.util.stream.Collectors.toSet())),
                () -> {});
    }

    boolean declares(Piece piece) {
        return Set.of(Kind.METHOD, Kind.TYPE_DECL, Kind.IMPORT).containsAll(kinds(piece.source()));
    }

    /** Whether code can be followed by something that is not Java: nothing in it is left open. */
    boolean isWhole(String code) {
        String rest = code;
        while (!rest.isBlank()) {
            String now = rest;
            SourceCodeAnalysis.CompletionInfo info =
                    DeepStack.call(() -> CellContext.quietly(() -> analysis.analyzeCompletion(now)), () -> {});
            if (info.completeness() == Completeness.EMPTY) {
                return true;
            } else if (info.completeness() == Completeness.DEFINITELY_INCOMPLETE || info.source() == null) {
                return false;
            }
            String remaining = info.remaining() == null ? "" : info.remaining();
            if (info.completeness() != Completeness.COMPLETE && remaining.isBlank()) {
                return info.completeness() == Completeness.CONSIDERED_INCOMPLETE;
            }
            if (remaining.isBlank()) {
                char last = JavaText.lastCharacter(rest);
                return last == ';' || last == '}';
            }
            rest = remaining;
        }
        return true;
    }

    // ---- what JShell does not take as it stands

    /** A text and what in it was typed otherwise. */
    private record Rewriting(String text, List<Edit> edits) {
        int typed(int position) {
            return new Origin(new Source("", ""), 0, edits).typed(position);
        }

        /** The edits behind a position, counted from there. */
        List<Edit> from(int position) {
            return edits.stream()
                    .filter(e -> e.at() >= position)
                    .map(e -> new Edit(e.at() - position, e.typed(), e.written()))
                    .toList();
        }
    }

    private static List<Edit> merge(List<Edit> results, List<Edit> constructors) {
        if (constructors.isEmpty()) {
            return results;
        }
        // The later ones were made in a text that had the former, which stand behind them by what they added.
        List<Edit> all = new ArrayList<>(constructors);
        for (Edit r : results) {
            int added = 0;
            for (Edit c : constructors) {
                added += c.at() <= r.at() + added ? c.written() - c.typed() : 0;
            }
            all.add(new Edit(r.at() + added, r.typed(), r.written()));
        }
        all.sort(Comparator.comparingInt(Edit::at));
        return all;
    }

    /** JShell makes records public; then a constructor without an access modifier, right anywhere else, is an error. */
    private Rewriting constructors(String source) {
        // The kind is asked last: JShell finds the type of an expression for it, which takes as long as running a small
        // one.
        if (!RECORD.matcher(source).find() || !kinds(source).contains(Kind.TYPE_DECL)) {
            return new Rewriting(source, List.of());
        }
        List<Integer> at = new ArrayList<>();
        JavacTask task = (JavacTask) ToolProvider.getSystemJavaCompiler()
                .getTask(null, null, d -> {}, List.of("-proc:none"), null, List.of(new Text(source)));
        Trees trees = Trees.instance(task);
        try {
            for (var unit : task.parse()) {
                for (Tree type : unit.getTypeDecls()) {
                    if (type.getKind() == Tree.Kind.RECORD) {
                        for (Tree member : ((ClassTree) type).getMembers()) {
                            if (member instanceof MethodTree m
                                    && m.getName().contentEquals("<init>")
                                    && m.getModifiers().getFlags().stream()
                                            .noneMatch(
                                                    Set.of(Modifier.PUBLIC, Modifier.PRIVATE, Modifier.PROTECTED)
                                                            ::contains)) {
                                long start = trees.getSourcePositions().getStartPosition(unit, m);
                                if (start >= 0) {
                                    at.add((int) start);
                                }
                            }
                        }
                    }
                }
            }
        } catch (IOException | RuntimeException e) {
            return new Rewriting(source, List.of()); // JShell says what is wrong
        }
        String word = "public ";
        StringBuilder text = new StringBuilder(source);
        List<Edit> edits = new ArrayList<>();
        at.sort(null);
        for (int start : at) {
            int shifted = start + edits.size() * word.length();
            text.insert(shifted, word);
            edits.add(new Edit(shifted, 0, word.length()));
        }
        return new Rewriting(text.toString(), edits);
    }

    /** {@code _} is a keyword of Java, so that where it stands for a value it can only be the last result. */
    private static Rewriting results(String code, UnaryOperator<String> results) {
        if (!RESULT.matcher(code).find()) {
            return new Rewriting(code, List.of());
        }
        StringBuilder text = new StringBuilder();
        List<Edit> edits = new ArrayList<>();
        Matcher m = RESULT.matcher(code);
        Set<String> own = new java.util.HashSet<>(); // a cell's own variables
        while (m.find()) {
            if (m.group().length() > 1 && isDeclared(code, m.start(), m.end())) {
                own.add(m.group());
            }
        }
        for (int i = 0; i < code.length(); ) {
            int end = JavaText.skip(code, i);
            String value = end == i
                            && m.region(i, code.length())
                                    .useTransparentBounds(true)
                                    .lookingAt()
                    ? !own.contains(m.group()) && isValue(code, m.start(), m.end()) ? results.apply(m.group()) : null
                    : null;
            if (value != null) {
                edits.add(new Edit(text.length(), m.group().length(), value.length()));
                text.append(value);
                i = m.end();
            } else {
                end = Math.max(end, i + 1);
                text.append(code, i, end);
                i = end;
            }
        }
        return new Rewriting(text.toString(), edits);
    }

    private static boolean isDeclared(String code, int start, int end) {
        return DECLARED.matcher(code.substring(0, start)).matches()
                || code.substring(end).matches("(?s)\\s*=[^=].*");
    }

    /** A cell may have a variable of this name; since Java 22 a single one may also be a name that nobody needs. */
    private static boolean isValue(String code, int start, int end) {
        String before = code.substring(0, start);
        if (isDeclared(code, start, end)) {
            return false;
        } else if (end - start > 1 || Runtime.version().feature() < 22) {
            return true;
        }
        String line = code.substring(code.lastIndexOf('\n', start) + 1)
                .lines()
                .findFirst()
                .orElse("");
        String after = code.substring(end).stripLeading();
        return after.startsWith(".")
                || !after.startsWith("->")
                        && !after.startsWith(":")
                        && BEFORE.matcher(before).matches()
                || before.stripTrailing().matches("(?s).*[(,]")
                        && !line.matches(".*(->|\\b(case|instanceof|catch)\\b).*");
    }

    /** A source file in memory, whose name fits whatever is in it. */
    static class Text extends SimpleJavaFileObject {
        private final String text;

        Text(String text) {
            super(URI.create("string:///Cell.java"), JavaFileObject.Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }

        /** A class may have any name; {@code module-info} and the like have a meaning of their own. */
        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            return simpleName.indexOf('-') < 0;
        }
    }
}
