package io.tunebook.kernel.magic;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Commands;
import io.tunebook.kernel.eval.Completer.Proposal;
import io.tunebook.kernel.eval.Source;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Cuts a cell into Java and magics, and runs both in order. */
public final class Magics implements Commands {
    private static final Pattern LINE = Pattern.compile("[ \\t]*(%\\w+)(?:[ \\t]+(.*))?[ \\t]*");
    private static final Pattern CELL = Pattern.compile("\\s*(%%\\w+)(?:[ \\t]+([^\\n]*))?(?:\\n([\\s\\S]*))?");
    /** {@code var x = %magic ...}, as IJava has it; no Java has a percent sign behind an equals sign. */
    private static final Pattern ASSIGNED = Pattern.compile("([^%\"]*=[ \\t]*)%(\\w+)(?:[ \\t]+(.*?))?[ \\t;]*");

    private static final Pattern COMMAND = Pattern.compile("[ \\t]*!(?![=!(])(.*)");
    private static final Pattern ARGUMENT = Pattern.compile("[ \\t]*(%{1,2}\\w+|!)(.*?)(\\S*)");
    /** The beginning of a magic's name, also behind {@code var x =}. */
    private static final Pattern NAME = Pattern.compile("(?:\\s*|[^%\"]*=[ \\t]*)(%%?\\w*)");
    /** A variable that is put into an argument: {@code {name}} behind an exclamation mark, else as Rapaio has it. */
    private static final Pattern FILLED = Pattern.compile(".*\\{(\\w*)");

    private static final Pattern BEFORE_JAVA =
            Pattern.compile("[ \\t]*%{1,2}\\w+(?:[ \\t]+-\\w+(?:[ \\t]*\\d+)?)*[ \\t]");
    /** Magics whose argument is Java. */
    private static final Set<String> CODE = Set.of("%time", "%timeit", "%%time", "%%timeit");

    private static final Set<String> SCRIPTS = Set.of("%%bash", "%%sh", "%%script");

