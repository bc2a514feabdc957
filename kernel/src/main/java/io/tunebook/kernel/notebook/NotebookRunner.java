package io.tunebook.kernel.notebook;

import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.notebook.Launch.Order;
import io.tunebook.kernel.notebook.NotebookReport.CellResult;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import io.tunebook.kernel.notebook.NotebookReport.SummaryTable;
import io.tunebook.kernel.session.Settings;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Executes notebooks without a frontend and without Python, each in a JVM of its own, so that no notebook meets what
 * another left and a crash ends only one of them.
 */
public final class NotebookRunner {
    private static final int PASSED = 0;
    private static final int FAILED = 1;
    private static final int BROKEN = 2;

    private NotebookRunner() {}

    /**
     * The command {@code run}.
     *
     * @return the exit status
     */
    public static int run(List<String> args) throws IOException, InterruptedException {
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        if (RunOptions.help(args)) {
            System.out.print(RunOptions.USAGE);
            return PASSED;
        }
        RunOptions options;
        try {
            options = RunOptions.read(args);
        } catch (IllegalArgumentException e) {
            err.println(e.getMessage() + "\n");
            err.print(RunOptions.USAGE);
            return BROKEN;
        } catch (IOException e) {
            err.println(reason(e));
            return BROKEN;
        }
        Path scratch = Files.createTempDirectory("tunebook-");
        try {
            return runAll(options, scratch, err);
        } catch (IOException e) {
            err.println(reason(e));
            return BROKEN;
        } finally {
            delete(scratch);
        }
    }

    /** What an exception of the file system says, in words: its own message is often the path alone. */
    static String reason(IOException e) {
        if (!(e instanceof FileSystemException broken) || broken.getReason() != null) {
            return String.valueOf(e.getMessage());
        }
        return broken.getFile()
                + (e instanceof NoSuchFileException
                        ? ": no such file or folder"
                        : e instanceof AccessDeniedException
                                ? ": access denied"
                                : e instanceof FileAlreadyExistsException
                                        ? ": a file is where a folder is wanted"
                                        : ": " + e.getClass().getSimpleName());
    }

    private static int runAll(RunOptions options, Path scratch, PrintStream err)
            throws IOException, InterruptedException {
        List<NotebookReport> reports = new ArrayList<>();
        ExecutorService jobs = Executors.newFixedThreadPool(options.jobs());
        try {
            List<Future<NotebookReport>> running = new ArrayList<>();
            for (Path notebook : options.notebooks()) {
                Path target = options.writes() ? options.target(notebook) : scratch.resolve(running.size() + ".ipynb");
                running.add(jobs.submit(() -> runOne(options, notebook, target, err)));
            }
            for (Future<NotebookReport> r : running) {
                reports.add(r.get());
            }
        } catch (ExecutionException e) {
            throw new IOException(
                    e.getCause() instanceof IOException io
                            ? reason(io)
                            : e.getCause().toString(),
                    e);
        } finally {
            jobs.shutdownNow();
        }
        GitHubLog.fromEnvironment().ifPresent(log -> log.annotate(options.notebooks(), reports, System.out));
        if (reports.size() > 1) {
            err.print(SummaryTable.of(reports));
        }
        if (options.junit().isPresent()) {
            Path junit = options.junit().get();
            try {
                JUnitXml.write(junit, reports);
            } catch (IOException e) {
                throw new IOException("the JUnit report cannot be written to " + junit + ": " + reason(e), e);
            }
        }
        return status(reports, err);
    }

    private static NotebookReport runOne(RunOptions options, Path notebook, Path target, PrintStream err)
            throws IOException, InterruptedException {
        NotebookReport report = new Launch(options, notebook, target, err).run();
        if (options.html() && Files.exists(target)) {
            String name = target.getFileName().toString().replaceFirst("\\.ipynb$", "");
            Path page = target.resolveSibling(name + ".html");
            try {
                AtomicWrite.text(page, HtmlPage.of(Notebook.read(target), name));
            } catch (IOException e) {
                throw new IOException("the page cannot be written to " + page + ": " + reason(e), e);
            }
        }
        return report;
    }

    private static int status(List<NotebookReport> reports, PrintStream err) {
        boolean broken = reports.stream().anyMatch(r -> r.count(Verdict.ERROR) > 0);
        boolean failed = reports.stream().anyMatch(r -> r.count(Verdict.FAILED) > 0);
        if (!broken && !failed && reports.stream().allMatch(r -> r.count(Verdict.PASSED) == 0)) {
            err.println("No cell ran: the notebooks have no code to execute.");
            return BROKEN;
        }
        return broken ? BROKEN : failed ? FAILED : PASSED;
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    /**
     * The command {@code execute} of the JVM that this class starts for a notebook.
     *
     * @param args the file of an {@link Order}
     * @return the exit status
     */
    public static int execute(List<String> args) throws IOException {
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        Order order = Order.read(Path.of(args.get(0)));
        try {
            NotebookReport report = new NotebookExecution(order, err).run(Settings.fromEnvironment(order.classPath()));
            return report.count(Verdict.FAILED) > 0 ? FAILED : PASSED;
        } catch (IOException | IllegalArgumentException e) {
            String message = e instanceof IOException io ? reason(io) : order.notebook() + ": " + e.getMessage();
            String name = Path.of(order.notebook()).getFileName().toString();
            new NotebookReport(name, List.of(CellResult.error(message)), 0, 0, true).write(Path.of(order.report()));
            return BROKEN;
        }
    }
}
