package io.tunebook.kernel.eval;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jdk.jshell.SourceCodeAnalysis;
import jdk.jshell.SourceCodeAnalysis.Completeness;
import jdk.jshell.SourceCodeAnalysis.CompletionInfo;
import jdk.jshell.SourceCodeAnalysis.QualifiedNames;
import jdk.jshell.SourceCodeAnalysis.Suggestion;

/** What could stand at the cursor, and whether a cell is complete. */
public final class Completer {
    private static final int MOST = 500;

    private final CellEvaluator evaluator;

    public Completer(CellEvaluator evaluator) {
        this.evaluator = evaluator;
    }

    /**
     * One proposal.
     *
     * @param text what replaces the code from start to end
     * @param type what it is, in the frontends' words: function, class, instance, keyword, module, path, magic
     */
    public record Proposal(String text, int start, int end, String type) {}

    /** Proposals for a cell with the cursor at this character, the most likely first. */
    public List<Proposal> complete(String cell, int cursor) {
        List<Proposal> files = paths(cell, cursor);
        if (!files.isEmpty()) {
            return files;
        }
        SourceCodeAnalysis analysis = evaluator.analysis();
        int from = snippetStart(analysis, cell, cursor);
        String code = cell.substring(from);
        int at = cursor - from;
        int[] anchor = {at};
        List<Suggestion> suggestions = analysis.completionSuggestions(code, at, anchor);
        int start = from + anchor[0];
        String typed = cell.substring(start, cursor);
        Map<String, Proposal> proposals = new LinkedHashMap<>();
        suggestions.stream()
                .sorted(Comparator.comparing((Suggestion s) -> !s.matchesType())
                        .thenComparing(s -> !s.continuation().startsWith(typed))
                        .thenComparing(s -> isOfObject(s.continuation()))
                        .thenComparing(Suggestion::continuation))
                .limit(MOST)
                .forEach(s -> proposals.putIfAbsent(
                        s.continuation(), new Proposal(s.continuation(), start, cursor, type(s.continuation()))));
        if (!typed.isEmpty()
                && Character.isUpperCase(typed.charAt(0))
                && (start == 0 || cell.charAt(start - 1) != '.')) {
            QualifiedNames names = analysis.listQualifiedNames(code, at);
            names.getNames().stream()
                    .filter(n -> !names.isResolvable())
                    .forEach(n -> proposals.putIfAbsent(n, new Proposal(n, start, cursor, "class")));
        }
        return List.copyOf(proposals.values());
    }

    private static boolean isOfObject(String name) {
        return switch (name) {
            case "equals(", "getClass()", "hashCode()", "notify()", "notifyAll()", "toString()", "wait(" -> true;
            default -> false;
        };
    }

    private static String type(String text) {
        return text.endsWith("(") || text.endsWith(")")
                ? "function"
                : Character.isUpperCase(text.charAt(0)) ? "class" : "instance";
    }

    /** Where the snippet begins that the cursor is in. */
    static int snippetStart(SourceCodeAnalysis analysis, String cell, int cursor) {
        int from = 0;
        while (true) {
            CompletionInfo info = analysis.analyzeCompletion(cell.substring(from, cursor));
            String remaining = info.remaining();
            if (info.completeness() != Completeness.COMPLETE || remaining == null || remaining.isBlank()) {
                return from;
            }
            from = cursor - remaining.length();
        }
    }

    /** Files, where the cursor stands in a string that looks like the beginning of a path. */
    private static List<Proposal> paths(String cell, int cursor) {
        int quote = -1;
        for (int i = cell.lastIndexOf('\n', cursor - 1) + 1; i < cursor; i++) {
            if (cell.charAt(i) == '"' && (i == 0 || cell.charAt(i - 1) != '\\')) {
                quote = quote < 0 ? i : -1;
            }
        }
        if (quote < 0) {
            return List.of();
        }
        String typed = cell.substring(quote + 1, cursor);
        int slash = typed.lastIndexOf('/') + 1;
        List<Proposal> found = new ArrayList<>();
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(Path.of(slash == 0 ? "." : typed.substring(0, slash)))) {
            for (Path p : files) {
                String name = p.getFileName().toString();
                if (name.startsWith(typed.substring(slash))
                        && (!name.startsWith(".") || typed.startsWith(".", slash))) {
                    found.add(new Proposal(
                            typed.substring(0, slash) + name + (Files.isDirectory(p) ? "/" : ""),
                            quote + 1,
                            cursor,
                            "path"));
                }
            }
        } catch (IOException | InvalidPathException e) {
            return List.of(); // it was no path
        }
        found.sort(Comparator.comparing(Proposal::text));
        return found;
    }

    /** Whether a cell can be run: {@code complete}, {@code incomplete} or {@code invalid}, and how far the next line is indented. */
    public record Judgement(String status, String indent) {}

    /** Judges a cell as consoles do when Enter is pressed. */
    public Judgement isComplete(String cell) {
        String rest = cell;
        while (true) {
            CompletionInfo info = evaluator.analysis().analyzeCompletion(rest);
            switch (info.completeness()) {
                case EMPTY:
                    return new Judgement("complete", "");
                case DEFINITELY_INCOMPLETE, CONSIDERED_INCOMPLETE:
                    return new Judgement("incomplete", indent(cell));
                case UNKNOWN:
                    return new Judgement("invalid", "");
                default:
                    if (info.remaining() == null || info.remaining().isBlank()) {
                        return new Judgement("complete", "");
                    }
                    rest = info.remaining();
            }
        }
    }

    /** The last line's indentation, and four blanks more after an opening bracket. */
    private static String indent(String cell) {
        String last = cell.substring(cell.lastIndexOf('\n') + 1);
        String blank = last.substring(0, last.length() - last.stripLeading().length());
        return last.stripTrailing().matches(".*[{(\\[]") ? blank + "    " : blank;
    }
}
