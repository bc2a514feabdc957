package io.tunebook.kernel.debug;

import java.io.File;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The files that the protocol thinks cells stand in. A cell's path is made of the hash of its text, so that the frontend knows it without asking; nothing is
 * written.
 */
final class CellFiles {
    static final int SEED = 0xc70f6907;
    static final String SUFFIX = ".java";

    private final String prefix = System.getProperty("java.io.tmpdir") + File.separator + "tunebook_"
            + ProcessHandle.current().pid() + File.separator;
    private final Map<String, String> texts = new ConcurrentHashMap<>();
    private final Map<String, String> paths = new ConcurrentHashMap<>();

    String prefix() {
        return prefix;
    }

    /** Takes note of a cell's text. @return its path */
    String add(String text) {
        String path = prefix + Murmur2.hash(text, SEED) + SUFFIX;
        texts.put(path, text);
        return path;
    }

    /** A cell runs: its classes will name it so. */
    void runs(String name, String text) {
        paths.put(name, add(text));
    }

    /** The path of what classes name so, or null if it is no cell. */
    String path(String name) {
        return name == null ? null : paths.get(name);
    }

    Optional<String> text(String path) {
        return Optional.ofNullable(texts.get(path));
    }

    /** The line that can stop for a line that was asked for: blank lines and comments have no code, the next one has. */
    int lineWithCode(String path, int asked) {
        List<String> lines = text(path).map(t -> t.lines().toList()).orElse(List.of());
        for (int line = asked; line <= lines.size(); line++) {
            String code = lines.get(line - 1).strip();
            if (!code.isEmpty() && !code.startsWith("//") && !code.startsWith("*") && !code.startsWith("/*")) {
                return line;
            }
        }
        return asked;
    }
}
