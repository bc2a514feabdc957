package io.tunebook.kernel.eval;

import io.tunebook.kernel.eval.Source.Origin;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import javax.tools.JavaFileObject;
import jdk.jshell.Diag;
import jdk.jshell.spi.SPIResolutionException;

/** Errors in the words and the line numbers of the cell as it was typed. */
final class Traceback {
    private static final String RED = "\u001b[1;31m";
    private static final String CYAN = "\u001b[36m";
    private static final String GREEN = "\u001b[32m";
    private static final String PLAIN = "\u001b[0m";
    private static final int FRAMES = 30;
    private static final int LINE = 300;
    private static final int MESSAGE = 20_000;
    private static final Pattern CLOSED =
            Pattern.compile("module ([\\w.]+) does not \"?(?:opens?|exports?) \"?([\\w.]+)\"? to");

    private Traceback() {}

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

    /** A runtime error with its causes. */
    static CellException runtime(Throwable thrown, CellLines cells) {
        List<String> lines = new ArrayList<>();
        Set<Throwable> suppressed = Collections.newSetFromMap(new IdentityHashMap<>());
        visit(thrown, t -> suppressed.addAll(List.of(t.getSuppressed())));
        visit(thrown, t -> {
            String before = t == thrown ? "" : suppressed.contains(t) ? "Suppressed: " : "Caused by: ";
            String message = message(t);
            lines.add(before + RED + name(t) + PLAIN + (message.isEmpty() ? "" : ": " + message));
            frames(List.of(t.getStackTrace()), cells, lines);
        });
        opening(thrown).ifPresent(lines::add);
        return new CellException(name(thrown), message(thrown), lines, thrown);
    }

    private static String name(Throwable t) {
        return CellNames.clean(t.getClass().getName());
    }

    /** A message of any length, of which the beginning is shown. */
    private static String message(Throwable t) {
        String message;
        try {
            message = t.getMessage();
        } catch (RuntimeException | StackOverflowError e) {
            message = "(its getMessage() threw " + e + ")";
        }
        if (message == null) {
            return t instanceof SPIResolutionException ? "it needs what no cell has declared" : "";
        }
        return CellNames.clean(shortened(message, MESSAGE));
    }

    private static String shortened(String text, int length) {
        return text.length() <= length ? text : text.substring(0, length) + "… (" + text.length() + " characters)";
    }

    /** Which option opens the module that a library was kept out of. */
    private static Optional<String> opening(Throwable thrown) {
        List<String> found = new ArrayList<>();
        visit(thrown, t -> {
            Matcher m = CLOSED.matcher(String.valueOf(t.getMessage()));
            if (m.find()) {
                found.add(
                        "A library needs a package of the JDK that is not open to it. The option is --add-opens="
                                + m.group(1) + "/" + m.group(2)
                                + "=ALL-UNNAMED: give it behind %%jvm in the first cell, or with --jvm-option when the kernel is installed.");
            }
        });
        return found.stream().findFirst();
    }

    /** An interrupt, in whatever form the code noticed it: the place where it was is what counts. */
    static CellException interrupted(StackTraceElement[] where, CellLines cells) {
        List<String> lines = new ArrayList<>();
        lines.add(RED + "KeyboardInterrupt" + PLAIN + ": the cell was stopped; variables keep their values");
        frames(List.of(where), cells, lines);
        return new CellException("KeyboardInterrupt", "the cell was stopped", lines, null);
    }

    /** The compiler gave up. */
    static CellException compiler(String why, Origin origin) {
        List<String> lines = new ArrayList<>();
        String message = "the compiler cannot compile this: " + shortened(why, MESSAGE);
        point(message, 0, 1, origin, lines);
        return new CellException("CompilationError", message, lines, null);
    }

    private static void frames(List<StackTraceElement> frames, CellLines cells, List<String> lines) {
        int last = frames.size() - 1;
        while (last >= 0 && !isCell(frames.get(last), cells)) {
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
            Origin o = cells.of(frame.getClassName());
            if (!isCell(frame, cells)) {
                lines.add(CellNames.clean("    at " + frame) + times(again));
                continue;
            }
            // The poll at a method's entry stands before its first line: there the snippet begins.
            int line = Math.max(frame.getLineNumber() > 0 ? frame.getLineNumber() : o.line(0), 1);
            String wrapper = CellNames.wrapper(frame.getClassName());
            String method = CellNames.method(
                    frame.getClassName()
                            .substring(Math.min(
                                    wrapper.length() + 1, frame.getClassName().length())),
                    frame.getMethodName());
            lines.add("    at " + CYAN + (method.isEmpty() ? "" : method + ", ") + frame.getFileName() + ", line "
                    + line + PLAIN + times(again));
            if (o.source().name().equals(frame.getFileName())) {
                lines.add(String.format(
                        Locale.ROOT,
                        "    %s%4d |%s %s",
                        GREEN,
                        line,
                        PLAIN,
                        shortened(o.source().line(line), LINE)));
            }
        }
    }

