package io.tunebook.kernel.notebook;

import io.tunebook.kernel.KernelProcess;
import io.tunebook.kernel.Settings;
import io.tunebook.kernel.notebook.TestReport.Verdict;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Executes notebooks without a frontend and without Python, each in a JVM of its own, so that no notebook meets what another left and a crash ends only
 * one of them.
 */
public final class NotebookRunner {
    private static final int PASSED = 0;
    private static final int FAILED = 1;
    private static final int BROKEN = 2;
    private static final int NOTHING_RAN = 3;

    private static final String USAGE = """
            Usage: java -jar tunebook-kernel.jar run [OPTION ...] NOTEBOOK ...

            Executes notebooks, each in a fresh JVM whose folder is the notebook's. A folder stands for its notebooks.

              --out DIR          where the executed notebooks go; without it each replaces its source
              --timeout SECONDS  limit for a cell; a cell's or notebook's metadata execution.timeout wins
              --junit FILE       write a JUnit report
              --class-path PATH  jars and folders for the notebooks; DIR/* stands for all jars of DIR
              --jvm-option OPT   an option of the notebooks' JVMs, such as -Xmx2g; may be repeated
              --help             this text

            Tags of cells: skip-execution, and raises-exception for cells that must fail.
            Exit status: 0 at least one cell ran and all passed, 1 a cell failed or timed out,
            2 bad usage, an unreadable notebook, no cell to run or a dead kernel.
            """;

    private final List<Path> notebooks = new ArrayList<>();
    private final List<String> jvmOptions = new ArrayList<>();
    private String classPath = "";
    private String timeout = "0";
    private Path out;
    private Path junit;

    private NotebookRunner() {}

