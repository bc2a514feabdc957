package io.tunebook.kernel.magic;

import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Environment;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Programs that cells start, and the folder that they start in. */
final class Shell {
    private static final Pattern VARIABLE = Pattern.compile("\\{(\\w+)\\}");
    private static final String INTERPRETER = System.getProperty("os.name").startsWith("Windows") ? "cmd" : "sh";

    private static final Pattern RAPAIOS_VARIABLE = Pattern.compile("(?<!\\\\)\\\\\\{(\\w+)\\}");

    private final CellEvaluator evaluator;
    private volatile Path folder = Path.of("").toAbsolutePath();

    Shell(CellEvaluator evaluator) {
        this.evaluator = evaluator;
    }

    /** The environment of the programs. */
    Environment environment() {
        return evaluator.environment();
    }

    Path folder() {
        return folder;
    }

    void folder(Path to) {
        folder = to;
    }

    /** A file as it is named in a magic: relative to the folder, {@code ~} is the home. */
    Path file(String name) {
        return folder.resolve(
                name.equals("~") || name.startsWith("~/") ? System.getProperty("user.home") + name.substring(1) : name);
    }

    /** A line for the system's shell, with the values of variables in braces put in. */
    void line(String command) throws CellException {
        String line = filled(VARIABLE, command);
        List<String> words = INTERPRETER.equals("cmd") ? List.of("cmd", "/c", line) : List.of(INTERPRETER, "-c", line);
        int status = run(words, "");
        if (status != 0) {
            System.err.println("(exit status " + status + ")");
        }
    }

    /**
     * An argument of a magic with the values of the variables that it names as Rapaio does, a backslash before the
     * brace.
     */
    String filled(String text) {
        return filled(RAPAIOS_VARIABLE, text);
    }

    /** Braces around what is no variable stay. */
    private String filled(Pattern variable, String text) {
        return variable.matcher(text)
                .replaceAll(m -> Matcher.quoteReplacement(value(m.group(1)).orElse(m.group())));
    }

    private Optional<String> value(String name) {
        return evaluator.variable(name).map(r -> String.valueOf(r.value()));
    }

    /**
     * Runs a program with an input; what it prints streams to the cell.
     *
     * @return its exit status
     */
    int run(List<String> command, String input) throws CellException {
        PrintStream out = System.out;
        PrintStream err = System.err;
        return evaluator.call(() -> {
            if (!Files.isDirectory(folder)) {
                throw new IOException("the folder " + folder + " is gone: %cd to another");
            }
            ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
            Map<String, String> environment = builder.environment();
            environment.putAll(environment().getenv());
            Process process = builder.start();
            try {
                // These threads start in the cell's, so that what they print is the cell's.
                CompletableFuture<Void> errors = start(() -> copy(process.getErrorStream(), err));
                CompletableFuture<Void> feeding = start(() -> feed(process, input));
                CompletableFuture<Void> printing = start(() -> copy(process.getInputStream(), out));
                int status = process.waitFor();
                CompletableFuture.allOf(errors, printing).get();
                feeding.cancel(true);
                return status;
            } finally {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
            }
        });
    }

    /** Runs what may wait for others, where an interrupt reaches it. */
    <T> T call(Callable<T> action) throws CellException {
        return evaluator.call(action);
    }

    private static CompletableFuture<Void> start(Runnable action) {
        return CompletableFuture.runAsync(action, r -> {
            Thread thread = new Thread(r, "program");
            thread.setDaemon(true);
            thread.start();
        });
    }

    private static void feed(Process process, String input) {
        try (OutputStream to = process.getOutputStream()) {
            to.write(input.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            return; // it does not read all
        }
    }

    private static void copy(InputStream from, PrintStream to) {
        byte[] buffer = new byte[8192];
        try (from) {
            for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                to.write(buffer, 0, n);
            }
        } catch (InterruptedIOException e) {
            return;
        } catch (IOException e) {
            if (!String.valueOf(e.getMessage()).contains("closed")) { // it was ended
                throw new UncheckedIOException(e);
            }
        }
    }
}
