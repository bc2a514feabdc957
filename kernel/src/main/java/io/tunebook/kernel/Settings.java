package io.tunebook.kernel;

import io.tunebook.kernel.Session.SessionOptions;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
        List<String> entries = new ArrayList<>(classPath(classPath));
        entries.addAll(classPath(first("CLASSPATH")));
        List<String> startup = new ArrayList<>();
        for (String path : first("STARTUP_SCRIPTS_PATH").split(File.pathSeparator)) {
            if (!path.isBlank()) {
                startup.add(read(Path.of(path)));
            }
        }
        if (!first("STARTUP_SCRIPT").isBlank()) {
            startup.add(first("STARTUP_SCRIPT"));
        }
        String options = first("COMPILER_OPTS");
        String limit = System.getenv("TUNEBOOK_OUTPUT_LIMIT");
        return new SessionOptions(
                entries,
                options.isBlank() ? List.of() : List.of(options.strip().split("\\s+")),
                startup,
                limit == null ? OUTPUT_LIMIT : Long.parseLong(limit.strip()));
    }

    /** The entries of a class path, a folder and {@code *} standing for all its jars. */
    public static List<String> classPath(String path) {
        List<String> entries = new ArrayList<>();
        for (String entry : path.split(File.pathSeparator)) {
            if (entry.endsWith("*")) {
                try (Stream<Path> jars = Files.list(Path.of(entry.substring(0, entry.length() - 1)))) {
                    jars.filter(p -> p.toString().endsWith(".jar")).sorted().forEach(p -> entries.add(p.toString()));
                } catch (IOException e) {
                    throw new IllegalArgumentException("class path: cannot list " + entry + ": " + e.getMessage(), e);
                }
            } else if (!entry.isBlank()) {
                entries.add(entry);
            }
        }
        return entries;
    }

    static Path historyFile() {
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

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalArgumentException("the start-up script " + file + " cannot be read: " + e.getMessage(), e);
        }
    }
}
