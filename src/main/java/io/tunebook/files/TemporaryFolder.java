package io.tunebook.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder of temporary files that is gone when it is closed, when this JVM ends without that, and at the next start
 * where this JVM was killed: its name holds the number of the process that it belongs to.
 */
public final class TemporaryFolder implements AutoCloseable {
    private static final String PREFIX = "tunebook-files-";
    private static final Pattern NAME = Pattern.compile(PREFIX + "(\\d+)-.*");
    /** For the hook below, of which a process has one: it deletes what nobody closed. */
    private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime()
                .addShutdownHook(new Thread(() -> OPEN.forEach(TemporaryFolder::delete), "temporary files"));
    }

    private final Path path;

    /** Makes a folder, and takes away those of processes that are gone. */
    public TemporaryFolder() throws IOException {
        path = Files.createTempDirectory(PREFIX + ProcessHandle.current().pid() + "-");
        OPEN.add(path);
        sweep(path.getParent());
    }

    /** Where it is; what lies in it is deleted with it. */
    public Path path() {
        return path;
    }

    /** Deletes the folders whose processes are gone. */
    static void sweep(Path temporary) {
        List<Path> all;
        try (Stream<Path> files = Files.list(temporary)) {
            all = files.toList();
        } catch (IOException unreadable) {
            return;
        }
        for (Path each : all) {
            Matcher name = NAME.matcher(each.getFileName().toString());
            if (name.matches()
                    && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
                delete(each);
            }
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException left) {
            // Another start takes what is left, or the system does.
        }
    }

    @Override
    public void close() {
        delete(path);
        OPEN.remove(path);
    }
}
