package io.tunebook.kernel.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import jdk.jshell.Diag;

/** Errors in the words and the line numbers of the cell as it was typed. */
final class Traceback {
    private static final String RED = "\u001b[1;31m";
    private static final String CYAN = "\u001b[36m";
    private static final String GREEN = "\u001b[32m";
    private static final String PLAIN = "\u001b[0m";
    private static final int FRAMES = 30;

    private Traceback() {}

    /**
     * Where a snippet's text stands.
     *
     * @param cell the cell's number
     * @param source the whole cell
     * @param offset of the snippet's first character in it
     */
    record Origin(int cell, String source, int offset) {
        int line(int position) {
            int line = 1;
            for (int i = 0, end = Math.min(offset + position, source.length()); i < end; i++) {
                if (source.charAt(i) == '\n') {
                    line++;
                }
            }
            return line;
        }

        String text(int line) {
            return source.lines().skip(line - 1L).findFirst().orElse("");
        }

        int column(int position) {
            int at = Math.min(offset + position, source.length());
            return at - (source.lastIndexOf('\n', at - 1) + 1);
        }
    }

    /** A throwable, its suppressed ones and its causes, each once, in the order in which they are shown. */
    static void visit(Throwable t, Consumer<Throwable> each) {
        visit(t, each, Collections.newSetFromMap(new IdentityHashMap<>()));
    }

    private static void visit(Throwable t, Consumer<Throwable> each, Set<Throwable> seen) {
        if (t != null && seen.add(t)) {
            each.accept(t);
            for (Throwable suppressed : t.getSuppressed()) {
                visit(suppressed, each, seen);
            }
            visit(t.getCause(), each, seen);
        }
    }

    /**
     * A runtime error.
     *
     * @param translated the frames of all throwables in the order of {@link #visit}, a cell's with the file name {@code #ID} of its snippet
     * @param origin finds a snippet by that id, or null
     */
    static CellException runtime(Throwable thrown, StackTraceElement[] translated, Function<String, Origin> origin) {
        List<String> lines = new ArrayList<>();
        int[] at = {0};
        visit(thrown, t -> {
            int n = t.getStackTrace().length;
            int from = Math.min(at[0], translated.length);
            int to = Math.min(from + n, translated.length);
            at[0] = from + n;
            String before =
                    t == thrown ? "" : Arrays.asList(suppressed(thrown)).contains(t) ? "Suppressed: " : "Caused by: ";
            lines.add(before
                    + RED
                    + t.getClass().getName()
                    + PLAIN
                    + (t.getMessage() == null ? "" : ": " + t.getMessage()));
            frames(Arrays.asList(translated).subList(from, to), origin, lines);
        });
        String message = thrown.getMessage() == null ? "" : thrown.getMessage();
        return new CellException(thrown.getClass().getName(), message, lines, thrown);
    }

    /** An interrupt, in whatever form the code noticed it: the place where it was is what counts. */
    static CellException interrupted(StackTraceElement[] translated, Function<String, Origin> origin) {
        List<String> lines = new ArrayList<>();
        lines.add(RED + "KeyboardInterrupt" + PLAIN + ": the cell was stopped; variables keep their values");
        frames(Arrays.asList(translated), origin, lines);
        return new CellException("KeyboardInterrupt", "the cell was stopped", lines, null);
    }

    private static Throwable[] suppressed(Throwable thrown) {
        List<Throwable> all = new ArrayList<>();
        visit(thrown, t -> all.addAll(List.of(t.getSuppressed())));
        return all.toArray(Throwable[]::new);
    }

