package io.tunebook.kernel.debug;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The files that the protocol thinks cells stand in. A cell's path is made of the hash of its text, so that the
 * frontend knows it without asking; nothing is written.
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

    /**
     * Takes note of a cell's text.
     *
     * @return its path
     */
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

    /**
     * The line that can stop for a line that was asked for: blank lines and comments have no code, the next one has.
     */
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

    /**
     * The hash by which frontends and kernels name the files of cells.
     *
     * @see <a href="https://github.com/aappleby/smhasher/blob/master/src/MurmurHash2.cpp">MurmurHash2</a>
     */
    static final class Murmur2 {
        private static final int M = 0x5bd1e995;

        private Murmur2() {}

        /** The hash of a text's UTF-8, as an unsigned number of 32 bits. */
        static long hash(String text, int seed) {
            byte[] data = text.getBytes(StandardCharsets.UTF_8);
            int h = seed ^ data.length;
            int i = 0;
            for (; i + 4 <= data.length; i += 4) {
                int k = data[i] & 0xff | (data[i + 1] & 0xff) << 8 | (data[i + 2] & 0xff) << 16 | data[i + 3] << 24;
                k *= M;
                k ^= k >>> 24;
                h = h * M ^ k * M;
            }
            if (i < data.length) {
                int k = 0;
                for (int n = data.length - 1; n >= i; n--) {
                    k = k << 8 | data[n] & 0xff;
                }
                h = (h ^ k) * M;
            }
            h = (h ^ h >>> 13) * M;
            return Integer.toUnsignedLong(h ^ h >>> 15);
        }
    }
}
