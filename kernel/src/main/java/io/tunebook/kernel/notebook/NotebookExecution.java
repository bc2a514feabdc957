package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.notebook.Launch.Order;
import io.tunebook.kernel.notebook.NotebookReport.CellResult;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import io.tunebook.kernel.session.Session;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs the cells of one notebook in this process, writing the file as it goes: what a crash leaves is what had been
 * shown until then.
 */
final class NotebookExecution {
    private static final Duration STILL_RUNNING = Duration.ofSeconds(30);
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss");

    private final Path file;
    private final Path out;
    private final Path reportFile;
    private final Notebook notebook;
    private final Duration timeout;
    private final Optional<OutputCheck> check;
    private final PrintStream progress;
    private final CellOutputs outputs = new CellOutputs();
    private final Map<JsonNode, JsonNode> stored = new IdentityHashMap<>();
    private final long start = System.nanoTime();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(r -> {
        Thread t = new Thread(r, "notebook-clock");
        t.setDaemon(true);
        return t;
    });
    private NotebookReport report;
    private long written = -1;

    /**
     * Reads the notebook.
     *
     * @param progress receives the progress lines
     * @throws IOException if the notebook cannot be read or is not for Java
     * @throws IllegalArgumentException if it does not have the parameters that are given
     */
    NotebookExecution(Order order, PrintStream progress) throws IOException {
        file = Path.of(order.notebook());
        out = Path.of(order.out());
        reportFile = Path.of(order.report());
        timeout = Duration.ofMillis((long) (order.seconds() * 1000));
        check = order.comparison();
        this.progress = progress;
        notebook = Notebook.read(file);
        if (!List.of("", "java").contains(notebook.language())) {
            throw new IOException(file + ": expected a notebook for Java, found one for " + notebook.language());
        }
        ParameterCell.inject(notebook, order.parameters());
        report = NotebookReport.of(file.getFileName().toString());
    }

    /**
     * Runs all cells until one raises what it must not.
     *
     * @return what became of each cell
     * @throws IOException if the executed notebook cannot be written
     */
    NotebookReport run(Session.SessionOptions options) throws IOException {
        List<Notebook.Cell> cells =
                notebook.cells().stream().filter(Notebook.Cell::isCode).toList();
        for (Notebook.Cell cell : cells) {
            if (cell.node().path("execution_count").isInt()) {
                stored.put(cell.node(), cell.node().path("outputs").deepCopy());
            }
            cell.reset();
        }
        save(); // what cannot be written is told before an hour's work and not after it
        try (Session session = new Session(options)) {
            ScheduledFuture<?> saving = clock.scheduleWithFixedDelay(this::saveIfChanged, 1, 1, TimeUnit.SECONDS);
            int count = 0;
            boolean failed = false;
            for (Notebook.Cell cell : cells) {
                boolean skip = cell.hasTag("skip-execution")
                        || check.isPresent() && CellMarkers.of(cell).skip();
                if (cell.source().isBlank()) {
                    continue;
                } else if (failed || skip) {
                    String reason = failed
                            ? "an earlier cell failed"
                            : cell.hasTag("skip-execution") ? "skip-execution" : "nbval-skip";
                    report(CellResult.of(cell, Verdict.SKIPPED, 0, reason));
                    continue;
                }
                progress.println(file.getFileName() + ": cell " + cell.number() + " of "
                        + notebook.cells().size() + (cell.id().isEmpty() ? "" : " (" + cell.id() + ")") + ", since "
                        + LocalTime.now().format(CLOCK));
                failed = !run(session, cell, ++count);
            }
            saving.cancel(false);
        } finally {
            clock.shutdownNow();
            save();
        }
        report = new NotebookReport(
                report.notebook(), report.cells(), (System.nanoTime() - start) / 1e9, peakMemory(), true);
        report.write(reportFile);
        return report;
    }

    private void report(CellResult cell) throws IOException {
        report = report.with(cell);
        report.write(reportFile);
    }

    /** @return whether the next cell may run */
    private boolean run(Session session, Notebook.Cell cell, int count) throws IOException {
        synchronized (this) {
            outputs.begin(cell);
            cell.node().put("execution_count", count);
        }
        save(); // if the process dies, the file says in which cell
        long began = System.nanoTime();
        Duration limit = timeout(cell);
        ScheduledFuture<?> alive = clock.scheduleAtFixedRate(
                () -> progress.println(file.getFileName() + ": cell " + cell.number() + " still running after "
                        + (System.nanoTime() - began) / 1_000_000_000 + " s"),
                STILL_RUNNING.toSeconds(),
                STILL_RUNNING.toSeconds(),
                TimeUnit.SECONDS);
        CellException failure = null;
        try {
            Optional<MimeBundle> result = session.execute(cell.source(), count, outputs, limit);
            result.ifPresent(r -> outputs.result(r, count));
        } catch (CellException e) {
            failure = e;
        } catch (RuntimeException | Error e) {
            failure = broken(e);
        } finally {
            alive.cancel(false);
        }
        if (failure != null) {
            outputs.error(failure);
        }
        outputs.settle();
        double took = (System.nanoTime() - began) / 1e9;
        failure = unexpected(cell, failure);
        if (failure != null) {
            report(CellAccount.of(file, cell, count, failure, took));
            return false;
        }
        Optional<String> difference = difference(cell);
        report(
                difference.isEmpty()
                        ? CellResult.of(cell, Verdict.PASSED, took, "")
                        : CellAccount.different(file, cell, difference.get(), took));
        return true;
    }