    private static final Pattern WORD = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"|(\\S+)");

    private final CellEvaluator evaluator;
    private final Shell shell;
    private final Map<String, Magic> all = new TreeMap<>();
    private final JvmMagic jvm;

    /** The magics of a session. */
    public Magics(CellEvaluator evaluator) {
        this.evaluator = evaluator;
        evaluator.commands(this);
        shell = new Shell(evaluator);
        List<Magic> found = new ArrayList<>();
        found.addAll(new SessionMagics(evaluator, this).all());
        found.addAll(new PathMagics(evaluator, this, shell).all());
        found.addAll(new TimeMagics(evaluator, this).all());
        found.addAll(new ShellMagics(shell).all());
        found.addAll(ShellMagics.contents());
        found.addAll(new MavenMagics(evaluator, shell).all());
        jvm = new JvmMagic(evaluator);
        found.add(jvm.magic());
        found.forEach(m -> all.put(m.name(), m));
    }

    /** From now on {@code %%jvm} starts the kernel anew so. */
    public void restart(JvmMagic.Restart by) {
        jvm.restart(by);
    }

    /** All names, sorted, with their percent signs. */
    public List<String> names() {
        return List.copyOf(all.keySet());
    }

    /** What {@code name} does, as Markdown. */
    public Optional<String> help(String name) {
        return Optional.ofNullable(all.get(name)).map(m -> "`" + m.name() + " " + m.arguments() + "`\n\n" + m.help());
    }

    /** Names of magics and what their arguments may be, where the cursor stands in one. */
    public List<Proposal> complete(String cell, int cursor) {
        int start = cell.lastIndexOf('\n', cursor - 1) + 1;
        String typed = cell.substring(start, cursor);
        Matcher name = NAME.matcher(typed);
        if (name.matches()) {
            boolean whole = name.start(1) == 0;
            return all.keySet().stream()
                    .filter(n -> n.startsWith(name.group(1)) && (whole || !n.startsWith("%%")))
                    .map(n -> new Proposal(n, start + name.start(1), cursor, "magic"))
                    .toList();
        }
        Matcher line = ARGUMENT.matcher(typed);
        if (!line.matches() || !typed.startsWith("!") && !all.containsKey(line.group(1))) {
            return List.of();
        }
        if (CODE.contains(line.group(1))) {
            return List.of(); // Java
        }
        String word = line.group(3);
        Matcher filled = FILLED.matcher(word);
        if (filled.matches()) {
            return evaluator.variables().keySet().stream()
                    .filter(n -> n.startsWith(filled.group(1)))
                    .map(n -> new Proposal(n, start + line.start(3) + filled.start(1), cursor, "instance"))
                    .toList();
        }
        Magic magic = all.get(line.group(1));
        List<String> found = magic != null && magic.completion() != null
                ? magic.completion().complete(word)
                : PathMagics.files(shell, word);
        return found.stream()
                .map(text -> new Proposal(text, cursor - word.length(), cursor, "path"))
                .toList();
    }

    /**
     * The cell for help with Java: where the cursor's line is a magic with Java behind it, spaces stand for the magic,
     * so that positions stay.
     */
    public String asJava(String cell, int cursor) {
        int start = cell.lastIndexOf('\n', cursor - 1) + 1;
        Matcher before = BEFORE_JAVA.matcher(cell).region(start, cursor);
        return before.lookingAt() && CODE.contains(words(before.group()).get(0))
                ? cell.substring(0, start) + " ".repeat(before.group().length()) + cell.substring(before.end())
                : cell;
    }

    /** The help of the magic that the cursor stands in. */
    public Optional<MimeBundle> inspect(String cell, int cursor) {
        int start = cell.lastIndexOf('\n', Math.max(cursor - 1, 0)) + 1;
        Matcher word = Pattern.compile("%%?\\w+").matcher(cell).region(start, cell.length());
        return word.lookingAt() && cursor <= word.end() ? help(word.group()).map(Display::markdown) : Optional.empty();
    }

    /**
     * Runs a cell.
     *
     * @return the value of its last expression, or of its magic
     * @throws CellException if Java or a magic fails
     */
    @Override
    public Optional<CellEvaluator.Result> execute(String cell, int number) throws CellException {
        if (number == 0) {
            return execute(Source.cell(0, cell), 0);
        }
        evaluator.results().in(number, cell);
        Optional<CellEvaluator.Result> result = execute(Source.cell(number, cell), number);
        result.ifPresent(r -> evaluator.results().out(number, r.value()));
        return result;
    }

    /** Runs a file, as a cell that has its name. */
    Optional<CellEvaluator.Result> execute(Source source) throws CellException {
        return execute(source, 0);
    }

    private Optional<CellEvaluator.Result> execute(Source source, int number) throws CellException {
        String cell = source.text();
        Matcher whole = CELL.matcher(cell);
        if (whole.matches()) {
            if (!all.containsKey(whole.group(1))) {
                throw unknown(whole.group(1), source);
            }
            String name = whole.group(1);
            String rest = filled(name, orEmpty(whole.group(2)));
            String body = orEmpty(whole.group(3));
            return run(all.get(name), words(rest), rest, SCRIPTS.contains(name) ? shell.filled(body) : body, source, 1);
        }
        cell = withCalls(cell);
        Source code = new Source(source.name(), cell);
        Optional<CellEvaluator.Result> result = Optional.empty();
        int from = 0;
        int lineStart = 0;
        int lineNumber = 1;
        while (lineStart < cell.length()) {
            int end = cell.indexOf('\n', lineStart);
            end = end < 0 ? cell.length() : end;
            Matcher line = LINE.matcher(cell).region(lineStart, end);
            Matcher command = COMMAND.matcher(cell).region(lineStart, end);
            if (command.matches()
                    && !isJava(cell, lineStart, command.group(1))
                    && evaluator.isWhole(cell.substring(from, lineStart))) {
                if (!cell.substring(from, lineStart).isBlank()) {
                    evaluator.evaluate(code, from, lineStart);
                }
                shell.line(command.group(1));
                result = Optional.empty();
                from = Math.min(end + 1, cell.length());
            } else if (line.matches() && evaluator.isWhole(cell.substring(from, lineStart)) && isMagic(line, source)) {
                if (!cell.substring(from, lineStart).isBlank()) {
                    evaluator.evaluate(code, from, lineStart);
                }
                String rest = filled(line.group(1), orEmpty(line.group(2)).strip());
                result = run(all.get(line.group(1)), words(rest), rest, "", source, lineNumber);
                from = Math.min(end + 1, cell.length());
            }
            lineStart = end + 1;
            lineNumber++;
        }
        return from < cell.length() && !cell.substring(from).isBlank()
                ? evaluator.evaluate(code, from, cell.length())
                : result;
    }

    /** What a magic gives is assigned by a call in its place; lines stay where they are. */
    private String withCalls(String cell) {
        if (!cell.contains("%")) {
            return cell;
        }
        StringBuilder code = new StringBuilder();
        StringBuilder java = new StringBuilder(); // the same without lines of magics
        for (String line : cell.split("(?<=\n)")) {
            Matcher m = ASSIGNED.matcher(line.stripTrailing());
            if (m.matches() && all.containsKey("%" + m.group(2)) && evaluator.isWhole(java.toString())) {
                String arguments = words(orEmpty(m.group(3))).stream()
                        .map(w -> '"' + w.replace("\\", "\\\\").replace("\"", "\\\"") + '"')
                        .collect(Collectors.joining(", "));
                code.append(m.group(1) + "lineMagic(\"" + m.group(2) + "\", java.util.List.of(" + arguments + "));");
                code.append(line.substring(line.stripTrailing().length()));
            } else {
                code.append(line);
            }
            java.append(LINE.matcher(line.stripTrailing()).matches() ? "\n" : line);
        }
        return code.toString();
    }

    CellEvaluator evaluator() {
        return evaluator;
    }

    /** Runs a magic by its name, with its percent signs. */
    @Override
    public Object call(String name, List<String> arguments, String body) throws CellException {
        Magic magic = all.get(name);
        if (magic == null) {
            throw unknown(name, Source.cell(0, ""));
        }
        return run(magic, arguments, String.join(" ", arguments), body, Source.cell(0, ""), 1)
                .map(CellEvaluator.Result::value)
                .orElse(null);
    }

    /** Whether what stands behind an exclamation mark negates a value of Java. */
    private boolean isJava(String cell, int lineStart, String behind) {
        Matcher name = Pattern.compile("\\s*([\\p{javaJavaIdentifierPart}.]+)(\\(.*)?[\\s\\S]*")
                .matcher(behind);
        if (!name.matches()) {
            return false;
        }
        String first = name.group(1).replaceAll("\\..*", "");
        return name.group(2) != null
                || evaluator.variables().containsKey(first)
                || Set.of("true", "false").contains(first)
                || Pattern.compile("\\b" + Pattern.quote(first) + "\\b")
                        .matcher(cell.substring(0, lineStart))
                        .find();
    }

    private boolean isMagic(Matcher line, Source source) throws CellException {
        if (all.containsKey(line.group(1))) {
            return true;
        }
        throw unknown(line.group(1), source);
    }

    private static CellException unknown(String name, Source source) {
        return new CellException(
                "UnknownMagic",
                name,
                List.of(source.name() + ": there is no magic " + name + ". %lsmagic lists them all."),
                null);
    }

    private static Optional<CellEvaluator.Result> run(
            Magic magic, List<String> words, String rest, String body, Source source, int line) throws CellException {
        try {
            return Optional.ofNullable(magic.action().run(words, rest, body))
                    .map(v -> v instanceof CellEvaluator.Result r ? r : new CellEvaluator.Result(v));
        } catch (CellException e) {
            throw e;
        } catch (Exception e) {
            String message = e.getMessage() == null ? e.toString() : e.getMessage();
            List<String> lines = new ArrayList<>();
            lines.add(source.name() + ", line " + line + ": " + magic.name() + ": " + message);
            if (e instanceof IllegalArgumentException) {
                lines.add("Usage: " + magic.name() + " " + magic.arguments());
            }
            throw new CellException(e.getClass().getName(), message, lines, e);
        }
    }

    private static List<String> words(String rest) {
        List<String> words = new ArrayList<>();
        Matcher m = WORD.matcher(rest);
        while (m.find()) {
            words.add(m.group(1) != null ? m.group(1).replaceAll("\\\\(.)", "$1") : m.group(2));
        }
        return words;
    }

    private String filled(String name, String rest) {
        return CODE.contains(name) ? rest : shell.filled(rest);
    }

    private static String orEmpty(String s) {
        return s == null ? "" : s;
    }
}
