package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.Session;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.notebook.TestReport.Verdict;
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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Runs the cells of one notebook in this process, writing the file as it goes: what a crash leaves is what had been shown until then. */
final class NotebookExecution {
    private static final Duration STILL_RUNNING = Duration.ofSeconds(30);
    private static final String NO_COLOUR = "\\u001b\\[[0-9;]*m";
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss");

    private final Path file;
    private final Path out;
    private final Notebook notebook;
    private final Duration timeout;
    private final PrintStream progress;
    private final CellOutputs outputs = new CellOutputs();
    private final TestReport report;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(r -> {
        Thread t = new Thread(r, "notebook-clock");
        t.setDaemon(true);
        return t;
    });
    private long written = -1;

    /**
     * @param file the notebook
     * @param out where the executed one goes
     * @param timeout for each cell that sets none itself; zero for none
     * @param progress receives the progress lines and what failed
     */
    NotebookExecution(Path file, Path out, Duration timeout, PrintStream progress) throws IOException {
        this.file = file;
        this.out = out;
        this.timeout = timeout;
        this.progress = progress;
        notebook = Notebook.read(file);
        if (!List.of("", "java").contains(notebook.language())) {
            throw new IOException(file + ": expected a notebook for Java, found one for " + notebook.language());
        }
        report = new TestReport(file.getFileName().toString());
    }

    /**
     * Runs all cells until one fails.
     *
     * @return what became of each cell
     * @throws IOException if the executed notebook cannot be written
     */
    TestReport run(Session.SessionOptions options) throws IOException {
        List<Notebook.Cell> cells =
                notebook.cells().stream().filter(Notebook.Cell::isCode).toList();
        cells.forEach(Notebook.Cell::reset);
        long start = System.nanoTime();
        save(); // what cannot be written is told before an hour's work and not after it
        try (Session session = new Session(options)) {
            ScheduledFuture<?> saving = clock.scheduleWithFixedDelay(this::saveIfChanged, 1, 1, TimeUnit.SECONDS);
            int count = 0;
            boolean failed = false;
            for (Notebook.Cell cell : cells) {
                if (cell.source().isBlank()) {
                    continue;
                } else if (failed || cell.hasTag("skip-execution")) {
                    report.add(
                            cell, Verdict.SKIPPED, Duration.ZERO, failed ? "an earlier cell failed" : "skip-execution");
                    continue;
                }
                progress.printf(
                        "%s: cell %d of %d%s, since %s%n",
                        file.getFileName(),
                        cell.number(),
                        notebook.cells().size(),
                        cell.id().isEmpty() ? "" : " (" + cell.id() + ")",
                        LocalTime.now().format(CLOCK));
                failed = !run(session, cell, ++count);
            }
            saving.cancel(false);
        } finally {
            clock.shutdownNow();
            save();
        }
        progress.printf(
                "%s: %s in %.1f s%s; written to %s%n",
                file.getFileName(),
                report.summary(),
                (System.nanoTime() - start) / 1e9,
                peakMemory().map(m -> ", peak memory " + m).orElse(""),
                out);
        return report;
    }

    private boolean run(Session session, Notebook.Cell cell, int count) throws IOException {
        synchronized (this) {
            outputs.begin(cell);
            cell.node().put("execution_count", count);
        }
        save(); // if the process dies, the file says in which cell
        long start = System.nanoTime();
        Duration limit = timeout(cell);
        AtomicBoolean late = new AtomicBoolean();
        ScheduledFuture<?> deadline = limit.isZero()
                ? null
                : clock.schedule(
                        () -> {
                            late.set(true);
                            session.interrupt();
                        },
                        limit.toMillis(),
                        TimeUnit.MILLISECONDS);
        ScheduledFuture<?> alive = clock.scheduleAtFixedRate(
                () -> progress.printf(
                        "%s: cell %d still running after %d s%n",
                        file.getFileName(), cell.number(), (System.nanoTime() - start) / 1_000_000_000),
                STILL_RUNNING.toSeconds(),
                STILL_RUNNING.toSeconds(),
                TimeUnit.SECONDS);
        CellException failure = null;
        try {
            Optional<MimeBundle> result = session.execute(cell.source(), count, outputs);
            result.ifPresent(r -> outputs.result(r, count));
        } catch (CellException e) {
            failure = late.get() ? timedOut(limit, e) : e;
            outputs.error(failure);
        } finally {
            alive.cancel(false);
            if (deadline != null) {
                deadline.cancel(false);
            }
        }
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        boolean raises = cell.hasTag("raises-exception");
        if (failure == null && raises) {
            failure = new CellException(
                    "ExpectedException",
                    "the cell has the tag raises-exception and raised none",
                    List.of("expected an exception, because of the tag raises-exception; found none"),
                    null);
        } else if (raises && !late.get()) {
            failure = null;
        }
        if (failure == null) {
            report.add(cell, Verdict.PASSED, took, "");
            return true;
        }
        String account = account(cell, failure);
        progress.print(account);
        report.add(cell, Verdict.FAILED, took, account);
        return false;
    }

    /** The cell's own limit, else the notebook's, else the command's; zero for none. Seconds, as nbclient counts them. */
    private Duration timeout(Notebook.Cell cell) {
        for (JsonNode metadata : List.of(cell.metadata(), notebook.metadata())) {
            JsonNode seconds = metadata.path("execution").path("timeout");
            if (seconds.isNumber()) {
                return Duration.ofMillis((long) Math.max(0, seconds.asDouble() * 1000));
            }
        }
        return timeout;
    }

    /** The trace is that of the interruption: it tells where the cell was. */
    private static CellException timedOut(Duration limit, CellException interrupted) {
        String message = "the cell ran longer than " + limit.toMillis() / 1000.0 + " s and was stopped";
        List<String> trace = new ArrayList<>(List.of("CellTimeout: " + message));
        trace.addAll(interrupted.traceback());
        return new CellException("CellTimeout", message, trace, null);
    }

    /** Everything that somebody needs who sees only the log. */
    private String account(Notebook.Cell cell, CellException failure) {
        StringBuilder text =
                new StringBuilder("\n").append(file).append(": cell ").append(cell.number());
        if (!cell.id().isEmpty()) {
            text.append(" (").append(cell.id()).append(')');
        }
        text.append(" failed\n---- source\n")
                .append(cell.source().stripTrailing())
                .append("\n---- output so far\n");
        synchronized (outputs) {
            text.append(cell.shown());
        }
        text.append("---- ")
                .append(failure.name())
                .append(": ")
                .append(failure.getMessage())
                .append('\n');
        failure.traceback()
                .forEach(line -> text.append(line.replaceAll(NO_COLOUR, "")).append('\n'));
        return text.append('\n').toString();
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
            try {
                notebook.write(out);
            } catch (IOException e) {
                throw new IOException(
                        "the executed notebook cannot be written to " + out + ": " + NotebookRunner.reason(e), e);
            }
        }
    }

    /** Of this whole process, native memory included, where the system tells. */
    private static Optional<String> peakMemory() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status"), StandardCharsets.UTF_8).stream()
                    .filter(l -> l.startsWith("VmHWM:"))
                    .map(l -> Long.parseLong(l.replaceAll("\\D", "")) / 1024 + " MB")
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
