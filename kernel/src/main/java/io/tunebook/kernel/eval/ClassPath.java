package io.tunebook.kernel.eval;

import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Class paths as people write them, with patterns. */
public final class ClassPath {
    private ClassPath() {}

    /** The entries of a class path; each may be a pattern, and a folder with {@code *} stands for all its jars. */
    public static List<String> entries(String path) {
        List<String> entries = new ArrayList<>();
        for (String entry : path.split(File.pathSeparator)) {
            if (!entry.isBlank() && isPattern(entry)) {
                try {
                    files(entry.endsWith("*") ? entry + ".jar" : entry).stream()
                            .filter(ClassPath::isLibrary)
                            .forEach(p -> entries.add(p.toString()));
                } catch (IOException e) {
                    throw new IllegalArgumentException("class path: cannot list " + entry + ": " + e.getMessage(), e);
                }
            } else if (!entry.isBlank()) {
                entries.add(entry);
            }
        }
        return entries;
    }

    private static boolean isPattern(String path) {
        return path.matches(".*[*?\\[{].*");
    }

    /** Whether what a pattern found belongs on the class path: sources beside classes would confuse the compiler. */
    public static boolean isLibrary(Path file) {
        return !file.toString().matches(".*-(sources|javadoc)\\.jar");
    }

    /**
     * The files that a pattern matches, whose wildcards may stand in any part of it; sorted, none if there are none.
     */
    public static List<Path> files(String pattern) throws IOException {
        if (!isPattern(pattern)) {
            return Files.exists(Path.of(pattern)) ? List.of(Path.of(pattern)) : List.of();
        }
        String plain = pattern.replaceAll("[*?\\[{].*", "").replace(File.separatorChar, '/');
        int slash = plain.lastIndexOf('/');
        Path base = Path.of(slash < 0 ? "" : slash == 0 ? "/" : plain.substring(0, slash));
        if (!Files.isDirectory(base)) {
            return List.of();
        }
        String rest = pattern.substring(slash + 1);
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + rest);
        int depth = rest.contains("**") ? Integer.MAX_VALUE : rest.split("/").length;
        try (Stream<Path> files = Files.walk(base, depth)) {
            return files.filter(p -> matcher.matches(base.relativize(p)))
                    .sorted()
                    .toList();
        }
    }
}