    /** The failure, if the cell must not raise one, or that it raised none. */
    private CellException unexpected(Notebook.Cell cell, CellException failure) {
        boolean raises = cell.hasTag("raises-exception")
                || check.isPresent() && CellMarkers.of(cell).raises();
        if (failure == null && raises) {
            return new CellException(
                    "ExpectedException",
                    "the cell has the tag raises-exception and raised none",
                    List.of("expected an exception, because of the tag raises-exception; found none"),
                    null);
        }
        return raises && !Session.isTimeout(failure) ? null : failure;
    }

    /**
     * What the cell shows beside what is stored, where both are to be compared; cells that had never run have nothing
     * stored.
     */
    private Optional<String> difference(Notebook.Cell cell) {
        JsonNode before = stored.get(cell.node());
        CellMarkers markers = CellMarkers.of(cell);
        if (before == null || check.isEmpty() || !markers.check()) {
            return Optional.empty();
        }
        double tolerance = markers.tolerance().orElse(check.get().tolerance());
        return check.get()
                .withTolerance(tolerance)
                .difference(before, cell.node().path("outputs"));
    }

    /** What goes wrong inside the compiler, say, fails the cell and not the run. */
    private static CellException broken(Throwable t) {
        List<String> trace = new ArrayList<>(List.of(t.toString()));
        for (StackTraceElement frame : t.getStackTrace()) {
            trace.add("    at " + frame);
            if (trace.size() > 20) {
                break; // a stack overflow has thousands of them
            }
        }
        return new CellException(t.getClass().getName(), "the cell could not be run: " + t.getMessage(), trace, t);
    }

    /**
     * The cell's own limit, else the notebook's, else the command's; zero for none. Seconds, as nbclient counts them.
     */
    private Duration timeout(Notebook.Cell cell) {
        for (JsonNode metadata : List.of(cell.metadata(), notebook.metadata())) {
            JsonNode seconds = metadata.path("execution").path("timeout");
            if (seconds.isNumber()) {
                return Duration.ofMillis((long) Math.max(0, seconds.asDouble() * 1000));
            }
        }
        return timeout;
    }

    private void saveIfChanged() {
        if (outputs.changes() != written) {
            try {
                save();
            } catch (IOException e) {
                throw new UncheckedIOException(e); // no more saving by the clock; the last save tells the reason
            }
        }
    }

    private synchronized void save() throws IOException {
        synchronized (outputs) {
            written = outputs.changes();
            outputs.settle();
            try {
                notebook.write(out);
            } catch (IOException e) {
                throw new IOException(
                        "the executed notebook cannot be written to " + out + ": " + NotebookRunner.reason(e), e);
            }
        }
    }

    /** The most memory that this process had in bytes, native memory included, where the system tells; else 0. */
    private static long peakMemory() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status"), StandardCharsets.UTF_8).stream()
                    .filter(l -> l.startsWith("VmHWM:"))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            return 0;
        }
    }

    /** What is told about a cell that failed, to somebody who sees only the log. */
    private static final class CellAccount {
        private static final String NO_COLOUR = "\\u001b\\[[0-9;]*m";

        private CellAccount() {}

        /**
         * About a cell that raised something.
         *
         * @param count its execution count, by which the trace names it
         */
        static CellResult of(Path file, Notebook.Cell cell, int count, CellException failure, double seconds) {
            StringBuilder trace = new StringBuilder();
            failure.traceback().forEach(line -> trace.append(line.replaceAll(NO_COLOUR, ""))
                    .append('\n'));
            String headline = failure.name() + ": " + failure.getMessage();
            String text = head(file, cell, "failed") + "---- output so far\n" + cell.shown() + "---- " + headline + "\n"
                    + trace + "\n";
            return new CellResult(
                    cell.number(), cell.id(), Verdict.FAILED, seconds, first(headline), text, line(trace, count));
        }

        /** About a cell whose outputs are not the stored ones. */
        static CellResult different(Path file, Notebook.Cell cell, String difference, double seconds) {
            String text = head(file, cell, "shows something else than what is stored") + "---- difference\n"
                    + difference + "\n";
            String headline = "the outputs differ from the stored ones: " + first(difference);
            return new CellResult(cell.number(), cell.id(), Verdict.FAILED, seconds, headline, text, 0);
        }

        private static String head(Path file, Notebook.Cell cell, String what) {
            return "\n" + file + ": cell " + cell.number() + (cell.id().isEmpty() ? "" : " (" + cell.id() + ")") + " "
                    + what + "\n---- source\n" + cell.source().stripTrailing() + "\n";
        }

        private static String first(String text) {
            return text.lines().findFirst().orElse("");
        }

        private static int line(CharSequence trace, int count) {
            Matcher m = Pattern.compile("Cell\\[" + count + "\\], line (\\d+)").matcher(trace);
            return m.find() ? Integer.parseInt(m.group(1)) : 0;
        }
    }
}