    private static boolean isCell(StackTraceElement frame, CellLines cells) {
        return cells.of(frame.getClassName()) != null && frame.getFileName() != null;
    }

    private static String times(int again) {
        return again == 0 ? "" : " (and " + again + " times more)";
    }

    /**
     * Compile errors, all of them, each with its line and a caret.
     *
     * @param missing what a declaration needs that no cell has declared, as JShell names it, such as
     *     {@code method f(int)}
     * @param source the snippet's
     */
    static CellException compilation(List<Diag> errors, List<String> missing, String source, Origin origin) {
        List<String> lines = new ArrayList<>();
        for (Diag d : errors) {
            diagnostic(d.getMessage(Locale.getDefault()), d.getPosition(), d.getEndPosition(), origin, lines);
        }
        for (String name : missing) {
            Matcher word = Pattern.compile(
                            "\\b" + Pattern.quote(name.replaceAll("\\(.*|.*\\s(?=\\w+(\\(|$))", "")) + "\\b")
                    .matcher(source);
            boolean found = word.find();
            point("cannot find " + name, found ? word.start() : 0, found ? word.end() : 1, origin, lines);
        }
        return error(lines, origin);
    }

    /** One error, of a snippet that begins at a position of what was compiled. */
    static CellException compilation(List<Diag> errors, int start, Origin origin) {
        List<String> lines = new ArrayList<>();
        for (Diag d : errors) {
            diagnostic(
                    d.getMessage(Locale.getDefault()),
                    Math.max(d.getPosition() - start, 0),
                    Math.max(d.getEndPosition() - start, 0),
                    origin,
                    lines);
        }
        return error(lines, origin);
    }

    /** Errors of a source file. */
    static CellException compilation(List<Diagnostic<? extends JavaFileObject>> errors, Origin origin) {
        List<String> lines = new ArrayList<>();
        for (Diagnostic<?> d : errors) {
            diagnostic(d.getMessage(Locale.getDefault()), d.getPosition(), d.getEndPosition(), origin, lines);
        }
        return error(lines, origin);
    }

    private static CellException error(List<String> lines, Origin origin) {
        String name = origin.source().name() + ", ";
        String first = lines.isEmpty() ? "it does not compile" : lines.get(0).replaceAll("\u001b\\[[\\d;]*m", "");
        return new CellException(
                "CompilationError", first.startsWith(name) ? first.substring(name.length()) : first, lines, null);
    }

    private static void diagnostic(String text, long from, long to, Origin origin, List<String> lines) {
        int position = (int) (from == Diagnostic.NOPOS ? 0 : from);
        int end = to == Diagnostic.NOPOS ? position : (int) to;
        String[] message = CellNames.clean(text).split("\\R");
        point(message[0], position, end, origin, lines);
        Arrays.stream(message).skip(1).forEach(m -> lines.add("       " + m.strip()));
    }

    private static void point(String message, int position, int end, Origin origin, List<String> lines) {
        int line = origin.line(position);
        String text = origin.source().line(line);
        int column = Math.min(origin.column(position), text.length());
        int width = Math.max(1, Math.min(origin.typed(end) - origin.typed(position), text.length() - column));
        int from = column <= LINE / 2 ? 0 : column - LINE / 2; // of a long line, what stands around
        String part = text.substring(from, Math.min(text.length(), from + LINE));
        lines.add(RED + origin.source().name() + ", line " + line + PLAIN + ": " + message);
        lines.add(String.format(Locale.ROOT, "%s%4d |%s %s", GREEN, line, PLAIN, part));
        lines.add("     | " + part.substring(0, column - from).replaceAll("[^\\t]", " ") + RED
                + "^".repeat(Math.min(width, Math.max(1, part.length() - (column - from)))) + PLAIN);
    }
}
