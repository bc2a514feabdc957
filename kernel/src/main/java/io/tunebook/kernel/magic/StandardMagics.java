package io.tunebook.kernel.magic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tunebook.kernel.Settings;
import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The magics that need nothing but the session: class path, files, timing, processes. */
final class StandardMagics {
    private final CellEvaluator evaluator;
    private final Magics magics;
    private final MavenMagics maven;

    StandardMagics(CellEvaluator evaluator, Magics magics) {
        this.evaluator = evaluator;
        this.magics = magics;
        maven = new MavenMagics(evaluator);
    }

    List<Magic> all() {
        List<Magic> all = new ArrayList<>(maven.all());
        all.add(new Magic("%lsmagic", "", "Lists all magics.", (a, rest, body) -> list()));
        all.add(new Magic(
                "%classpath",
                "PATH ...", "Adds jars and folders to the class path.", (a, rest, body) -> addAll(a, false)));
        all.add(new Magic(
                "%jars",
                "PATTERN ...",
                "Adds all jars that a pattern such as lib/*.jar matches.",
                (a, rest, body) -> addAll(a, true)));
        all.add(new Magic(
                "%load",
                "FILE ...",
                "Runs .java, .jsh and .ipynb files as if their text stood here.",
                (a, rest, body) -> load(a)));
        all.add(new Magic("%time", "CODE", "Runs the line and says how long it took.", (a, rest, body) -> time(rest)));
        all.add(new Magic("%%time", "", "Runs the cell and says how long it took.", (a, rest, body) -> time(body)));
        all.add(new Magic(
                "%timeit",
                "CODE",
                "Runs the line again and again and says how long it takes at the median.",
                (a, rest, body) -> timeIt(rest)));
        all.add(new Magic(
                "%env",
                "[NAME]",
                "Shows the environment, or one variable of it.",
                (a, rest, body) -> a.isEmpty() ? System.getenv() : System.getenv(a.get(0))));
        all.add(new Magic(
                "%who", "", "Lists the variables and their types.", (a, rest, body) -> evaluator.variables()));
        all.add(new Magic(
                "%reset",
                "", "Forgets all that cells have declared; the class path stays.", (a, rest, body) -> {
                    evaluator.reset();
                    return null;
                }));
        all.add(new Magic("%%bash", "", "Runs the cell with bash.", (a, rest, body) -> shell("bash", body)));
        all.add(new Magic("%%sh", "", "Runs the cell with sh.", (a, rest, body) -> shell("sh", body)));
        return all;
    }

    private Object list() {
        StringBuilder rows = new StringBuilder();
        magics.names().forEach(n -> rows.append(n)
                .append("  ")
                .append(magics.help(n).orElse("").replaceAll("(?s).*\\n\\n", ""))
                .append('\n'));
        return io.tunebook.kernel.display.MimeBundle.of(
                "text/plain", rows.toString(), "text/html", "<pre>" + Html.escape(rows.toString()) + "</pre>");
    }

    private Object addAll(List<String> paths, boolean jarsOnly) throws IOException {
        if (paths.isEmpty()) {
            throw new IllegalArgumentException("expected a path, found nothing");
        }
        List<String> added = new ArrayList<>();
        for (String path : paths) {
            List<Path> found = Settings.files(path);
            if (found.isEmpty()) {
                throw new IllegalArgumentException(
                        "no file matches " + path + " (in " + Path.of("").toAbsolutePath() + ")");
            }
            found.stream()
                    .filter(p -> !jarsOnly || p.toString().endsWith(".jar") && Settings.isLibrary(p))
                    .forEach(p -> added.add(p.toAbsolutePath().toString()));
        }
        added.forEach(evaluator::addToClassPath);
        return added;
    }

    private Object load(List<String> files) throws Exception {
        Object last = null;
        for (String name : files) {
            Path file = Path.of(name);
            String text = Files.readString(file, StandardCharsets.UTF_8);
            for (String code : name.endsWith(".ipynb")
                    ? cells(text)
                    : List.of(text.replaceAll("(?m)^/(open|exit|set)\\b.*$", ""))) {
                last = magics.execute(code, 0).orElse(null);
            }
        }
        return last;
    }

    private static List<String> cells(String notebook) throws IOException {
        List<String> code = new ArrayList<>();
        for (JsonNode cell : new ObjectMapper().readTree(notebook).path("cells")) {
            if (cell.path("cell_type").asText().equals("code")) {
                StringBuilder source = new StringBuilder();
                JsonNode lines = cell.path("source");
                (lines.isArray() ? lines : List.of(lines)).forEach(l -> source.append(l.asText()));
                code.add(source.toString());
            }
        }
        return code;
    }

    private Object time(String code) throws CellException {
        long start = System.nanoTime();
        Optional<CellEvaluator.Result> result = magics.execute(code, 0);
        System.out.println("Wall time: " + duration(System.nanoTime() - start));
        return result.orElse(null);
    }

    private Object timeIt(String code) throws CellException {
        // The loop is the cell's own, so that the compiler sees it as it would see any code.
        String body = code.strip().endsWith(";") || code.strip().endsWith("}") ? code : code + ";";
        evaluator.evaluate("void timeItOnce() throws Throwable { " + body + " }", 0);
        long once = measure(1);
        int batch = (int) Math.max(1, Math.min(1_000_000, 20_000_000 / Math.max(once, 1)));
        measure(batch);
        long[] runs = new long[7];
        for (int i = 0; i < runs.length; i++) {
            runs[i] = measure(batch) / batch;
        }
        Arrays.sort(runs);
        System.out.println(duration(runs[3]) + " at the median of 7 runs of " + batch + " (from " + duration(runs[0])
                + " to " + duration(runs[6]) + ")");
        return null;
    }

    private long measure(int times) throws CellException {
        String code = "{ long timeItStart = System.nanoTime(); for (int timeItN = 0; timeItN < " + times
                + "; timeItN++) timeItOnce(); timeItNanos[0] = System.nanoTime() - timeItStart; }";
        evaluator.evaluate("long[] timeItNanos = new long[1];", 0);
        evaluator.evaluate(code, 0);
        return ((long[]) evaluator.variable("timeItNanos").orElseThrow().value())[0];
    }

    private static String duration(long nanos) {
        return nanos < 10_000
                ? nanos + " ns"
                : nanos < 10_000_000
                        ? String.format(Locale.ROOT, "%.1f µs", nanos / 1e3)
                        : nanos < 10_000_000_000L
                                ? String.format(Locale.ROOT, "%.1f ms", nanos / 1e6)
                                : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
    }

    private Object shell(String shell, String body) throws CellException {
        return evaluator.call(() -> {
            Process process = new ProcessBuilder(shell, "-c", body)
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            try (BufferedReader in = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    System.out.println(line);
                }
                int status = process.waitFor();
                if (status != 0) {
                    throw new IOException(shell + " ended with status " + status);
                }
            } finally {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
            return null;
        });
    }
}