    /**
     * The command {@code run}.
     *
     * @return the exit status
     */
    public static int run(List<String> args) throws IOException, InterruptedException {
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        if (args.contains("--help")) {
            System.out.print(USAGE);
            return PASSED;
        }
        NotebookRunner runner = new NotebookRunner();
        try {
            runner.parse(args);
        } catch (IllegalArgumentException e) {
            err.println(e.getMessage() + "\n");
            err.print(USAGE);
            return BROKEN;
        }
        try {
            return runner.runAll(err);
        } catch (IOException e) {
            err.println(reason(e));
            return BROKEN;
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

    private void parse(List<String> args) throws IOException {
        for (int i = 0; i < args.size(); i++) {
            String arg = args.get(i);
            if (!arg.startsWith("--")) {
                add(Path.of(arg));
                continue;
            }
            if (i + 1 == args.size()) {
                throw new IllegalArgumentException("expected a value after " + arg + ", found nothing");
            }
            String value = args.get(++i);
            switch (arg) {
                case "--out" -> out = Path.of(value);
                case "--junit" -> junit = Path.of(value);
                case "--class-path" -> classPath = absolute(value);
                case "--jvm-option" -> jvmOptions.add(value);
                case "--timeout" -> timeout = seconds(value);
                default -> throw new IllegalArgumentException("there is no option " + arg);
            }
        }
        if (notebooks.isEmpty()) {
            throw new IllegalArgumentException("expected a notebook, found none");
        }
        Map<Path, Path> sources = new LinkedHashMap<>();
        for (Path notebook : notebooks) {
            Path other = sources.put(target(notebook), notebook);
            if (other != null) {
                throw new IllegalArgumentException(
                        other + " and " + notebook + " would both be written to " + target(notebook));
            }
        }
    }

    private void add(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            try (Stream<Path> files = Files.list(path)) {
                files.filter(p -> p.toString().endsWith(".ipynb")).sorted().forEach(notebooks::add);
            }
        } else {
            notebooks.add(path);
        }
    }

    private static String seconds(String value) {
        try {
            if (Double.parseDouble(value) >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // falls through to the one message
        }
        throw new IllegalArgumentException("--timeout: expected seconds, 0 for none, found " + value);
    }

    /** The JVMs run in the notebooks' folders, not in this one. */
    private static String absolute(String classPath) {
        List<String> entries = new ArrayList<>();
        for (String entry : Settings.classPath(classPath)) {
            entries.add(Path.of(entry).toAbsolutePath().toString());
        }
        return String.join(java.io.File.pathSeparator, entries);
    }

    private Path target(Path notebook) {
        return (out == null ? notebook : out.resolve(notebook.getFileName()))
                .toAbsolutePath()
                .normalize();
    }

    private int runAll(PrintStream err) throws IOException, InterruptedException {
        int worst = PASSED;
        boolean ran = false;
        List<String> suites = new ArrayList<>();
        for (Path notebook : notebooks) {
            Path result = Files.createTempFile("tunebook-", ".xml");
            Optional<FileTime> before = written(target(notebook));
            try {
                int status = start(notebook, result);
                String suite = Files.readString(result, StandardCharsets.UTF_8);
                if (suite.isEmpty()) {
                    boolean started = !before.equals(written(target(notebook)));
                    suite = dead(notebook, status, started ? at(target(notebook)) : " before its first cell", err);
                    status = BROKEN;
                }
                suites.add(suite);
                ran |= status == PASSED || status == FAILED;
                worst = Math.max(worst, status == NOTHING_RAN ? PASSED : status);
            } finally {
                Files.deleteIfExists(result);
            }
        }
        if (junit != null) {
            try {
                TestReport.write(junit, suites);
            } catch (IOException e) {
                throw new IOException("the JUnit report cannot be written to " + junit + ": " + reason(e), e);
            }
        }
        if (!ran && worst == PASSED) {
            err.println("No cell ran: the notebooks have no code to execute.");
            return BROKEN;
        }
        return worst;
    }

    private static Optional<FileTime> written(Path file) throws IOException {
        return Files.exists(file) ? Optional.of(Files.getLastModifiedTime(file)) : Optional.empty();
    }

    private int start(Path notebook, Path result) throws IOException, InterruptedException {
        Path file = notebook.toAbsolutePath().normalize();
        List<String> command = KernelProcess.command(jvmOptions);
        command.addAll(List.of(
                "execute", file.toString(), target(notebook).toString(), result.toString(), timeout, classPath));
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        if (Files.isDirectory(file.getParent())) {
            builder.directory(file.getParent().toFile());
        }
        Process process = builder.start();
        Thread end = new Thread(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(end);
        try {
            return process.waitFor();
        } finally {
            process.destroyForcibly();
            Runtime.getRuntime().removeShutdownHook(end);
        }
    }

    /** Says which cell it was; the file, written as the run went on, holds what had been shown. */
    private static String dead(Path notebook, int status, String where, PrintStream err) {
        String message = notebook + ": the kernel died with exit status " + status
                + switch (status) {
                    case 134, 139 -> " (a crash in native code; hs_err_pid….log beside the notebook tells more)";
                    case 137 -> " (killed, perhaps for want of memory)";
                    default -> "";
                }
                + where;
        err.println(message);
        TestReport report = new TestReport(notebook.getFileName().toString());
        report.add("kernel", Verdict.ERROR, Duration.ZERO, message);
        return report.xml();
    }

    private static String at(Path executed) {
        try {
            return Notebook.read(executed).cells().stream()
                    .filter(c -> c.isCode() && c.node().path("execution_count").isInt())
                    .reduce((first, second) -> second)
                    .map(c -> " in cell " + c.number() + (c.id().isEmpty() ? "" : " (" + c.id() + ")")
                            + "\n---- source\n" + c.source().stripTrailing() + "\n---- output so far\n" + c.shown())
                    .orElse(" before its first cell");
        } catch (IOException e) {
            return "; " + reason(e);
        }
    }

    /**
     * The command {@code execute} of the JVM that this class starts for a notebook.
     *
     * @param args notebook, executed notebook, file for the test suite, seconds for a cell, class path
     * @return the exit status
     */
    public static int execute(List<String> args) throws IOException {
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        Path result = Path.of(args.get(2));
        Duration timeout = Duration.ofMillis((long) (Double.parseDouble(args.get(3)) * 1000));
        TestReport report = new TestReport(Path.of(args.get(0)).getFileName().toString());
        int status;
        try {
            NotebookExecution execution =
                    new NotebookExecution(Path.of(args.get(0)), Path.of(args.get(1)), timeout, err);
            report = execution.run(Settings.fromEnvironment(args.get(4)));
            boolean passed = report.count(Verdict.PASSED) > 0;
            status = report.count(Verdict.FAILED) > 0 ? FAILED : passed ? PASSED : NOTHING_RAN;
        } catch (IOException | IllegalArgumentException e) {
            String message = e instanceof IOException io ? reason(io) : String.valueOf(e.getMessage());
            err.println(message);
            report.add("notebook", Verdict.ERROR, Duration.ZERO, message);
            status = BROKEN;
        }
        Files.writeString(result, report.xml(), StandardCharsets.UTF_8);
        return status;
    }
}