    private static void frames(List<StackTraceElement> frames, Function<String, Origin> origin, List<String> lines) {
        int last = frames.size() - 1;
        while (last >= 0 && origin(frames.get(last), origin) == null) {
            last--;
        }
        // Below the cell's last frame stand the kernel's own; without any frame of a cell all of them tell something.
        List<StackTraceElement> shown = (last < 0 ? frames : frames.subList(0, last + 1))
                .stream()
                        .filter(f -> !f.getClassName().equals(Interrupts.class.getName())
                                && !f.getClassName().startsWith("io.tunebook.kernel.eval.Cell")
                                && !f.getClassName().equals("java.lang.invoke.MutableCallSite")
                                && !f.getClassName().startsWith("java.lang.invoke.LambdaForm")
                                && !f.getClassName().startsWith("jdk.internal.reflect."))
                        .toList();
        for (int i = 0; i < shown.size(); i++) {
            if (shown.size() > 2 * FRAMES && i == FRAMES) {
                lines.add("    ... " + (shown.size() - 2 * FRAMES) + " frames more");
                i = shown.size() - FRAMES;
            }
            StackTraceElement frame = shown.get(i);
            int again = 0;
            while (i + 1 < shown.size() && shown.get(i + 1).equals(frame)) {
                again++;
                i++;
            }
            Origin o = origin(frame, origin);
            if (o == null) {
                lines.add("    at " + frame + times(again));
                continue;
            }
            int line = o.line(0) + Math.max(frame.getLineNumber(), 1) - 1;
            String method = frame.getMethodName().isEmpty()
                    ? ""
                    : (frame.getClassName().isEmpty() ? "" : frame.getClassName() + ".") + frame.getMethodName() + ", ";
            lines.add("    at " + CYAN + method + "Cell[" + o.cell() + "], line " + line + PLAIN + times(again));
            lines.add(String.format(Locale.ROOT, "    %s%4d |%s %s", GREEN, line, PLAIN, o.text(line)));
        }
    }

    private static String times(int again) {
        return again == 0 ? "" : " (and " + again + " times more)";
    }

    private static Origin origin(StackTraceElement frame, Function<String, Origin> origin) {
        String file = frame.getFileName();
        return file != null && file.startsWith("#") ? origin.apply(file.substring(1)) : null;
    }

    /**
     * Compile errors, all of them, each with its line and a caret.
     *
     * @param missing what a declaration needs that no cell has declared, as JShell names it, such as {@code method f(int)}
     * @param source the snippet's
     */
    static CellException compilation(List<Diag> errors, List<String> missing, String source, Origin origin) {
        List<String> lines = new ArrayList<>();
        for (Diag d : errors) {
            int position = (int) (d.getPosition() == Diagnostic.NOPOS ? 0 : d.getPosition());
            int end = d.getEndPosition() == Diagnostic.NOPOS ? position : (int) d.getEndPosition();
            String[] message = d.getMessage(Locale.getDefault()).split("\\R");
            point(message[0], position, end, origin, lines);
            Arrays.stream(message).skip(1).forEach(m -> lines.add("       " + m.strip()));
        }
        for (String name : missing) {
            Matcher word = Pattern.compile(
                            "\\b" + Pattern.quote(name.replaceAll("\\(.*|.*\\s(?=\\w+(\\(|$))", "")) + "\\b")
                    .matcher(source);
            int position = word.find() ? word.start() : 0;
            point("cannot find " + name, position, position + name.length(), origin, lines);
        }
        String first = lines.isEmpty()
                ? ""
                : lines.get(0).replaceAll("\u001b\\[[\\d;]*m", "").replaceFirst("^Cell\\[\\d+\\], ", "");
        return new CellException("CompilationError", first, lines, null);
    }

    private static void point(String message, int position, int end, Origin origin, List<String> lines) {
        int line = origin.line(position);
        String text = origin.text(line);
        int column = Math.min(origin.column(position), text.length());
        int width = Math.max(1, Math.min(end - position, text.length() - column));
        lines.add(RED + "Cell[" + origin.cell() + "], line " + line + PLAIN + ": " + message);
        lines.add(String.format(Locale.ROOT, "%s%4d |%s %s", GREEN, line, PLAIN, text));
        lines.add("     | " + text.substring(0, column).replaceAll("[^\\t]", " ") + RED + "^".repeat(width) + PLAIN);
    }
}
