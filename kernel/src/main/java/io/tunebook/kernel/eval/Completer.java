package io.tunebook.kernel.eval;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jdk.jshell.Snippet.Kind;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.SourceCodeAnalysis.Suggestion;

/**
 * What may stand at the cursor of a half-written cell, the most likely first. Types that are not imported bring their
 * import, or stand by their full name.
 */
public final class Completer {
    private static final Pattern MAGIC_LINE = Pattern.compile("(?m)^[ \\t]*(%{1,2}\\w*)(?:[ \\t]+(\\S.*)?)?$");
    private static final Pattern IMPORT = Pattern.compile("import\\s+((?:\\w+\\.)+(\\w+))\\s*;?");
    private static final Pattern WORD = Pattern.compile("[\\p{javaJavaIdentifierPart}]*$");
    private static final Pattern REFERENCE = Pattern.compile("([\\w.]+)::(\\w*)$");
    private static final Pattern CONDITION = Pattern.compile("\\b(?:if|while)\\s*\\(");
    private static final Set<String> OBJECT =
            Set.of("equals(", "getClass()", "hashCode()", "notify()", "notifyAll()", "wait(", "wait()", "toString()");
    private static final Set<String> KEYWORDS = Set.of(
            "abstract",
            "assert",
            "break",
            "case",
            "catch",
            "class",
            "continue",
            "default",
            "do",
            "else",
            "enum",
            "extends",
            "final",
            "finally",
            "for",
            "if",
            "implements",
            "import",
            "instanceof",
            "interface",
            "native",
            "new",
            "package",
            "private",
            "protected",
            "public",
            "record",
            "return",
            "sealed",
            "static",
            "strictfp",
            "super",
            "switch",
            "synchronized",
            "this",
            "throw",
            "throws",
            "transient",
            "try",
            "var",
            "void",
            "volatile",
            "while",
            "yield",
            "true",
            "false",
            "null");
    private static final Set<String> PRIMITIVES =
            Set.of("boolean", "byte", "char", "double", "float", "int", "long", "short");
    /** A longer beginning of a cell is not offered again with each match. */
    private static final int IMPORTED = 2_000;

    private final CellEvaluator evaluator;
    private final TypeIndex index = new TypeIndex();

    /**
     * One text that may stand there.
     *
     * @param text what replaces the code from start to end, in UTF-16 units
     * @param type as frontends draw it: class, function, instance, keyword, module, path, magic
     */
    public record Proposal(String text, int start, int end, String type) {}

    public Completer(CellEvaluator evaluator) {
        this.evaluator = evaluator;
    }

    /** Completes a cell at the cursor, counted in UTF-16 units. */
    public List<Proposal> complete(String cell, int cursor) {
        int lineStart = cell.lastIndexOf('\n', cursor - 1) + 1;
        String line = cell.substring(lineStart, cursor);
        if (MAGIC_LINE.matcher(line).matches() && isBetweenSnippets(cell.substring(0, lineStart))) {
            return paths(cursor, line.substring(Math.max(line.lastIndexOf(' '), line.lastIndexOf('\t')) + 1));
        }
        int quote = openString(line);
        return quote >= 0 ? paths(cursor, line.substring(quote + 1)) : java(cell, cursor);
    }

    private boolean isBetweenSnippets(String before) {
        return before.isBlank() || evaluator.isWhole(blankMagics(before));
    }

    /** The same text with lines of magics blank, so that positions stay. */
    static String blankMagics(String code) {
        return MAGIC_LINE.matcher(code).replaceAll(m -> " ".repeat(m.group().length()));
    }

