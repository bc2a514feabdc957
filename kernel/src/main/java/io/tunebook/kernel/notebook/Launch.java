package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.databind.JsonNode;
import io.tunebook.kernel.eval.ClassPath;
import io.tunebook.kernel.launch.JvmOptions;
import io.tunebook.kernel.launch.KernelProcess;
import io.tunebook.kernel.notebook.NotebookReport.CellResult;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import io.tunebook.kernel.session.Settings;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The JVM of one notebook, seen from the one that starts it. */
final class Launch {
    private final RunOptions options;
    private final Path notebook;
    private final Path target;
    private final PrintStream err;

    /** @param target where the executed notebook goes */
    Launch(RunOptions options, Path notebook, Path target, PrintStream err) {
        this.options = options;
        this.notebook = notebook;
        this.target = target;
        this.err = err;
    }

    /**
     * Runs the notebook and tells what happened.
     *
     * @return what became of its cells; one of them is an error if the JVM died or the notebook could not be run
     * @throws IOException if no JVM can be started
     */
    NotebookReport run() throws IOException, InterruptedException {
        Path report = Files.createTempFile("tunebook-", ".json");
        Path order = Files.createTempFile("tunebook-", ".json"); // readable for this user only: it may hold secrets
        try {
            Optional<FileTime> before = written();
            new Order(
                            notebook.toAbsolutePath().normalize().toString(),
                            target.toString(),
                            report.toString(),
                            options.seconds(),
                            options.classPath(),
                            options.parameters(),
                            options.check().orElse(null))
                    .write(order);
            int status;
            try {
                status = start(order);
            } catch (IllegalArgumentException e) {
                NotebookReport refused = NotebookReport.of(
                                notebook.getFileName().toString())
                        .with(CellResult.error(notebook + ": " + e.getMessage()));
                tell(refused);
                return refused;
            }
            NotebookReport found = Files.size(report) == 0
                    ? NotebookReport.of(notebook.getFileName().toString())
                    : NotebookReport.read(report);
            if (!found.finished()) {
                boolean started = !before.equals(written());
                found = found.with(CellResult.error(dead(status) + (started ? lastCell() : " before its first cell")));
            }
            tell(found);
            return found;
        } finally {
            Files.deleteIfExists(order);
            Files.deleteIfExists(report);
        }
    }

    private void tell(NotebookReport report) {
        synchronized (err) {
            for (CellResult c : report.cells()) {
                if (c.verdict() == Verdict.FAILED || c.verdict() == Verdict.ERROR) {
                    err.print(c.account().endsWith("\n") ? c.account() : c.account() + "\n");
                }
            }
            if (report.count(Verdict.ERROR) == 0) {
                err.println(report.notebook() + ": " + report.summary()
                        + (options.writes() ? "; written to " + target : ""));
            }
        }
    }

    private Optional<FileTime> written() throws IOException {
        return Files.exists(target) ? Optional.of(Files.getLastModifiedTime(target)) : Optional.empty();
    }

    private int start(Path order) throws IOException, InterruptedException {
        List<String> jvm = new ArrayList<>(options.jvmOptions());
        List<String> compiler = Settings.compilerOptions();
        Optional<Notebook> read = read();
        Optional<JvmOptions> metadata = read.flatMap(Notebook::jvmOptions);
        Optional<JvmOptions> cell = read.flatMap(Launch::firstCell);
        if (metadata.isPresent()) {
            jvm.addAll(metadata.get().options());
            compiler = metadata.get().compilerOptions(compiler);
        }
        if (cell.isPresent()) {
            jvm.addAll(cell.get().command());
            compiler = cell.get().compilerOptions(compiler);
        }
        List<String> command = KernelProcess.command(jvm);
        command.addAll(List.of("execute", order.toString()));
        ProcessBuilder builder = new ProcessBuilder(command);
        if (metadata.isPresent() || cell.isPresent()) {
            builder.environment().put("TUNEBOOK_COMPILER_OPTS", String.join(" ", compiler));
        }
        Path folder = notebook.toAbsolutePath().normalize().getParent();
        if (Files.isDirectory(folder)) {
            builder.directory(folder.toFile());
        }
        boolean alone = options.jobs() == 1;
        Process process = alone
                ? builder.inheritIO().start()
                : builder.redirectErrorStream(true)
                        .redirectInput(ProcessBuilder.Redirect.INHERIT)
                        .start();
        Thread end = new Thread(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(end);
        try {
            if (!alone) {
                forward(process);
            }
            return process.waitFor();
        } finally {
            process.destroyForcibly();
            Runtime.getRuntime().removeShutdownHook(end);
        }
    }

    private Optional<Notebook> read() {
        try {
            return Optional.of(Notebook.read(notebook));
        } catch (IOException e) {
            return Optional.empty(); // whoever runs the notebook says what is wrong
        }
    }

    /** The options of the JVM that the first cell asks for. */
    private static Optional<JvmOptions> firstCell(Notebook from) {
        try {
            return from.cells().stream()
                    .filter(Notebook.Cell::isCode)
                    .findFirst()
                    .flatMap(c -> JvmOptions.ofCell(c.source()));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // that cell says what is wrong
        }
    }

    /** Whole lines, so that what several notebooks say does not mix. */
    private void forward(Process process) throws IOException {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (err) {
                    err.println(line);
                }
            }
        }
    }

    private String dead(int status) {
        return notebook + ": the kernel died with exit status " + status
                + switch (status) {
                    case 134, 139 -> " (a crash in native code; hs_err_pid….log beside the notebook tells more)";
                    case 137 -> " (killed, perhaps for want of memory)";
                    default -> "";
                };
    }

    /** Which cell it was; the file, written as the run went on, holds what had been shown. */
    private String lastCell() {
        try {
            return Notebook.read(target).cells().stream()
                    .filter(c -> c.isCode() && c.node().path("execution_count").isInt())
                    .reduce((first, second) -> second)
                    .map(c -> " in cell " + c.number() + (c.id().isEmpty() ? "" : " (" + c.id() + ")")
                            + "\n---- source\n" + c.source().stripTrailing() + "\n---- output so far\n" + c.shown())
                    .orElse(" before its first cell");
        } catch (IOException e) {
            return "; " + NotebookRunner.reason(e);
        }
    }

    /** A class path for JVMs that run in other folders than this one. */
    static String absolute(String classPath) {
        List<String> entries = new ArrayList<>();
        for (String entry : ClassPath.entries(classPath)) {
            entries.add(Path.of(entry).toAbsolutePath().toString());
        }
        return String.join(File.pathSeparator, entries);
    }

    /**
     * What the JVM of one notebook is told, by a file.
     *
     * @param notebook the source, absolute
     * @param out the executed notebook, absolute
     * @param report where the {@link NotebookReport} goes
     * @param seconds the limit of a cell, 0 for none
     * @param check null if outputs are not compared
     */
    record Order(
            String notebook,
            String out,
            String report,
            double seconds,
            String classPath,
            Map<String, JsonNode> parameters,
            OutputCheck check) {
        static Order read(Path file) throws IOException {
            return Notebook.JSON.readValue(Files.readString(file, StandardCharsets.UTF_8), Order.class);
        }

        void write(Path file) throws IOException {
            Files.writeString(file, Notebook.JSON.writeValueAsString(this), StandardCharsets.UTF_8);
        }

        /** As {@link RunOptions} have it. */
        Optional<OutputCheck> comparison() {
            return Optional.ofNullable(check);
        }
    }
}
