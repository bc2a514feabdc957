package io.tunebook.kernel.session;

import io.tunebook.kernel.eval.ClassPath;
import io.tunebook.kernel.session.Session.SessionOptions;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Settings from the environment, under our names and those of IJava and JJava. */
public final class Settings {
    private static final long OUTPUT_LIMIT = 64L << 20;

    private Settings() {}

    /**
     * What the environment and the command line say.
     *
     * @param classPath the command line's, before the environment's; may be empty
     * @throws IllegalArgumentException if a start-up script or a folder of jars cannot be read
     */
    public static SessionOptions fromEnvironment(String classPath) {
        List<String> entries = new ArrayList<>(ClassPath.entries(classPath));
        entries.addAll(ClassPath.entries(first("CLASSPATH")));
        List<String> startup = new ArrayList<>();
        try {
            for (String path : first("STARTUP_SCRIPTS_PATH").split(File.pathSeparator)) {
                List<Path> scripts = path.isBlank() ? List.of() : ClassPath.files(path.strip());
                if (!path.isBlank() && scripts.isEmpty()) {
                    throw new IOException("no such file");
                }
                for (Path script : scripts) {
                    startup.add(Files.readString(script, StandardCharsets.UTF_8));
                }
            }
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "the start-up scripts " + first("STARTUP_SCRIPTS_PATH") + " cannot be read: " + e.getMessage(), e);
        }
        if (!first("STARTUP_SCRIPT").isBlank()) {
            startup.add(first("STARTUP_SCRIPT"));
        }
        String limit = System.getenv("TUNEBOOK_OUTPUT_LIMIT");
        return new SessionOptions(
                entries,
                compilerOptions(),
                startup,
                limit == null ? OUTPUT_LIMIT : Long.parseLong(limit.strip()),
                timeout(first("TIMEOUT")));
    }

    /** The options of javac. */
    public static List<String> compilerOptions() {
        String options = first("COMPILER_OPTS");
        return options.isBlank() ? List.of() : List.of(options.strip().split("\\s+"));
    }

    /** IJava's notation: a number of milliseconds, or a number and a {@link TimeUnit}; below 1 there is no limit. */
    public static Duration timeout(String text) {
        if (text.isBlank()) {
            return Duration.ZERO;
        }
        String[] words = text.strip().split("\\s+");
        try {
            TimeUnit unit =
                    words.length < 2 ? TimeUnit.MILLISECONDS : TimeUnit.valueOf(words[1].toUpperCase(Locale.ROOT));
            return Duration.of(Math.max(0, Long.parseLong(words[0])), unit.toChronoUnit());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("TIMEOUT: expected a duration such as 30 SECONDS, found " + text, e);
        }
    }

    /** Where the history is kept. */
    public static Path historyFile() {
        String set = System.getenv("TUNEBOOK_HISTORY");
        return set != null ? Path.of(set) : Path.of(System.getProperty("user.home"), ".tunebook", "history.jsonl");
    }

    private static String first(String name) {
        return Stream.of("TUNEBOOK_", "IJAVA_", "JJAVA_")
                .map(prefix -> System.getenv(prefix + name))
                .filter(v -> v != null && !v.isBlank())
                .findFirst()
                .orElse("");
    }
}