    /** The position of the quote that opens a string which is not closed in this line, or -1. */
    private static int openString(String line) {
        int open = -1;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (open >= 0 && c == '\\') {
                i++;
            } else if (c == '"') {
                open = open >= 0 ? -1 : i;
            } else if (open < 0 && c == '\'' && i + 2 < line.length()) {
                i += line.charAt(i + 1) == '\\' ? 3 : 2;
            } else if (open < 0 && line.startsWith("//", i)) {
                return -1;
            }
        }
        return open;
    }

    private static List<Proposal> paths(int cursor, String typed) {
        int slash = Math.max(typed.lastIndexOf('/'), typed.lastIndexOf(File.separatorChar));
        String folder = typed.substring(0, slash + 1);
        String prefix = typed.substring(slash + 1);
        List<Proposal> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(Path.of(folder.isEmpty() ? "." : folder))) {
            files.sorted().forEach(f -> {
                String name = f.getFileName().toString();
                if (name.startsWith(prefix) && (prefix.startsWith(".") || !name.startsWith("."))) {
                    found.add(new Proposal(
                            name + (Files.isDirectory(f) ? "/" : ""), cursor - prefix.length(), cursor, "path"));
                }
            });
        } catch (IOException | UncheckedIOException | java.nio.file.InvalidPathException e) {
            return List.of(); // no such folder: nothing to offer
        }
        return found;
    }

    /** Methods behind {@code Type::} or {@code value::}, of which JShell knows none. */
    private List<Proposal> references(String before, Matcher at, int cursor) {
        String typed = at.group(2);
        String owner = at.group(1);
        String lead = before.substring(0, at.start(1));
        Set<String> names = new TreeSet<>();
        for (String value : List.of(owner + ".", "((" + owner + ") null).")) {
            String code = context(lead + value);
            evaluator.indexed().completionSuggestions(code, code.length(), new int[1]).stream()
                    .map(Suggestion::continuation)
                    .filter(s -> s.contains("(") && !s.contains("$"))
                    .map(s -> s.replaceAll("\\(.*", ""))
                    .forEach(names::add);
        }
        if (Character.isUpperCase(owner.charAt(owner.lastIndexOf('.') + 1))) {
            names.add("new");
        }
        return names.stream()
                .filter(n -> n.startsWith(typed))
                .map(n -> new Proposal(n, cursor - typed.length(), cursor, "function"))
                .toList();
    }

    private List<Proposal> java(String cell, int cursor) {
        String before = blankMagics(cell.substring(0, cursor));
        Matcher reference = REFERENCE.matcher(before);
        if (reference.find()) {
            return references(before, reference, cursor);
        }
        String code = context(before);
        int[] anchor = {code.length()};
        Map<String, Suggestion> found = new LinkedHashMap<>();
        List<Suggestion> suggestions = evaluator.indexed().completionSuggestions(code, code.length(), anchor);
        if (suggestions.isEmpty()) {
            code = withoutCondition(code);
            anchor[0] = code.length();
            suggestions = evaluator.indexed().completionSuggestions(code, code.length(), anchor);
        }
        for (Suggestion s : suggestions) {
            String text = s.continuation();
            if (!text.contains("$") && !text.equals("REPL") && !text.startsWith("REPL.")) {
                found.merge(text, s, (a, b) -> a.matchesType() ? a : b);
            }
        }
        int typed = code.length() - Math.min(anchor[0], code.length());
        int start = cursor - typed;
        boolean member = start > 0 && before.charAt(start - 1) == '.';
        List<Suggestion> sorted = new ArrayList<>(found.values());
        sorted.sort(Comparator.<Suggestion>comparingInt(s -> rank(s, member))
                .thenComparing(
                        s -> member ? 0 : s.continuation().length()) // String before StringIndexOutOfBoundsException
                .thenComparing(Suggestion::continuation, String.CASE_INSENSITIVE_ORDER));
        List<Proposal> matches = new ArrayList<>();
        sorted.forEach(s -> matches.add(new Proposal(s.continuation(), start, cursor, type(s.continuation(), member))));
        Matcher word = WORD.matcher(before);
        String prefix = word.find() ? word.group() : "";
        boolean afterDot =
                before.length() > prefix.length() && before.charAt(before.length() - prefix.length() - 1) == '.';
        int at = cursor - prefix.length();
        if (!afterDot
                && prefix.length() >= 3
                && Character.isUpperCase(prefix.charAt(0))
                && (matches.isEmpty() || start == at)) {
            // All matches replace the same text. Where no other stands beside them that is the cell up to here, with
            // the import above it.
            boolean alone = matches.isEmpty() && at <= IMPORTED;
            index.find(prefix, found.keySet(), evaluator.classPath())
                    .forEach(t -> matches.add(
                            alone
                                    ? new Proposal(
                                            "import " + t + ";\n" + cell.substring(0, at) + t.replaceAll(".*\\.", ""),
                                            0,
                                            cursor,
                                            "class")
                                    : new Proposal(t, at, cursor, "class")));
        }
        return matches;
    }

    /**
     * JShell knows nothing inside the parenthesis of an {@code if} or {@code while} that is not closed yet: to it that
     * is a variable's value.
     */
    private static String withoutCondition(String code) {
        Matcher m = CONDITION.matcher(code);
        for (int from = 0, at = -1; ; from = m.end()) {
            boolean more = m.find(from);
            if (more && isOpen(code.substring(m.end()))) {
                at = m.start();
            } else if (!more) {
                return at < 0
                        ? code
                        : code.substring(0, at)
                                + CONDITION.matcher(code.substring(at)).replaceFirst("boolean condition\\$ = ");
            }
        }
    }

    private static boolean isOpen(String inside) {
        int depth = 0;
        for (char c : inside.toCharArray()) {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth < 0) {
                return false;
            }
        }
        return true;
    }

    private int rank(Suggestion s, boolean member) {
        String text = s.continuation();
        if (s.matchesType()) {
            return member && OBJECT.contains(text) ? 1 : 0;
        } else if (member) {
            return OBJECT.contains(text) ? 4 : 2;
        }
        String name = text.replaceAll("\\W.*", "");
        return evaluator.variables().containsKey(name) ? 2 : KEYWORDS.contains(name) ? 5 : 3;
    }

    private String type(String text, boolean member) {
        String name = text.replaceAll("\\W.*", "");
        if (text.contains("(") && !Character.isUpperCase(text.charAt(0))) {
            return "function";
        } else if (KEYWORDS.contains(name) || PRIMITIVES.contains(name)) {
            return "keyword";
        } else if (!name.isEmpty() && Character.isUpperCase(name.charAt(0))) {
            return name.length() > 1 && name.equals(name.toUpperCase(java.util.Locale.ROOT)) ? "instance" : "class";
        } else if (member || evaluator.variables().containsKey(name)) {
            return "instance";
        }
        return text.isEmpty() ? "keyword" : "module";
    }

    /**
     * The part of the cell that the cursor's snippet can see: statements stay, since JShell takes several for the body
     * of a method, imports become full names, and methods go.
     */
    String context(String before) {
        StringBuilder seen = new StringBuilder();
        Map<String, String> imports = new LinkedHashMap<>();
        String rest = before;
        while (true) {
            CompletionInfo info = evaluator.analysis().analyzeCompletion(rest);
            boolean last = info.source() == null
                    || info.remaining() == null
                    || info.remaining().isBlank() && !info.completeness().isComplete()
                    || info.remaining().isEmpty();
            if (last) {
                break;
            }
            if (info.remaining().isBlank()) {
                append(seen, imports, info.source());
                rest = "";
                break;
            }
            append(seen, imports, info.source());
            rest = info.remaining();
        }
        String code = seen + rest;
        for (Map.Entry<String, String> e : imports.entrySet()) {
            // Not the word at the cursor: its position counts.
            code = code.replaceAll("(?<![\\w.])" + e.getKey() + "(?=\\W)", Matcher.quoteReplacement(e.getValue()));
        }
        return code;
    }

    private void append(StringBuilder seen, Map<String, String> imports, String source) {
        Matcher m = IMPORT.matcher(source.strip());
        if (m.matches()) {
            imports.put(m.group(2), m.group(1));
            return;
        }
        boolean statements = evaluator.analysis().sourceToSnippets(source).stream()
                .allMatch(s -> s.kind() != Kind.METHOD && s.kind() != Kind.IMPORT);
        if (statements) {
            seen.append(source).append('\n');
        }
    }

    // ---- is it finished?

    /**
     * Whether Enter should run the cell.
     *
     * @param status complete, incomplete or invalid
     * @param indent for the next line of an incomplete one
     */
    public record Completeness(String status, String indent) {}

    /** Says whether a cell is finished, as a console asks at each Enter. */
    public Completeness isComplete(String cell) {
        if (cell.stripLeading().startsWith("%%")) {
            return new Completeness(cell.endsWith("\n") ? "complete" : "incomplete", "");
        }
        String rest = blankMagics(cell);
        while (!rest.isBlank()) {
            CompletionInfo info = evaluator.analysis().analyzeCompletion(rest);
            String remaining = info.remaining() == null ? "" : info.remaining();
            switch (info.completeness()) {
                case EMPTY:
                    rest = "";
                    break;
                case DEFINITELY_INCOMPLETE, CONSIDERED_INCOMPLETE:
                    return new Completeness("incomplete", indent(rest));
                case UNKNOWN:
                    return new Completeness("invalid", "");
                default:
                    if (evaluator.analysis().sourceToSnippets(info.source()).stream()
                            .anyMatch(s -> s.kind() == Kind.ERRONEOUS)) {
                        return new Completeness("invalid", "");
                    }
                    rest = remaining;
            }
        }
        return new Completeness("complete", "");
    }

    /** The last line's indentation, four more for each bracket that it opens and leaves open. */
    private static String indent(String code) {
        String line = code.stripTrailing();
        line = line.substring(line.lastIndexOf('\n') + 1);
        int depth = 0;
        for (char c : line.toCharArray()) {
            depth += "{([".indexOf(c) >= 0 ? 1 : "})]".indexOf(c) >= 0 && depth > 0 ? -1 : 0;
        }
        String own = line.substring(0, line.length() - line.stripLeading().length());
        return own + "    ".repeat(depth);
    }
}
